"""Decisions: what the alerts of one slot end mean for the incidents.

Pure, and driven by levels: the alerts as they stand are compared with the incidents as they stand, so that an edge
that was lost (a crash, a store that was full) heals itself at the next slot end. Nothing is remembered but incidents.

A page goes out when it begins. Being clear counts only after it has lasted for `resolve_after`, which grows while an
alert comes and goes, and firing again within that time says nothing new. No data never resolves: an incident whose SLO
has no alert in the round, or of whose shortest window nothing is known, is left open; that nothing happened in it is
known.
"""

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from slo.core.alert import Alert, FiringPair, worst
from slo.core.delivery import Action
from slo.core.duration import duration_name
from slo.core.events import FiringChanged, Opened, PageCleared, Raised
from slo.core.flapping import HoldDown, hold_down
from slo.core.incident import Incident
from slo.core.incident_key import incident_key
from slo.core.paths import DELIVERY
from slo.core.policy import Severity
from slo.core.priority import Circumstances, circumstances_of, priority_in
from slo.core.slo import slo_key
from slo.router.draft import Draft, sharing
from slo.router.messages import Said
from slo.router.summary import burning

FLAPPING_LOOKS_BACK = timedelta(hours=24)
"""Generations that began longer ago say nothing about whether an alert comes and goes now."""


def decide(alerts: Sequence[Alert], draft: Draft, *, known_slos: Collection[str]) -> None:
    """Bring the incidents in line with `alerts`. An open one of an SLO whose key is not in `known_slos` is resolved."""
    moment = _Round(draft)
    for alert in alerts:
        moment.consider(alert)
    decide_pages(draft)
    for incident in tuple(draft.incidents.values()):
        forgettable = not incident.human and incident.slo != DELIVERY
        if forgettable and slo_key(incident.slo, incident.scope) not in known_slos:
            moment.forget(incident)


def decide_pages(draft: Draft) -> None:
    """Page for what people made a P0, where it has not paged yet, and tell those who hear of what is so urgent."""
    for incident in tuple(draft.incidents.values()):
        if incident.needs_page:
            draft.page(draft.tell(incident), incident.summary)


def begun(before: frozenset[FiringPair], firing: frozenset[FiringPair]) -> frozenset[FiringPair]:
    """What fires now and did not before. What became less urgent is not new, what pages is."""
    known = before | {replace(pair, severity=Severity.TICKET) for pair in before}
    return firing - known


class _Round:
    """The alerts of one slot end, one after the other."""

    def __init__(self, draft: Draft) -> None:
        self._draft = draft
        self._of: dict[tuple[str, str], list[str]] = {}
        for incident in draft.incidents.values():
            self._of.setdefault((incident.slo, incident.scope), []).append(incident.id)

    def consider(self, alert: Alert) -> None:
        """Bring the last incident of the alert's SLO and scope in line with it, or open one."""
        ids = self._of.setdefault((alert.slo, alert.scope), [])
        incident = self._draft.incidents[ids[-1]] if ids else None
        if incident is None or not incident.open:
            if begun(incident.firing if incident else frozenset(), alert.firing):
                opened = self._open(alert, generation=incident.generation + 1 if incident else 1)
                ids.append(opened.id)
                return
            if incident is None:
                return
        if alert.firing != incident.firing:
            event = FiringChanged(
                incident=incident.id, at=self._draft.now, firing=alert.firing, evidence=alert.evidence
            )
            incident = self._draft.record(event)
        if incident.open:
            self._follow(incident, alert)

    def forget(self, incident: Incident) -> None:
        """Its SLO is gone: nothing fires any more, so that what fires when the SLO comes back is new."""
        if incident.firing:
            event = FiringChanged(
                incident=incident.id, at=self._draft.now, firing=frozenset(), evidence=incident.evidence
            )
            incident = self._draft.record(event)
        if incident.open:
            self._draft.resolve(incident, why="the SLO was removed from the configuration")

    def _open(self, alert: Alert, *, generation: int) -> Incident:
        severity = worst(alert.firing) or Severity.TICKET
        customer = alert.labels.get("customer", "")
        circumstances = self._circumstances(alert, severity)
        event = Opened(
            incident=self._draft.take_id(),
            at=self._draft.now,
            slo=alert.slo,
            scope=alert.scope,
            generation=generation,
            key=incident_key(customer=customer, slo=alert.slo, scope=alert.scope, generation=generation),
            severity=severity,
            priority=priority_in(circumstances),
            summary=burning(alert),
            labels=alert.labels,
            firing=alert.firing,
            evidence=alert.evidence,
            circumstances=circumstances,
            services=(alert.labels["service"],) if alert.labels.get("service") else (),
        )
        return self._draft.open(event)

    def _follow(self, incident: Incident, alert: Alert) -> None:
        paging = alert.severity is Severity.PAGE
        if paging and not incident.page_open:
            self._page(self._raised(incident, alert), burning(alert))
        elif not alert.known:
            return
        elif not alert.firing and self._lasted(incident, incident.clear_since):
            self._draft.resolve(incident, why=f"clear for {self._patience(incident)}")
        elif not paging and incident.page_open and self._lasted(incident, incident.page_clear_since):
            self._clear_page(incident)
        elif incident.muted and alert.firing:
            self._draft.is_muted(incident)

    def _page(self, incident: Incident, summary: str) -> None:
        if self._draft.is_muted(incident) or not self._draft.may_page(incident):
            return
        after = self._draft.page(self._draft.incidents[incident.id], summary)
        hold = self._hold_down(after)
        flaps = f"it comes and goes: {hold.generations} times by now" if hold.flaps else ""
        self._draft.say_to_others(after, Action.UPDATE, Said(text=flaps))

    def _raised(self, incident: Incident, alert: Alert) -> Incident:
        """A page inside a ticket: as urgent as if it had begun with it, and never less than a person made it."""
        if incident.severity is Severity.PAGE:
            return incident
        own = priority_in(self._circumstances(alert, Severity.PAGE))
        priority = min(incident.priority, own, key=lambda each: each.rank)
        event = Raised(
            incident=incident.id, at=self._draft.now, severity=Severity.PAGE, priority=priority, why="a page fires"
        )
        after = self._draft.record(event)
        return after if after.muted else self._draft.tell(after)

    def _clear_page(self, incident: Incident) -> None:
        said = Said(why=f"no page has fired for {self._patience(incident)}")
        shared = any(True for _ in sharing(self._draft.incidents, incident))
        incident = self._draft.record(PageCleared(incident=incident.id, at=self._draft.now, key=incident.page_key))
        if not shared:
            self._draft.say_to_pagers(incident, Action.RESOLVE, said)
        self._draft.say_to_others(incident, Action.UPDATE, said)

    def _circumstances(self, alert: Alert, severity: Severity) -> Circumstances:
        contract = self._draft.audience.contract(alert.labels.get("customer", ""))
        return circumstances_of(severity, contract.class_of(alert.labels.get("environment", "")))

    def _lasted(self, incident: Incident, since: datetime | None) -> bool:
        return since is not None and self._draft.now - since >= self._hold_down(incident).resolve_after

    def _patience(self, incident: Incident) -> str:
        return duration_name(self._hold_down(incident).resolve_after.total_seconds())

    def _hold_down(self, incident: Incident) -> HoldDown:
        """How long it has to be clear, by how often it has come and gone."""
        resolve_after = self._draft.audience.of(incident).plan.resolve_after
        began: list[datetime] = []
        for name in self._of[incident.slo, incident.scope][-20:]:
            other = self._draft.incidents[name]
            began += other.pages or (other.opened_at,)
        return hold_down(resolve_after, [at for at in began if self._draft.now - at < FLAPPING_LOOKS_BACK])
