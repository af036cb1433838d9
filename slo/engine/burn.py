"""Burn rates of every SLO, and which conditions of their policies hold.

burn = bad / total x weight / (1 - objective), with weight = covered time / window time, so that a young window or a
gap never turns one failure into a page: the share of the budget that the policy names has really been spent.
Source of the pairs: the SRE workbook of Google, chapter "Alerting on SLOs".

What is compared is the weighted error ratio with factor x (1 - objective), for all SLOs at once; where the two are so
close that rounding could decide, the comparison is made again in whole numbers.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from slo.core.policy import KNOWN_TO_CLEAR, Pair, Severity
from slo.core.slo import SLO
from slo.engine.columns import Column, Mean
from slo.engine.rings import Bools, Ints
from slo.engine.snapshot import Floats, Snapshot, Weighed
from slo.engine.view import View

CLOSE_CALL = 1e-9
"""Relative distance below which a comparison of floats is repeated exactly."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Condition:
    """One pair of windows at one severity; lengths in seconds, `pair` its place among the pairs of the policy.

    A pair that pages only from `min_bad_events` on is two conditions: a page from `at_least` on, a ticket below.
    """

    pair: int
    severity: Severity
    long: int
    short: int
    hold: int
    at_least: int
    below: int | None


def conditions_of(pairs: Sequence[Pair]) -> tuple[Condition, ...]:
    """The conditions of a policy, in its order."""
    conditions = []
    for index, pair in enumerate(pairs):
        long, short, hold = (int(length.total_seconds()) for length in (pair.long, pair.short, pair.hold))
        full = Condition(
            pair=index,
            severity=pair.severity,
            long=long,
            short=short,
            hold=hold,
            at_least=pair.min_bad_events,
            below=None,
        )
        conditions.append(full)
        if pair.severity is Severity.PAGE and pair.min_bad_events > 0:
            conditions.append(replace(full, severity=Severity.TICKET, at_least=0, below=pair.min_bad_events))
    return tuple(conditions)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Held:
    """How the conditions of a group stand at one slot end: arrays of the shape (conditions, SLOs).

    A condition holds where its pair `burns` too fast with as many bad events as it asks for. `known` is where its
    short window is known well enough to believe that it does not hold.
    """

    burns: Bools
    holds: Bools
    known: Bools


class Group:
    """SLOs whose policies have the same shape: one array operation serves them all.

    `place` gives the places of columns in the arrays of a snapshot.
    """

    def __init__(self, views: Sequence[View], place: Callable[[Column | Mean], int]) -> None:
        self.slos = tuple(view.slo for view in views)
        self.conditions = conditions_of(self.slos[0].pairs)
        self._weighed = views[0].weighed
        self._excludes = views[0].raw is not None
        self._views = tuple(views)
        self._places = np.array([place(view.reading.alert) for view in views], np.int64)
        self._raw_places = np.array([place((view.raw or view.reading).alert) for view in views], np.int64)
        self._budgets = np.array([float(slo.error_budget) for slo in self.slos], np.float64)
        pairs = range(len(self.slos[0].pairs))
        self._thresholds = np.array(
            [[float(_factor(slo, pair) * slo.error_budget) for slo in self.slos] for pair in pairs], np.float64
        )
        changes: dict[int, list[tuple[int, float]]] = defaultdict(list)
        for member, view in enumerate(views):
            for change in view.changes:
                changes[change.at].append((member, float(change.before - change.after)))
        self._changes = {
            at: (np.array([member for member, _ in of_time]), np.array([more for _, more in of_time]))
            for at, of_time in changes.items()
        }

    def held(self, snapshot: Snapshot) -> Held:
        """How the conditions stand, without what is excluded."""
        return self._held(snapshot, self._places)

    def held_raw(self, snapshot: Snapshot) -> Held | None:
        """How they would stand if nothing were excluded; None where nothing is."""
        return self._held(snapshot, self._raw_places) if self._excludes else None

    def _held(self, snapshot: Snapshot, places: Ints) -> Held:
        burns = np.empty((len(self.conditions), len(self.slos)), np.bool_)
        holds, known = np.empty_like(burns), np.empty_like(burns)
        burning: dict[int, Bools] = {}
        for index, condition in enumerate(self.conditions):
            long, short = snapshot.window(condition.long), snapshot.window(condition.short)
            if condition.pair not in burning:
                above = (self._above(condition.pair, snapshot, window, places) for window in (long, short))
                burning[condition.pair] = np.logical_and(*above)
            burns[index] = burning[condition.pair]
            bad = long.counts.bad[places]
            holds[index] = burns[index] & (bad >= condition.at_least)
            if condition.below is not None:
                holds[index] &= bad < condition.below
            known[index] = short.coverage[places] >= float(KNOWN_TO_CLEAR)
        return Held(burns=burns, holds=holds, known=known)

    def _above(self, pair: int, snapshot: Snapshot, window: Weighed, places: Ints) -> Bools:
        """Whose weighted error ratio in a window is above the threshold of a pair."""
        errors, thresholds = self._errors(snapshot, window, places), self._thresholds[pair]
        above: Bools = errors > thresholds
        for member in np.flatnonzero(np.abs(errors - thresholds) <= CLOSE_CALL * thresholds).tolist():
            view = self._views[member]
            column = view.reading.alert if places is self._places else (view.raw or view.reading).alert
            ratio = snapshot.ratio(column, window, weighed=self._weighed)
            budget = snapshot.error_budget(column, window, view.slo.error_budget, view.changes)
            above[member] = ratio > _factor(view.slo, pair) * budget
        return above

    def _errors(self, snapshot: Snapshot, window: Weighed, places: Ints) -> Floats:
        """Weighted error ratios, to be compared with the present objective also where another one counted before."""
        good, bad, covered_ms = window.counts.good, window.counts.bad, window.counts.covered_ms
        errors = window.errors[places]
        if not self._weighed:
            errors = bad[places] / np.maximum(good[places] + bad[places], 1) * (covered_ms[places] > 0)
        inside = [at for at in self._changes if window.start < at < snapshot.now]
        if not inside:
            return errors
        total = good[places] + bad[places]
        allowed = self._budgets * total
        for at in inside:
            members, more = self._changes[at]
            after, changed = snapshot.since(at).counts, places[members]
            allowed[members] += more * (total[members] - after.good[changed] - after.bad[changed])
        return np.where(total > 0, errors * self._budgets * total / np.where(total > 0, allowed, 1), errors)


def grouped(views: Sequence[View], place: Callable[[Column | Mean], int]) -> list[Group]:
    """The SLOs by the shape of their policies, in the order of their first appearance."""
    shapes: dict[object, list[View]] = defaultdict(list)
    for view in views:
        shapes[conditions_of(view.slo.pairs), view.weighed, view.raw is None].append(view)
    return [Group(members, place) for members in shapes.values()]


def _factor(slo: SLO, pair: int) -> Fraction:
    return slo.pairs[pair].factor(slo.window)
