"""Open incidents, and which of them suppresses an alert: as the watch finds it, and by the plain definition."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from slo.core.causes import Cause, Causes
from slo.core.inhibition import Graph, Linking, Rule
from slo.core.matching import fulfil, parse_matcher
from slo.core.priority import Priority

T0 = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True)
class Definition:
    """As much of an SLO as the graph wants."""

    name: str
    depends_on: tuple[str, ...] = ()
    group_by: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Known:
    """An open incident; the first one is the oldest."""

    incident: int
    labels: Mapping[str, str]
    priority: Priority = Priority.P0
    paged: bool = True
    silenced: bool = False

    @property
    def explains(self) -> bool:
        """Whether people know of it."""
        return self.paged and not self.silenced

    def cause(self, linking: Linking) -> Cause:
        """It, as the watch takes it for a cause."""
        age = T0 + timedelta(seconds=self.incident), 1, str(self.incident)
        return Cause(age=age, priority=self.priority, ties=linking.ties(self.labels))


def rule(source: str, target: str, *equal: str) -> Rule:
    """A rule of one matcher each."""
    return Rule(source=(parse_matcher(source),), target=(parse_matcher(target),), equal=equal)


def suppressing(alert: Known, known: Iterable[Known], graph: Graph, rules: Sequence[Rule]) -> int | None:
    """The incident under which an alert is suppressed, as the watch finds it."""
    linking, causes = Linking(graph, rules), Causes()
    for each in known:
        if each.explains:
            causes.put(each.cause(linking))
    found = causes.suppressing(alert.cause(linking))
    return None if found is None else int(found)


def plainly_suppressing(alert: Known, known: Sequence[Known], graph: Graph, rules: Sequence[Rule]) -> int | None:
    """The same by the definition: every one is held against every other. `known` has the oldest first."""
    others = [each for each in known if each.explains and each.incident != alert.incident]
    effects: set[int] = set()
    pending = [alert]
    while pending:
        cause = pending.pop()
        for each in others:
            if each.incident not in effects and _explains(cause, each, graph, rules):
                effects.add(each.incident)
                pending.append(each)
    causes = [each.incident for each in others if _explains(each, alert, graph, rules)]
    return next((each for each in causes if each not in effects), None)


def _explains(cause: Known, effect: Known, graph: Graph, rules: Sequence[Rule]) -> bool:
    if cause.incident == effect.incident or cause.priority.rank > effect.priority.rank:
        return False
    one, other = cause.labels, effect.labels
    return _needs(one, other, graph) or any(_links(each, one, other) for each in rules)


def _needs(cause: Mapping[str, str], effect: Mapping[str, str], graph: Graph) -> bool:
    """Whether the one is of an SLO that the other's depends on, and of the same place."""
    if cause.get("slo", "") not in graph.needs.get(effect.get("slo", ""), ()):
        return False
    grouped = [set(graph.groups.get(each.get("slo", ""), ())) for each in (cause, effect)]
    return all(cause.get(label) == effect.get(label) for label in grouped[0] & grouped[1])


def _links(rule: Rule, cause: Mapping[str, str], effect: Mapping[str, str]) -> bool:
    agree = all(cause.get(label, "") == effect.get(label, "") for label in rule.equal)
    return agree and fulfil(cause, rule.source) and fulfil(effect, rule.target)
