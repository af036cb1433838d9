"""Rules that make figures of what was counted: sums over windows, error ratios, burn rates and the budget."""

from collections.abc import Iterable
from datetime import timedelta
from fractions import Fraction

from slo.core.duration import duration_name
from slo.core.slo import SLO
from slo.interop.prometheus.expressions import aggregate, either, newest, number, samples
from slo.interop.prometheus.rule import Recording
from slo.interop.prometheus.series import (
    BAD,
    CURRENT_BURN,
    ENTRY,
    ERROR_BUDGET,
    INFO,
    KNOWN,
    OBJECTIVE,
    PERIOD_BURN,
    PERIOD_DAYS,
    REMAINING,
    TOTAL,
    WINDOW,
    Names,
    error_ratio,
    ledger,
)
from slo.interop.prometheus.windows import Sum

DAY_SECONDS = 86_400
RECENT_SECONDS = 900
"""How old a piece of a long window may be where it is read: bridges a time in which no rules were evaluated."""
PIECE = "piece"


def sum_rules(sums: Iterable[Sum], names: Names, step: int) -> list[Recording]:
    """What was counted in each window."""
    return [
        Recording(metric=ledger(each.window), expression=_sum(each, names, step), labels=names.identity)
        for each in sums
    ]


def _sum(each: Sum, names: Names, step: int) -> str:
    if each.pieces == 1:
        counted = f"sum_over_time({samples(names.mine(ledger(step)), each.window)})"
    else:
        piece = names.mine(ledger(each.piece))
        earlier = (newest(piece, within=RECENT_SECONDS, ago=n * each.piece) for n in range(1, each.pieces))
        # Different labels, so that each piece is added, and one that is not there is none of the others' business.
        counted = either(
            *(f'label_replace({one}, "{PIECE}", "{n}", "", "")' for n, one in enumerate((piece, *earlier)))
        )
    return aggregate("sum", counted, by=(ENTRY, *names.group_by))


def ratio_rules(windows: Iterable[int], names: Names) -> list[Recording]:
    """The error ratio over each window: bad events / all events, and 0 where it is known that there were none."""
    rules = []
    for window in windows:
        total, bad = names.entry(window, TOTAL), names.entry(window, BAD)
        rules.append(
            Recording(
                metric=error_ratio(window),
                expression=either(f"{bad} / ({total} > 0)", f"0 * {total}"),
                labels={**names.described, WINDOW: duration_name(window)},
            )
        )
    return rules


def budget_rules(slo: SLO, names: Names) -> list[Recording]:
    """What the SLO promises, and what became of its budget."""
    period, days = int(slo.window.total_seconds()), Fraction(slo.window // timedelta(seconds=1), DAY_SECONDS)
    shortest = min(int(pair.short.total_seconds()) for pair in slo.pairs)
    about = {"sloth_mode": "watchkeep", "sloth_objective": number(slo.objective * 100), "sloth_spec": "watchkeep"}
    figures = {
        OBJECTIVE: f"vector({number(slo.objective)})",
        ERROR_BUDGET: f"vector({number(slo.error_budget)})",
        PERIOD_DAYS: f"vector({number(days)})",
        CURRENT_BURN: _burn(shortest, slo, names),
        PERIOD_BURN: _burn(period, slo, names),
        REMAINING: f"1 - {names.mine(PERIOD_BURN)}",
    }
    return [
        *(Recording(metric=metric, expression=each, labels=names.described) for metric, each in figures.items()),
        Recording(metric=INFO, expression="vector(1)", labels=dict(sorted({**names.described, **about}.items()))),
    ]


def _burn(window: int, slo: SLO, names: Names) -> str:
    """Error ratio / budget, weighed by the share of the window that is known."""
    ratio, known = names.mine(error_ratio(window)), names.entry(window, KNOWN)
    return f"{ratio}\n* {names.on} group_left ()\nclamp_max({known} / {window}, 1)\n/ {number(slo.error_budget)}"
