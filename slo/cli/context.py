"""What commands share: the configuration they are given, and the names that are looked up in it."""

import difflib
import os
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from slo.errors import UsageError

if TYPE_CHECKING:
    from slo.config.settings import Settings

T = TypeVar("T")


def load_settings(config: Path) -> "Settings":
    """The configuration at `config`, with the kinds that are installed. Raises ConfigError with every fault."""
    from slo.config.load import load
    from slo.kinds import Kinds

    return load(config, Kinds.installed(), os.environ)


def moment(option: str, text: str) -> datetime:
    """The time that an option names. Raises UsageError where it is none."""
    from slo.config.moments import parse_moment

    try:
        return parse_moment(text)
    except (ValueError, OverflowError) as error:
        raise UsageError(
            f"{option} {text}: is no point in time: write it as 2026-03-01T00:00:00Z, or 2026-03-01 for midnight in UTC"
        ) from error


def named(name: str, things: Mapping[str, T], what: str) -> T:
    """The thing of that name. Raises UsageError that says what there is instead."""
    if name in things:
        return things[name]
    close = difflib.get_close_matches(name, things, n=1)
    mend = f"did you mean {close[0]}?" if close else f"there are: {', '.join(sorted(things)) or 'none'}"
    raise UsageError(f"there is no {what} {name}: {mend}")
