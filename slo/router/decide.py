"""Decisions: what the alerts of one slot end mean for the incidents.

Pure, and driven by levels: the alerts as they stand are compared with the incidents as they stand, so that an edge
that was lost (a crash, a store that was full) heals itself at the next slot end. Nothing is remembered but incidents.

A page goes out when it begins. Being clear counts only after it has lasted for `resolve_after`, which grows while an
alert comes and goes, and firing again within that time says nothing new. No data never resolves: an incident whose SLO
has no alert in the round, or of whose shortest window nothing is known, is left open; that nothing happened in it is
known.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from slo.core.alert import Alert, FiringPair, worst
from slo.core.contract import Contract
from slo.core.delivery import Action
from slo.core.duration import duration_name
from slo.core.events import FiringChanged, Opened, Raised
from slo.core.flapping import HoldDown, hold_down
from slo.core.incident import Incident
from slo.core.incident_key import incident_key
from slo.core.paths import DELIVERY
from slo.core.policy import Severity
from slo.core.priority import Circumstances, circumstances_of, priority_in
from slo.core.routing import alert_labels
from slo.core.slo import Grouped, is_of_group, slo_key
from slo.router.draft import Draft
from slo.router.messages import Said
from slo.router.summary import burning

FLAPPING_LOOKS_BACK = timedelta(hours=24)
"""Generations that began longer ago say nothing about whether an alert comes and goes now."""


ROUNDS = 10
"""So often at most it is looked at who mutes whom, where each change may mute or unmute another."""


def causes_first(alerts: Iterable[Alert], draft: Draft) -> list[Alert]:
    """The alerts in such an order that nobody is paged for an effect a moment before the cause.

    What fires as it did, or no more, comes before what is new.
    """
    if not draft.muting.has_causes:
        return list(alerts)
    new: list[Alert] = []
    others: list[Alert] = []
    for alert in alerts:
        incident = draft.incidents.last_of(alert.slo, alert.scope)
        known = incident is not None and incident.firing == alert.firing
        (others if known or not alert.firing else new).append(alert)
    return others + [new[place] for place in draft.muting.causes_first(_labels_of(each, draft) for each in new)]


def decide(
    alerts: Sequence[Alert],
    draft: Draft,
    *,
    known_slos: Collection[str],
    grouped: Collection[Grouped] = (),
) -> None:
    """Bring the incidents in line with `alerts`. An open one of an SLO whose key is not in `known_slos` is resolved.

    Where the SLO is one of a group, and among those that are `grouped` as before, it has gone with its group.
    """
    moment = _Round(draft)
    for alert in causes_first(alerts, draft):
        moment.consider(alert)
    moment.forget_all_but(frozenset(known_slos), grouped)
    moment.speak_of_the_rest()
    decide_pages(draft)


def decide_at_once(alerts: Sequence[Alert], draft: Draft) -> None:
    """Bring the incidents of these alerts in line with them, and no others: a page need not wait for the slot's end."""
    moment = _Round(draft)
    for alert in causes_first(alerts, draft):
        moment.consider(alert)


def decide_pages(draft: Draft) -> None:
    """Page for what people made a P0, where it has not paged yet, and tell those who hear of what is so urgent."""
    for incident in draft.incidents.unsettled():
        waits = incident.needs_page or (incident.unheard and (incident.urged or not incident.muted))
        if not incident.open or not waits or draft.is_muted(incident):
            continue
        heard = draft.incidents[incident.id]
        if heard.needs_page:
            heard = draft.page(heard, heard.summary)
        if heard.unheard and (heard.firing or heard.human or heard.urged):
            draft.tell(heard)


def begun(before: frozenset[FiringPair], firing: frozenset[FiringPair]) -> frozenset[FiringPair]:
    """What fires now and did not before. What became less urgent is not new, what pages is."""
    known = before | {replace(pair, severity=Severity.TICKET) for pair in before}
    return firing - known


def _why_gone(incident: Incident, grouped: Collection[Grouped]) -> str:
    """Why nobody watches what an incident is about any more."""
    if incident.slo == DELIVERY:
        return "the destination was removed from the configuration"
    if any(name == incident.slo and is_of_group(incident.scope, labels) for name, labels in grouped):
        return "its group is gone with its last target or series: nobody wants anything in it watched any more"
    return "the SLO was removed from the configuration"


def _is_to_page(incident: Incident) -> bool:
    """Whether it fires a page that nobody has of it."""
    return worst(incident.firing) is Severity.PAGE and not (incident.page_open and incident.page_of_alert)


class _Round:
    """The alerts of one slot end, one after the other."""

    def __init__(self, draft: Draft) -> None:
        self._draft = draft

    def consider(self, alert: Alert) -> None:
        """Bring the last incident of the alert's SLO and scope in line with it, or open one."""
        incident = self._draft.incidents.last_of(alert.slo, alert.scope)
        if incident is None or not incident.open:
            if begun(incident.firing if incident else frozenset(), alert.firing):
                self._open(alert, generation=incident.generation + 1 if incident else 1)
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
            self._speak(self._draft.incidents[incident.id], alert)

    def forget_all_but(self, known_slos: Collection[str], grouped: Collection[Grouped]) -> None:
        """Of an SLO that is gone nothing fires any more, so that what fires when it comes back is new.

        What only others speak of has no objective, and is of no SLO; the path to a destination stands for one.
        """
        gone = [
            incident
            for (slo, scope), incident in self._draft.incidents.followed().items()
            if (incident.evidence.objective is not None or slo == DELIVERY) and slo_key(slo, scope) not in known_slos
        ]
        for incident in gone:
            self._forget(incident, grouped)

    def speak_of_the_rest(self) -> None:
        """Tell of those of which this round said nothing, and of what the round unmuted. Causes go before effects.

        An incident that pages, or is over, may mute or unmute others that were looked at before it.
        """
        draft = self._draft
        for _ in range(ROUNDS if draft.muting.has_causes else 1):
            before = draft.decided
            for incident in draft.incidents.unsettled():
                if not draft.has_settled(incident):
                    self._look_at(draft.incidents[incident.id])
            if draft.decided == before:
                return

    def _look_at(self, incident: Incident) -> None:
        """Tell of it as it stands; where that is nothing, it need not be looked at again as long as it stays so."""
        before = self._draft.decided
        self._speak(incident)
        if self._draft.decided == before and not (incident.open and _is_to_page(incident) and not incident.muted):
            self._draft.muting.settle(incident)

    def _forget(self, incident: Incident, grouped: Collection[Grouped]) -> None:
        if incident.firing:
            event = FiringChanged(
                incident=incident.id, at=self._draft.now, firing=frozenset(), evidence=incident.evidence
            )
            incident = self._draft.record(event)
        if incident.open:
            self._draft.resolve(incident, why=_why_gone(incident, grouped))

    def _open(self, alert: Alert, *, generation: int) -> Incident:
        severity = worst(alert.firing) or Severity.TICKET
        customer = alert.labels.get("customer", "")
        circumstances = _circumstances(alert, severity, self._draft.audience.contract(customer))
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
        """What the alert makes of it, whoever hears of that."""
        paging = alert.severity is Severity.PAGE
        if paging:
            self._raise(incident, alert)
        elif not alert.known:
            return
        elif not alert.firing and self._lasted(incident, incident.clear_since):
            self._draft.resolve(incident, why=f"clear for {self._patience(incident)}")
        elif incident.page_open and incident.page_of_alert and self._lasted(incident, incident.page_clear_since):
            self._clear_page(incident)

    def _clear_page(self, incident: Incident) -> None:
        why = f"no page has fired for {self._patience(incident)}"
        said = Said(why=why, text=f"less urgent: {why}, the ticket goes on")
        after = self._draft.clear_page(incident, said)
        if not self._draft.is_muted(after):
            self._draft.say_to_others(self._draft.incidents[after.id], Action.UPDATE, said)

    def _raise(self, incident: Incident, alert: Alert) -> None:
        """A page inside a ticket: as urgent as if it had begun with it, and never less than a person made it."""
        if incident.severity is Severity.PAGE:
            return
        own = priority_in(_circumstances(alert, Severity.PAGE, self._draft.audience.contract_of(incident)))
        priority = min(incident.priority, own, key=lambda each: each.rank)
        event = Raised(
            incident=incident.id, at=self._draft.now, severity=Severity.PAGE, priority=priority, why="a page fires"
        )
        self._draft.record(event)

    def _speak(self, incident: Incident, alert: Alert | None = None) -> None:
        """Tell of it as it stands: whom it has become urgent enough for, and the page that it fires."""
        if not incident.open or self._draft.is_muted(incident):
            return
        incident = self._draft.incidents[incident.id]
        if _is_to_page(incident) and self._draft.may_page(incident):
            incident = self._draft.page(incident, burning(alert or self._alert_of(incident)))
            hold = self._hold_down(incident)
            flaps = f"it comes and goes: {hold.generations} times by now" if hold.flaps else ""
            self._draft.say_to_others(incident, Action.UPDATE, Said(text=flaps))
        if incident.unheard and incident.firing:
            self._draft.tell(incident)

    def _alert_of(self, incident: Incident) -> Alert:
        """What was said last of it."""
        return Alert(
            slo=incident.slo,
            scope=incident.scope,
            at=self._draft.now,
            firing=incident.firing,
            labels=incident.labels,
            evidence=incident.evidence,
        )

    def _lasted(self, incident: Incident, since: datetime | None) -> bool:
        return since is not None and self._draft.now - since >= self._hold_down(incident).resolve_after

    def _patience(self, incident: Incident) -> str:
        return duration_name(self._hold_down(incident).resolve_after.total_seconds())

    def _hold_down(self, incident: Incident) -> HoldDown:
        """How long it has to be clear, by how often it has come and gone."""
        resolve_after = self._draft.audience.of(incident).plan.resolve_after
        began: list[datetime] = []
        for other in self._draft.incidents.of_subject(incident.slo, incident.scope):
            began += other.pages or (other.opened_at,)
        return hold_down(resolve_after, [at for at in began if self._draft.now - at < FLAPPING_LOOKS_BACK])


def _labels_of(alert: Alert, draft: Draft) -> dict[str, str]:
    """What inhibition looks at, as the incident would have it that is opened now."""
    severity = worst(alert.firing) or Severity.TICKET
    contract = draft.audience.contract(alert.labels.get("customer", ""))
    priority = priority_in(_circumstances(alert, severity, contract))
    return alert_labels(alert.labels, slo=alert.slo, scope=alert.scope, severity=severity, priority=priority)


def _circumstances(alert: Alert, severity: Severity, contract: Contract) -> Circumstances:
    return circumstances_of(severity, contract.class_of(alert.labels.get("environment", "")))
