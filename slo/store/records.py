"""Events and messages as JSON, exactly as they are stored, hashed and read back.

The text is ASCII with sorted keys and sets in order, so that one record has one text. Times are UTC. What is read is
held against the types of the records: a body that was changed by hand, or written by a newer version, is never half
understood.
"""

import json
import types
import typing
from collections.abc import Callable, Iterable, Mapping
from dataclasses import MISSING, fields, is_dataclass
from datetime import UTC, datetime
from enum import StrEnum
from functools import cache

from slo.core.contract_events import ContractEnded, ContractRecorded
from slo.core.delivery import Message
from slo.core.events import (
    Acknowledged,
    Assigned,
    Attributed,
    ChatEnded,
    Event,
    FiringChanged,
    Muted,
    Noted,
    Opened,
    PageCleared,
    Paged,
    Promised,
    PromiseMissed,
    Raised,
    Reminded,
    Reprioritized,
    Resolved,
    ResponseMissed,
    ResponseWarned,
    SentDirectly,
    TicketNotUpdated,
    Told,
    Unmuted,
    WaitBegan,
    WaitEnded,
)
from slo.core.exclusion_events import ExclusionAdded, ExclusionWithdrawn
from slo.core.restored import Restored
from slo.core.silence_events import SilenceAdded, SilenceExpired

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]
Reader = Callable[[Json], object]


EVENTS: tuple[type[Event], ...] = (
    Acknowledged,
    Assigned,
    Attributed,
    ChatEnded,
    ContractEnded,
    ContractRecorded,
    ExclusionAdded,
    ExclusionWithdrawn,
    FiringChanged,
    Muted,
    Noted,
    Opened,
    PageCleared,
    Paged,
    PromiseMissed,
    Promised,
    Raised,
    Reminded,
    Reprioritized,
    Resolved,
    ResponseMissed,
    ResponseWarned,
    Restored,
    SentDirectly,
    SilenceAdded,
    SilenceExpired,
    TicketNotUpdated,
    Told,
    Unmuted,
    WaitBegan,
    WaitEnded,
)
"""Every kind of event that can be stored."""


class UnknownKind(ValueError):
    """An event of a kind that this version does not know."""


def event_to_text(event: Event) -> str:
    """The body of an event. Its kind is the name of its class. Raises TypeError for one that could not be read back."""
    if type(event) not in EVENTS:
        raise TypeError(f"events of the kind {kind_of(event)} are not listed in slo.store.records.EVENTS")
    return _text({"kind": kind_of(event), **_record(event)})


def event_from_text(text: str) -> Event:
    """The event of a body. Raises UnknownKind for a kind of a newer version, ValueError for what is no event."""
    body = _parsed(text)
    kind = body.pop("kind", None)
    if not isinstance(kind, str):
        raise ValueError("it has no kind")
    if kind not in _event_readers():
        raise UnknownKind(kind)
    return typing.cast("Event", _event_readers()[kind](body))


def kind_of(event: Event) -> str:
    """The name of an event's kind, as the journal and the metrics have it."""
    return type(event).__name__


def message_to_text(message: Message) -> str:
    """The body of a message."""
    return _text(_record(message))


def message_from_text(text: str) -> Message:
    """The message of a body. Raises ValueError for what is none."""
    return typing.cast("Message", _reader(Message)(_parsed(text)))


@cache
def _event_readers() -> dict[str, Reader]:
    return {kind.__name__: _dataclass_reader(kind) for kind in EVENTS}


def _text(body: Mapping[str, Json]) -> str:
    return json.dumps(body, sort_keys=True, separators=(",", ":"))


def _parsed(text: str) -> dict[str, Json]:
    body = json.loads(text)
    if not isinstance(body, dict):
        raise ValueError("it is no object")
    return body


def _record(value: object) -> dict[str, Json]:
    if not is_dataclass(value) or isinstance(value, type):
        raise TypeError(f"a {type(value).__name__} cannot be stored")
    return {name: _to(getattr(value, name)) for name in _names(type(value))}


@cache
def _names(kind: type) -> tuple[str, ...]:
    return tuple(field.name for field in fields(kind))


def _to(value: object) -> Json:
    if type(value) is str or value is None:  # most are: what is asked below takes ten times as long
        return value
    match value:
        case StrEnum():
            return value.value
        case None | bool() | int() | float() | str():
            return value
        case datetime():
            if value.tzinfo is None:
                raise ValueError(f"the time {value} has no zone")
            return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
        case Mapping():
            return {str(key): _to(each) for key, each in value.items()}
        case frozenset():
            return [_to(each) for each in sorted(value)]
        case tuple():
            return [_to(each) for each in value]
    return _record(value)


@cache
def _reader(kind: object) -> Reader:
    """What makes a value of the type `kind` from what `_to` made of it. It raises ValueError that names the field."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (types.UnionType, typing.Union):
        return _optional_reader(_reader(next(each for each in arguments if each is not types.NoneType)))
    if origin in (frozenset, tuple):
        return _sequence_reader(origin, _reader(arguments[0]))
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return _mapping_reader(_reader(arguments[1]))
    if isinstance(kind, type) and is_dataclass(kind):
        return _dataclass_reader(kind)
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return _plain_reader(str, kind)
    if kind is datetime:
        return _plain_reader(str, _time)
    if kind is float:
        return _plain_reader((float, int), float)
    if kind in (str, int, bool):
        return _same_reader(typing.cast("type", kind))
    raise TypeError(f"{kind} cannot be stored")


def _optional_reader(reader: Reader) -> Reader:
    return lambda value: None if value is None else reader(value)


def _sequence_reader(into: Callable[[Iterable[object]], object], reader: Reader) -> Reader:
    return lambda value: into(reader(each) for each in typing.cast("list[Json]", _held(value, list)))


def _mapping_reader(reader: Reader) -> Reader:
    return lambda value: {key: reader(each) for key, each in typing.cast("dict[str, Json]", _held(value, dict)).items()}


def _plain_reader(stored: type | tuple[type, ...], make: Callable[..., object]) -> Reader:
    return lambda value: make(_held(value, stored))


def _same_reader(kind: type) -> Reader:
    return lambda value: value if type(value) is kind else _held(value, kind)


def _dataclass_reader(kind: type) -> Reader:
    hints = typing.get_type_hints(kind)
    readers = {field.name: _reader(hints[field.name]) for field in fields(kind)}
    required = {field.name for field in fields(kind) if field.default is MISSING and field.default_factory is MISSING}

    def read(value: Json) -> object:
        body = typing.cast("dict[str, Json]", _held(value, dict))
        if unknown := body.keys() - readers.keys():
            raise ValueError(f"{kind.__name__} has {sorted(unknown)}, which this version does not know")
        if missing := required - body.keys():
            raise ValueError(f"{kind.__name__} lacks {sorted(missing)}")
        values: dict[str, object] = {}
        for name, each in body.items():
            try:
                values[name] = readers[name](each)
            except ValueError as error:
                raise ValueError(f"{kind.__name__}.{name}: {error}") from error
        return kind(**values)

    return read


def _held(value: Json, kinds: type | tuple[type, ...]) -> Json:
    """The value, which must be of one of these types of JSON; true and false are no numbers."""
    if not isinstance(value, kinds) or (isinstance(value, bool) and kinds is not bool):
        raise ValueError(f"it cannot be {json.dumps(value)[:100]}")
    return value


def _time(value: str) -> datetime:
    time = datetime.fromisoformat(value)
    if time.tzinfo is None:
        raise ValueError(f"the time {value} has no zone")
    return time.astimezone(UTC)
