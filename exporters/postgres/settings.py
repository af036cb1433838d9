"""The settings of a server as metrics, in seconds and bytes.

https://www.postgresql.org/docs/current/view-pg-settings.html
"""

import re
from collections.abc import Iterator

from exporters.postgres.statement import Column, Reader, Statement, number
from slo.core.sample import Sample
from slo.exposition.catalogue import Family
from slo.net.sql import Result

SETTINGS = Statement(
    name="settings",
    columns=tuple(Column(name=name) for name in ("name", "setting", "unit", "vartype")),
    source="FROM pg_settings WHERE vartype IN ('bool', 'integer', 'real') ORDER BY name",
)

PREFIX = "pg_settings_"

_SECONDS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
_BYTES = {"B": 1.0, "kB": 1024.0, "MB": 1024.0**2, "GB": 1024.0**3, "TB": 1024.0**4}
_BLOCKS = re.compile(r"([0-9]{1,6})?(B|kB|MB|GB|TB)\Z", re.ASCII)
_NAME = re.compile(r"[a-zA-Z0-9_.]{1,100}\Z", re.ASCII)


def settings(result: Result, reader: Reader, version: int) -> Iterator[Sample]:
    """Every setting that is a number or a switch. One with a name or a unit that nobody knows is left out."""
    for row in SETTINGS.rows(result, version):
        name, text, unit = row["name"] or "", row["setting"], row["unit"] or ""
        if not _NAME.match(name):
            continue
        told = PREFIX + name.replace(".", "_")
        if row["vartype"] == "bool":
            yield Sample(told, float(text == "on"), reader.server)
        elif not unit:
            yield Sample(told, number(text), reader.server)
        elif (scaled := _scale(unit)) is not None:
            measure, factor = scaled
            value = number(text)
            # -1 is a word of its own: off, or as another setting says.
            yield Sample(f"{told}_{measure}", value if value == -1 else value * factor, reader.server)


def family(name: str) -> Family | None:
    """What is said of a setting's metric: which of them there are, only the server knows."""
    if not name.startswith(PREFIX):
        return None
    setting = name.removeprefix(PREFIX)
    return Family(name=name, type="gauge", help=f"The setting {setting} of the server, in its last word's unit if any.")


def _scale(unit: str) -> tuple[str, float] | None:
    """What a unit measures, and how much one of it is in seconds or bytes; blocks are written as 8kB."""
    if unit in _SECONDS:
        return "seconds", _SECONDS[unit]
    match = _BLOCKS.match(unit)
    return ("bytes", int(match[1] or 1) * _BYTES[match[2]]) if match else None
