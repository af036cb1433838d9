"""Batches as JSON, on their way from an agent to the watch that it reports to. Whatever comes is checked."""

import math
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from slo.core.batch import Batch, Gone, Observed, Record, Series
from slo.core.outcome import Outcome
from slo.core.reason import REASONS, State, state_of

LONGEST_AGENT = 253
"""How long the name of an agent may be: as long as that of a node."""

MOST_LABELS = 64
MOST_PHASES = 255
LONGEST_SECONDS = 86_400.0
LONGEST_TEXT = 4096
"""How long a name, a target or the value of a label may be, in characters."""


def document_of_batch(batch: Batch) -> dict[str, Any]:
    """A batch as JSON writes it."""
    documents = [document_of(record) for record in batch.records]
    head: dict[str, Any] = {"agent": batch.agent, "boot": batch.boot, "first": batch.first}
    if batch.sent is not None:
        head["sent"] = batch.sent.isoformat()
    return head | {"records": documents}


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
    samples = [[dict(labels), _written(value)] for labels, value in record.samples]
    return {"outcome": document, "samples": samples, "looked_for": sorted(record.looked_for)}


@dataclass(frozen=True, kw_only=True, slots=True)
class Understood:
    """A batch with the records that could be read, and why the others could not, by their places in it.

    `names` are the check and the target of those others, where that could be read.
    """

    batch: Batch
    refused: Mapping[int, str]
    names: Mapping[int, Mapping[str, str]] = field(default_factory=dict)

    @property
    def following(self) -> int:
        """The number of the record that follows those of the batch."""
        return self.batch.first + len(self.batch.records) + len(self.refused)


def batch_of(document: object) -> Understood:
    """The batch that a JSON document is, as far as its records can be read. Raises ValueError where it is none."""
    fields = _mapping(document, "the document")
    documents = fields.get("records")
    if not isinstance(documents, list):
        raise ValueError("records is no list")
    agent = _text(fields, "agent")
    if len(agent) > LONGEST_AGENT:
        raise ValueError(f"agent is longer than {LONGEST_AGENT} characters")
    boot, first = _text(fields, "boot"), _natural(fields, "first")
    sent = _time(fields, "sent") if "sent" in fields else None
    records: list[Record] = []
    refused: dict[int, str] = {}
    names: dict[int, Mapping[str, str]] = {}
    for index, each in enumerate(documents):
        try:
            records.append(record_of(each))
        except ValueError as error:
            refused[index], names[index] = str(error), _names_in(each)
    batch = Batch(agent=agent, boot=boot, first=first, records=tuple(records), sent=sent)
    return Understood(batch=batch, refused=refused, names=names)


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
        looked_for=_texts(fields.get("looked_for", []), "looked_for"),
    )


def _names_in(document: object) -> dict[str, str]:
    """The check and the target of a record that cannot be read, as far as they can."""
    found: dict[str, str] = {}
    with suppress(ValueError):
        fields = _mapping(document, "it")
        named = _mapping(fields.get("gone", fields.get("outcome")), "it")
        for name in ("check", "target"):
            found |= {name: _text(named, name)} if name in named else {}
    return found


def _outcome(fields: Mapping[str, Any]) -> Outcome:
    reason = _text(fields, "reason")
    if reason not in REASONS:
        raise ValueError(f"{reason[:100]!r} is no reason: the agent is newer than this watch, update the watch first")
    state = _state(fields)
    if state is not state_of(reason):
        raise ValueError(f"state is {state.value}, and {reason} is {state_of(reason).value}")
    phases = _mapping(fields.get("phases", {}), "phases")
    if len(phases) > MOST_PHASES:
        raise ValueError(f"there are {len(phases)} phases, more than {MOST_PHASES}")
    return Outcome(
        check=_text(fields, "check"),
        target=_text(fields, "target"),
        module=_text(fields, "module"),
        at=_time(fields, "at"),
        state=state,
        reason=reason,
        phases={_line(name, "a phase"): _seconds(phases, name) for name in phases},
        detail=_text(fields, "detail", default=""),
        duration_seconds=_seconds(fields, "duration_seconds"),
        lateness_seconds=_seconds(fields, "lateness_seconds"),
        labels={_printable(name): _printable(text) for name, text in _labels(fields.get("labels", {})).items()},
        vantage_point=_text(fields, "vantage_point", default=""),
        number=_natural(fields, "number"),
        extra=fields.get("extra") is True,
    )


def _sample(document: object) -> Series:
    match document:
        case [labels, bool()]:
            raise ValueError("the value of a sample is no number")
        case [labels, int() | float() | "NaN" | "+Inf" | "-Inf" as value]:
            return _labels(labels), _float(value)
    raise ValueError("a sample is a list of its labels and its value")


def _float(value: float | str) -> float:
    try:
        return float(value)
    except OverflowError:
        raise ValueError("a number is larger than any") from None


def _written(value: float) -> float | str:
    """JSON has no numbers that are none."""
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "+Inf" if value > 0 else "-Inf"


def _mapping(value: object, place: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(f"{place} is no object")
    return value


def _labels(value: object) -> dict[str, str]:
    labels = _mapping(value, "labels")
    if len(labels) > MOST_LABELS:
        raise ValueError(f"there are {len(labels)} labels, more than {MOST_LABELS}")
    return {_short(name, "a label"): _short(text, name[:100]) for name, text in labels.items()}


def _texts(value: object, name: str) -> frozenset[str]:
    if not isinstance(value, list):
        raise ValueError(f"{name} is no list")
    return frozenset(_short(text, name) for text in value)


def _text(fields: Mapping[str, Any], name: str, *, default: str | None = None) -> str:
    text = _line(fields.get(name, default), name)
    if not text and default is None:
        raise ValueError(f"{name} is empty")
    return text


def _line(value: object, name: str) -> str:
    """A text as people are shown it; what no terminal should be sent is written as an escape."""
    return _printable(_short(value, name))


def _printable(text: str) -> str:
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)


def _short(value: object, name: str) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{name} is no text")
    if len(value) > LONGEST_TEXT:
        raise ValueError(f"{name} is longer than {LONGEST_TEXT} characters")
    if not value.isascii() and any("\ud800" <= character <= "\udfff" for character in value):
        raise ValueError(f"{name} is no text: half of a character stands in it")
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
    if value > LONGEST_SECONDS:
        raise ValueError(f"{name} is more than a day")
    return float(value)


def _time(fields: Mapping[str, Any], name: str) -> datetime:
    try:
        at = datetime.fromisoformat(_text(fields, name))
        if at.tzinfo is None:
            raise ValueError(f"{name} has no zone")
        return at.astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError(f"{name} is no time with a zone") from None


def _state(fields: Mapping[str, Any]) -> State:
    try:
        return State(_text(fields, "state"))
    except ValueError:
        raise ValueError("state is neither good, bad nor unknown") from None
