"""Telemetry as JSON, as it lies in a spool."""

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from slo.core.telemetry import Counted, Counts3, Logged, Measured, Point, Telemetry

_json = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode  # `json.dumps` makes one for each record


def written(telemetry: Telemetry) -> bytes:
    """Telemetry as it is kept. Raises ValueError for what JSON cannot say."""
    return _json(_document(telemetry)).encode(errors="replace")


def read(body: bytes) -> Telemetry:
    """What was written. Raises ValueError for what was not."""
    document = json.loads(body)
    try:
        return _READERS[document["is"]](document)
    except (KeyError, TypeError, OverflowError) as error:
        raise ValueError(f"it is no telemetry: {type(error).__name__} {error}") from error


def _document(telemetry: Telemetry) -> dict[str, Any]:
    match telemetry:
        case Counted():
            return {
                "is": "counted",
                "id": telemetry.id,
                "end": telemetry.end,
                "seconds": telemetry.seconds,
                "labels": dict(telemetry.labels),
                "counts": telemetry.counts,
                "totals": telemetry.totals,
                "correction": telemetry.correction,
            }
        case Measured():
            points = [(name, kind, dict(labels), value) for name, kind, labels, value in telemetry.points]
            ended = {"ended": True} if telemetry.ended else {}
            return {"is": "measured", "at": telemetry.at.timestamp(), "points": points, **ended}
        case Logged():
            return {
                "is": "logged",
                "id": telemetry.id,
                "at": telemetry.at.timestamp(),
                "dataset": telemetry.dataset,
                "action": telemetry.action,
                "message": telemetry.message,
                "outcome": telemetry.outcome,
                "level": telemetry.level,
                "sequence": telemetry.sequence,
                "labels": dict(telemetry.labels),
                "fields": dict(telemetry.fields),
            }


def _counted(document: dict[str, Any]) -> Counted:
    return Counted(
        id=document["id"],
        end=document["end"],
        seconds=document["seconds"],
        labels=document["labels"],
        counts=Counts3(*document["counts"]),
        totals=Counts3(*document["totals"]),
        correction=document["correction"],
    )


def _measured(document: dict[str, Any]) -> Measured:
    points = [Point(name, kind, labels, value) for name, kind, labels, value in document["points"]]
    return Measured(at=_time(document["at"]), points=points, ended=document.get("ended", False))


def _logged(document: dict[str, Any]) -> Logged:
    return Logged(
        id=document["id"],
        at=_time(document["at"]),
        dataset=document["dataset"],
        action=document["action"],
        message=document["message"],
        outcome=document["outcome"],
        level=document["level"],
        sequence=document["sequence"],
        labels=document["labels"],
        fields=document["fields"],
    )


def _time(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


_READERS: Mapping[str, Callable[[dict[str, Any]], Telemetry]] = {
    "counted": _counted,
    "measured": _measured,
    "logged": _logged,
}
