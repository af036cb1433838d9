"""SLOs with `group_by`: one for each combination of values that these labels have among the series of its total."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from slo.core.selector import Matcher, Selector
from slo.core.sli import CountersSLI
from slo.core.slo import SLO

MOST_GROUPS = 100
"""How many groups of one SLO are watched: a label with a value for every user must not take the watch down."""


class Groups:
    """The groups that were found of some SLOs; at most `most` of each, those that were found first."""

    def __init__(self, slos: Iterable[SLO], *, most: int = MOST_GROUPS) -> None:
        self._members = [_Groups(slo, most) if _total(slo) else slo for slo in slos]
        self._grouped = [each for each in self._members if isinstance(each, _Groups)]

    def find(self, series: Iterable[Mapping[str, str]]) -> bool:
        """Look through series. Whether there are groups among them that were not there before."""
        new = [groups for labels in series for groups in self._grouped if groups.find(labels)]
        return bool(new)

    @property
    def slos(self) -> list[SLO]:
        """Every SLO, those with groups replaced by them, which come in the order of their values."""
        return [slo for each in self._members for slo in (each.slos if isinstance(each, _Groups) else [each])]

    @property
    def found(self) -> Mapping[str, int]:
        """How many groups are watched of each SLO that has groups, by its name."""
        return {groups.slo.name: len(groups.found) for groups in self._grouped}

    @property
    def refused(self) -> frozenset[str]:
        """The names of the SLOs that have more groups than are watched."""
        return frozenset(groups.slo.name for groups in self._grouped if groups.refused)


class _Groups:
    """The groups of one SLO, by the values of its labels."""

    def __init__(self, slo: SLO, most: int) -> None:
        self.slo = slo
        self.found: dict[tuple[str, ...], SLO] = {}
        self.refused = False
        self._most = most
        self._total = _total(slo)

    def find(self, labels: Mapping[str, str]) -> bool:
        """Whether a series makes a new group."""
        if self._total is None or not self._total.matches(labels):
            return False
        values = tuple(labels.get(label, "") for label in self.slo.group_by)
        if values in self.found:
            return False
        if len(self.found) == self._most:
            self.refused = True
            return False
        self.found[values] = _instance(self.slo, dict(zip(self.slo.group_by, values, strict=True)))
        return True

    @property
    def slos(self) -> list[SLO]:
        return [slo for _, slo in sorted(self.found.items())]


def _total(slo: SLO) -> Selector | None:
    """What the series of an SLO with groups are selected by; None for others."""
    return slo.definition.total if slo.group_by and isinstance(slo.definition, CountersSLI) else None


def _instance(slo: SLO, values: Mapping[str, str]) -> SLO:
    """The SLO of one combination of values."""
    definition = slo.definition
    assert isinstance(definition, CountersSLI)  # noqa: S101  only counters have series here
    total, part = definition.total, definition.part
    for label, value in values.items():
        matcher = Matcher(label=label, operator="=", value=value)
        total, part = total.with_matcher(matcher), part.with_matcher(matcher)
    narrowed = replace(definition, total=total, part=part)
    return replace(
        slo,
        sli=narrowed.key,
        definition=narrowed,
        labels={**slo.labels, **values},
        scope=",".join(f"{label}={value}" for label, value in values.items()),
        group_by=(),
    )
