"""Figures of an SLO at one slot end, as every surface shows them: page, API, metrics, command line."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from slo.core.alert import FiringPair
from slo.core.slo import SLO


@dataclass(frozen=True, kw_only=True, slots=True)
class RawFigures:
    """What figures would be if nothing were excluded. `remaining` is that of a budget."""

    good: int
    bad: int
    sli: float | None
    remaining: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class WindowFigures:
    """One window of one SLO. Ratios are None where there is nothing to divide by; coverage is a ratio.

    `burn_rate` is weighted by coverage, as the alert conditions see it. `excluded` is how many events were in slots
    that are excluded, `excluded_seconds` how long these are; both count for nothing else, and `coverage` is of the
    rest. `raw` is None where nothing is excluded.
    """

    window: str
    seconds: int
    good: int
    bad: int
    unknown: int
    excluded: int
    covered_seconds: float
    coverage: float
    sli: float | None
    burn_rate: float | None
    excluded_seconds: int = 0
    raw: RawFigures | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class BudgetFigures:
    """The error budget over one window of an SLO, named as people write it: rolling, or a period of the calendar.

    `remaining` is 1 - spent / budget of the whole window (projected where it is not yet covered); it may be negative.
    Where it is spent by events, `bad` and `allowed_events` are its parts. `seconds` is the length of the whole window.
    Of a period, `period` is its name, as `2026-11`, `elapsed` the share of it that is over, and `coverage` is of that
    share. `exhaustion` is when nothing will remain if errors go on as in the last hour, with those that leave a rolling
    window; None where that is not to be seen. What is excluded is told as in `WindowFigures`.
    """

    window: str
    seconds: int
    good: int
    bad: int
    sli: float | None
    remaining: float | None
    allowed_events: float | None
    covered_seconds: float
    coverage: float
    period: str = ""
    elapsed: float | None = None
    exhaustion: datetime | None = None
    excluded: int = 0
    excluded_seconds: int = 0
    raw: RawFigures | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class SLOStatus:
    """One SLO now. `state` is `ok`, `burning` (an alert fires), `overspent` (nothing fires) or `no_data`.

    `windows` are those that its alerts look through, shortest first, and its own where that is rolling. `budgets` are
    those that its budget is shown over, its own first. `totals` are the counts since the ledger began (good, bad,
    unknown), which only grow. `last_reason` and `last_target` are of the last outcome that was not good.
    """

    slo: SLO
    at: datetime
    state: str
    windows: tuple[WindowFigures, ...]
    budgets: tuple[BudgetFigures, ...]
    totals: Mapping[str, int] = field(default_factory=dict)
    firing: frozenset[FiringPair] = frozenset()
    incident: str = ""
    last_reason: str = ""
    last_target: str = ""

    @property
    def budget(self) -> BudgetFigures:
        """The budget over the SLO's own window."""
        return self.budgets[0]

    @property
    def maturity_seconds(self) -> float:
        """How much of the SLO's own window there is knowledge of."""
        return self.budget.covered_seconds
