"""What is forwarded to others: counts of slots, metrics at a moment, and what happened, as logs.

Nothing here knows who gets it: each forwarder writes it as its vendor wants it.
"""

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import IntEnum
from typing import NamedTuple, Protocol, TypeAlias, runtime_checkable

from slo.core.delivery import Verdict
from slo.core.exclusion import Exclusion
from slo.core.slo import SLO

TOO_LARGE = "too_large"
"""The reason where fewer records at a time would be taken."""

ALREADY_THERE = "out_of_order"
"""The reason of a refusal that says that these records or newer ones are there, and that no others go between them."""

TOO_OLD = "too_old"
"""The reason of a refusal that says that nothing from so long ago is taken: neither these records nor any before."""

Json: TypeAlias = "bool | int | float | str | Sequence[Json] | Mapping[str, Json] | None"


class Rank(IntEnum):
    """How much a record matters: where there is no room, the highest numbers go first.

    Those of one rank go out in the order in which they came; a lower number goes before a higher one.
    """

    EVENT = 0
    """Something that happened to an incident, or that somebody did. It is never given up for want of room."""
    COUNT = 1
    """The counts of a slot."""
    FOREIGN_EVENT = 2
    """What the watched service says that happened in it."""
    OUTCOME = 3
    """A round of a check: to a watch each of them, to others those that were not good."""
    METRIC = 4
    """Metrics at a moment: the next ones say nearly the same."""
    LOG = 5
    """A line that a container wrote, or a canary, which goes after all else."""


class Counts3(NamedTuple):
    """Events of an SLI by state."""

    good: int = 0
    bad: int = 0
    unknown: int = 0

    def plus(self, other: "Counts3") -> "Counts3":
        """Both together."""
        return Counts3(self.good + other.good, self.bad + other.bad, self.unknown + other.unknown)

    def minus(self, other: "Counts3") -> "Counts3":
        """What is left of them without the other ones."""
        return Counts3(self.good - other.good, self.bad - other.bad, self.unknown - other.unknown)


TOTALS = tuple(f"slo_sli_{state}_total" for state in Counts3._fields)
"""What the totals of an SLI are called as metrics, in the order of its counts."""


class Point(NamedTuple):
    """One value of one metric. `type` is as Prometheus says it: counter, gauge, histogram, summary, untyped."""

    name: str
    type: str
    labels: Mapping[str, str]
    value: float


PARTS_OF_HISTOGRAMS = ("_bucket", "_sum", "_count")
"""How the names of the series end that histograms are made of, and summaries but for their quantiles."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Counted:
    """What was counted for one SLO in the slot of `seconds` that ended at `end` (Unix seconds).

    `counts` is what is new of that slot; `totals` is everything since the ledger began, with it. `labels` are those of
    the SLO's metrics, `slo` among them. A `correction` is of a slot that was told of before. Who follows totals gets
    one of each slot and no corrections, which are in the totals; who adds up gets those that count something.
    """

    id: str
    end: int
    seconds: int
    labels: Mapping[str, str]
    counts: Counts3
    totals: Counts3
    correction: bool = False

    @property
    def moment(self) -> float:
        """When its totals were so (Unix seconds)."""
        return self.end

    @property
    def points(self) -> Sequence[Point]:
        """The totals as metrics."""
        return [Point(name, "counter", self.labels, total) for name, total in zip(TOTALS, self.totals, strict=True)]


@dataclass(frozen=True, kw_only=True, slots=True)
class Measured:
    """Metrics at one moment. Where they have `ended`, their series have no point any more, then or later, and no value.

    Only who follows totals is told of that, since only there somebody takes the last value for the present one.
    """

    at: datetime
    points: Sequence[Point]
    ended: bool = False

    @property
    def moment(self) -> float:
        """When they were so (Unix seconds)."""
        return self.at.timestamp()


@dataclass(frozen=True, kw_only=True, slots=True)
class Logged:
    """Something that happened. `id` is the same however often it is told.

    `dataset` says what it is one of, as `watchkeep.incident`; `action` what happened, as `acknowledged`; `outcome` is
    `success`, `failure`, `unknown`, or empty where there is none. `level` is `info`, `warning` or `error`. `sequence`
    is its number in the journal, 0 without one. `fields` are facts by name, the same names for the same dataset.
    """

    id: str
    at: datetime
    dataset: str
    action: str
    message: str
    outcome: str = ""
    level: str = "info"
    sequence: int = 0
    labels: Mapping[str, str]
    fields: Mapping[str, Json]


Telemetry: TypeAlias = Counted | Measured | Logged


@dataclass(frozen=True, kw_only=True, slots=True)
class Record:
    """A piece of telemetry in a spool, as `slo.core.telemetry_document` writes it, with its number there.

    `at` is the time that it is about (Unix seconds): by that it becomes too old.
    """

    number: int
    rank: Rank
    at: float
    body: bytes


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """What the other side takes in one request, and how old, by rank; what has no age there may have any.

    Records of `batch_bytes` together are sent together, and a larger one alone; None: as many as it takes.
    """

    records: int
    raw_bytes: int
    wire_bytes: int
    ages: Mapping[Rank, timedelta] = field(default_factory=dict)
    batch_bytes: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Encoded:
    """One request: its body as it is sent, what that was before compression, and of how many records it is.

    `path` is where it goes below the address of the forwarder, where that has several places for several ranks. `items`
    says how many things of the other side each record became, where that answers for each of them; `first` is the
    number of its first record, where the other side is told that.
    """

    body: bytes
    raw_bytes: int
    records: int
    path: str = ""
    items: Sequence[int] = ()
    first: int = 0


class Forwarder(Protocol):
    """Where telemetry goes. Never raises for what the other side does; says it in the verdicts."""

    @property
    def shown(self) -> str:
        """Where it goes, for people, without secrets."""

    @property
    def limits(self) -> Limits:
        """What the other side takes."""

    @property
    def cumulative(self) -> bool:
        """Whether it follows the totals of counts, and not what is new of them."""

    @property
    def ranks(self) -> Collection[Rank]:
        """The ranks of records that mean anything to the other side."""

    def encode(self, records: Sequence[Record]) -> Encoded:
        """Records of one rank as one request, whatever its size; or the first of them, where the others cannot go with
        those. Called in a thread; raises ValueError for a record that it cannot write, which is then found by halving.
        """

    async def send(self, encoded: Encoded) -> Sequence[Verdict]:
        """Send it once. One verdict a record, in their order, or a single one that holds for all."""

    async def aclose(self) -> None:
        """Let go of what is held. Nothing is sent afterwards."""


@runtime_checkable
class InStep(Forwarder, Protocol):
    """A forwarder whose other side keeps SLOs and exclusions of its own."""

    async def keep_in_step(self, slos: Sequence[SLO], exclusions: Sequence[Exclusion], now: datetime) -> None:
        """Have those of the other side be as these are. What goes wrong is logged; it is called again and again."""


def id_of(*parts: str | float) -> str:
    """An id that the same parts always have: 32 hexadecimal digits."""
    text = "\0".join(map(str, parts))
    return hashlib.blake2b(text.encode(errors="surrogatepass"), digest_size=16).hexdigest()
