"""The Prometheus rules of SLOs, and what rules cannot say of them.

written = rules(settings.slos, now=clock.now(), slot=settings.slot, exclusions=settings.exclusions)
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from slo.core.calendar import CalendarWindow
from slo.core.exclusion import Exclusion, matches
from slo.core.sli import AllOf, Weighted
from slo.core.slo import SLO
from slo.interop.prometheus.assembly import Assembly, Windows, windows_of
from slo.interop.prometheus.rule import Group
from slo.interop.prometheus.series import ENTRY, PIECE, RESERVED


@dataclass(frozen=True, kw_only=True, slots=True)
class Omission:
    """What is not in the rules of `subject`, mostly an SLO; with `whole`, it has none."""

    subject: str
    what: str
    whole: bool = False

    def __str__(self) -> str:
        return f"{self.subject}: {self.what}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Rules:
    """The groups of rules of some SLOs, and what is not among them."""

    groups: tuple[Group, ...]
    omissions: tuple[Omission, ...]


def rules(slos: Iterable[SLO], *, now: datetime, slot: timedelta, exclusions: Iterable[Exclusion] = ()) -> Rules:
    """The rules of these SLOs, each by the definition that is in force; `slot` is that of the watch.

    Rules know nothing of `exclusions`, which is said where one is for any of these SLOs.
    """
    current, omissions = _in_force(slos, now)
    expressible = {name: slo for name, slo in current.items() if not _refusal(slo, current)}
    demanded: dict[str, Windows] = {}
    for slo in expressible.values():
        if isinstance(slo.definition, Weighted):
            for member, _ in slo.definition.weights:
                demanded[member] = demanded.get(member, Windows()) | windows_of(slo)
    assemblies: dict[str, Assembly] = {}
    for name, slo in expressible.items():
        assemblies[name] = Assembly(
            slo,
            members=assemblies,
            demanded=demanded.get(name, Windows()),
            slot_seconds=slot // timedelta(seconds=1),
        )
    for slo in current.values():
        refusal = _refusal(slo, current)
        omissions += [Omission(subject=slo.name, what=refusal, whole=True)] if refusal else _parts_left_out(slo)
    for exclusion in exclusions:
        if any(matches(exclusion, slo.name, slo.labels) for slo in expressible.values()):
            omissions.append(Omission(subject=f"exclusion {exclusion.name}", what="what it covers is in every figure"))
    return Rules(
        groups=tuple(group for assembly in assemblies.values() for group in assembly.groups()),
        omissions=tuple(omissions),
    )


def _in_force(slos: Iterable[SLO], now: datetime) -> tuple[dict[str, SLO], list[Omission]]:
    """The last definition of each SLO that has begun, by name; and those of which none has."""
    current: dict[str, SLO] = {}
    waiting: dict[str, Omission] = {}
    for slo in slos:
        if slo.begins > now:
            waiting[slo.name] = Omission(subject=slo.name, what="no definition of it is in force yet", whole=True)
        elif slo.name not in current or slo.begins >= current[slo.name].begins:
            current[slo.name] = slo
    return current, [omission for name, omission in waiting.items() if name not in current]


def _refusal(slo: SLO, others: Mapping[str, SLO]) -> str:
    """Why an SLO cannot be rules; empty where it can."""
    taken = [label for label in slo.group_by if label in RESERVED]
    if taken:
        return f"it is grouped by {', '.join(taken)}, which the rules set themselves"
    match slo.definition:
        case AllOf(slos=members):
            names = members
        case Weighted(weights=weights):
            names = tuple(name for name, _ in weights)
        case _:
            names = ()
    missing = [name for name in names if name not in others or _refusal(others[name], others)]
    return f"{', '.join(missing)}, which it is made of, is not in the rules" if missing else ""


def _parts_left_out(slo: SLO) -> Iterator[Omission]:
    for label in sorted(slo.labels.keys() & (RESERVED - {ENTRY, PIECE})):
        yield Omission(subject=slo.name, what=f"its label {label}, which the rules set themselves")
    for window in slo.budget_windows:
        if isinstance(window, CalendarWindow):
            yield Omission(subject=slo.name, what=f"its budget over the {window.name}, since PromQL has no calendar")
