"""What is in a spool: records on their way in, batches on their way out, and what will never go out."""

from collections.abc import Sequence
from dataclasses import dataclass

from slo.core.telemetry import Rank, Record


@dataclass(frozen=True, kw_only=True, slots=True)
class New:
    """A record that is not in the spool yet; see `slo.core.telemetry.Record`."""

    rank: Rank
    at: float
    body: bytes


@dataclass(frozen=True, kw_only=True, slots=True)
class DeadLetter:
    """A record that the other side refused for good at `refused_at` (Unix seconds), and why."""

    record: Record
    reason: str
    detail: str
    refused_at: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Depth:
    """What waits of one rank. `oldest` is the earliest time that any is about (Unix seconds)."""

    records: int
    size_bytes: int
    oldest: float

    def __add__(self, other: "Depth") -> "Depth":
        """Both together."""
        return Depth(
            records=self.records + other.records,
            size_bytes=self.size_bytes + other.size_bytes,
            oldest=min(self.oldest, other.oldest),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Batch:
    """Records of one rank in a row. With `again`, they may have arrived before."""

    records: Sequence[Record]
    again: bool = False

    def beginning(self, count: int) -> "Batch":
        """The first so many of them."""
        return Batch(records=self.records[:count], again=self.again)

    @property
    def span(self) -> tuple[int, int, int]:
        """Its rank, and the numbers of its first and its last record."""
        return int(self.records[0].rank), self.records[0].number, self.records[-1].number
