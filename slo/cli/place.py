"""Where a command works: a running watch, or a data folder that no watch runs on."""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from slo.cli.client import Client
from slo.errors import UsageError

if TYPE_CHECKING:
    from slo.cli.offline import Offline

T = TypeVar("T")


def journal_in(data: Path) -> Path:
    """The journal in a data folder. Raises UsageError where there is none."""
    journal = data / "journal.db"
    if not journal.is_file():
        raise UsageError(f"--data {data}: is no data folder of a watch: name the one that `watchkeep run` was given")
    return journal


@contextlib.contextmanager
def watch_or_folder(
    url: str | None, token_file: Path | None, data: Path | None, remote: Callable[[Client], T]
) -> "Iterator[T | Offline]":
    """What the options of `watch_options` name: `remote` of a client of the watch, or the folder while it is ours."""
    if data is None:
        yield remote(Client(url, token_file=token_file))
        return
    if url is not None or token_file is not None:
        raise UsageError("--data is for a folder that no watch runs on: give either it, or --url and --token-file")

    from slo.cli.offline import Offline

    with Offline.opened(data) as offline:
        yield offline
