"""Batches as JSON, on their way from an agent to the watch that it reports to. Whatever comes is checked."""

import math
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from slo.core.batch import Batch, Gone, Observed, Record, Series
from slo.core.outcome import Outcome
from slo.core.reason import REASONS, State

MOST_LABELS = 64
LONGEST_TEXT = 4096
"""How long a name, a target or the value of a label may be, in characters."""


def document_of(record: Record) -> dict[str, Any]:
    """A record as JSON writes it."""
    if isinstance(record, Gone):
        return {"gone": {"check": record.check, "target": record.target, "at": record.at.isoformat()}}
    outcome = record.outcome
    document: dict[str, Any] = {
        "check": outcome.check,
        "target": outcome.target,
        "module": outcome.module,
        "number": outcome.number,
        "at": outcome.at.isoformat(),
        "state": outcome.state.value,
        "reason": outcome.reason,
        "duration_seconds": outcome.duration_seconds,
        "lateness_seconds": outcome.lateness_seconds,
    }
    more = {
        "detail": outcome.detail,
        "phases": dict(outcome.phases),
        "labels": dict(outcome.labels),
        "vantage_point": outcome.vantage_point,
        "extra": outcome.extra,
    }
    document |= {key: value for key, value in more.items() if value}
    if record.samples is None:
        return {"outcome": document}
    return {"outcome": document, "samples": [[dict(labels), _written(value)] for labels, value in record.samples]}


def batch_of(document: object) -> Batch:
    """The batch that a JSON document is. Raises ValueError, which says where it is none."""
    fields = _mapping(document, "the document")
    records = fields.get("records")
    if not isinstance(records, list):
        raise ValueError("records is no list")
    return Batch(
        agent=_text(fields, "agent"),
        boot=_text(fields, "boot"),
        first=_natural(fields, "first"),
        records=tuple(_record_at(index, record) for index, record in enumerate(records)),
    )


def record_of(document: object) -> Record:
    """The record that a JSON document is. Raises ValueError."""
    fields = _mapping(document, "it")
    if "gone" in fields:
        gone = _mapping(fields["gone"], "gone")
        return Gone(check=_text(gone, "check"), target=_text(gone, "target"), at=_time(gone, "at"))
    samples = fields.get("samples")
    if not isinstance(samples, list | None):
        raise ValueError("samples is no list")
    return Observed(
        outcome=_outcome(_mapping(fields.get("outcome"), "outcome")),
        samples=None if samples is None else tuple(map(_sample, samples)),
    )


def _outcome(fields: Mapping[str, Any]) -> Outcome:
    reason = _text(fields, "reason")
    if reason not in REASONS:
        raise ValueError(f"{reason[:100]!r} is no reason: the agent is newer than this watch, update the watch first")
    phases = _mapping(fields.get("phases", {}), "phases")
    return Outcome(
        check=_text(fields, "check"),
        target=_text(fields, "target"),
        module=_text(fields, "module"),
        at=_time(fields, "at"),
        state=_state(fields),
        reason=reason,
        phases={name[:LONGEST_TEXT]: _seconds(phases, name) for name in phases},
        detail=_text(fields, "detail", default=""),
        duration_seconds=_seconds(fields, "duration_seconds"),
        lateness_seconds=_seconds(fields, "lateness_seconds"),
        labels=_labels(fields.get("labels", {})),
        vantage_point=_text(fields, "vantage_point", default=""),
        number=_natural(fields, "number"),
        extra=fields.get("extra") is True,
    )


def _sample(document: object) -> Series:
    match document:
        case [labels, bool()]:
            raise ValueError(f"a sample of {labels} has no number")
        case [labels, int() | float() | "NaN" | "+Inf" | "-Inf" as value]:
            return _labels(labels), float(value)
    raise ValueError("a sample is a list of its labels and its value")


def _written(value: float) -> float | str:
    """JSON has no numbers that are none."""
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "+Inf" if value > 0 else "-Inf"


def _record_at(index: int, document: object) -> Record:
    try:
        return record_of(document)
    except ValueError as error:
        raise ValueError(f"records[{index}]: {error}") from None


def _mapping(value: object, place: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(f"{place} is no object")
    return value


def _labels(value: object) -> dict[str, str]:
    labels = _mapping(value, "labels")
    if len(labels) > MOST_LABELS:
        raise ValueError(f"there are {len(labels)} labels, more than {MOST_LABELS}")
    return {_short(name, "a label"): _short(text, name[:100]) for name, text in labels.items()}


def _text(fields: Mapping[str, Any], name: str, *, default: str | None = None) -> str:
    text = _short(fields.get(name, default), name)
    if not text and default is None:
        raise ValueError(f"{name} is empty")
    return text


def _short(value: object, name: str) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{name} is no text")
    if len(value) > LONGEST_TEXT:
        raise ValueError(f"{name} is longer than {LONGEST_TEXT} characters")
    return value


def _natural(fields: Mapping[str, Any], name: str) -> int:
    value = fields.get(name)
    if type(value) is not int or not 0 <= value < 2**63:
        raise ValueError(f"{name} is no number of a row")
    return value


def _seconds(fields: Mapping[str, Any], name: str) -> float:
    value = fields.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < math.inf:
        raise ValueError(f"{name} is no number of seconds")
    return float(value)


def _time(fields: Mapping[str, Any], name: str) -> datetime:
    try:
        at = datetime.fromisoformat(_text(fields, name))
    except ValueError:
        raise ValueError(f"{name} is no time") from None
    if at.tzinfo is None:
        raise ValueError(f"{name} has no zone")
    return at


def _state(fields: Mapping[str, Any]) -> State:
    try:
        return State(_text(fields, "state"))
    except ValueError:
        raise ValueError("state is neither good, bad nor unknown") from None
