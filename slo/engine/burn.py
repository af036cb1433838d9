"""Burn rates of every SLO, and which conditions of their policies hold.

burn = bad / total x weight / (1 - objective), with weight = covered time / window time, so that a young window or a
gap never turns one failure into a page: the share of the budget that the policy names has really been spent.
Source of the pairs: the SRE workbook of Google, chapter "Alerting on SLOs".

What is compared is the weighted error ratio with factor x (1 - objective), for all SLOs at once; where the two are so
close that rounding could decide, the comparison is made again in whole numbers.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from slo.core.policy import Pair, Severity
from slo.core.slo import SLO
from slo.engine.ledger import Ledger, WindowCounts
from slo.engine.windows import KNOWN_SHORT_COVERAGE

CLOSE_CALL = 1e-9
"""Relative distance below which a comparison of floats is repeated exactly."""

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Weighed:
    """One window of every SLI: its counts, and bad / total x weight (0 where there is no total)."""

    counts: WindowCounts
    errors: Floats
    coverage: Floats


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


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Group:
    """SLOs whose policies have the same shape: one array operation serves them all.

    `columns` are their SLIs' columns in the ledger. `thresholds`, of the shape (pairs, SLOs), are the weighted error
    ratios above which a pair burns too fast.
    """

    slos: tuple[SLO, ...]
    columns: NDArray[np.int64]
    conditions: tuple[Condition, ...]
    thresholds: Floats


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


def grouped(slos: Sequence[SLO], column: Mapping[str, int]) -> list[Group]:
    """The SLOs by the shape of their policies, in the order of their first appearance."""
    shapes: dict[tuple[Condition, ...], list[SLO]] = {}
    for slo in slos:
        shapes.setdefault(conditions_of(slo.pairs), []).append(slo)
    return [_group(conditions, members, column) for conditions, members in shapes.items()]


def _group(conditions: tuple[Condition, ...], members: Sequence[SLO], column: Mapping[str, int]) -> Group:
    pairs = len(members[0].pairs)
    return Group(
        slos=tuple(members),
        columns=np.array([column[slo.sli] for slo in members], np.int64),
        conditions=conditions,
        thresholds=np.array(
            [[float(_threshold(slo, index)) for slo in members] for index in range(pairs)], np.float64
        ).reshape(pairs, len(members)),
    )


def _threshold(slo: SLO, pair: int) -> Fraction:
    """The weighted error ratio above which that pair of the SLO burns too fast."""
    return slo.pairs[pair].factor(slo.window) * slo.error_budget


class Snapshot:
    """Every window of every SLI at the ledger's `now`, each weighed once."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.now = ledger.now
        self._windows: dict[int, Weighed] = {}
        self._since: dict[int, Weighed] = {}

    def window(self, window_seconds: int) -> Weighed:
        """The rolling window of that length."""
        if window_seconds not in self._windows:
            self._windows[window_seconds] = _weigh(self.ledger.window(window_seconds))
        return self._windows[window_seconds]

    def since(self, mark: int) -> Weighed:
        """What the ledger has counted since that mark (Unix seconds); see `Ledger.since`."""
        if mark not in self._since:
            self._since[mark] = _weigh(self.ledger.since(mark))
        return self._since[mark]


def _weigh(counts: WindowCounts) -> Weighed:
    total = counts.good + counts.bad
    coverage = counts.covered_ms / counts.length_ms
    errors = counts.bad / np.maximum(total, 1) * coverage
    return Weighed(counts=counts, errors=errors, coverage=coverage)


def holding(group: Group, windows: Mapping[int, Weighed]) -> tuple[Bools, Bools, Bools]:
    """Whose pair burns too fast, which conditions hold, which may clear: arrays of the shape (conditions, SLOs).

    A condition holds where its pair burns too fast with as many bad events as it asks for. It may clear where its
    short window is known well enough to believe that it does not hold.
    """
    burns = np.empty((len(group.conditions), len(group.slos)), np.bool_)
    holds, known = np.empty_like(burns), np.empty_like(burns)
    burning: dict[int, Bools] = {}
    for index, condition in enumerate(group.conditions):
        long, short = windows[condition.long], windows[condition.short]
        if condition.pair not in burning:
            burning[condition.pair] = _above(group, condition.pair, long) & _above(group, condition.pair, short)
        burns[index] = burning[condition.pair]
        bad = long.counts.bad[group.columns]
        holds[index] = burns[index] & (bad >= condition.at_least)
        if condition.below is not None:
            holds[index] &= bad < condition.below
        known[index] = short.coverage[group.columns] >= KNOWN_SHORT_COVERAGE
    return burns, holds, known


def _above(group: Group, pair: int, window: Weighed) -> Bools:
    errors, thresholds = window.errors[group.columns], group.thresholds[pair]
    above: Bools = errors > thresholds
    for member in np.flatnonzero(np.abs(errors - thresholds) <= CLOSE_CALL * thresholds).tolist():
        column = group.columns[member]
        bad, good, covered_ms = (
            int(counts[column]) for counts in (window.counts.bad, window.counts.good, window.counts.covered_ms)
        )
        ratio = Fraction(bad * covered_ms, max(bad + good, 1) * window.counts.length_ms)
        above[member] = ratio > _threshold(group.slos[member], pair)
    return above
