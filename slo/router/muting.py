"""Muting: why nobody is told of an incident, where nobody is."""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime

from slo.core.incident import Incident
from slo.core.inhibition import Cause, Graph, Rule, suppressed_by
from slo.core.matching import fulfil
from slo.core.paths import DELIVERY
from slo.core.silence import Silence

Silenced = Callable[[Mapping[str, str], datetime], Silence | None]
"""Finds the silence that hides an alert with these labels at a time."""

INDEPENDENT = Graph()
"""No SLO depends on another."""


def nothing_silenced(_labels: Mapping[str, str], _at: datetime) -> Silence | None:
    """No silence is in force."""
    return None


class Muting:
    """What keeps people from being told: silences, and causes that they know of."""

    def __init__(
        self,
        silenced: Silenced = nothing_silenced,
        graph: Graph = INDEPENDENT,
        rules: Sequence[Rule] = (),
    ) -> None:
        self._silenced = silenced
        self._graph = graph
        self._rules = tuple(rules)
        self._causes: dict[str, tuple[Incident, Cause]] = {}

    @property
    def has_causes(self) -> bool:
        """Whether one incident can keep another from being told at all."""
        return bool(self._graph.needs or self._rules)

    def depth(self, slo: str) -> int:
        """How many SLOs it depends on: what it depends on itself has fewer, unless they depend on one another."""
        return len(self._graph.needs.get(slo, ()))

    def why(self, incident: Incident, incidents: Collection[Incident], at: datetime) -> str:
        """Why nobody is to be told of the incident at `at`, for the timeline; empty where people are.

        `incidents` are those that have a page open, the oldest first. What a person opened is never muted, nor what a
        person made a P0, nor what the watch says about itself.
        """
        if incident.human or incident.urged or incident.slo == DELIVERY:
            return ""
        labels = incident.alert_labels
        silence = self._silenced(labels, at)
        if silence is not None:
            return f"silence {silence.name}: {silence.reason}"
        if not self.has_causes:
            return ""
        needs = self._graph.needs.get(incident.slo, frozenset())
        aimed = any(fulfil(labels, rule.target) for rule in self._rules)
        if not aimed and not any(each.slo in needs for each in incidents):
            return ""
        linked = incidents if self._rules else [each for each in incidents if self._depend(each.slo, incident.slo)]
        causes = [self._cause(each) for each in linked]
        cause = suppressed_by(labels, incident.slo, incident.priority, causes, self._graph, self._rules)
        return f"incident {cause} is its cause" if cause else ""

    def _depend(self, one: str, other: str) -> bool:
        """Whether one of two SLOs depends on the other."""
        needs = self._graph.needs
        return one in needs.get(other, ()) or other in needs.get(one, ())

    def _cause(self, incident: Incident) -> Cause:
        """The incident as a cause, made once as long as it stays as it is: many effects ask."""
        found = self._causes.get(incident.id)
        if found is None or found[0] is not incident:
            found = self._causes[incident.id] = incident, _cause(incident)
        return found[1]


def _cause(incident: Incident) -> Cause:
    return Cause(
        incident=incident.id,
        slo=incident.slo,
        labels=incident.alert_labels,
        priority=incident.priority,
        paged=incident.page_open,
        silenced=bool(incident.muted),
    )
