"""Events: what happened to incidents. Nothing else is stored of them.

Each is a row of the journal, in its order. An act of a person is a `Deed`; what the watch does by itself is not, so
that nobody is said to have answered who did not.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from slo.core.acts import Responsibility
from slo.core.alert import Evidence, FiringPair
from slo.core.delivery import Action
from slo.core.eta import ETA
from slo.core.policy import Severity
from slo.core.priority import Circumstances, Priority


@dataclass(frozen=True, kw_only=True, slots=True)
class Event:
    """Something that happened to the incident with the id `incident`, at `at` (UTC); empty where it is about none."""

    incident: str
    at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Deed(Event):
    """Something that the person `by` did, which came by way of `via`.

    `source` names it at the other side, so that it is done once however often it is told. `acted_at` is when it was
    done, where we heard of it later than that.
    """

    by: str
    via: str = ""
    source: str = ""
    acted_at: datetime | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Opened(Event):
    """An alert began to fire and no incident was open for its SLO and scope, or a person found an issue.

    `told` names the destinations that were told under `key`, with the event or not at all: only they hear the rest.
    `by` is the person who opened it, empty where an alert did; `found_by` is `provider` or `customer`. It began at a
    destination as `reference` where that is given: the ticket that a customer wrote. `hears` has the destinations of
    the customer that hear of some things only. `muted` is why nobody is told, where nobody is. `contract_digest` names
    the contract that it was opened under, and keeps; empty where it was opened before contracts were put on record.
    """

    slo: str
    scope: str
    generation: int
    key: str
    severity: Severity
    priority: Priority
    summary: str
    labels: Mapping[str, str]
    firing: frozenset[FiringPair]
    evidence: Evidence = field(default_factory=Evidence)
    told: tuple[str, ...] = ()
    by: str = ""
    via: str = ""
    source: str = ""
    found_by: str = "provider"
    circumstances: Circumstances | None = None
    services: tuple[str, ...] = ()
    created_at: datetime | None = None
    destination: str = ""
    reference: str = ""
    hears: Mapping[str, tuple[Action, ...]] = field(default_factory=dict)
    muted: str = ""
    contract_digest: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class FiringChanged(Event):
    """Other pairs fire than before; an empty set means that the alert is clear."""

    firing: frozenset[FiringPair]
    evidence: Evidence


@dataclass(frozen=True, kw_only=True, slots=True)
class Raised(Event):
    """The incident became more urgent by itself: a page inside a ticket."""

    severity: Severity
    priority: Priority
    why: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Paged(Event):
    """A page goes out under `key`; each time the page severity fires anew it is a new generation.

    `told` names the paging destinations that it goes to. `summary` is what they are told, and what the incident is
    about from here on. `joined` is the incident in whose page it is told, where both are of a group.
    """

    generation: int
    key: str
    summary: str = ""
    told: tuple[str, ...] = ()
    joined: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class PageCleared(Event):
    """The page severity has been clear for `resolve_after`; the page under `key` is resolved, the ticket goes on."""

    key: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Told(Event):
    """The destinations `told` hear of it from now on as well, since it is more urgent or no longer muted.

    `hears` is as in `Opened`, and replaces what was there of these. `paged` have the page that is open as well.
    """

    told: tuple[str, ...]
    paged: tuple[str, ...] = ()
    hears: Mapping[str, tuple[Action, ...]] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Muted(Event):
    """Nobody is told of what is new: a silence is in force, or people know of the cause. `why` says which."""

    why: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Unmuted(Event):
    """What kept people from being told is over."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Reminder(Event):
    """The watch tells people of something that runs out, or that has not come."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ResponseWarned(Reminder):
    """The share `share` of the response time has gone since `planned_at` without a person, and it is due at `due`.

    `paged` and `told` are the destinations that hear of it from now on as well: the next level.
    """

    share: float
    due: datetime
    planned_at: datetime
    paged: tuple[str, ...] = ()
    told: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class ResponseMissed(Reminder):
    """Nobody answered by `due`: the contract is broken. `paged` and `told` as in `ResponseWarned`."""

    due: datetime
    paged: tuple[str, ...] = ()
    told: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class PromiseMissed(Reminder):
    """What was promised for `promised_at` has not come: `what` is `update` or `recovery`."""

    what: str
    promised_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class TicketNotUpdated(Reminder):
    """The chat ended at `chat_ended_at`, and the ticket was not updated in time: a violation of the contract."""

    chat_ended_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Reminded(Reminder):
    """It is open, nobody has taken it on, and people are told again."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Acknowledged(Deed):
    """A person took the incident on."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Noted(Deed):
    """Something was said. `responds` is whether it counts as a response to the customer."""

    text: str
    responds: bool = True


@dataclass(frozen=True, kw_only=True, slots=True)
class Promised(Deed):
    """A person said when the service will have recovered, or that nobody knows yet."""

    eta: ETA
    text: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Reprioritized(Deed):
    """A person overrode the priority, for a reason."""

    priority: Priority
    why: str


@dataclass(frozen=True, kw_only=True, slots=True)
class WaitBegan(Deed):
    """The customer has to answer before anybody can go on."""

    why: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class WaitEnded(Deed):
    """The customer has answered."""

    why: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Assigned(Deed):
    """The incident has an owner."""

    owner: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Attributed(Deed):
    """Whose part of the service failed was said."""

    responsibility: Responsibility
    why: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class ChatEnded(Deed):
    """The chat about the incident is over; the ticket has to be updated."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Resolved(Event):
    """The incident is over. `by` is a person, or empty where the alert stayed clear."""

    by: str
    why: str
    via: str = ""
    source: str = ""
    acted_at: datetime | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class SentDirectly(Event):
    """The journal could not be written in time, so the page under `key` went to `destination` without it."""

    destination: str
    key: str
