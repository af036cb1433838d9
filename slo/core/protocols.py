"""What the parts expect of one another: each protocol is owned by who calls it."""

from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from datetime import datetime
from typing import Protocol, TypeVar, runtime_checkable

from slo.core.acts import Act
from slo.core.counts import Counts
from slo.core.delivery import Lane, Message, Verdict
from slo.core.inbound import Inbound, Received
from slo.core.outcome import Finding, Judgement
from slo.core.sample import Sample
from slo.core.target import Target
from slo.errors import Fault

T_co = TypeVar("T_co", covariant=True)

F = TypeVar("F")
"""The facts of a check: whatever its observation found, before anything is made of it."""


class Clock(Protocol):
    """Time, passed in: what decides never reads it by itself."""

    def now(self) -> datetime:
        """The time of the watch, UTC. It never goes back."""

    def monotonic(self) -> float:
        """Seconds that only grow, for measuring and for deadlines."""

    async def sleep_until(self, monotonic: float) -> None:
        """Return when `monotonic()` has reached that value."""


class Check(Protocol[F]):
    """One kind of looking, with one target."""

    @property
    def target(self) -> str:
        """What is looked at, as people name it (a URL, host:port), without secrets."""

    async def observe(self, deadline: float) -> F:
        """Look, before `deadline` (monotonic seconds). The only I/O of a check; raises Fault."""

    def judge(self, facts: F | Fault) -> Sequence[Judgement]:
        """What the facts mean. Pure."""

    def samples(self, facts: F | Fault) -> Iterable[Sample]:
        """The facts as metrics. Pure, and called only when somebody reads them."""


class Probe(Check[F], Protocol[F]):
    """A check that asks as a user would: a fresh connection each time, and one judgement."""


@runtime_checkable
class Collector(Check[F], Protocol[F]):
    """A check that logs in and looks inside. It keeps its connection; it is never asked twice at a time."""

    async def aclose(self) -> None:
        """Nobody asks any more: give the connection back, in a bounded time, whatever the other side does."""


class Changing(Protocol[T_co]):
    """Something that changes, and that several may follow."""

    def changes(self) -> AsyncIterator[T_co]:
        """All that there is, once that is known, and each time that it is something else."""


class Discovery(Protocol):
    """Where targets are found that may be others at any time."""

    def targets(self, failed: Callable[[Fault], None]) -> AsyncIterator[frozenset[Target]]:
        """All the targets that there are, each time that somebody looked: whole sets, changed or not.

        Where they cannot be had, `failed` is told why, and the last set stands.
        """


@runtime_checkable
class Explaining(Check[F], Protocol[F]):
    """A check that can tell people more of its facts than its judgement says."""

    def explain(self, facts: F | Fault, at: datetime) -> Iterable[Finding]:
        """What was found, in the order in which it is best read, as seen at a time (UTC). Pure.

        Never a body, a secret, or the query of a URL: what is found goes to terminals and into tickets.
        """


@runtime_checkable
class Called(Check[F], Protocol[F]):
    """A check whose target calls us."""

    def admits(self, token: bytes) -> bool:
        """Whether a call with this token is the target's. Takes as long for a wrong one as for the right one."""


class Counter(Protocol):
    """Where a source puts its counts."""

    def add(self, sli: str, slot_end: int, counts: Counts) -> None:
        """Add counts to the slot that ends at `slot_end` (Unix seconds)."""


class Destination(Protocol):
    """Where notifications go. Never raises for what the other side does; says it in the verdict."""

    @property
    def credential(self) -> str:
        """What decides whose incidents these are at the other side (a routing key); empty where nothing does.

        A lane keeps the credential that it began with, because the other side drops what comes with another one.
        """

    async def deliver(self, message: Message, lane: Lane) -> Verdict:
        """Send one message once, with the credential of its lane. The caller retries, and keeps the order.

        What the other side calls a lane's first message is the reference of its `Sent`.
        """

    async def aclose(self) -> None:
        """Let go of connections. Nothing is delivered afterwards."""


class Receiver(Protocol):
    """The other direction of a destination: what people do there comes in."""

    async def receive(self, inbound: Inbound) -> Received:
        """What a request says that proves who sent it.

        Raises Forged where it does not prove that, Malformed where what it says cannot be understood.
        """


@runtime_checkable
class Gathering(Destination, Protocol):
    """A destination that can say many things at once, where they come faster than it takes messages."""

    @property
    def room(self) -> int:
        """How many messages may be under way to it at once, some of which are kept for P0."""


@runtime_checkable
class Reconciling(Protocol):
    """A destination that can be asked what people did there, in case nobody told us."""

    async def acts_on(self, keys: Sequence[str]) -> Sequence[Act]:
        """What people did to the pages under these keys. Raises WatchkeepError where the other side does not say."""
