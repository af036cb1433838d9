"""Which SLOs a replay can say something about: those whose events it has, and those that are made of such."""

from collections.abc import Callable, Iterable
from dataclasses import replace

from slo.core.sli import AllOf, Weighted
from slo.core.slo import SLO


def chosen(slos: Iterable[SLO], fed: Callable[[SLO], SLO | None]) -> list[SLO]:
    """The SLOs that a replay judges, as they are `fed`: over what is counted, and how often; None for what is not.

    One that is made of others has as long an interval as the slowest of them.
    """
    slos = list(slos)
    counted = {id(slo): found for slo in slos if (found := fed(slo))}
    by_name: dict[str, list[SLO | None]] = {}
    for slo in slos:
        by_name.setdefault(slo.name, []).append(counted.get(id(slo)))
    return [judged for slo in slos if (judged := counted.get(id(slo)) or _composite(slo, by_name))]


def _composite(slo: SLO, by_name: dict[str, list[SLO | None]]) -> SLO | None:
    """An SLO that is made of others, if all of these are counted."""
    match slo.definition:
        case AllOf(slos=names):
            members = [member for name in names for member in by_name.get(name, [None])]
        case Weighted(weights=weights):
            members = [member for name, _ in weights for member in by_name.get(name, [None])]
        case _:
            return None
    there = [member for member in members if member]
    if len(there) < len(members):
        return None
    return replace(slo, interval=max((member.interval for member in there if member.interval), default=slo.interval))
