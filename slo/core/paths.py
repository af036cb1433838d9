"""Paths: the ways by which people are told, how long one may take, and how far what was sent over each has come."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from slo.core.delivery import Message
from slo.core.incident import OWN_PREFIX
from slo.core.priority import Priority

DELIVERY = f"{OWN_PREFIX}delivery"
"""What stands for the SLO of the incident that a path is broken; its scope is the destination."""

DEADLINES: Mapping[Priority, timedelta] = {
    Priority.P0: timedelta(minutes=2),
    Priority.P1: timedelta(minutes=15),
    Priority.P2: timedelta(minutes=15),
}
"""How long a message may take that no destination says otherwise of."""


MISSING = "destination_missing"
"""The reason of what waits for a destination that the configuration no longer has, and is given up at its deadline."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DeliveryPath:
    """The way to one destination: `fallback` is told in its place where it fails; empty where nobody is.

    A message that was not delivered within `deadline` has failed; None is what `DEADLINES` has. With `beats_every` it
    is that of a heartbeat: it has no fallback, and one beat that is lost is no failure.
    """

    fallback: str = ""
    deadline: timedelta | None = None
    beats_every: timedelta | None = None

    def deadline_of(self, priority: Priority) -> timedelta:
        """How long a message of that priority may take."""
        return self.deadline or DEADLINES[priority]


@dataclass(frozen=True, kw_only=True, slots=True)
class Passage:
    """How far the messages to one destination have come.

    `waiting` has when the oldest message of each priority was written that is pending, `refused` when the last of each
    was refused for good, `sent_at` is when the last one was taken.
    """

    waiting: Mapping[Priority, datetime] = field(default_factory=dict)
    refused: Mapping[Priority, datetime] = field(default_factory=dict)
    sent_at: datetime | None = None

    def after(self, earlier: "Passage") -> "Passage":
        """What is known with what was known earlier: what waits is as it is, what has ended adds up."""
        refused = {
            priority: max(at for at in (earlier.refused.get(priority), self.refused.get(priority)) if at)
            for priority in earlier.refused.keys() | self.refused.keys()
        }
        sent_at = max((at for at in (earlier.sent_at, self.sent_at) if at), default=None)
        return Passage(waiting=self.waiting, refused=refused, sent_at=sent_at)

    def failing(self, path: DeliveryPath, now: datetime) -> frozenset[Priority]:
        """The priorities of what does not get through: overdue, or refused with nothing taken since."""
        overdue = {each for each, at in self.waiting.items() if now - at > path.deadline_of(each)}
        refused = {each for each, at in self.refused.items() if self.sent_at is None or at > self.sent_at}
        return frozenset(overdue | refused)


@dataclass(frozen=True, kw_only=True, slots=True)
class Look:
    """What a look into the outbox finds: how far each destination's messages have come, and what is to go elsewhere.

    `strays` are messages whose way has failed, or that follow one that did, and of which no copy has gone the other
    way yet. Nothing of the messages before number `settled` can change any more.
    """

    passages: Mapping[str, Passage]
    strays: tuple[Message, ...]
    settled: int


def copy_id(message: str, fallback: str) -> str:
    """The id of the copy of a message that goes to its fallback. Always the same: there is one, whatever is killed."""
    return f"~{fallback}~{message}"
