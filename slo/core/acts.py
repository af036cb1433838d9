"""Acts: what people do to incidents, from wherever they do it.

The command line, the API, the page, Slack, PagerDuty and ticket systems all say the same things in their own way. They
are turned into these records at the edge, once it is sure who sent them, and the router makes events of them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from slo.core.eta import ETA
from slo.core.priority import Impact, Priority


class Responsibility(StrEnum):
    """Whose part of the service failed."""

    PROVIDER = "provider"
    CUSTOMER = "customer"
    THIRD_PARTY = "third_party"

    @property
    def words(self) -> str:
        """What follows for whoever reads it: `what failed is the customer's part`."""
        whose = "a third party's" if self is Responsibility.THIRD_PARTY else f"the {self.value}'s"
        return f"what failed is {whose} part"


@dataclass(frozen=True, kw_only=True, slots=True)
class Target:
    """Which incident is meant: by our own `incident` id, or by what a destination knows it as.

    That is the `key` that it was sent under, or the `reference` that it gave it itself (a ticket's number). `mark` is
    that of the incident that was seen, where the act comes from a message that may be older than the journal: an
    incident with the same id and another mark is not meant.
    """

    incident: str = ""
    mark: str = ""
    destination: str = ""
    key: str = ""
    reference: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Act:
    """Something that the person `by` does, which came by way of `via` (`cli`, `api`, `slack`, a destination's name).

    `source` names the act at the other side, for instance `pagerduty:01DF...`: what was done under a source is not done
    again when it is delivered twice. Empty where nothing names it. `acted_at` is when it was done, where the other side
    says so: a response counts from then.
    """

    target: Target
    by: str
    via: str
    source: str = ""
    acted_at: datetime | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Look(Act):
    """Looks at the incident, to say something of it next: nothing is done to it, but it must be there."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Acknowledge(Act):
    """Takes the incident on: the first human response."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Say(Act):
    """Says something for the ticket. `responds` is whether it counts as a response: an engineer's does, a customer's
    or a program's does not.
    """

    text: str
    responds: bool = True


@dataclass(frozen=True, kw_only=True, slots=True)
class Promise(Act):
    """Says when the service will have recovered, or that nobody knows yet."""

    eta: ETA
    text: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Resolve(Act):
    """Declares the incident over."""

    why: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Wait(Act):
    """Waits for the customer: the clock of a P1 or P2 is paused, once there was a response."""

    why: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class GoOn(Act):
    """The customer has answered: the clock goes on."""

    why: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Prioritize(Act):
    """Overrides the priority, for a reason."""

    priority: Priority
    why: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Assign(Act):
    """Gives the incident an owner."""

    owner: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Attribute(Act):
    """Says whose part of the service failed."""

    responsibility: Responsibility
    why: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class EndChat(Act):
    """The chat about the incident is over: the ticket has to be updated now."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Open(Act):
    """Opens an incident: an issue that a person found. Its clocks run from `created_at`, or from now where it is None.

    `target` says what a ticket system calls it, where it comes from one. Its priority follows from the impact, the
    workaround, the security and the class of the environment.
    """

    summary: str
    customer: str = ""
    environment: str = ""
    impact: Impact = Impact.PARTIAL
    workaround: bool = False
    security: bool = False
    found_by: str = "provider"
    """Who found it: `provider` or `customer`."""
    created_at: datetime | None = None
    services: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
