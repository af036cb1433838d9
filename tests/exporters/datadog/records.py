"""Telemetry in records, as a spool hands it out."""

from collections.abc import Mapping
from datetime import UTC, datetime
from itertools import count
from types import MappingProxyType

from slo.core.telemetry import Counted, Counts3, Logged, Measured, Point, Rank, Record, Telemetry
from slo.core.telemetry_document import written

START = 1_767_225_600
"""2026-01-01, in Unix seconds."""

LABELS = {"slo": "gate", "customer": "acme", "environment": "production"}

_numbers = count(1)


def record(telemetry: Telemetry, rank: Rank, at: float) -> Record:
    return Record(number=next(_numbers), rank=rank, at=at, body=written(telemetry))


def counted(
    end: int,
    counts: tuple[int, int, int],
    *,
    told_at: int | None = None,
    slo: str = "gate",
    seconds: int = 10,
) -> Record:
    """What was counted in the slot that ended at `end`; a correction where it was told of later."""
    telemetry = Counted(
        id=f"{slo} {end} {told_at}",
        end=end,
        seconds=seconds,
        labels={**LABELS, "slo": slo},
        counts=Counts3(*counts),
        totals=Counts3(*counts),
        correction=told_at is not None,
    )
    return record(telemetry, Rank.COUNT, told_at or end)


def measured(at: int, *points: tuple[str, str, dict[str, str], float]) -> Record:
    telemetry = Measured(at=datetime.fromtimestamp(at, UTC), points=[Point(*point) for point in points])
    return record(telemetry, Rank.METRIC, at)


def logged(
    at: float,
    *,
    id_: str = "e1",
    message: str = "acknowledged",
    dataset: str = "watchkeep.incident",
    outcome: str = "",
    labels: Mapping[str, str] = MappingProxyType({"service": "gate"}),
) -> Record:
    telemetry = Logged(
        id=id_,
        at=datetime.fromtimestamp(at, UTC),
        dataset=dataset,
        action="acknowledged",
        outcome=outcome,
        message=message,
        level="warning",
        sequence=7,
        labels={**LABELS, **labels},
        fields={"by": "anna", "slo": "gate"},
    )
    return record(telemetry, Rank.EVENT, at)
