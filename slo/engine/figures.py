"""The figures of one SLO at one slot end: what the page, the API, the metrics and the reports show."""

from collections.abc import Mapping
from datetime import UTC, datetime

from slo.core.alert import FiringPair
from slo.core.calendar import CalendarWindow, period_label, period_of
from slo.core.deltas import BAD, GOOD, UNKNOWN
from slo.core.duration import duration_name
from slo.core.slo import SLO, Window
from slo.core.status import BudgetFigures, SLOStatus, WindowFigures
from slo.engine.burn import Snapshot, Weighed


def status_of(slo: SLO, snapshot: Snapshot, firing: frozenset[FiringPair]) -> SLOStatus:
    """Every figure of an SLO for which `firing` fires."""
    column = snapshot.ledger.column[slo.sli]
    windows = tuple(_window(slo, snapshot, column, int(window.total_seconds())) for window in slo.windows)
    budgets = tuple(_budget(slo, snapshot, column, window) for window in slo.budget_windows)
    return SLOStatus(
        slo=slo,
        at=datetime.fromtimestamp(snapshot.now, UTC),
        state=_state(firing, budgets[0], windows[0].coverage if windows else budgets[0].coverage),
        windows=windows,
        budgets=budgets,
        totals=_totals(snapshot, column),
        firing=firing,
    )


def _window(slo: SLO, snapshot: Snapshot, column: int, seconds: int) -> WindowFigures:
    window = snapshot.window(seconds)
    good, bad, unknown, covered_ms = _counts(window, column)
    known = bool(good + bad and covered_ms)
    return WindowFigures(
        window=duration_name(seconds),
        seconds=seconds,
        good=good,
        bad=bad,
        unknown=unknown,
        excluded=0,
        covered_seconds=covered_ms / 1000,
        coverage=covered_ms / window.counts.length_ms,
        sli=good / (good + bad) if known else None,
        burn_rate=float(window.errors[column]) / float(slo.error_budget) if known else None,
    )


def _budget(slo: SLO, snapshot: Snapshot, column: int, window: Window) -> BudgetFigures:
    """The budget of the whole window, projected from what is known of it: (1 - objective) x total / coverage of it."""
    if isinstance(window, CalendarWindow):
        start, end = period_of(window, snapshot.now)
        name, period, seconds = window.name, period_label(window, snapshot.now), end - start
        counted = snapshot.since(start)
    else:
        seconds = int(window.total_seconds())
        name, period = duration_name(seconds), ""
        counted = snapshot.window(seconds)
    good, bad, _, covered_ms = _counts(counted, column)
    allowed = (
        float(slo.error_budget) * (good + bad) * seconds * 1000 / covered_ms if good + bad and covered_ms else None
    )
    return BudgetFigures(
        window=name,
        seconds=seconds,
        good=good,
        bad=bad,
        sli=None if allowed is None else good / (good + bad),
        remaining=None if allowed is None else 1 - bad / allowed,
        allowed_events=allowed,
        covered_seconds=covered_ms / 1000,
        coverage=covered_ms / counted.counts.length_ms,
        period=period,
        elapsed=counted.counts.length_ms / (seconds * 1000) if period else None,
    )


def _counts(window: Weighed, column: int) -> tuple[int, int, int, int]:
    """Good, bad and unknown events, and covered milliseconds."""
    counts = window.counts
    return (
        int(counts.good[column]),
        int(counts.bad[column]),
        int(counts.unknown[column]),
        int(counts.covered_ms[column]),
    )


def _totals(snapshot: Snapshot, column: int) -> Mapping[str, int]:
    totals = snapshot.ledger.totals[:, column]
    return {"good": int(totals[GOOD]), "bad": int(totals[BAD]), "unknown": int(totals[UNKNOWN])}


def _state(firing: frozenset[FiringPair], budget: BudgetFigures, shortest_coverage: float) -> str:
    if firing:
        return "burning"
    if not shortest_coverage:
        return "no_data"
    return "overspent" if budget.remaining is not None and budget.remaining < 0 else "ok"
