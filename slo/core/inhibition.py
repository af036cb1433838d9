"""Inhibition: what ties an alert to its causes, so that nobody is told of it where the cause was told already.

An SLO says what it depends on; rules say it of labels. Either way a cause and its effects have something in common: the
SLO that is depended on, or the rule, and the labels in which both agree. That is a tie, which the one gives and the
other takes, so that the causes of an alert are looked up instead of being tried one after the other.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from slo.core.matching import Matcher, fulfil

Tie = tuple[str | int, tuple[str, ...], tuple[str | None, ...]]
"""The SLO that is depended on, or the number of the rule; the labels that must agree, and their values."""


class Ties(NamedTuple):
    """What an alert has in common with those that it explains, and with those that explain it."""

    gives: frozenset[Tie]
    takes: frozenset[Tie]


@dataclass(frozen=True, kw_only=True, slots=True)
class Rule:
    """Alerts that fulfil `target` are suppressed under a cause that fulfils `source`, where both agree in `equal`.

    A label that neither has is equal, as in Alertmanager.
    """

    source: tuple[Matcher, ...]
    target: tuple[Matcher, ...]
    equal: tuple[str, ...] = ()


class Dependent(Protocol):
    """What is known of an SLO that may depend on others."""

    @property
    def name(self) -> str: ...
    @property
    def depends_on(self) -> tuple[str, ...]: ...
    @property
    def group_by(self) -> tuple[str, ...]: ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Graph:
    """What each SLO depends on, by name: `needs` directly or through others. `groups` are the labels it is grouped by.

    Groups of two SLOs depend on one another only where they agree in the labels that both are grouped by: a cluster in
    Europe says nothing about one in the States.
    """

    needs: Mapping[str, frozenset[str]] = field(default_factory=dict)
    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @classmethod
    def of(cls, slos: Iterable[Dependent]) -> "Graph":
        """The graph of these SLOs; the definitions of one SLO are taken together."""
        direct: dict[str, set[str]] = {}
        groups: dict[str, tuple[str, ...]] = {}
        for slo in slos:
            direct.setdefault(slo.name, set()).update(slo.depends_on)
            groups[slo.name] = slo.group_by
        return cls(needs={name: frozenset(_reached(name, direct)) for name in direct}, groups=groups)

    def shared(self, one: str, other: str) -> tuple[str, ...]:
        """The labels that two SLOs are both grouped by, in the order of the alphabet."""
        return tuple(sorted(set(self.groups.get(one, ())) & set(self.groups.get(other, ()))))


class Linking:
    """Finds the ties of alerts by what the SLOs depend on, and by rules."""

    def __init__(self, graph: Graph, rules: Sequence[Rule]) -> None:
        self._rules = tuple(enumerate(rules))
        self._needs: dict[str, list[tuple[str, tuple[str, ...]]]] = defaultdict(list)
        self._needed: dict[str, set[tuple[str, ...]]] = defaultdict(set)
        for effect, causes in graph.needs.items():
            for cause in causes:
                shared = graph.shared(cause, effect)
                self._needs[effect].append((cause, shared))
                self._needed[cause].add(shared)

    def ties(self, labels: Mapping[str, str]) -> Ties:
        """The ties of an alert with these labels, as `alert_labels` makes them."""
        slo = labels.get("slo", "")
        gives: set[Tie] = {(slo, shared, tuple(map(labels.get, shared))) for shared in self._needed.get(slo, ())}
        takes: set[Tie] = {(of, shared, tuple(map(labels.get, shared))) for of, shared in self._needs.get(slo, ())}
        for number, rule in self._rules:
            tie: Tie = number, rule.equal, tuple(labels.get(label, "") for label in rule.equal)
            if fulfil(labels, rule.source):
                gives.add(tie)
            if fulfil(labels, rule.target):
                takes.add(tie)
        return Ties(frozenset(gives), frozenset(takes))


def causes_first(among: Sequence[Ties]) -> list[int]:
    """The places of alerts with these ties, each after all that explain it; in a circle some come before.

    Apart from that they stay in their order. Alerts and ties are walked once, however many share a tie.
    """
    givers: dict[Tie, list[int]] = defaultdict(list)
    for place, ties in enumerate(among):
        for tie in ties.gives:
            givers[tie].append(place)
    for tie, places in givers.items():  # what also takes the tie may be explained by those that do not
        places.sort(key=lambda place: tie in among[place].takes)
    order: list[int] = []
    begun: set[int | Tie] = set()
    for start in range(len(among)):
        pending: list[tuple[int | Tie, bool]] = [(start, False)]
        while pending:
            each, explained = pending.pop()
            if explained:
                order.append(each)  # type: ignore[arg-type]  # ties are never looked at twice
            elif each not in begun:
                begun.add(each)
                if isinstance(each, int):
                    pending.append((each, True))
                    pending += [(tie, False) for tie in among[each].takes if tie in givers]
                else:
                    pending += [(place, False) for place in reversed(givers[each])]
    return order


def _reached(start: str, direct: Mapping[str, set[str]]) -> set[str]:
    """What can be reached from an SLO by its dependencies; itself never."""
    found: set[str] = set()
    pending = [start]
    while pending:
        new = direct.get(pending.pop(), set()) - found
        found |= new
        pending += new
    return found - {start}
