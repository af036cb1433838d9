"""Figures of an SLO at one slot end, as every surface shows them: page, API, metrics, command line."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from slo.core.alert import FiringPair
from slo.core.slo import SLO


@dataclass(frozen=True, kw_only=True, slots=True)
class WindowFigures:
    """One window of one SLO. Ratios are None where there is nothing to divide by; coverage is a ratio.

    `burn_rate` is weighted by coverage, as the alert conditions see it.
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


@dataclass(frozen=True, kw_only=True, slots=True)
class BudgetFigures:
    """The error budget over the SLO's own window.

    `remaining` is 1 - spent / budget of the whole window (projected where it is not yet covered); it may be negative.
    `spent_events` and `allowed_events` are its parts.
    """

    window: str
    good: int
    bad: int
    sli: float | None
    remaining: float | None
    allowed_events: float | None
    coverage: float


@dataclass(frozen=True, kw_only=True, slots=True)
class SLOStatus:
    """One SLO now. `state` is `ok`, `burning` (an alert fires), `overspent` (nothing fires) or `no_data`.

    `maturity_seconds` is how much of the SLO's window there is knowledge of; `totals` are the counts since the ledger
    began (good, bad, unknown), which only grow. `last_reason` and `last_target` are of the last outcome that was not
    good.
    """

    slo: SLO
    at: datetime
    state: str
    windows: tuple[WindowFigures, ...]
    budget: BudgetFigures
    maturity_seconds: float
    totals: Mapping[str, int] = field(default_factory=dict)
    firing: frozenset[FiringPair] = frozenset()
    incident: str = ""
    last_reason: str = ""
    last_target: str = ""
