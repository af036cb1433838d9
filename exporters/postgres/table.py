"""Tables of ours, as configurations name them."""

import re
from typing import Annotated

from pydantic import AfterValidator

from slo.config.types import wrong

_NAME = re.compile(r"[^\"\0\s.]{1,63}")


def _quoted(name: str) -> str:
    parts = name.split(".")
    if len(parts) > 2 or not all(_NAME.fullmatch(part) for part in parts):
        raise wrong(f"{name[:100]!r} is no table", "write it as schema.table, both as they are, without quotes")
    return ".".join(f'"{part}"' for part in parts)


Table = Annotated[str, AfterValidator(_quoted)]
"""A table, which becomes what stands in a statement: every part of its name in quotes."""
