"""Deliveries: what is sent where, what became of it, and when it is tried again."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from slo.core.alert import Evidence, FiringPair
from slo.core.eta import ETA
from slo.core.incident_key import incident_mark
from slo.core.policy import Severity
from slo.core.priority import Priority

BACKOFF_FIRST_SECONDS = 1.0
BACKOFF_CAP_SECONDS = 300.0
RETRY_AFTER_CAP_SECONDS = 900.0
"""The longest wait that the other side may ask for: a page cannot be put off for a day."""


class Action(StrEnum):
    """What a destination is told; within a lane they go out in the order of the journal."""

    TRIGGER = "trigger"
    UPDATE = "update"
    ACKNOWLEDGE = "acknowledge"
    NOTE = "note"
    """Somebody said something."""
    ETA = "eta"
    """Somebody said when the service will have recovered."""
    REMIND = "remind"
    """The response time runs out, or what was promised is overdue."""
    RESOLVE = "resolve"
    HEARTBEAT = "heartbeat"
    """The watch is alive; it is about no incident."""


OF_INCIDENTS = tuple(action for action in Action if action is not Action.HEARTBEAT)
"""What can be said of an incident."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Member:
    """One of the incidents that a page tells of: its id, what it is about, and its own priority."""

    incident: str
    subject: str
    priority: Priority

    def __str__(self) -> str:
        return f"{self.incident}: {self.subject} ({self.priority})"


@dataclass(frozen=True, kw_only=True, slots=True)
class Message:
    """One thing to tell one destination about one incident: complete, so that it can be sent after a restart.

    Messages with the same `destination` and `key` are a lane: each waits for the one before it. `id` names the
    message for good (it is the idempotency key where the other side takes one). `status` is that of the incident after
    what is told here. `firing` is empty on a resolve. `by` and `why` are of the person who acted, `text` is what was
    said. `due` is when the contract wants a human response, `responded_at` when there was one. `services` are those
    that are affected. `reference` is what the destination calls the incident, where it began there: the ticket that a
    customer wrote. `external_url` is where people reach the watch; empty where nobody said. `instead_of` is the
    destination that did not take it, where this one is told in its place. `detected_at` is when the incident was first
    known, where that was before it opened here. `reported` is what a person reported, in the words that the incident
    was opened with; empty where an alert opened it. A heartbeat has no `incident`.

    Where the page of several incidents says it, `members` are those, the most urgent first, and `more_members` how many
    there are beside these; `priority` and `severity` are then those of the most urgent, whichever of them speaks.
    """

    id: str
    destination: str
    action: Action
    key: str
    incident: str
    slo: str
    severity: Severity
    priority: Priority
    summary: str
    at: datetime
    opened_at: datetime
    labels: Mapping[str, str]
    firing: frozenset[FiringPair]
    evidence: Evidence
    scope: str = ""
    status: str = "triggered"
    by: str = ""
    why: str = ""
    external_url: str = ""
    text: str = ""
    due: datetime | None = None
    responded_at: datetime | None = None
    eta: ETA | None = None
    owner: str = ""
    services: tuple[str, ...] = ()
    reference: str = ""
    instead_of: str = ""
    detected_at: datetime | None = None
    members: tuple[Member, ...] = ()
    more_members: int = 0
    reported: str = ""

    @property
    def subject(self) -> str:
        """What it is about, the same from beginning to end: what a person reported, or the SLO."""
        return self.reported or self.slo

    @property
    def url(self) -> str:
        """Where people read about the incident; empty where the watch does not know how it is reached."""
        return f"{self.external_url.rstrip('/')}/incidents/{self.incident}" if self.external_url else ""

    @property
    def mark(self) -> str:
        """What no other incident than the one that it is about is marked with."""
        return incident_mark(self.incident, self.opened_at)

    @property
    def lane(self) -> tuple[str, str]:
        """What keeps its order: the messages to one destination under one key."""
        return self.destination, self.key


@dataclass(frozen=True, kw_only=True, slots=True)
class Lane:
    """What a destination needs to know of the lane of the message that it is given.

    `credential` is what the lane was begun with. `reference` is what the other side called its first message, where it
    said so: a message of Slack to answer in its thread, the number of a ticket. A trigger has one where the incident
    began there, so that nothing is to be made anew. `attempts` are those that were made for
    this message before: one of them may have been taken although nobody heard so.
    """

    credential: str = ""
    reference: str = ""
    attempts: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Sent:
    """The other side has it. `reference` is what it calls it, where it says so."""

    reference: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Retry:
    """It was not taken, and may be later: not before `after_seconds`, where the other side said so."""

    reason: str
    after_seconds: float | None = None
    detail: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Refused:
    """It will never be taken as it is: sending it again is pointless."""

    reason: str
    detail: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Ambiguous:
    """It may have been taken: the connection ended after the request was written, or the other side failed.

    It is not to be sent again before `after_seconds`, where the other side said so.
    """

    reason: str
    after_seconds: float | None = None
    detail: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Dropped:
    """There is nothing to send: the other side has no place for it. Nothing is wrong."""

    reason: str = "not_for_this_destination"
    detail: str = ""


Verdict = Sent | Retry | Refused | Ambiguous | Dropped


def backoff_seconds(
    attempt: int, *, after_seconds: float | None, jitter: float, cap_seconds: float = BACKOFF_CAP_SECONDS
) -> float:
    """How long to wait after failed attempt number `attempt` (from 1), with `jitter` in [0, 1).

    Doubles from 1 s up to `cap_seconds`; the jitter takes away up to half, so that senders that failed together do not
    come back together. What the other side asked for (Retry-After, up to 15 min) is the least, with its jitter on top.
    """
    step = min(cap_seconds, BACKOFF_FIRST_SECONDS * 2.0 ** min(attempt - 1, 30))
    wait = step * (1 - jitter / 2)
    if after_seconds is None:
        return wait
    return max(wait, min(after_seconds, RETRY_AFTER_CAP_SECONDS) * (1 + jitter / 10))


@dataclass(frozen=True, kw_only=True, slots=True)
class Delivery:
    """A message in the outbox and how far it has come.

    `state` is `pending`, `sent`, `refused` or `superseded`; `attempts` counts the calls that were begun; `not_before`
    is when it may be tried next (UTC).
    """

    message: Message
    sequence: int
    state: str
    attempts: int
    created_at: datetime
    not_before: datetime
    last_reason: str = ""
    last_detail: str = ""
