"""A part of the cluster view: what it follows between rounds, and what a round sees of it."""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from slo.core.duration import duration_name
from slo.core.outcome import Finding
from slo.core.sample import Sample
from slo.net.conversation import said

Problem: TypeAlias = tuple[str, str]
"""The reason, one of `slo.core.reason.REASONS`, and the detail of one thing that is not as it should be."""

UNTOLD = "cluster_untold"
"""The reason of what the API server does not tell."""

NAMED = 3
"""How many things a detail names; of all others it has the number."""


class Seen(Protocol):
    """What a round sees of one part. Everything is pure."""

    def problems(self) -> Iterable[Problem]:
        """What is wrong, the gravest first."""

    def samples(self) -> Iterable[Sample]:
        """What is there, as metrics."""

    def findings(self) -> Iterable[Finding]:
        """What is there, in words for people."""


class Part(Protocol):
    """One part. `settled` is set once it knows something, or why it does not."""

    name: str
    settled: asyncio.Event

    async def run(self) -> None:
        """Follow it for good."""

    def look(self) -> Seen:
        """What is known of it now. Asks nobody."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Untold:
    """Nothing is known of a part, or not any more, and why."""

    problem: Problem

    def problems(self) -> Iterable[Problem]:
        """That nothing is known."""
        yield self.problem

    def samples(self) -> Iterable[Sample]:
        """None: what was known is not what is there."""
        return ()

    def findings(self) -> Iterable[Finding]:
        """None."""
        return ()


class Absent:
    """There is nothing of the kind in this cluster, and need not be."""

    def problems(self) -> Iterable[Problem]:
        """None."""
        return ()

    def samples(self) -> Iterable[Sample]:
        """None."""
        return ()

    def findings(self) -> Iterable[Finding]:
        """None."""
        return ()


def listed(things: Sequence[str]) -> str:
    """The first few of these, and how many more there are. A name is shown as far as it is fit to be."""
    first = "; ".join(said(thing) for thing in things[:NAMED])
    more = len(things) - NAMED
    return f"{first}; and {more} more" if more > 0 else first


def lasted(seconds: float) -> str:
    """How long something has been so, as closely as people want it: in seconds at first, in hours after a day."""
    unit = 1 if seconds < 600 else 60 if seconds < 86_400 else 3_600
    return duration_name(seconds // unit * unit)
