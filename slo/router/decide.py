"""Decisions: what the alerts of one slot end mean for the incidents.

Pure, and driven by levels: the alerts as they stand are compared with the incidents as they stand, so that an edge
that was lost (a crash, a store that was full) heals itself at the next slot end. Nothing is remembered but incidents.

A page goes out when it begins. Being clear counts only after it has lasted for `resolve_after`, and firing again within
that time says nothing new. No data never resolves: an incident whose SLO has no alert in the round, or of whose
shortest window nothing is known, is left open; that nothing happened in it is known.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from slo.core.alert import Alert, FiringPair, worst
from slo.core.delivery import Action, Message
from slo.core.duration import duration_name
from slo.core.events import Event, FiringChanged, Opened, PageCleared, Paged, Raised, Resolved
from slo.core.incident import Incident, fold
from slo.core.incident_key import incident_key
from slo.core.policy import Severity
from slo.core.priority import EnvironmentClass, Priority, circumstances_of, priority_in
from slo.core.slo import slo_key
from slo.router.audience import Audience
from slo.router.messages import Decision, Said, Teller
from slo.router.opening import next_id
from slo.router.summary import burning


def decide(
    alerts: Sequence[Alert],
    incidents: Mapping[str, Incident],
    *,
    known_slos: Collection[str],
    audience: Audience,
    teller: Teller,
) -> Decision:
    """The events and messages that bring `incidents` (by id, oldest first) in line with `alerts`.

    An open incident of an SLO whose key is not in `known_slos` is resolved.
    """
    moment = _Round(incidents, audience=audience, teller=teller)
    for alert in alerts:
        moment.consider(alert)
    moment.page_waiting()
    for (slo, scope), incident in tuple(moment.last.items()):
        if not incident.human and slo_key(slo, scope) not in known_slos:
            moment.forget(incident)
    return moment.decision


def decide_pages(incidents: Mapping[str, Incident], *, audience: Audience, teller: Teller) -> Decision:
    """The pages for what people made a P0, where it has not paged yet."""
    moment = _Round(incidents, audience=audience, teller=teller)
    moment.page_waiting()
    return moment.decision


def begun(before: frozenset[FiringPair], firing: frozenset[FiringPair]) -> frozenset[FiringPair]:
    """What fires now and did not before. What became less urgent is not new, what pages is."""
    known = before | {replace(pair, severity=Severity.TICKET) for pair in before}
    return firing - known


class _Round:
    """One decision in the making: every event is folded at once, so that the next one is made of the new state."""

    def __init__(self, incidents: Mapping[str, Incident], *, audience: Audience, teller: Teller) -> None:
        self.last = {(incident.slo, incident.scope): incident for incident in incidents.values()}
        self.events: list[Event] = []
        self.messages: list[Message] = []
        self._next_id = int(next_id(incidents))
        self._audience = audience
        self._teller = teller

    @property
    def decision(self) -> Decision:
        """What was decided."""
        return Decision(events=tuple(self.events), messages=tuple(self.messages))

    def consider(self, alert: Alert) -> None:
        """Bring the last incident of the alert's SLO and scope in line with it, or open one."""
        incident = self.last.get((alert.slo, alert.scope))
        if incident is None or not incident.open:
            if begun(incident.firing if incident else frozenset(), alert.firing):
                self._open(alert, generation=incident.generation + 1 if incident else 1)
                return
            if incident is None:
                return
        if alert.firing != incident.firing:
            incident = self._record(
                incident,
                FiringChanged(incident=incident.id, at=self._now, firing=alert.firing, evidence=alert.evidence),
            )
        if incident.open:
            self._follow(incident, alert)

    def page_waiting(self) -> None:
        """Page for what people made a P0."""
        for incident in tuple(self.last.values()):
            if incident.needs_page:
                self._page(incident, incident.summary)

    def forget(self, incident: Incident) -> None:
        """Its SLO is gone: nothing fires any more, so that what fires when the SLO comes back is new."""
        if incident.firing:
            event = FiringChanged(incident=incident.id, at=self._now, firing=frozenset(), evidence=incident.evidence)
            incident = self._record(incident, event)
        if incident.open:
            self.resolve(incident, why="the SLO was removed from the configuration")

    def resolve(self, incident: Incident, *, why: str) -> None:
        """The incident is over, and everyone who was told of it hears so."""
        event = Resolved(incident=incident.id, at=self._now, by="", why=why)
        self.messages += self._teller.resolved(incident, event)
        self._record(incident, event)

    @property
    def _now(self) -> datetime:
        return self._teller.at

    def _open(self, alert: Alert, *, generation: int) -> None:
        severity = worst(alert.firing) or Severity.TICKET
        incident = self._record(
            None,
            Opened(
                incident=str(self._next_id),
                at=self._now,
                slo=alert.slo,
                scope=alert.scope,
                generation=generation,
                key=_key(alert, generation),
                severity=severity,
                priority=_priority(alert, severity),
                summary=burning(alert),
                labels=alert.labels,
                firing=alert.firing,
                evidence=alert.evidence,
                told=self._audience.of(alert.labels).others,
            ),
        )
        self._next_id += 1
        if severity is Severity.PAGE:
            incident = self._page(incident, burning(alert))
        self.messages += self._teller.to_others(incident, Action.TRIGGER)

    def _follow(self, incident: Incident, alert: Alert) -> None:
        paging = alert.severity is Severity.PAGE
        if paging and not incident.page_open:
            incident = self._page(self._raised(incident, alert), burning(alert))
            self.messages += self._teller.to_others(incident, Action.UPDATE)
        elif not alert.known:
            return
        elif not alert.firing and self._lasted(incident, incident.clear_since):
            self.resolve(incident, why=f"clear for {self._patience(incident)}")
        elif not paging and incident.page_open and self._lasted(incident, incident.page_clear_since):
            self._clear_page(incident)

    def _raised(self, incident: Incident, alert: Alert) -> Incident:
        """A page inside a ticket: as urgent as if it had begun with it, and never less than a person made it."""
        if incident.severity is Severity.PAGE:
            return incident
        priority = min(incident.priority, _priority(alert, Severity.PAGE), key=lambda each: each.rank)
        why = "a page fires"
        event = Raised(incident=incident.id, at=self._now, severity=Severity.PAGE, priority=priority, why=why)
        return self._record(incident, event)

    def _page(self, incident: Incident, summary: str) -> Incident:
        """Page under the incident's own key at first, and under a new generation each time after that."""
        generation = incident.generation + 1 if incident.page_key else incident.generation
        paged = Paged(
            incident=incident.id,
            at=self._now,
            generation=generation,
            key=incident_key(customer=incident.customer, slo=incident.slo, scope=incident.scope, generation=generation),
            summary=summary,
            told=self._audience.of(incident.labels).pagers,
        )
        incident = self._record(incident, paged)
        self.messages += self._teller.to_pagers(incident, Action.TRIGGER)
        return incident

    def _clear_page(self, incident: Incident) -> None:
        why = f"no page has fired for {self._patience(incident)}"
        incident = self._record(incident, PageCleared(incident=incident.id, at=self._now, key=incident.page_key))
        self.messages += self._teller.to_pagers(incident, Action.RESOLVE, Said(why=why))
        self.messages += self._teller.to_others(incident, Action.UPDATE, Said(why=why))

    def _record(self, incident: Incident | None, event: Event) -> Incident:
        after = fold(incident, event)
        self.events.append(event)
        self.last[after.slo, after.scope] = after
        return after

    def _lasted(self, incident: Incident, since: datetime | None) -> bool:
        return since is not None and self._now - since >= self._audience.of(incident.labels).resolve_after

    def _patience(self, incident: Incident) -> str:
        return duration_name(self._audience.of(incident.labels).resolve_after.total_seconds())


def _key(alert: Alert, generation: int) -> str:
    customer = alert.labels.get("customer", "")
    return incident_key(customer=customer, slo=alert.slo, scope=alert.scope, generation=generation)


def _priority(alert: Alert, severity: Severity) -> Priority:
    environment = EnvironmentClass.of(alert.labels.get("environment", ""))
    return priority_in(circumstances_of(severity, environment))
