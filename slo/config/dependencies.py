"""What SLOs depend on: names that are there, and no circles, in which each would be suppressed under the other."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from slo.config.names import Names
from slo.config.report import Location, Report
from slo.config.wrong import shown


@dataclass(frozen=True, kw_only=True, slots=True)
class Needs:
    """What one definition of an SLO depends on, and where that is written."""

    slo: str
    names: tuple[str, ...]
    at: Location


def refuse_lost_dependencies(needs: Sequence[Needs], known: Collection[str], report: Report) -> None:
    """Every SLO that is named is among the `known` names, and is named once."""
    names = Names(known)
    for each in needs:
        for index, name in enumerate(each.names):
            at = (*each.at, index)
            if name not in known:
                nearest = names.nearest(name)
                mend = f"did you mean {nearest}?" if nearest else "name an SLO that is there"
                report.tell(at, f"there is no SLO {shown(name)}", mend)
            elif name in each.names[:index]:
                report.tell(at, f"{name} is named twice", "leave one of them out")


def refuse_circles(needs: Sequence[Needs], report: Report) -> None:
    """Tell of every dependency that closes a circle with those before it, with the way around."""
    direct: dict[str, list[str]] = {}
    for each in needs:
        for index, name in enumerate(each.names):
            way = _way(name, each.slo, direct)
            if way:
                circle = " > ".join([each.slo, *way])
                report.tell((*each.at, index), f"is a circle: {circle}", "leave one of these dependencies out")
            else:
                direct.setdefault(each.slo, []).append(name)


def _way(start: str, end: str, direct: dict[str, list[str]]) -> list[str]:
    """The SLOs from one to another along dependencies, both included; empty where none leads there."""
    came_from = {start: ""}
    pending = [start]
    while pending:
        at = pending.pop()
        if at == end:
            way = [at]
            while came_from[way[0]]:
                way.insert(0, came_from[way[0]])
            return way
        for name in direct.get(at, ()):
            if name not in came_from:
                came_from[name] = at
                pending.append(name)
    return []
