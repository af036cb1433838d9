"""What the web asks of the watch that it shows. `slo.app` implements it."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

from slo.config.secret import Secret
from slo.core.acts import Act
from slo.core.batch_document import Understood
from slo.core.delivery import Delivery
from slo.core.events import Event
from slo.core.exclusion import Exclusion
from slo.core.foreign import ForeignAlert
from slo.core.inbound import Inbound, Received
from slo.core.incident import Incident
from slo.core.job import Signal
from slo.core.outcome import Outcome, Point
from slo.core.reporter import Reporter
from slo.core.response import Response
from slo.core.silence import Silence
from slo.exposition.catalogue import Telemetry
from slo.router.foreign import Fate
from slo.web.served import Served

if TYPE_CHECKING:
    from slo.web.forwarders import ForwarderState


class Silences(Protocol):
    """The silences of a watch: iterated, all that nobody has ended, those of the configuration first."""

    def __iter__(self) -> Iterator[Silence]: ...

    async def add(self, silence: Silence) -> Silence:
        """Make one; the next decision knows of it. Raises UsageError where it cannot be, StoreError where it failed."""

    async def expire(self, name: str, *, by: str, why: str) -> Silence:
        """End one early that was made while the watch ran. Raises as `add` does."""


class Desk(Protocol):
    """Where incidents are worked on."""

    def incidents(self) -> Sequence[Incident]:
        """Every incident, newest first."""

    def response(self, incident: Incident) -> Response | None:
        """The response clock of an incident, by its contract; None where nobody knows the contract."""

    async def history(self, incident: str) -> Sequence[tuple[int, Event]]:
        """The events of one incident with their numbers in the journal."""

    async def deliveries(self, incident: str) -> Sequence[Delivery]:
        """What was sent, or waits to be, about one incident."""

    async def refused(self, incidents: Collection[str]) -> Mapping[str, Sequence[Delivery]]:
        """By incident, what was refused for good of what was sent about these. Raises StoreError."""

    async def act(self, act: Act) -> Incident:
        """Do what a person wants; the incident afterwards. Raises UsageError where it cannot be, StoreError where it
        failed.
        """

    async def receive(self, way: str, inbound: Inbound) -> Received | None:
        """Do what a request to `/webhooks/WAY` says; how to answer it, None where nobody receives there.

        Raises Forged, Malformed, and StoreError where it could not be put on record.
        """

    def take_alert(self, alert: ForeignAlert) -> Fate:
        """Take in what somebody else said last of an alert of theirs; it is judged at the end of the slot."""

    @property
    def silences(self) -> Silences:
        """Which alerts nobody is told of."""


class Heartbeats(Protocol):
    """Who takes the calls of jobs."""

    async def take(self, name: str, token: bytes, signal: Signal, *, exit_status: int | None, note: str) -> None:
        """Take a call of a job; it is on disk afterwards.

        Raises Forged where it proves nothing, TooOften where calls come too fast, StoreError where it is not on disk.
        """


class Reports(Protocol):
    """Who takes what agents report."""

    @property
    def token(self) -> Secret | None:
        """What agents show; None where no agent may report."""

    async def take(self, report: Understood, body: bytes) -> None:
        """Take a report with the JSON that it was read from; it is on disk afterwards. Raises StoreError."""

    def reporters(self) -> Sequence[Reporter]:
        """The agents that have reported, as far as they are known."""

    def agent_of(self, point: Point) -> str:
        """Who reported the newest round of a check; empty where no agent did."""


class Spinnakers(Protocol):
    """Who takes the events of Spinnaker."""

    def admit(self, name: str, token: bytes) -> None:
        """Raise Forged where no Spinnaker of that name shows that token."""

    async def take(self, name: str, body: bytes) -> bool:
        """Take what the echo of one posted. Returns whether it goes on: it may be of another sort, or known.

        Raises Malformed where it is no event.
        """


class Forwarders(Protocol):
    """Whom telemetry is forwarded to."""

    async def states(self) -> "Sequence[ForwarderState]":
        """How each of them stands, in the order of the configuration."""

    async def retry(self, name: str) -> int | None:
        """Send everything again that one refused; how much that is. None where there is no such. Raises StoreError."""

    async def discard(self, name: str) -> int | None:
        """Forget everything that one refused; how much that is. None where there is no such. Raises StoreError."""


class Watch(Served, Protocol):
    """A running watch."""

    @property
    def telemetry(self) -> Telemetry:
        """The process's own metrics."""

    @property
    def desk(self) -> Desk:
        """The incidents."""

    @property
    def agents(self) -> Reports:
        """What agents report."""

    @property
    def forwarders(self) -> Forwarders:
        """Whom telemetry is forwarded to."""

    @property
    def heartbeats(self) -> Heartbeats:
        """The calls of jobs."""

    @property
    def spinnakers(self) -> Spinnakers:
        """The events of Spinnaker."""

    def probes(self) -> Sequence[str]:
        """The names of the probes and the collectors, in the order of the configuration."""

    def last_outcomes(self) -> Iterable[Outcome]:
        """The last outcome of every check that has had one."""

    def outcomes(self, probe: str) -> Sequence[Sequence[Outcome]]:
        """The last outcomes of each check of a probe, and its last failures, newest first."""

    def exclusions(self) -> Sequence[Exclusion]:
        """Every exclusion in force, those of the configuration first."""

    async def exclude(self, exclusion: Exclusion) -> Exclusion:
        """Make an exclusion; figures change at once. Raises UsageError where it cannot be, StoreError if it failed."""

    async def withdraw_exclusion(self, name: str, *, by: str, why: str) -> Exclusion:
        """Take one back that was made while the watch ran. Raises as `exclude` does."""

    async def reload(self) -> None:
        """Read the configuration anew. Raises ConfigError or StoreError; the one in force stays then."""
