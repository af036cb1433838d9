"""SLIs that had data and have none: an alert of its own, because an SLO without data burns nothing.

It fires after five minutes without any knowledge, longer where the SLI is fed more rarely, and clears when data is
back. It is a page where the target itself is at fault and the SLO pages at all, since a dead service whose SLI is its
own counters has nothing left to burn; where only our own side is, it stays a ticket.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from slo.core.alert import Cause, FiringPair
from slo.core.deltas import COVERED_MS
from slo.core.policy import Severity
from slo.engine.columns import Column
from slo.engine.plan import lost_after_seconds
from slo.engine.rings import Bools
from slo.engine.snapshot import Snapshot
from slo.engine.view import View

BREAK_SECONDS = 60
"""The longest time between two evaluations that is no break."""

_NOTHING, _TICKET, _PAGE = range(3)
_ENTRIES: Mapping[int, frozenset[FiringPair]] = {
    _NOTHING: frozenset(),
    _TICKET: frozenset({FiringPair(severity=Severity.TICKET, cause=Cause.LOST_DATA)}),
    _PAGE: frozenset({FiringPair(severity=Severity.PAGE, cause=Cause.LOST_DATA)}),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Watched:
    """The span of slot ends that were evaluated without a break, in Unix seconds."""

    since: int
    upto: int


class LostData:
    """Which SLOs of `views` have lost the data of their SLI; `column` gives the places of the ledger's columns.

    What is not known because nobody watched is not lost: `watched` is since when we do (None: not yet).
    """

    def __init__(self, views: Sequence[View], column: Mapping[Column, int], *, watched: Watched | None = None) -> None:
        self.watched = watched
        self._views = tuple(views)
        self._place = {view.slo.key: place for place, view in enumerate(views)}
        self._firing = np.zeros(len(views), np.int8)
        self._urgency = np.array([_urgency(view) for view in views], np.int8)
        self._after = np.array([lost_after_seconds(view.slo) for view in views], np.int64)
        self._begun = np.array([view.begun for view in views], np.int64)
        self._sources = np.array([column[source] for view in views for source in view.sources], np.int64)
        self._slis = np.array([column[sli] for view in views for sli in view.counted_slis], np.int64)
        self._starts = np.cumsum([0] + [len(view.sources) for view in views[:-1]])
        self._fed_by: dict[str, list[int]] = {}
        for place, view in enumerate(views):
            for sli in view.slis:
                self._fed_by.setdefault(sli, []).append(place)

    def step(self, snapshot: Snapshot, at_fault: Collection[str]) -> list[str]:
        """Move on to the slot end of the snapshot; the keys of the SLOs for which anything changed.

        `at_fault` are the SLIs whose targets are themselves to blame for what is not known: they may have had no data.
        """
        since, now = self._watching(snapshot.now), snapshot.now
        self.watched = Watched(since=since, upto=now)
        if not self._views:
            return []
        silent = self._silent(snapshot)
        wanted = np.full(len(self._views), _TICKET, np.int8)
        blamed = [place for sli in at_fault for place in self._fed_by.get(sli, ())]
        wanted[blamed] = self._urgency[blamed]
        lost = self._had(snapshot)
        lost[blamed] = True
        goes_on = silent & ((self._firing > _NOTHING) | self._begins(snapshot, silent & lost, since))
        firing = np.where(goes_on, np.maximum(self._firing, wanted), _NOTHING).astype(np.int8)
        changed = np.flatnonzero(firing != self._firing)
        self._firing = firing
        return [self._views[place].slo.key for place in changed.tolist()]

    def firing(self) -> dict[str, frozenset[FiringPair]]:
        """The SLOs whose SLI has lost its data."""
        return {self._views[place].slo.key: self.of(place) for place in np.flatnonzero(self._firing).tolist()}

    def pairs(self, key: str) -> frozenset[FiringPair]:
        """What fires for one SLO: at most one entry."""
        return self.of(self._place[key])

    def of(self, place: int) -> frozenset[FiringPair]:
        """The same by its place among the views."""
        return _ENTRIES[int(self._firing[place])]

    def restore(self, key: str, firing: Iterable[FiringPair]) -> None:
        """Take over what fired before a restart."""
        remembered = frozenset(firing)
        for level, entry in _ENTRIES.items():
            if entry and entry <= remembered:
                self._firing[self._place[key]] = max(self._firing[self._place[key]], level)

    def _watching(self, now: int) -> int:
        """Since when there was no break, which a machine that slept makes, or a new start."""
        if self.watched is None or now - self.watched.upto > BREAK_SECONDS:
            return now
        return self.watched.since

    def _silent(self, snapshot: Snapshot) -> Bools:
        """For which SLOs nothing is known of an SLI for as long as it takes to have lost it."""
        silent = np.zeros(len(self._views), np.bool_)
        for after in np.unique(self._after).tolist():
            covered_ms = snapshot.window(after).counts.covered_ms[self._sources]
            silent |= (np.minimum.reduceat(covered_ms, self._starts) == 0) & (self._after == after)
        return silent

    def _had(self, snapshot: Snapshot) -> Bools:
        """Which of them ever had data."""
        return np.asarray(np.minimum.reduceat(snapshot.ledger.totals[COVERED_MS, self._slis], self._starts) > 0)

    def _begins(self, snapshot: Snapshot, lost: Bools, since: int) -> Bools:
        """Which of the lost ones were watched, and counted, for that long, and are not excluded."""
        begins = lost & (np.maximum(self._begun, since) + self._after <= snapshot.now)
        for place in np.flatnonzero(begins & (self._firing == _NOTHING)).tolist():
            excluded, slot = self._views[place].excused, snapshot.ledger.slot_seconds
            if excluded.seconds(snapshot.now - int(self._after[place]), snapshot.now, slot):
                begins[place] = False
        return np.asarray(begins)


def _urgency(view: View) -> int:
    """The most urgent that the SLO ever is."""
    return _PAGE if any(pair.severity is Severity.PAGE for pair in view.slo.pairs) else _TICKET
