"""The engine and its oracle, fed alike and compared: what fires at every slot end, and every figure when asked."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from enum import Enum, auto
from fractions import Fraction

import numpy as np
import pytest
from numpy.typing import NDArray

from slo.core.alert import Cause, FiringPair
from slo.core.calendar import CalendarWindow
from slo.core.counts import Counts
from slo.core.deltas import Block
from slo.core.duration import duration_name
from slo.core.exclusion import Exclusion
from slo.core.sli import Weighted
from slo.core.slo import SLO
from slo.core.status import BudgetFigures, WindowFigures
from slo.engine.evaluate import Engine, ledger_of, windows_of
from slo.engine.windows import step_seconds
from tests.oracle import Budget, Figures, Oracle

NEW_YEAR = 1_767_225_600
"""2026-01-01T00:00:00Z, a multiple of every step in use."""

PACKED_AFTER_SECONDS = 7 * 3600
"""The age from which the ledger on disk keeps whole hours in minutes."""


SHORT = timedelta(hours=3)
"""The longest window whose forecast the oracle makes in no time."""


class Ending(Enum):
    """How a ledger comes to its end.

    Killed, it loses what its last closing had not given. Stopped, it saves that first, and the open slot counts as
    closed. Reloaded, it closes what it can and hands its open slots over.
    """

    KILLED = auto()
    STOPPED = auto()
    RELOADED = auto()


class Twin:
    """Two engines that must never differ.

    `carried` are the totals of every SLI before the story begins. What `close` gave is kept as a disk would keep it,
    so that the vectorised engine can be restarted from it; the oracle is never restarted.
    """

    def __init__(
        self,
        slos: Sequence[SLO],
        *,
        slot: int,
        start: int = NEW_YEAR,
        carried: Counts | None = None,
        exclusions: Sequence[Exclusion] = (),
    ) -> None:
        self.slos = tuple(slos)
        self.slot = slot
        self.carried = carried or Counts()
        self.exclusions = tuple(exclusions)
        self.windows = windows_of(slos)
        steps = {window: step_seconds(window, slot) for window in self.windows}
        self.oracle = Oracle(slot=slot, slos=slos, steps=steps, now=start, exclusions=exclusions, carried=self.carried)
        self.at_fault: frozenset[str] = frozenset()
        self.disk: list[Block] = []
        self.unsaved: list[tuple[str, int, Counts]] = []
        self.judged: Mapping[str, frozenset[FiringPair]] = {slo.key: frozenset() for slo in slos}
        self.saved_alerts: tuple[Mapping[str, frozenset[FiringPair]], Mapping[str, int]] = ({}, {})
        self.engine = self._engine(self.slos, start)
        self.engine.ledger.load([], totals=self._totals_at(start))

    @property
    def now(self) -> int:
        """The last slot end."""
        return self.engine.ledger.now

    def add(self, sli: str, end: int, counts: Counts) -> None:
        """Count something, late or early."""
        self.engine.ledger.add(sli, end, counts)
        self.oracle.add(sli, end, counts)
        self.unsaved.append((sli, end, counts))

    def remember(self, sli: str, until: int, *, slots: int, counts: Counts) -> None:
        """Put slots that all hold the same onto the disk, as if they had been counted in time; before a restart."""
        ends = np.arange(until - (slots - 1) * self.slot, until + 1, self.slot, dtype=np.int64)
        row = np.array([counts.good, counts.bad, counts.unknown, counts.covered_ms], np.int64)
        whole = np.repeat(row[:, np.newaxis, np.newaxis], slots, axis=1)
        self.disk.append(Block(ends=ends, seconds=self.slot, names=(sli,), counts=whole))
        for end in ends.tolist():
            self.oracle.add(sli, end, counts)

    def close(self, end: int) -> None:
        """Close every slot up to `end`, count and judge."""
        self._save(end)
        self.oracle.close(end)
        self._compare_counts()
        changed = self.engine.evaluate(at_fault=self.at_fault)
        judged = {
            name: frozenset(
                FiringPair(severity=severity, long=duration_name(long), short=duration_name(short))
                if long
                else FiringPair(severity=severity, cause=Cause.LOST_DATA)
                for severity, long, short in firing
            )
            for name, firing in self.oracle.judge(end, self.at_fault).items()
        }
        assert self.engine.firing() == {name: firing for name, firing in judged.items() if firing}
        assert sorted(changed) == sorted(name for name, firing in judged.items() if firing != self.judged[name])
        self.judged = judged
        self.saved_alerts = (self.engine.firing(), self.engine.pending())

    def compare(self) -> None:
        """Every figure of every SLO, what came late included: ratios as near as floats come."""
        self.close(self.now)
        for key in self.oracle.watched:
            self._compare(key)

    def restart(self, names: Sequence[str], *, ending: Ending, packed: bool) -> None:
        """Begin anew from the disk, with the SLIs in another order.

        `packed` is whether the disk has packed its older hours into minutes.
        """
        now = self.now
        handed_over: list[Block] = []
        if ending is Ending.KILLED:
            for sli, end, counts in self.unsaved:
                self.oracle.add(sli, end, _negative(counts))
            self.unsaved.clear()
        elif ending is Ending.STOPPED:
            self.disk += self.engine.ledger.open_blocks()
            self.unsaved.clear()
            now = max([now, *(int(block.ends[-1]) for block in self.disk)])
        else:
            self._save(now)
            handed_over = self.engine.ledger.open_blocks()
        if packed:
            self.disk = packed_before(self.disk, (now - PACKED_AFTER_SECONDS) // 3600 * 3600)
        order = {name: place for place, name in enumerate(names)}
        self.engine = self._engine(sorted(self.slos, key=lambda slo: order.get(slo.sli, len(order))), now)
        self.oracle.restart(now)
        recent = [block for block in self.disk if block.ends[-1] > self.engine.ledger.history_since]
        in_order = sorted(recent + handed_over, key=lambda block: -(-int(block.ends[0]) // 3600))
        self.engine.ledger.load(in_order, totals=self._totals_at(now))
        self.engine.restore(*self.saved_alerts)

    def _save(self, end: int) -> None:
        self.disk += self.engine.ledger.close(end)
        self.unsaved = [added for added in self.unsaved if added[1] > end]

    def _engine(self, slos: Sequence[SLO], now: int) -> Engine:
        ledger = ledger_of(slos, slot_seconds=self.slot, now=now, exclusions=self.exclusions)
        return Engine(slos, ledger, exclusions=self.exclusions)

    def _totals_at(self, now: int) -> NDArray[np.int64]:
        totals = [self.oracle.total(name, now) + self.carried for name in self.engine.ledger.names]
        rows = [[getattr(total, row) for total in totals] for row in ("good", "bad", "unknown", "covered_ms")]
        return np.array(rows, np.int64)

    def _compare_counts(self) -> None:
        ledger = self.engine.ledger
        for seconds in self.windows:
            held = ledger.window(seconds)
            rows = np.stack((held.good, held.bad, held.unknown, held.covered_ms), axis=1)[: len(ledger.names)].tolist()
            true = [self.oracle.counts(name, seconds, self.now) for name in ledger.names]
            assert rows == [
                [counts.good, counts.bad, counts.unknown, min(counts.covered_ms, seconds * 1000)] for counts in true
            ], f"window of {seconds} s"

    def _compare(self, key: str) -> None:
        status, oracle, now = self.engine.status(key), self.oracle, self.now
        slo = oracle.watched[key].in_force(now)
        assert status.slo is slo
        assert [figures.seconds for figures in status.windows] == [w // timedelta(seconds=1) for w in slo.windows]
        for window, shown in zip(slo.windows, status.windows, strict=True):
            true = oracle.figures(key, window, now)
            assert (shown.good, shown.bad, shown.unknown) == (true.counts.good, true.counts.bad, true.counts.unknown)
            assert shown.covered_seconds == true.covered_ms / 1000
            assert same(shown.coverage, true.coverage)
            assert same(shown.sli, true.sli)
            assert same(shown.burn_rate, true.burn)
            assert shown.excluded_seconds == true.excluded_seconds
            self._compare_raw(shown, oracle.figures(key, window, now, raw=True))
        for own, budget in zip(slo.budget_windows, status.budgets, strict=True):
            in_period = isinstance(own, CalendarWindow)
            forecast = isinstance(own, CalendarWindow) or own <= SHORT
            true_budget = oracle.budget(key, own, now, forecast=forecast)
            assert (budget.good, budget.bad) == (true_budget.counts.good, true_budget.counts.bad)
            assert budget.seconds == true_budget.seconds
            assert budget.covered_seconds == true_budget.covered_ms / 1000
            assert same(budget.coverage, true_budget.coverage)
            assert same(budget.sli, true_budget.sli)
            assert same(budget.allowed_events, true_budget.allowed)
            assert same(budget.remaining, true_budget.remaining)
            assert budget.excluded_seconds == true_budget.excluded_seconds
            if forecast:
                left = None if budget.exhaustion is None else budget.exhaustion.timestamp() - now
                assert (left is None) == (true_budget.exhaustion is None)
                assert left is None or 0 <= left - float(true_budget.exhaustion or 0) < 1.001
            assert same(budget.elapsed, Fraction(true_budget.elapsed, true_budget.seconds) if in_period else None)
            raw_budget = oracle.budget(key, own, now, raw=True)
            self._compare_raw(budget, raw_budget)
            assert budget.raw is None or same(budget.raw.remaining, raw_budget.remaining)
        total = sum((oracle.total(sli, now) + self.carried for sli in self._slis_of(slo)), Counts())
        assert status.totals == {"good": total.good, "bad": total.bad, "unknown": total.unknown}

    def _compare_raw(self, shown: WindowFigures | BudgetFigures, true: Figures | Budget) -> None:
        if shown.raw is None:
            assert not shown.excluded_seconds
            return
        assert (shown.raw.good, shown.raw.bad) == (true.counts.good, true.counts.bad)
        assert same(shown.raw.sli, true.sli)

    def _slis_of(self, slo: SLO) -> list[str]:
        if not isinstance(slo.definition, Weighted):
            return [slo.sli]
        return [self.oracle.watched[name].in_force(self.now).sli for name, _ in slo.definition.weights]


def same(shown: float | None, true: Fraction | None) -> bool:
    """Whether a figure is the true one to 12 digits, and null exactly where that is."""
    if shown is None or true is None:
        return shown is None and true is None
    return bool(shown == pytest.approx(float(true), rel=1e-12, abs=1e-12))


def packed_before(blocks: Sequence[Block], before: int) -> list[Block]:
    """The blocks with every span that ends by `before` summed into its minute."""
    minutes: dict[tuple[tuple[str, ...], int], NDArray[np.int64]] = {}
    kept = []
    for block in blocks:
        if block.ends[-1] > before:
            kept.append(block)
            continue
        for span, end in enumerate(block.ends.tolist()):
            key = (block.names, -(-end // 60) * 60)
            counts = block.counts[:, span]
            minutes[key] = minutes[key] + counts if key in minutes else counts
    return kept + [
        Block(ends=np.array([end], np.int64), seconds=60, names=names, counts=counts[:, np.newaxis])
        for (names, end), counts in minutes.items()
    ]


def _negative(counts: Counts) -> Counts:
    return Counts(good=-counts.good, bad=-counts.bad, unknown=-counts.unknown, covered_ms=-counts.covered_ms)
