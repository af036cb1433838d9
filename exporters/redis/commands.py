"""What a Redis tells of each command, hundreds of lines of it: read as columns, which takes a third of the time."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

MOST_PERCENTILES = 20

_COUNT = r"([0-9]{1,20})"
_COMMAND = re.compile(
    rf"^cmdstat_([^:\n]{{1,128}}):calls={_COUNT},usec={_COUNT},usec_per_call=[^,\n]*"
    rf"(?:,rejected_calls={_COUNT},failed_calls={_COUNT})?(?:,.*)?$",
    re.ASCII | re.MULTILINE,
)
_DECIMAL = r"([0-9]{1,20}(?:\.[0-9]{1,20})?)"
_PERCENTILE = re.compile(rf"p{_DECIMAL}=", re.ASCII)


@dataclass(frozen=True, kw_only=True, slots=True)
class Commands:
    """Which commands were given, how often, and how long all calls of each took: one column for each.

    The last two are empty of a server before 6.2, which does not tell of failures. `unread` is how many lines could
    not be read.
    """

    names: Sequence[str] = ()
    calls: Sequence[float] = ()
    microseconds: Sequence[float] = ()
    rejected: Sequence[float] = ()
    failed: Sequence[float] = ()
    unread: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Latencies:
    """How long commands take: for each percentile (`99.9`) the microseconds of all of `names`, in their order."""

    names: Sequence[str] = ()
    percentiles: Mapping[str, Sequence[float]] = field(default_factory=dict)
    unread: int = 0


def read_commands(section: str) -> Commands:
    """`cmdstat_get:calls=21,usec=175,usec_per_call=8.33,rejected_calls=0,failed_calls=0`, of each command."""
    columns = list(zip(*_COMMAND.findall(section), strict=True))
    if not columns:
        return Commands(unread=_lines(section))
    names, *counts = columns
    calls, microseconds, rejected, failed = (list(map(int, count)) if all(count) else [] for count in counts)
    return Commands(
        names=names,
        calls=calls,
        microseconds=microseconds,
        rejected=rejected,
        failed=failed,
        unread=_lines(section) - len(names),
    )


def read_latencies(section: str) -> Latencies:
    """`latency_percentiles_usec_get:p50=0.001,p99=1.003`, of each command: the percentiles are those of the first."""
    percentiles = tuple(_PERCENTILE.findall(section.partition("\n")[0]))[:MOST_PERCENTILES]
    columns = list(zip(*_latency(percentiles).findall(section), strict=True)) if percentiles else []
    if not columns:
        return Latencies(unread=_lines(section))
    names, *values = columns
    quantiles = [f"{float(percentile):g}" for percentile in percentiles]
    return Latencies(
        names=names,
        percentiles={at: list(map(float, column)) for at, column in zip(quantiles, values, strict=True)},
        unread=_lines(section) - len(names),
    )


@lru_cache(maxsize=64)
def _latency(percentiles: tuple[str, ...]) -> re.Pattern[str]:
    """A line with just these percentiles, which are configured for all commands of a server."""
    values = ",".join(f"p{re.escape(percentile)}={_DECIMAL}" for percentile in percentiles)
    return re.compile(rf"^latency_percentiles_usec_([^:\n]{{1,128}}):{values}$", re.ASCII | re.MULTILINE)


def _lines(section: str) -> int:
    return sum(1 for line in section.split("\n") if line)
