"""Canaries: records that are put among what is forwarded, to see that they arrive, and when.

A canary goes last of all that a forwarder takes: when it is there, so is everything that was told before it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol, runtime_checkable

from slo.core.duration import duration_name
from slo.core.telemetry import Logged, Measured, Point
from slo.errors import Fault

DATASET = "watchkeep.canary"
METRIC = "watchkeep_canary"
FORWARDER = "forwarder"
"""The label that says by which forwarder a canary goes."""

_NUMBER_DIGITS = 12


@dataclass(frozen=True, kw_only=True, slots=True)
class Canary:
    """One canary of a forwarder. `id` is 32 hexadecimal digits that no other one has."""

    id: str
    forwarder: str
    at: datetime

    @property
    def number(self) -> float:
        """Its value as a point: 48 bits of its id, which no store rounds that keeps doubles."""
        return float(int(self.id[:_NUMBER_DIGITS], 16))

    @property
    def labels(self) -> Mapping[str, str]:
        """The labels that it has in any case."""
        return {FORWARDER: self.forwarder}

    def logged(self, labels: Mapping[str, str]) -> Logged:
        """As a log. Its id is in the message too, where it is found without any setting up."""
        message = f"canary {self.id} of the forwarder {self.forwarder}"
        return Logged(id=self.id, at=self.at, dataset=DATASET, action="put", message=message, labels=labels, fields={})

    def measured(self, labels: Mapping[str, str]) -> Measured:
        """As a point of the series `watchkeep_canary`, which has one for each canary."""
        return Measured(at=self.at, points=[Point(METRIC, "gauge", labels, self.number)])


@runtime_checkable
class ReadBack(Protocol):
    """A forwarder whose other side can be asked what it has."""

    async def find(self, canaries: Sequence[Canary], deadline: float) -> frozenset[Canary]:
        """Those of some canaries that are there, as anybody would find them, before `deadline` (monotonic seconds).

        Raises Fault where the other side does not say, or not of all of them.
        """


class Carrier(Protocol):
    """A forwarder at work, as far as canaries are concerned."""

    @property
    def taken_at(self) -> datetime | None:
        """When the other side last took something; None where it has not since this process began."""

    def put(self, canary: Canary) -> None:
        """Put a canary among what is to be sent."""

    async def find(self, canaries: Sequence[Canary], deadline: float) -> frozenset[Canary]:
        """As that of `ReadBack`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Missing:
    """A canary that has not been found, so long after it was put."""

    canary: Canary
    age_seconds: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Sighting:
    """What one look at the other side found.

    `missing` are those that were put and not found, the oldest first; `ever` says whether any has been found since the
    looking began. `unread` is why it could not be read, and `taken_at` when it last took something that was sent.
    """

    missing: Sequence[Missing]
    ever: bool
    taken_at: datetime | None
    unread: Fault | None = None

    def verdict(self, within: timedelta) -> tuple[str, str]:
        """The reason and the detail of the judgement.

        Good is that none is missing which was put longer than `within` ago. Where the other side cannot be read that is
        still known for a while; and one that cannot have been sent is late, whoever can read.
        """
        late = [each for each in self.missing if each.age_seconds > within.total_seconds()]
        if self.unread is None:
            return _late(late) if late else (("ok", "") if self.ever else ("canary_awaited", ""))
        unsent = [each for each in late if self.taken_at is None or self.taken_at < each.canary.at]
        if unsent:
            reason, detail = _late(unsent)
            return reason, f"{detail}, and nothing was taken since"
        return ("ok", "") if self.ever and not late else ("canary_unread", self.unread.detail)


def _late(late: Sequence[Missing]) -> tuple[str, str]:
    oldest = late[0]
    ago = duration_name(int(oldest.age_seconds))
    return (
        "canary_late",
        f"{len(late)} not there, the oldest was put {ago} ago, at {oldest.canary.at:%H:%M:%S} UTC",
    )
