"""The settings of a server as metrics, in seconds and bytes.

https://www.postgresql.org/docs/current/view-pg-settings.html
"""

import math
import re
from collections.abc import Iterator
from functools import lru_cache

from exporters.postgres.statement import Column, Question, Reader, Statement, number
from slo.core.sample import Sample
from slo.exposition.families import Family
from slo.net.sql import Result

SETTINGS = Statement(
    name="settings",
    columns=(
        Column(name="name"),
        # What we set for our own transaction is no setting of the server; a standby has every one read-only by itself.
        Column(
            name="setting",
            value="CASE WHEN source = 'session' AND NOT (name = 'transaction_read_only' AND pg_is_in_recovery()) "
            "THEN reset_val ELSE setting END",
        ),
        Column(name="unit"),
        Column(name="vartype"),
    ),
    source="FROM pg_settings WHERE vartype IN ('bool', 'integer', 'real') ORDER BY name",
)

PREFIX = "pg_settings_"

_SECONDS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
_BYTES = {"B": 1.0, "kB": 1024.0, "MB": 1024.0**2, "GB": 1024.0**3, "TB": 1024.0**4}
_BLOCKS = re.compile(r"([0-9]{1,6})?(B|kB|MB|GB|TB)\Z", re.ASCII)
_SWITCHED = {"on": 1.0, "off": 0.0}
_NAME = re.compile(r"[a-zA-Z0-9_.]{1,100}\Z", re.ASCII)


def settings(question: Question, result: Result, reader: Reader) -> Iterator[Sample]:
    """Every setting that is a number or a switch. One with a name or a unit that nobody knows is left out."""
    for row in result.rows:
        if len(row) != len(question.names):
            continue
        name, text, unit, sort = row
        told = _told(name or "", unit or "", sort or "")
        if told is None:
            continue
        metric, factor = told
        value = _SWITCHED.get(text or "", math.nan) if sort == "bool" else number(text)
        # -1 is a word of its own: off, or as another setting says.
        yield Sample(metric, value if value == -1 else value * factor, reader.server)


def family(name: str) -> Family | None:
    """What is said of a setting's metric: which of them there are, only the server knows."""
    if not name.startswith(PREFIX):
        return None
    setting = name.removeprefix(PREFIX)
    return Family(
        name=name,
        type="gauge",
        help=f"The setting {setting} of the server; what is in seconds or bytes ends in that word.",
    )


@lru_cache(maxsize=2_000)
def _told(name: str, unit: str, sort: str) -> tuple[str, float] | None:
    """The metric of a setting, and what its value is multiplied by."""
    if not _NAME.match(name):
        return None
    metric = PREFIX + name.replace(".", "_")
    if sort == "bool" or not unit:
        return metric, 1.0
    if unit in _SECONDS:
        return f"{metric}_seconds", _SECONDS[unit]
    match = _BLOCKS.match(unit)  # blocks are written as 8kB
    return (f"{metric}_bytes", int(match[1] or 1) * _BYTES[match[2]]) if match else None
