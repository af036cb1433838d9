"""SLOs with `group_by`: one for each combination of values that these labels have among the series of its total.

Those of a probe are grouped by the labels of its targets, of which `target` is one.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace

from slo.core.selector import Selector
from slo.core.sli import CheckSLI, CountersSLI, PrometheusSLI
from slo.core.slo import SLO, scope_of

MOST_GROUPS = 100
"""How many groups of one SLO are watched: a label with a value for every user must not take the watch down."""

MOST_TARGET_GROUPS = 1000
"""The same for an SLO of a probe, whose targets somebody has counted already."""

Values = tuple[str, ...]
"""The values of the labels of `group_by`, in their order; empty for a label that is not there."""


class Groups:
    """The groups that were found of some SLOs; at most `most` of each, those that were found first.

    Of the SLO of a probe it is `most_targets`.
    """

    def __init__(self, slos: Iterable[SLO], *, most: int = MOST_GROUPS, most_targets: int = MOST_TARGET_GROUPS) -> None:
        self._members = [
            _grouped(slo, most_targets if isinstance(slo.definition, CheckSLI) else most) or slo for slo in slos
        ]
        self._grouped = [each for each in self._members if isinstance(each, _Groups)]

    def find(self, series: Iterable[Mapping[str, str]]) -> bool:
        """Look through series that were scraped. Whether there are groups among them that were not there before."""
        scraped = [groups for groups in self._grouped if isinstance(groups.slo.definition, CountersSLI)]
        new = [groups for labels in series for groups in scraped if groups.find(labels)]
        return bool(new)

    def find_targets(self, probe: str, targets: Iterable[Mapping[str, str]]) -> bool:
        """Look through the labels of targets of a probe, as `find` does."""
        looking = [groups for groups in self._grouped if groups.probe == probe]
        new = [groups for labels in (targets if looking else ()) for groups in looking if groups.add_of(labels)]
        return bool(new)

    def keep_targets(self, probe: str, targets: Iterable[Mapping[str, str]]) -> bool:
        """Give up the groups of a probe that none of these, all its targets, is in. Whether there are such groups."""
        looking = [groups for groups in self._grouped if groups.probe == probe]
        present = list(targets) if looking else ()
        given_up = [groups for groups in looking if groups.keep({groups.values(labels) for labels in present})]
        return bool(given_up)

    def keep(self, series: Iterable[Mapping[str, str]]) -> bool:
        """Give up the groups of scraped series that none of these, all of them, is in. Whether there are any."""
        looking = [groups for groups in self._grouped if isinstance(groups.slo.definition, CountersSLI)]
        present: list[set[Values]] = [set() for _ in looking]
        for labels in series if looking else ():
            for groups, values in zip(looking, present, strict=True):
                if groups.takes(labels):
                    values.add(groups.values(labels))
        given_up = [groups for groups, values in zip(looking, present, strict=True) if groups.keep(values)]
        return bool(given_up)

    def add(self, slo: SLO, found: Iterable[Values]) -> bool:
        """Take in groups of an SLO that a server has. Whether there are new ones among them."""
        new = [values for values in found for groups in self._grouped if groups.slo == slo and groups.add(values)]
        return bool(new)

    @property
    def slos(self) -> list[SLO]:
        """Every SLO, those with groups replaced by them, which come in the order of their values."""
        return [slo for each in self._members for slo in (each.slos if isinstance(each, _Groups) else [each])]

    @property
    def grouped(self) -> Sequence[SLO]:
        """The SLOs that have groups, as they are configured."""
        return [groups.slo for groups in self._grouped]

    @property
    def found(self) -> Mapping[str, set[Values]]:
        """The groups that are watched of each SLO that has groups, by its name."""
        found: dict[str, set[Values]] = {}
        for groups in self._grouped:
            found.setdefault(groups.slo.name, set()).update(groups.found)
        return found

    @property
    def refused(self) -> frozenset[str]:
        """The names of the SLOs that have more groups than are watched."""
        return frozenset(groups.slo.name for groups in self._grouped if groups.refused)


class _Groups:
    """The groups of one SLO, by the values of its labels."""

    def __init__(self, slo: SLO, most: int) -> None:
        self.slo = slo
        self.found: dict[Values, SLO] = {}
        self.refused = False
        self._most = most
        self._selectors = selectors_of(slo)

    @property
    def probe(self) -> str:
        """The probe whose targets are grouped; empty where series are."""
        return self.slo.definition.check if isinstance(self.slo.definition, CheckSLI) else ""

    def find(self, labels: Mapping[str, str]) -> bool:
        """Whether a series makes a new group."""
        return self.takes(labels) and self.add_of(labels)

    def takes(self, labels: Mapping[str, str]) -> bool:
        """Whether a series is of the total, whose groups these are."""
        return self._selectors is not None and self._selectors[0].matches(labels)

    def add_of(self, labels: Mapping[str, str]) -> bool:
        """Whether these labels make a new group."""
        return self.add(self.values(labels))

    def values(self, labels: Mapping[str, str]) -> Values:
        """The group that these labels belong to."""
        return tuple(labels.get(label, "") for label in self.slo.group_by)

    def keep(self, present: Collection[Values]) -> bool:
        """Give up the groups that are not among these. Whether there are such groups."""
        before, self.found = self.found, {values: slo for values, slo in self.found.items() if values in present}
        self.refused = self.refused and len(self.found) == len(before)
        return len(self.found) < len(before)

    def add(self, values: Values) -> bool:
        """Whether this group is new, and watched from now on."""
        if values in self.found:
            return False
        if len(self.found) == self._most:
            self.refused = True
            return False
        self.found[values] = self._instance(dict(zip(self.slo.group_by, values, strict=True)))
        return True

    @property
    def slos(self) -> list[SLO]:
        return [slo for _, slo in sorted(self.found.items())]

    def _instance(self, values: Mapping[str, str]) -> SLO:
        """The SLO of one combination of values."""
        narrowed = self._narrowed(values)
        return replace(
            self.slo,
            sli=narrowed.key,
            definition=narrowed,
            labels={**self.slo.labels, **values},
            scope=scope_of(values),
            group_by=(),
        )

    def _narrowed(self, values: Mapping[str, str]) -> CheckSLI | CountersSLI | PrometheusSLI:
        """What is counted for one combination of values."""
        if isinstance(self.slo.definition, CheckSLI):
            return replace(self.slo.definition, labels=tuple(values.items()))
        assert self._selectors is not None  # noqa: S101  no other SLO has groups
        total, part = all_groups, _ = self._selectors
        for label, value in values.items():
            total, part = total.with_label(label, value), part.with_label(label, value)
        match self.slo.definition:
            case CountersSLI() as counters:
                return replace(counters, total=total, part=part)
            case PrometheusSLI() as asked:
                return replace(asked, total=str(total), part=str(part), all_groups=all_groups)
        raise AssertionError(self.slo.name)


def _grouped(slo: SLO, most: int) -> _Groups | None:
    has_groups = slo.group_by and (isinstance(slo.definition, CheckSLI) or selectors_of(slo))
    return _Groups(slo, most) if has_groups else None


def selectors_of(slo: SLO) -> tuple[Selector, Selector] | None:
    """Those of the total and of the part of an SLO whose series can be told apart by their labels; None for any other.

    Those of a server can where its expressions are no more than the sums of counters.
    """
    match slo.definition:
        case CountersSLI(total=total, part=part) | PrometheusSLI(counters=CountersSLI(total=total, part=part)):
            return total, part
        case _:
            return None
