"""What a round was told, made of the answers: samples for `/metrics`, and the state that is judged. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from exporters.health.replication import Replication
from exporters.postgres.heartbeat import HEARTBEAT
from exporters.postgres.own import own_samples
from exporters.postgres.replication import Standing, flag, known, replication_of
from exporters.postgres.settings import SETTINGS, settings
from exporters.postgres.standing import RECEIVER, SERVER, SLOTS, STANDBYS
from exporters.postgres.statement import Question, Reader, Row
from slo.core.sample import Sample
from slo.errors import Fault
from slo.net.sql import Result

Answers: TypeAlias = Sequence[tuple[Question, Result | Fault]]
"""Questions, each with what was answered to it."""

_LOOKED_AT = frozenset({SERVER.name, RECEIVER.name, STANDBYS.name, SLOTS.name, HEARTBEAT})


@dataclass(frozen=True, kw_only=True, slots=True)
class Refusal:
    """A statement that was not answered: its name, and why."""

    statement: str
    reason: str
    detail: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Told:
    """What the server says, to which statements.

    `connections` are those in use, and those that there may be for anybody but superusers. `permitted` is whether we
    may know what is not our own; None is not known.
    """

    replication: Replication
    asked: tuple[str, ...]
    permitted: bool | None
    version: str
    connections: tuple[int, int] | None
    samples: tuple[Sample, ...]
    refusals: tuple[Refusal, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Slow:
    """What the server says that is asked seldom, to which statements."""

    asked: tuple[str, ...]
    samples: tuple[Sample, ...]
    refusals: tuple[Refusal, ...]


def told(answers: Answers, reader: Reader, *, beats: bool, spare_slots: frozenset[str]) -> Told:
    """What the answers of one round say."""
    rows = {question.name: _rows(question, answer) for question, answer in answers}
    server = _first(rows.get(SERVER.name))
    heartbeat = _first(rows.get(HEARTBEAT))
    state = replication_of(
        Standing(
            server=server,
            receivers=rows.get(RECEIVER.name),
            standbys=rows.get(STANDBYS.name),
            slots=rows.get(SLOTS.name),
            beats=beats,
            heartbeat=known(heartbeat.get("age")) if heartbeat else None,
            spare_slots=spare_slots,
        )
    )
    used, room = (known(server.get(name)) for name in ("connections", "room")) if server else (None, None)
    return Told(
        replication=state,
        asked=_asked(answers),
        permitted=flag(server.get("permitted")) if server else None,
        version=(server.get("version") or "") if server else "",
        connections=None if used is None or room is None else (int(used), int(room)),
        samples=(*own_samples(server, state, reader), *_read(answers, reader)),
        refusals=_refusals(answers),
    )


def slow(answers: Answers, reader: Reader) -> Slow:
    """What the answers say that are asked for seldom."""
    return Slow(asked=_asked(answers), samples=tuple(_read(answers, reader)), refusals=_refusals(answers))


def _asked(answers: Answers) -> tuple[str, ...]:
    return tuple(question.name for question, _ in answers)


def _read(answers: Answers, reader: Reader) -> Iterator[Sample]:
    """The metrics of the rows."""
    for question, answer in answers:
        if not isinstance(answer, Fault):
            is_settings = question.name == SETTINGS.name
            yield from settings(question, answer, reader) if is_settings else reader.read(question, answer)


def _refusals(answers: Answers) -> tuple[Refusal, ...]:
    """What was not answered."""
    return tuple(
        Refusal(statement=question.name, reason=answer.reason, detail=answer.detail)
        for question, answer in answers
        if isinstance(answer, Fault)
    )


def _rows(question: Question, answer: Result | Fault) -> list[Row] | None:
    """The rows, where they are looked at by name; None where they were refused."""
    if isinstance(answer, Fault):
        return None
    return question.rows(answer) if question.name in _LOOKED_AT else []


def _first(rows: Sequence[Row] | None) -> Row | None:
    return rows[0] if rows else None
