"""Outcomes of checks, as counts: one round of a target is one event, and speaks for the time around it.

A round is counted, by its state, in the slot that holds its completion. Covered time says how much of a slot there is
knowledge of:

- an observation (good or bad) covers the time back to the round before it;
- the time after it is known until 2.5 of its intervals have passed, or an unknown round ends that sooner;
- an observation without a round that near before it (the first of all, or one after a gap) covers its own slot from
  the slot's start, as far as that is not decided yet;
- an unknown round covers nothing.

Covered time is given out once: no millisecond is counted twice.
"""

from array import array
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from slo.core.counts import KNOWN_FOR_INTERVALS, Counts, slot_end
from slo.core.outcome import Outcome
from slo.core.protocols import Counter
from slo.core.reason import State


@dataclass(frozen=True, kw_only=True, slots=True)
class Fed:
    """An SLI that the rounds of a check feed, one every `interval_seconds`.

    With `latency_seconds` a good round that took longer, all its phases together, is bad.
    """

    sli: str
    check: str
    interval_seconds: float
    latency_seconds: float | None = None


class CheckSource:
    """Feeds `counter` with the outcomes of checks, of which one may feed several SLIs.

    One SLI is fed by one check, whose outcomes come in the order of their times. No time up to `since` (Unix seconds)
    is covered: it belongs to a run before this one.
    """

    def __init__(self, counter: Counter, *, slot_seconds: int, slis: Sequence[Fed], since: float = 0.0) -> None:
        self._counter = counter
        self._slot_seconds = slot_seconds
        self._slot_ms = slot_seconds * 1000
        self._since_ms = round(since * 1000)
        self._names: tuple[str, ...] = ()
        self._columns: dict[str, list[int]] = {}
        self._horizon: tuple[int, ...] = ()
        self._latency: tuple[float | None, ...] = ()
        # Of each SLI, in Unix milliseconds: up to `decided` the time is given out or given up; up to `known` there is
        # knowledge; an observation up to `reach` is near enough to the round before it.
        self._decided = self._known = self._reach = array("q")
        self.replace(slis)

    def replace(self, slis: Sequence[Fed]) -> None:
        """Count these SLIs from now on. What is known of the SLIs that stay is kept."""
        kept = {
            name: (self._decided[column], self._known[column], self._reach[column])
            for column, name in enumerate(self._names)
        }
        nothing = (self._since_ms, self._since_ms, self._since_ms)
        states = [kept.get(fed.sli, nothing) for fed in slis]
        self._columns = defaultdict(list)
        for column, fed in enumerate(slis):
            self._columns[fed.check].append(column)
        self._names = tuple(fed.sli for fed in slis)
        self._horizon = tuple(round(fed.interval_seconds * KNOWN_FOR_INTERVALS * 1000) for fed in slis)
        self._latency = tuple(fed.latency_seconds for fed in slis)
        self._decided = array("q", [decided for decided, _, _ in states])
        self._known = array("q", [known for _, known, _ in states])
        self._reach = array("q", [reach for _, _, reach in states])

    def observe(self, outcome: Outcome) -> None:
        """Count one round. Outcomes of checks that feed no SLI are passed over."""
        for column in self._columns.get(outcome.check, ()):
            self._observe(column, outcome)

    def _observe(self, column: int, outcome: Outcome) -> None:
        at_seconds = outcome.at.timestamp()
        at_ms = round(at_seconds * 1000)
        end = slot_end(at_seconds, self._slot_seconds)
        horizon = at_ms + self._horizon[column]
        if outcome.state is State.UNKNOWN:
            self._cover(column, min(at_ms, self._known[column]))
            self._decided[column] = max(at_ms, self._decided[column])
            self._known[column] = at_ms
            self._reach[column] = horizon
            self._counter.add(self._names[column], end, Counts(unknown=1))
            return
        start_ms = end * 1000 - self._slot_ms
        if at_ms > self._reach[column]:
            self._cover(column, self._known[column])
            self._decided[column] = max(start_ms, self._decided[column])
        self._cover(column, min(at_ms, start_ms))
        covered_ms = max(0, at_ms - self._decided[column])
        self._decided[column] += covered_ms
        self._known[column] = self._reach[column] = horizon
        latency = self._latency[column]
        good = outcome.state is State.GOOD and (latency is None or round(sum(outcome.phases.values()), 6) <= latency)
        counts = Counts(good=int(good), bad=int(not good), covered_ms=covered_ms)
        self._counter.add(self._names[column], end, counts)

    def close(self, end: int) -> None:
        """Give out the time that is known up to the slot end `end`; to be called just before that slot is closed."""
        upto = np.minimum(np.frombuffer(self._known, np.int64), end * 1000)
        (columns,) = np.nonzero(upto > np.frombuffer(self._decided, np.int64))
        for column, upto_ms in zip(columns.tolist(), upto[columns].tolist(), strict=True):
            self._cover(column, upto_ms)

    def _cover(self, column: int, upto_ms: int) -> None:
        """Give out the time from what is decided up to `upto_ms`, slot by slot."""
        begin = self._decided[column]
        while begin < upto_ms:
            end = begin // self._slot_ms * self._slot_ms + self._slot_ms
            stop = min(end, upto_ms)
            self._counter.add(self._names[column], end // 1000, Counts(covered_ms=stop - begin))
            self._decided[column] = begin = stop
