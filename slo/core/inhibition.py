"""Inhibition: which alerts are told of nowhere, because what causes them was told already.

An SLO says what it depends on; rules say it of labels. An alert is suppressed only under a cause that people know of:
an open incident that has paged, that no silence hides, and that is as urgent or more. What an alert is itself the
cause of, directly or through others, is never its cause: in a circle nothing would be told at all.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from slo.core.matching import Matcher, fulfil
from slo.core.priority import Priority


@dataclass(frozen=True, kw_only=True, slots=True)
class Rule:
    """Alerts that fulfil `target` are suppressed under a cause that fulfils `source`, where both agree in `equal`.

    A label that neither has is equal, as in Alertmanager.
    """

    source: tuple[Matcher, ...]
    target: tuple[Matcher, ...]
    equal: tuple[str, ...] = ()

    def links(self, source: Mapping[str, str], target: Mapping[str, str]) -> bool:
        """Whether an alert with the labels `source` explains one with the labels `target`."""
        return (
            fulfil(source, self.source)
            and fulfil(target, self.target)
            and all(source.get(label, "") == target.get(label, "") for label in self.equal)
        )


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

    def links(self, source: Mapping[str, str], target: Mapping[str, str]) -> bool:
        """Whether the SLO of the labels `target` depends on that of the labels `source`."""
        cause, effect = source.get("slo", ""), target.get("slo", "")
        if cause not in self.needs.get(effect, ()):
            return False
        shared = set(self.groups.get(cause, ())) & set(self.groups.get(effect, ()))
        return all(source.get(label) == target.get(label) for label in shared)


@dataclass(frozen=True, kw_only=True, slots=True)
class Cause:
    """An open incident under which others may be suppressed.

    `labels` are as `alert_labels` makes them. `paged` is whether it has paged, `silenced` whether a silence hides it.
    """

    incident: str
    slo: str
    labels: Mapping[str, str]
    priority: Priority
    paged: bool
    silenced: bool


def suppressed_by(
    labels: Mapping[str, str],
    slo: str,
    priority: Priority,
    candidates: Sequence[Cause],
    graph: Graph,
    rules: Sequence[Rule],
) -> str | None:
    """The id of the incident under which an alert of `slo` with these labels is suppressed; None where it is told.

    `labels` are as `alert_labels` makes them. `candidates` are the open incidents, the oldest first; that of the alert
    itself may be among them.
    """
    alert = Cause(incident="", slo=slo, labels=labels, priority=priority, paged=True, silenced=False)
    others = [each for each in candidates if not _same(each, alert)]
    causes = [each for each in others if _explains(each, alert, graph, rules)]
    if not causes:
        return None
    effects = _effects(alert, others, graph, rules)
    return next((each.incident for each in causes if each.incident not in effects), None)


def _effects(alert: Cause, others: Sequence[Cause], graph: Graph, rules: Sequence[Rule]) -> set[str]:
    """The incidents that the alert would suppress, directly or through others."""
    found: set[str] = set()
    pending = [alert]
    while pending:
        cause = pending.pop()
        for each in others:
            if each.incident not in found and _explains(cause, each, graph, rules):
                found.add(each.incident)
                pending.append(each)
    return found


def _explains(cause: Cause, effect: Cause, graph: Graph, rules: Sequence[Rule]) -> bool:
    """Whether the one may be suppressed under the other."""
    if not cause.paged or cause.silenced or cause.priority.rank > effect.priority.rank:
        return False
    if _same(cause, effect):
        return False
    linked = graph.links(cause.labels, effect.labels)
    return linked or any(rule.links(cause.labels, effect.labels) for rule in rules)


def _same(one: Cause, other: Cause) -> bool:
    """Whether both are of one SLO and scope, and so one incident."""
    return (one.slo, one.labels.get("scope", "")) == (other.slo, other.labels.get("scope", ""))


def _reached(start: str, direct: Mapping[str, set[str]]) -> set[str]:
    """What can be reached from an SLO by its dependencies; itself never."""
    found: set[str] = set()
    pending = [start]
    while pending:
        new = direct.get(pending.pop(), set()) - found
        found |= new
        pending += new
    return found - {start}
