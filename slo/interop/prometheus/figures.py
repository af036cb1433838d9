"""Rules that make figures for people: error ratios, burn rates, and what is left of the budget."""

from collections.abc import Iterable
from datetime import timedelta
from fractions import Fraction

from slo.core.duration import duration_name
from slo.core.slo import SLO
from slo.interop.prometheus.expressions import number
from slo.interop.prometheus.reading import Reading
from slo.interop.prometheus.rule import Recording
from slo.interop.prometheus.series import (
    CURRENT_BURN,
    ERROR_BUDGET,
    INFO,
    OBJECTIVE,
    PERIOD_BURN,
    PERIOD_DAYS,
    REMAINING,
    WINDOW,
    Names,
    error_ratio,
)

DAY = timedelta(days=1)


def ratio_rules(windows: Iterable[int], reading: Reading, names: Names) -> list[Recording]:
    """The error ratio over each window."""
    return [
        Recording(
            metric=error_ratio(window),
            expression=reading.ratio(window),
            labels={**names.described, WINDOW: duration_name(window)},
        )
        for window in windows
    ]


def promise_rules(slo: SLO, names: Names) -> list[Recording]:
    """What the SLO promises."""
    about = {"sloth_mode": "watchkeep", "sloth_objective": number(slo.objective * 100), "sloth_spec": "watchkeep"}
    days = Fraction(slo.window // timedelta(microseconds=1), DAY // timedelta(microseconds=1))
    return [
        _recording(OBJECTIVE, f"vector({number(slo.objective)})", names),
        _recording(ERROR_BUDGET, f"vector({number(slo.error_budget)})", names),
        _recording(PERIOD_DAYS, f"vector({number(days)})", names),
        Recording(metric=INFO, expression="vector(1)", labels=dict(sorted({**names.described, **about}.items()))),
    ]


def current_rule(window: int, names: Names) -> Recording:
    """How fast the budget burns over the shortest window that alerts look at."""
    return _recording(CURRENT_BURN, names.burn(window), names)


def budget_rules(reading: Reading, slo: SLO, names: Names) -> list[Recording]:
    """How fast the budget burnt over its whole window, and what is left of it."""
    period = int(slo.window.total_seconds())
    return [
        _recording(PERIOD_BURN, reading.burn(period, slo.error_budget), names),
        _recording(REMAINING, f"1 - {names.mine(PERIOD_BURN)}", names),
    ]


def _recording(metric: str, expression: str, names: Names) -> Recording:
    return Recording(metric=metric, expression=expression, labels=names.described)
