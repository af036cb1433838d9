"""What is made of counts: ratios, burn rates, budgets, forecasts, as fractions."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from fractions import Fraction

from slo.core.budgeting import Method
from slo.core.calendar import CalendarWindow, period_of
from slo.core.counts import Counts
from slo.core.sli import Weighted
from slo.core.slo import SLO
from tests.oracle.counting import Counting
from tests.oracle.history import HOUR, Watched, begins, in_seconds


@dataclass(frozen=True, kw_only=True)
class Look:
    """What one column holds in one window, of which `elapsed` seconds of `whole` are over, and how much is excluded.

    `allowed_now` is how many of the events in it may be bad.
    """

    counts: Counts
    elapsed: int
    whole: int
    excluded: int
    excluded_whole: int
    allowed_now: Fraction

    @property
    def events(self) -> int:
        """Good and bad."""
        return self.counts.good + self.counts.bad

    @property
    def covered_ms(self) -> int:
        """How long there is knowledge, at most as long as the window is."""
        return min(self.counts.covered_ms, self.elapsed * 1000)

    @property
    def ratio(self) -> Fraction | None:
        """Bad over good and bad; None of nothing, and of time that is not covered."""
        return Fraction(self.counts.bad, self.events) if self.events and self.covered_ms else None

    @property
    def coverage(self) -> Fraction:
        """The share of what is not excluded that there is knowledge of."""
        return _share(self.covered_ms, self.elapsed - self.excluded)

    @property
    def weight(self) -> Fraction:
        """The share of everything that there is knowledge of, excluded or not: what alerts are weighed by."""
        return Fraction(self.covered_ms, self.elapsed * 1000)

    @property
    def projection(self) -> Fraction:
        """The share of the whole window that there is knowledge of."""
        return _share(self.covered_ms, self.whole - self.excluded_whole)


@dataclass(frozen=True, kw_only=True)
class Figures:
    """One window of one SLO, exact: what is shown of it, and what its alerts go by."""

    counts: Counts
    covered_ms: int
    coverage: Fraction
    sli: Fraction | None
    burn: Fraction | None
    excluded_seconds: int


@dataclass(frozen=True, kw_only=True)
class Budget:
    """The budget over one window, exact. `elapsed` seconds of its `seconds` are over; `exhaustion` is in so many."""

    seconds: int
    elapsed: int
    counts: Counts
    covered_ms: int
    coverage: Fraction
    sli: Fraction | None
    allowed: Fraction | None
    remaining: Fraction | None
    exhaustion: Fraction | None
    excluded_seconds: int


class Figuring(Counting):
    """Every figure of every SLO."""

    def figures(self, key: str, window: timedelta, now: int, *, raw: bool = False) -> Figures:
        """The window that ends at `now`."""
        seconds, slo = in_seconds(window), self.watched[key].in_force(now)
        shown = self._looks(key, self._edge(seconds, now), seconds, now, now, of="events", raw=raw)
        alert = self._alert_looks(key, window, now, raw=raw)
        ratio = _mean([(weight, look.ratio) for weight, look in shown])
        return Figures(
            counts=sum((look.counts for _, look in shown), Counts()),
            covered_ms=min(look.covered_ms for _, look in shown),
            coverage=min(look.coverage for _, look in shown),
            sli=None if ratio is None else 1 - ratio,
            burn=self._burn(alert, slo),
            excluded_seconds=max(look.excluded for _, look in shown),
        )

    def budget(
        self, key: str, window: timedelta | CalendarWindow, now: int, *, raw: bool = False, forecast: bool = False
    ) -> Budget:
        """What is left of the whole window's budget, projected where the window is not covered.

        A `forecast` of when it is spent goes through the window slot by slot, which takes long where that is long.
        """
        slo = self.watched[key].in_force(now)
        if isinstance(window, timedelta):
            edge, seconds, end = self._edge(in_seconds(window), now), in_seconds(window), now
        else:
            edge, end = period_of(window, now)
            seconds = end - edge
        shown, looks = (self._looks(key, edge, seconds, now, end, of=of, raw=raw) for of in ("events", "budget"))
        ratio = _mean([(weight, look.ratio) for weight, look in looks])
        weighed = slo.budgeting.method is not Method.RATIO_TIMESLICES
        by_events = weighed and not isinstance(slo.definition, Weighted)
        spent = [(w, look.ratio and look.ratio * (look.projection if weighed else 1)) for w, look in looks]
        allowed = looks[0][1].allowed_now / looks[0][1].projection if by_events and ratio is not None else None
        remaining = None if ratio is None else 1 - _spent(spent) / self._error_budget(looks, slo)
        return Budget(
            seconds=seconds,
            elapsed=looks[0][1].elapsed,
            counts=sum((look.counts for _, look in shown), Counts()),
            covered_ms=min(look.covered_ms for _, look in looks),
            coverage=min(look.coverage for _, look in looks),
            sli=None if ratio is None else 1 - ratio,
            allowed=allowed,
            remaining=remaining,
            exhaustion=None
            if remaining is None or not forecast
            else self._exhaustion(key, window, now, remaining, end=end),
            excluded_seconds=max(look.excluded for _, look in looks),
        )

    def _exhaustion(
        self, key: str, window: timedelta | CalendarWindow, now: int, remaining: Fraction, *, end: int
    ) -> Fraction | None:
        """Seconds until nothing remains at the rate of the last hour: slot by slot, as errors leave the window."""
        seconds = end - period_of(window, now)[0] if isinstance(window, CalendarWindow) else in_seconds(window)
        rate = self.figures(key, timedelta(seconds=min(HOUR, seconds)), now).burn
        if not rate:
            return None
        if isinstance(window, CalendarWindow):
            left = max(Fraction(0), remaining) * seconds / rate
            return left if now + left <= end else None
        if remaining <= 0:
            return Fraction(0)
        looks = self._looks(key, self._edge(seconds, now), seconds, now, now, of="budget", raw=False)
        for ahead in range(0, seconds + 1, self.slot):
            left = (remaining + self._given_back(key, looks, seconds, now, ahead)) * seconds / rate
            if left < ahead + self.slot and left <= seconds:
                return max(left, Fraction(ahead))
        return None

    def _given_back(
        self, key: str, looks: Sequence[tuple[Fraction, Look]], seconds: int, now: int, ahead: int
    ) -> Fraction:
        """Which share of the budget was spent by errors that leave the window in so many seconds; `looks` as it is."""
        edge, later, slo = self._edge(seconds, now), self._edge(seconds, now + ahead), self.watched[key].in_force(now)
        if later <= edge:
            return Fraction(0)
        gone = self._looks(key, edge, later - edge, later, later, of="budget", raw=False)
        weighed = slo.budgeting.method is not Method.RATIO_TIMESLICES
        whole = sum(weight for weight, _ in looks) * self._error_budget(looks, slo)
        shares = (
            weight * Fraction(left.counts.bad, look.events) * (look.projection if weighed else 1)
            for (weight, look), (_, left) in zip(looks, gone, strict=True)
            if look.events
        )
        return sum(shares, Fraction(0)) / whole

    def _burn(self, looks: Sequence[tuple[Fraction, Look]], slo: SLO) -> Fraction | None:
        """The burn rate of what alerts look at; None where nothing is known."""
        if all(look.ratio is None for _, look in looks):
            return None
        weighed = slo.budgeting.method is not Method.RATIO_TIMESLICES
        errors = [(w, look.ratio and look.ratio * (look.weight if weighed else 1)) for w, look in looks]
        return _spent(errors) / self._error_budget(looks, slo)

    def _alert_looks(self, key: str, window: timedelta, now: int, *, raw: bool) -> list[tuple[Fraction, Look]]:
        seconds = in_seconds(window)
        return self._looks(key, self._edge(seconds, now), seconds, now, now, of="alert", raw=raw)

    def _looks(
        self, key: str, edge: int, seconds: int, now: int, end: int, *, of: str, raw: bool
    ) -> list[tuple[Fraction, Look]]:
        """What an SLO is made of in (edge, now], with weights: itself, or what it is the mean of."""
        watched = self.watched[key]
        slo = watched.in_force(now)
        if not isinstance(slo.definition, Weighted):
            return [(Fraction(1), self._look(watched, watched, edge, seconds, now, end, of=of, raw=raw))]
        return [
            (weight, self._look(self.watched[name], watched, edge, seconds, now, end, of="events", raw=raw))
            for name, weight in slo.definition.weights
        ]

    def _look(
        self, column: Watched, watched: Watched, edge: int, seconds: int, now: int, end: int, *, of: str, raw: bool
    ) -> Look:
        slo = watched.in_force(now)
        method = slo.budgeting.method
        sliced = method is Method.TIMESLICES or (method is Method.RATIO_TIMESLICES and of == "budget")
        counts = column.slices[slo.budgeting, raw] if sliced else column.histories[raw]
        length = in_seconds(slo.budgeting.slice) if sliced else self.slot
        allowed = Fraction(0)
        for definition, following in zip(watched.definitions, (*watched.definitions[1:], None), strict=True):
            until = min(now, begins(following)) if following else now
            part = counts.between(max(edge, begins(definition)), until)
            allowed += (1 - definition.objective) * (part.good + part.bad)
            if definition is slo:
                break
        return Look(
            counts=counts.between(edge, now),
            elapsed=seconds if end == now and now - edge >= seconds else now - edge,
            whole=seconds,
            excluded=0 if raw else column.excluded_seconds(edge, now, length),
            excluded_whole=0 if raw else column.excluded_seconds(edge, end, length),
            allowed_now=allowed,
        )

    def _error_budget(self, looks: Sequence[tuple[Fraction, Look]], slo: SLO) -> Fraction:
        """The share of the events in a window that may be bad, each by the objective of its time."""
        events = sum(look.events for _, look in looks)
        return sum((look.allowed_now for _, look in looks), Fraction(0)) / events if events else 1 - slo.objective


def _mean(parts: Sequence[tuple[Fraction, Fraction | None]]) -> Fraction | None:
    """The weighted mean of what is known."""
    known = [(weight, value) for weight, value in parts if value is not None]
    if not known:
        return None
    return sum((weight * value for weight, value in known), Fraction(0)) / sum(weight for weight, _ in known)


def _spent(parts: Sequence[tuple[Fraction, Fraction | None]]) -> Fraction:
    """The weighted mean, in which what is not known has no errors."""
    return sum((weight * (value or 0) for weight, value in parts), Fraction(0)) / sum(weight for weight, _ in parts)


def _share(covered_ms: int, seconds: int) -> Fraction:
    return min(Fraction(1), Fraction(covered_ms, seconds * 1000)) if seconds > 0 else Fraction(0)
