"""Rules that sum what was counted over windows."""

from collections.abc import Iterable

from slo.interop.prometheus.expressions import aggregate, either, labelled, newest, samples
from slo.interop.prometheus.rule import Recording
from slo.interop.prometheus.series import ENTRY, PIECE, Ledger
from slo.interop.prometheus.windows import Sum

RECENT_SECONDS = 900
"""How old a piece of a long window may be where it is read: bridges a time in which no rules were evaluated."""


def sum_rules(sums: Iterable[Sum], ledger: Ledger, step: int) -> list[Recording]:
    """What was counted in each window, in steps of `step` seconds."""
    return [
        Recording(metric=ledger.metric, expression=_sum(each, ledger, step), labels=ledger.labels(each.window))
        for each in sums
    ]


def _sum(each: Sum, ledger: Ledger, step: int) -> str:
    if each.pieces == 1:
        counted = f"sum_over_time({samples(ledger.series(step), each.window)})"
    else:
        piece = ledger.series(each.piece)
        earlier = (newest(piece, within=RECENT_SECONDS, ago=n * each.piece) for n in range(1, each.pieces))
        # With labels of their own all of them are added, and one that is missing is no matter to the others.
        counted = either(*(labelled(one, PIECE, str(n)) for n, one in enumerate((piece, *earlier))))
    return aggregate("sum", counted, by=(ENTRY, *ledger.names.group_by))
