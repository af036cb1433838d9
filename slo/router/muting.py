"""Muting: why nobody is told of an incident, where nobody is."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime

from slo.core.causes import Cause, Causes
from slo.core.incident import Incident
from slo.core.inhibition import Graph, Linking, Rule, causes_first
from slo.core.paths import DELIVERY
from slo.core.silence import Silence, hidden_by
from slo.router.incidents import Incidents

InForce = Callable[[datetime], Sequence[Silence]]
"""The silences that are in force at a time, those that come first first."""

INDEPENDENT = Graph()
"""No SLO depends on another."""


def no_silences(_at: datetime) -> Sequence[Silence]:
    """None is in force."""
    return ()


class Muting:
    """What keeps people from being told: silences, and causes that they know of.

    What it has found stays so until the incident is another, other silences are in force, or there are other causes: a
    slot end asks of thousands of which nothing has changed.
    """

    def __init__(
        self,
        in_force: InForce = no_silences,
        graph: Graph = INDEPENDENT,
        rules: Sequence[Rule] = (),
    ) -> None:
        self.has_causes = bool(graph.needs or rules)
        """Whether one incident can keep another from being told at all."""
        self.in_force = in_force
        self._graph = graph
        self._linking = Linking(graph, rules)
        self._causes = Causes()
        self._made: dict[str, tuple[Incident, Cause]] = {}
        self._seen: dict[str, Incident] = {}
        self._silences: Sequence[Silence] = ()
        self._of = Incidents()
        self._read = 0
        self._quiet: dict[str, Incident] = {}

    def causes_first(self, labels: Iterable[Mapping[str, str]]) -> list[int]:
        """The places of alerts with these labels, each after those that explain it."""
        return causes_first([self._linking.ties(each) for each in labels])

    def why(self, incident: Incident, incidents: Incidents, silences: Sequence[Silence]) -> str:
        """Why nobody is to be told of the incident, for the timeline; empty where people are.

        `incidents` are all that there are, `silences` those in force. What a person opened is never muted, nor what a
        person made a P0, nor what the watch says about itself.
        """
        if incident.human or incident.urged or incident.slo == DELIVERY:
            return ""
        if silences and (silence := hidden_by(incident.alert_labels, silences)):
            return f"silence {silence.name}: {silence.reason}"
        if not self.has_causes:
            return ""
        self._follow(incidents)
        cause = self._causes.suppressing(self._cause(incident))
        return f"incident {cause} is its cause" if cause else ""

    def has_settled(self, incident: Incident, incidents: Incidents, silences: Sequence[Silence]) -> bool:
        """Whether all was said of the incident as it stands, and nothing has begun or ended since to mute it."""
        if silences != self._silences:
            self._silences = silences
            self._quiet.clear()
        if self.has_causes:
            self._follow(incidents)
        return self._quiet.get(incident.id) is incident

    def settle(self, incident: Incident) -> None:
        """All was said of the incident as it stands."""
        self._quiet[incident.id] = incident

    def _follow(self, incidents: Incidents) -> None:
        """Have the causes be those that there are now: of the same incidents only what has changed is looked at."""
        if self._of is not incidents:
            paging = {each.id: each for each in incidents.paging()}
            changed = [name for name, each in paging.items() if self._seen.get(name) is not each]
            changed += self._seen.keys() - paging.keys()
        elif self._read < len(incidents.repaged):
            changed = list(incidents.repaged[self._read :])
        else:
            return
        self._of, self._read = incidents, len(incidents.repaged)
        for name in changed:
            self._see(name, incidents.get(name))
        if changed:
            self._quiet.clear()

    def _see(self, name: str, incident: Incident | None) -> None:
        """It explains others as long as it has a page open that nothing hides. What was not written is none."""
        if incident is None or not incident.page_open:
            self._seen.pop(name, None)
            self._causes.drop(name)
            return
        self._seen[name] = incident
        if incident.muted:
            self._causes.drop(name)
        else:
            self._causes.put(self._cause(incident))

    def _cause(self, incident: Incident) -> Cause:
        """The incident as a cause, made once as long as it stays as it is: many effects ask."""
        found = self._made.get(incident.id)
        if found is None or found[0] is not incident:
            ties = self._linking.ties(incident.alert_labels)
            made = Cause(age=incident.age, priority=incident.priority, ties=ties)
            found = self._made[incident.id] = incident, made
        return found[1]
