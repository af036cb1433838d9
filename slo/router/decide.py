"""Decisions: what the alerts of one slot end mean for the incidents.

Pure, and driven by levels: the alerts as they stand are compared with the incidents as they stand, so that an edge
that was lost (a crash, a store that was full) heals itself at the next slot end. Nothing is remembered but incidents.

A page goes out when it begins. Being clear counts only after it has lasted for `resolve_after`, and firing again within
that time says nothing new. No data never resolves: an incident whose SLO has no alert in the round, or of whose
shortest window nothing is known, is left open; that nothing happened in it is known.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Protocol

from slo.core.alert import Alert, FiringPair, worst
from slo.core.delivery import Action, Message
from slo.core.duration import duration_name
from slo.core.incident import (
    Event,
    FiringChanged,
    Incident,
    Opened,
    PageCleared,
    Paged,
    Raised,
    Resolved,
    fold,
    incident_key,
)
from slo.core.policy import Severity
from slo.core.priority import EnvironmentClass, Priority, circumstances_of, priority_in
from slo.core.slo import slo_key
from slo.router.messages import Decision, Teller
from slo.router.summary import burning


class Routes(Protocol):
    """Who is told, and how long an alert must be clear before its incident resolves."""

    @property
    def destinations(self) -> tuple[str, ...]:
        """The names of the destinations, each told once."""

    @property
    def resolve_after(self) -> timedelta:
        """How long."""


def decide(
    alerts: Sequence[Alert],
    incidents: Mapping[str, Incident],
    *,
    known_slos: Collection[str],
    routes: Routes,
    paging: Collection[str],
    now: datetime,
    external_url: str = "",
) -> Decision:
    """The events and messages that bring `incidents` (by id, oldest first) in line with `alerts` at `now`.

    `paging` names the destinations that are told of pages only. An open incident of an SLO whose key is not in
    `known_slos` is resolved.
    """
    moment = _Round(incidents, routes=routes, paging=paging, teller=Teller(at=now, external_url=external_url))
    for alert in alerts:
        moment.consider(alert)
    for (slo, scope), incident in tuple(moment.last.items()):
        if slo_key(slo, scope) not in known_slos:
            moment.forget(incident)
    return Decision(events=tuple(moment.events), messages=tuple(moment.messages))


def begun(before: frozenset[FiringPair], firing: frozenset[FiringPair]) -> frozenset[FiringPair]:
    """What fires now and did not before. What became less urgent is not new, what pages is."""
    known = before | {replace(pair, severity=Severity.TICKET) for pair in before}
    return firing - known


class _Round:
    """One decision in the making: every event is folded at once, so that the next one is made of the new state."""

    def __init__(
        self, incidents: Mapping[str, Incident], *, routes: Routes, paging: Collection[str], teller: Teller
    ) -> None:
        self.last = {(incident.slo, incident.scope): incident for incident in incidents.values()}
        self.events: list[Event] = []
        self.messages: list[Message] = []
        self._next_id = max(map(int, incidents), default=0) + 1
        self._resolve_after = routes.resolve_after
        routed = dict.fromkeys(routes.destinations)
        self._pagers = tuple(name for name in routed if name in paging)
        self._others = tuple(name for name in routed if name not in paging)
        self._teller = teller

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
                told=self._others,
            ),
        )
        self._next_id += 1
        if severity is Severity.PAGE:
            incident = self._page(incident, alert)
        self.messages += self._teller.to_others(incident, Action.TRIGGER)

    def _follow(self, incident: Incident, alert: Alert) -> None:
        paging = alert.severity is Severity.PAGE
        if paging and not incident.page_open:
            incident = self._page(incident, alert)
            self.messages += self._teller.to_others(incident, Action.UPDATE)
        elif not alert.known:
            return
        elif not alert.firing and self._lasted(incident.clear_since):
            self.resolve(incident, why=f"clear for {self._patience}")
        elif not paging and incident.page_open and self._lasted(incident.page_clear_since):
            self._clear_page(incident)

    def _page(self, incident: Incident, alert: Alert) -> Incident:
        """Page under the incident's own key at first, and under a new generation each time after that."""
        generation = incident.generation + 1 if incident.page_key else incident.generation
        if incident.severity is not Severity.PAGE:
            raised = Raised(
                incident=incident.id,
                at=self._now,
                severity=Severity.PAGE,
                priority=_priority(alert, Severity.PAGE),
                why="a page fires",
            )
            incident = self._record(incident, raised)
        paged = Paged(
            incident=incident.id,
            at=self._now,
            generation=generation,
            key=_key(alert, generation),
            summary=burning(alert),
            told=self._pagers,
        )
        incident = self._record(incident, paged)
        self.messages += self._teller.to_pagers(incident, Action.TRIGGER)
        return incident

    def _clear_page(self, incident: Incident) -> None:
        why = f"no page has fired for {self._patience}"
        incident = self._record(incident, PageCleared(incident=incident.id, at=self._now, key=incident.page_key))
        self.messages += self._teller.to_pagers(incident, Action.RESOLVE, why=why)
        self.messages += self._teller.to_others(incident, Action.UPDATE, why=why)

    def _record(self, incident: Incident | None, event: Event) -> Incident:
        after = fold(incident, event)
        self.events.append(event)
        self.last[after.slo, after.scope] = after
        return after

    def _lasted(self, since: datetime | None) -> bool:
        return since is not None and self._now - since >= self._resolve_after

    @property
    def _patience(self) -> str:
        return duration_name(self._resolve_after.total_seconds())


def _key(alert: Alert, generation: int) -> str:
    customer = alert.labels.get("customer", "")
    return incident_key(customer=customer, slo=alert.slo, scope=alert.scope, generation=generation)


def _priority(alert: Alert, severity: Severity) -> Priority:
    environment = EnvironmentClass.of(alert.labels.get("environment", ""))
    return priority_in(circumstances_of(severity, environment))
