"""The figures of one SLO at one slot end: what the page, the API, the metrics and the reports show."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from fractions import Fraction

from slo.core.alert import Cause, FiringPair
from slo.core.calendar import CalendarWindow, period_label, period_of
from slo.core.duration import duration_name
from slo.core.slo import Window
from slo.core.status import BudgetFigures, RawFigures, SLOStatus, WindowFigures
from slo.engine.columns import Column, Mean, Sliced
from slo.engine.forecast import seconds_left, seconds_left_rolling
from slo.engine.snapshot import Snapshot, Weighed
from slo.engine.view import Reading, View
from slo.engine.windows import RATE_SECONDS


def status_of(view: View, snapshot: Snapshot, firing: frozenset[FiringPair]) -> SLOStatus:
    """Every figure of an SLO for which `firing` fires."""
    figures = _Figures(view, snapshot)
    windows = tuple(figures.window(int(window.total_seconds())) for window in view.slo.windows)
    budgets = tuple(figures.budget(window) for window in view.slo.budget_windows)
    return SLOStatus(
        slo=view.slo,
        at=datetime.fromtimestamp(snapshot.now, UTC),
        state=_state(firing, budgets[0], is_known=figures.is_known(windows, budgets[0])),
        windows=windows,
        budgets=budgets,
        totals=figures.totals(),
        firing=firing,
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class _Span:
    """A window up to now, and the end of the whole window: later than now in a period of the calendar."""

    window: Weighed
    end: int
    seconds: int


class _Figures:
    """The figures of one view."""

    def __init__(self, view: View, snapshot: Snapshot) -> None:
        self._view = view
        self._snapshot = snapshot
        self._now = snapshot.now
        self._budget = float(view.slo.error_budget)

    def window(self, seconds: int) -> WindowFigures:
        """A rolling window."""
        reading, window = self._view.reading, self._snapshot.window(seconds)
        span = _Span(window=window, end=self._now, seconds=seconds)
        good, bad, unknown, covered_ms = self._counts(reading.events, window)
        sli = self._sli(reading.events, window)
        return WindowFigures(
            window=duration_name(seconds),
            seconds=seconds,
            good=good,
            bad=bad,
            unknown=unknown,
            covered_seconds=covered_ms / 1000,
            coverage=self._coverage(reading.events, span),
            sli=sli,
            burn_rate=None if sli is None else self._burn_rate(reading.alert, window),
            excluded=self._excluded_events(window),
            excluded_seconds=self._excluded_seconds(reading.events, window.start, self._now),
            raw=self._raw(span, self._raw_reading.events),
        )

    def budget(self, window: Window) -> BudgetFigures:
        """A window of the budget."""
        if isinstance(window, CalendarWindow):
            start, end = period_of(window, self._now)
            name, period = window.name, period_label(window, self._now)
            span = _Span(window=self._snapshot.since(start), end=end, seconds=end - start)
        else:
            seconds = int(window.total_seconds())
            name, period = duration_name(seconds), ""
            span = _Span(window=self._snapshot.window(seconds), end=self._now, seconds=seconds)
        reading = self._view.reading
        remaining = self._remaining(reading.budget, span)
        good, bad, *_ = self._counts(reading.events, span.window)
        *_, covered_ms = self._counts(reading.budget, span.window)
        raw = self._raw(span, self._raw_reading.budget)
        return BudgetFigures(
            window=name,
            seconds=span.seconds,
            good=good,
            bad=bad,
            sli=self._sli(reading.budget, span.window),
            remaining=remaining,
            exhaustion=None if remaining is None else self._exhaustion(remaining, span, in_period=bool(period)),
            allowed_events=self._allowed(reading.budget, span),
            covered_seconds=covered_ms / 1000,
            coverage=self._coverage(reading.budget, span),
            period=period,
            elapsed=span.window.counts.length_ms / (span.seconds * 1000) if period else None,
            excluded=self._excluded_events(span.window),
            excluded_seconds=self._excluded_seconds(reading.budget, span.window.start, self._now),
            raw=replace(raw, remaining=self._remaining(self._raw_reading.budget, span)) if raw else None,
        )

    def is_known(self, windows: Sequence[WindowFigures], budget: BudgetFigures) -> bool:
        """Whether anything is known of the shortest window, in which no slice may have ended."""
        if not windows or not budget.covered_seconds:
            return budget.covered_seconds > 0
        *_, covered_ms = self._counts(_unsliced(self._view.reading.events), self._snapshot.window(windows[0].seconds))
        return covered_ms > 0 or windows[0].covered_seconds > 0

    def totals(self) -> Mapping[str, int]:
        """Every event of its SLI, or of the SLIs that it is the mean of, since the ledger began."""
        places = [self._snapshot.place(sli) for sli in self._view.counted_slis]
        good, bad, unknown, _ = self._snapshot.ledger.totals[:, places].sum(axis=1).tolist()
        return {"good": good, "bad": bad, "unknown": unknown}

    @property
    def _raw_reading(self) -> Reading:
        return self._view.raw or self._view.reading

    def _counts(self, column: Column | Mean, window: Weighed) -> tuple[int, int, int, int]:
        """Good, bad and unknown events, and covered milliseconds."""
        counts, place = window.counts, self._snapshot.place(column)
        return (
            int(counts.good[place]),
            int(counts.bad[place]),
            int(counts.unknown[place]),
            int(counts.covered_ms[place]),
        )

    def _ratio(self, column: Column | Mean, window: Weighed) -> float | None:
        """The error ratio; that of a mean is of the members of which there is one."""
        if isinstance(column, Mean):
            ratios = [(float(weight), self._ratio(member, window)) for member, weight in column.weights]
            known = [(weight, ratio) for weight, ratio in ratios if ratio is not None]
            return sum(w * ratio for w, ratio in known) / sum(w for w, _ in known) if known else None
        good, bad, _, covered_ms = self._counts(column, window)
        return bad / (good + bad) if good + bad and covered_ms else None

    def _sli(self, column: Column | Mean, window: Weighed) -> float | None:
        if isinstance(column, Mean):
            ratio = self._ratio(column, window)
            return None if ratio is None else 1 - ratio
        good, bad, _, covered_ms = self._counts(column, window)
        return good / (good + bad) if good + bad and covered_ms else None

    def _burn_rate(self, column: Column | Mean, window: Weighed) -> float:
        errors = (
            float(window.errors[self._snapshot.place(column)])
            if self._view.weighed
            else self._ratio(column, window) or 0.0
        )
        return errors / self._error_budget(column, window)

    def _error_budget(self, column: Column | Mean, window: Weighed) -> float:
        """The share of the events in a window that may be bad, each by the objective of its time."""
        if not self._view.changes:
            return self._budget
        slo = self._view.slo
        return float(self._snapshot.error_budget(column, window, slo.error_budget, self._view.changes))

    def _weight(self, column: Column, span: _Span) -> float:
        """What is known of the whole window, as a share of what is not excluded."""
        *_, covered_ms = self._counts(column, span.window)
        seconds = span.seconds - self._excluded_seconds(column, span.window.start, span.end)
        return min(1.0, covered_ms / (seconds * 1000)) if seconds > 0 else 0.0

    def _spent(self, column: Column | Mean, span: _Span) -> float | None:
        """The error ratio of the whole window, where what is not known is as if there were no errors."""
        if isinstance(column, Mean):
            parts = [(float(weight), self._spent(member, span)) for member, weight in column.weights]
            if all(spent is None for _, spent in parts):
                return None
            return sum(weight * (spent or 0.0) for weight, spent in parts) / sum(weight for weight, _ in parts)
        ratio = self._ratio(column, span.window)
        return None if ratio is None else ratio * (self._weight(column, span) if self._view.weighed else 1.0)

    def _remaining(self, column: Column | Mean, span: _Span) -> float | None:
        spent = self._spent(column, span)
        return None if spent is None else 1 - spent / self._error_budget(column, span.window)

    def _exhaustion(self, remaining: float, span: _Span, *, in_period: bool) -> datetime | None:
        """When nothing will remain at the present rate; None where that is not to be seen."""
        reading, newest = self._view.reading, self._snapshot.window(min(RATE_SECONDS, span.seconds))
        if not self._ratio(reading.alert, newest):
            return None
        burn_rate, shares = self._burn_rate(reading.alert, newest), self._shares(reading.budget, span)
        if in_period:
            left = seconds_left(remaining, burn_rate, span.seconds)
            return self._at(left) if self._now + left <= span.end else None
        rolling = seconds_left_rolling(self._snapshot.ledger, remaining, burn_rate, span.seconds, shares)
        return None if rolling is None else self._at(rolling)

    def _at(self, seconds: float) -> datetime:
        return datetime.fromtimestamp(self._now + math.ceil(seconds), UTC)

    def _shares(self, column: Column | Mean, span: _Span) -> list[tuple[int, float]]:
        """Which share of the whole budget one bad event is, by the place of its column."""
        members = column.weights if isinstance(column, Mean) else ((column, Fraction(1)),)
        whole = float(sum(weight for _, weight in members)) * self._error_budget(column, span.window)
        shares = []
        for member, weight in members:
            good, bad, *_ = self._counts(member, span.window)
            if good + bad:
                known = self._weight(member, span) if self._view.weighed else 1.0
                shares.append((self._snapshot.place(member), float(weight) * known / ((good + bad) * whole)))
        return shares

    def _allowed(self, column: Column | Mean, span: _Span) -> float | None:
        """How many events of the whole window may be bad, where the budget is spent by events."""
        if isinstance(column, Mean) or not self._view.weighed or self._ratio(column, span.window) is None:
            return None
        good, bad, *_ = self._counts(column, span.window)
        return self._error_budget(column, span.window) * (good + bad) / self._weight(column, span)

    def _coverage(self, column: Column | Mean, span: _Span) -> float:
        """What is known of the window so far, as a share of what is not excluded; of a mean, of its worst member."""
        if isinstance(column, Mean):
            return min(self._coverage(member, span) for member, _ in column.weights)
        elapsed = _Span(window=span.window, end=self._now, seconds=span.window.counts.length_ms // 1000)
        return self._weight(column, elapsed)

    def _excluded_seconds(self, column: Column | Mean, start: int, end: int) -> int:
        """How much of a window is excluded: of a mean, of the member of which it is most."""
        if isinstance(column, Mean):
            return max(self._excluded_seconds(member, start, end) for member, _ in column.weights)
        if isinstance(column, str):
            return 0
        unit = column.seconds if isinstance(column, Sliced) else self._snapshot.ledger.slot_seconds
        return column.extent.excluded.seconds(start, end, unit)

    def _excluded_events(self, window: Weighed) -> int:
        if self._view.raw is None:
            return 0
        raw, kept = (self._counts(_unsliced(of.events), window) for of in (self._view.raw, self._view.reading))
        return sum(raw[:3]) - sum(kept[:3])

    def _raw(self, span: _Span, column: Column | Mean) -> RawFigures | None:
        """What the figures would be if nothing were excluded, with the SLI of the column."""
        if not self._excluded_seconds(_unsliced(self._view.reading.events), span.window.start, self._now):
            return None
        good, bad, *_ = self._counts(self._raw_reading.events, span.window)
        return RawFigures(good=good, bad=bad, sli=self._sli(column, span.window))


def _unsliced(column: Column | Mean) -> Column | Mean:
    return column.source if isinstance(column, Sliced) else column


def _state(firing: frozenset[FiringPair], budget: BudgetFigures, *, is_known: bool) -> str:
    """`is_known` says that there is knowledge of the shortest window."""
    if any(pair.cause is Cause.BURN for pair in firing):
        return "burning"
    if firing or not is_known:
        return "no_data"
    return "overspent" if budget.remaining is not None and budget.remaining < 0 else "ok"
