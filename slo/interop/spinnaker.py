"""Events of Spinnaker, as its echo posts them to whoever listens, as logs.

An event is `{"details": {"type", "source", "application", "created"}, "content": {...}, "eventId"}`. Echo may be told
to wrap it under a name, and to write `details` and `content` as texts. What an event says beside the facts that are
taken here stays behind: its content is a whole execution with every parameter, context and manifest, and secrets among
them.

What echo sends: https://spinnaker.io/docs/setup/other_config/features/notifications/, and orca's listeners
`EchoNotifyingStageListener` and `EchoNotifyingExecutionListener`.
"""

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta

from slo.core.telemetry import Json, Logged, id_of
from slo.errors import Malformed

DATASET = "spinnaker.event"

MOST_CHARACTERS = 300
"""How much of each fact is kept."""

MOST_BRACKETS = 150_000
"""How many objects and lists a body may be made of: each takes memory that its two bytes do not tell."""

OLDEST, NEWEST = timedelta(days=7), timedelta(hours=1)
"""How far the time of an event may be from now; one that is further off is not believed, and it is now."""

_OUTCOMES = {"complete": "success", "failed": "failure"}

_FACTS: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "execution_id": (("content", "executionId"), ("content", "execution", "id")),
    "execution_type": (("content", "execution", "type"),),
    "status": (("content", "execution", "status"),),
    "pipeline": (("content", "execution", "name"),),
    "pipeline_config_id": (("content", "execution", "pipelineConfigId"),),
    "description": (("content", "execution", "description"),),
    "stage": (("content", "context", "stageDetails", "name"), ("content", "name")),
    "stage_type": (("content", "context", "stageDetails", "type"),),
    "task": (("content", "taskName"),),
    "user": (
        ("content", "execution", "authentication", "user"),
        ("content", "execution", "trigger", "user"),
        ("content", "user"),
    ),
    "trigger_type": (("content", "execution", "trigger", "type"), ("content", "trigger", "type")),
    "canceled": (("content", "execution", "canceled"),),
    "canceled_by": (("content", "execution", "canceledBy"),),
    "judgment": (("content", "context", "judgmentStatus"),),
    "judged_by": (("content", "context", "lastModifiedBy"),),
    "project": (("details", "project"),),
    "source": (("details", "source"),),
}
"""Facts by name, and where they are: the first place counts that says something."""

_TIMES: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "started_at": (("content", "startTime"), ("content", "execution", "startTime")),
    "ended_at": (("content", "endTime"), ("content", "execution", "endTime")),
}
"""Times, in milliseconds since 1970."""


def event_in(body: bytes) -> Mapping[str, Json]:
    """The event in what echo posted: all of it, or what is wrapped in it. Raises Malformed where there is none."""
    if body.count(b"{") + body.count(b"[") > MOST_BRACKETS:
        raise Malformed(f"it is made of more than {MOST_BRACKETS} objects and lists")
    try:
        document: Json = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Malformed("it is no JSON") from error
    if isinstance(document, Mapping):
        for candidate in (document, *document.values()):
            unfolded = _unfolded(candidate)
            if isinstance(unfolded, Mapping) and "details" in unfolded:
                event = {**unfolded, **{key: _unfolded(unfolded.get(key)) for key in ("details", "content")}}
                if isinstance(event["details"], Mapping) and _text(event, ("details", "type")):
                    return event
    raise Malformed("it is no event of echo: it has no details with a type")


def type_of(event: Mapping[str, Json]) -> str:
    """What sort of event it is, as `orca:pipeline:complete`."""
    return _text(event, ("details", "type"))


def identity_of(event: Mapping[str, Json], *, installation: str) -> str:
    """Which event it is, the same for one that echo sends again: by the id that echo gave it, or else by all of it."""
    said = _text(event, ("eventId",)) or json.dumps(event, sort_keys=True)
    return id_of("spinnaker", installation, type_of(event), said)


def logged(event: Mapping[str, Json], *, installation: str, labels: Mapping[str, str], now: datetime) -> Logged:
    """What an event says as a log, with the labels of its installation."""
    kind = type_of(event)
    application = _text(event, ("details", "application")) or _text(event, ("content", "execution", "application"))
    facts = dict(_facts(event))
    outcome = _OUTCOMES.get(kind.rpartition(":")[2], "")
    own = {"spinnaker": installation, **({"application": application} if application else {})}
    return Logged(
        id=identity_of(event, installation=installation),
        at=_time(event, ("details", "created"), now) or now,
        dataset=DATASET,
        action=kind,
        outcome=outcome,
        level="warning" if outcome == "failure" else "info",
        message=_message(kind, application, facts),
        labels={**own, **labels},
        fields=facts,
    )


def _message(kind: str, application: str, facts: Mapping[str, Json]) -> str:
    about = [f"{name} {facts[name]}" for name in ("pipeline", "stage", "task") if name in facts]
    of = [f"of {application}"] if application else []
    by = [f"by {facts['user']}"] if "user" in facts else []
    status = [f"({facts['status']})"] if "status" in facts else []
    return " ".join([f"{kind}:", *about, *of, *by, *status]) if about or of else kind


def _facts(event: Mapping[str, Json]) -> Iterator[tuple[str, Json]]:
    for name, places in _FACTS.items():
        if said := next((text for place in places if (text := _text(event, place))), ""):
            yield name, said
    for name, places in _TIMES.items():
        if at := next((at for place in places if (at := _milliseconds(_found(event, place)))), None):
            yield name, at.isoformat()


def _found(value: Json, place: tuple[str, ...]) -> Json:
    for key in place:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


def _text(event: Json, place: tuple[str, ...]) -> str:
    """What is said there, on one line and not too long; empty where it is no text, number or truth."""
    match _found(event, place):
        case bool() as said:
            return str(said).lower()
        case str() | int() as said:
            line = " ".join(str(said)[: 4 * MOST_CHARACTERS].split())
            return "".join(filter(str.isprintable, line))[:MOST_CHARACTERS]
    return ""


def _time(event: Json, place: tuple[str, ...], now: datetime) -> datetime | None:
    at = _milliseconds(_found(event, place))
    return at if at is not None and now - OLDEST <= at <= now + NEWEST else None


def _milliseconds(value: Json) -> datetime | None:
    """Milliseconds since 1970, a number or a text of one."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 15:
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or value <= 0:
        return None
    try:
        return datetime.fromtimestamp(value / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _unfolded(value: Json) -> Json:
    """A value, or what it is as JSON where it is a text of some."""
    if not isinstance(value, str) or not value.startswith("{"):
        return value
    try:
        read: Json = json.loads(value)
    except (ValueError, RecursionError):
        return value
    return read
