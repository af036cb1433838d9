"""The keeper of the alerts of others: what they said last, as alerts that the router judges with those of the engine.

It is in memory alone. After a restart nothing is known of an alert until it is sent again, and what is not known
resolves nothing: what an open incident was opened for fires until that alert is heard of.
"""

import heapq
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import NamedTuple

from slo.core.alert import Alert, Cause, Evidence, FiringPair, worst
from slo.core.foreign import ForeignAlert
from slo.core.incident import Incident
from slo.core.policy import Severity
from slo.core.slo import SLO
from slo.router.hook import INCIDENT_MARK
from slo.router.incidents import Incidents
from slo.router.meaning import Meaning, Meanings, report_of, shown_labels

MOST_ALERTS = 10_000
"""How many alerts of each severity are kept: a storm must not fill the memory, and one of tickets keeps no page out."""

MOST_CHANGES = 500
"""How many incidents one slot end may open, change or end on account of others, pages first: the rest has to wait."""

CHANGES_PER_SECOND = 100
"""How many in a second, where slots are short: what that takes must leave most of the time to those who are paged."""

NEVER = datetime.max.replace(tzinfo=UTC)
"""When what has no end is over."""

Key = tuple[str, str]
"""An SLO and a scope."""

Identity = frozenset[tuple[str, str]]
"""The labels of an alert."""


class Fate(StrEnum):
    """What became of an alert that came in."""

    TAKEN = "taken"
    OWN = "own"
    """It is one of ours that came back, and is dropped."""
    NO_ROOM = "no_room"
    """There are too many, and it is dropped."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Held:
    alert: ForeignAlert
    meaning: Meaning


class _Said(NamedTuple):
    """What fires of a matter, and its last incident."""

    key: Key
    incident: Incident | None
    firing: frozenset[FiringPair]

    @property
    def urgency(self) -> int:
        """0 where it pages, 1 where it opens a ticket, 2 where it is over."""
        return {Severity.PAGE: 0, Severity.TICKET: 1, None: 2}[worst(self.firing)]


class ForeignAlerts:
    """The alerts of others, some of which are about these SLOs. `most` is how many of each severity are kept.

    `slot_seconds` is how often they are judged.
    """

    def __init__(self, slos: Collection[SLO] = (), *, most: int = MOST_ALERTS, slot_seconds: int = 10) -> None:
        self._most = most
        self._most_changes = min(MOST_CHANGES, CHANGES_PER_SECOND * slot_seconds)
        self._watched = {slo.name for slo in slos}
        self._meanings = Meanings(slos)
        self._matters: dict[Key, dict[Identity, _Held]] = {}
        self._counts: Counter[Severity] = Counter()
        self._quiet: dict[Key, tuple[Incident, datetime]] = {}
        self._new: dict[Key, tuple[_Said, datetime]] = {}

    def __len__(self) -> int:
        return self._counts.total()

    def configure(self, slos: Collection[SLO]) -> None:
        """Go by these SLOs from now on."""
        alerts = [held.alert for matter in self._matters.values() for held in matter.values()]
        self._watched = {slo.name for slo in slos}
        self._meanings, self._matters, self._counts = Meanings(slos), {}, Counter()
        self._quiet, self._new = {}, {}
        for alert in alerts:
            self._keep(alert)

    def take(self, alert: ForeignAlert, incidents: Mapping[str, Incident]) -> Fate:
        """Take in what was said last of an alert. `incidents` are all that there are, by id."""
        if _is_ours(alert, incidents):
            return Fate.OWN
        return Fate.TAKEN if self._keep(alert) else Fate.NO_ROOM

    def alerts(self, incidents: Incidents, now: datetime) -> list[Alert]:
        """What they say at `now`, for every matter of which there is an incident to open, to follow or to end.

        Of what goes on nothing is said, where the engine does not speak of it too: it stays as it is.
        """
        same: list[_Said] = []
        changes: list[_Said] = []
        clear: list[tuple[datetime, _Said]] = []
        for key, incident in self._moved(incidents, now):
            if incident is None:
                said = self._begun(key, now)
                if said.firing:
                    changes.append(said)
                continue
            said = _Said(key, incident, self._firing(key, incident, now))
            if _changes(incident, said.firing):
                changes.append(said)
            elif incident.open and incident.clear_since is not None:
                clear.append((incident.clear_since, said))
            elif (incident.open or incident.firing) and (key[0] in self._watched or not _goes_on(said)):
                same.append(said)
            else:
                self._quiet[key] = incident, self._ends(key, now)
        first = heapq.nsmallest(self._most_changes, changes, key=lambda said: said.urgency)
        oldest = heapq.nsmallest(self._most_changes, clear, key=lambda entry: entry[0])
        return [self._alert(said, now) for said in (*same, *first, *(said for _, said in oldest))]

    def _moved(self, incidents: Incidents, now: datetime) -> list[tuple[Key, Incident | None]]:
        """Every matter with its last incident, but those that go on as they were found before."""
        followed = incidents.followed()
        moved: list[tuple[Key, Incident | None]] = []
        for key, incident in followed.items():
            quiet = self._quiet.get(key)
            if quiet is not None and quiet[0] is incident and now < quiet[1]:
                continue
            if key in self._matters or _is_followed(incident):
                moved.append((key, incident))
        return moved + [(key, incidents.last_of(*key)) for key in self._matters if key not in followed]

    def _begun(self, key: Key, now: datetime) -> _Said:
        """What fires of a matter that is no incident yet; in a storm thousands wait to become one."""
        found = self._new.get(key)
        if found is None or found[1] <= now:
            found = _Said(key, None, self._firing(key, None, now)), self._ends(key, now)
            if key in self._matters:
                self._new[key] = found
        return found[0]

    def _ends(self, key: Key, now: datetime) -> datetime:
        """When the first of a matter's alerts is over by its time."""
        ends = (held.alert.ends_at for held in self._matters.get(key, {}).values())
        return min((at for at in ends if at is not None and at > now), default=NEVER)

    def urgent(
        self, taken: Iterable[ForeignAlert], last: Callable[[str, str], Incident | None], now: datetime
    ) -> list[Alert]:
        """What is said at `now` of the matters of these alerts, where it pages, is new, and the engine has no part.

        `last` gives the last incident of an SLO and scope.
        """
        meanings = [self._meanings.of(alert) for alert in taken]
        found = []
        for key in dict.fromkeys((meaning.slo, meaning.scope) for meaning in meanings):
            incident = last(*key)
            said = _Said(key, incident, self._firing(key, incident, now))
            if worst(said.firing) is not Severity.PAGE or key[0] in self._watched:
                continue
            if incident is None or (incident.evidence.objective is None and _changes(incident, said.firing)):
                found.append(self._alert(said, now))
        return found

    def _keep(self, alert: ForeignAlert) -> bool:
        meaning = self._meanings.of(alert)
        matter = self._matters.setdefault((meaning.slo, meaning.scope), {})
        new = alert.identity not in matter
        severity = meaning.pair.severity
        if new and self._counts[severity] >= self._most:
            if not matter:
                del self._matters[meaning.slo, meaning.scope]
            return False
        self._counts[severity] += new
        matter[alert.identity] = _Held(alert=alert, meaning=meaning)
        self._quiet.pop((meaning.slo, meaning.scope), None)
        self._new.pop((meaning.slo, meaning.scope), None)
        return True

    def _firing(self, key: Key, incident: Incident | None, now: datetime) -> frozenset[FiringPair]:
        """What fires of a matter: what was said so, and what nothing was said of yet. Forgets what is over."""
        matter = self._matters.get(key, {})
        heard = {held.meaning.pair for held in matter.values()}
        over = {identity: held.meaning.pair for identity, held in matter.items() if not held.alert.fires(now)}
        firing = {held.meaning.pair for identity, held in matter.items() if identity not in over} if over else heard
        recorded = incident.firing if incident else frozenset()
        for identity, pair in over.items():
            if pair in firing or pair not in recorded:
                self._forget(key, identity)
        if incident is not None and incident.open and recorded != heard:
            firing |= _of_others(recorded) - heard
        return frozenset(firing)

    def _forget(self, key: Key, identity: Identity) -> None:
        held = self._matters[key].pop(identity)
        self._counts[held.meaning.pair.severity] -= 1
        if not self._matters[key]:
            del self._matters[key]
            self._new.pop(key, None)

    def _alert(self, said: _Said, now: datetime) -> Alert:
        """What is said of a matter, in the words of the most urgent of its alerts that began first."""
        (slo, scope), incident, firing = said
        if incident is not None and firing <= incident.firing:
            return Alert(
                slo=slo, scope=scope, at=now, firing=firing, labels=incident.labels, evidence=incident.evidence
            )
        held = min(
            (held for held in self._matters[said.key].values() if held.alert.fires(now)),
            key=lambda held: (held.meaning.pair.severity is not Severity.PAGE, held.alert.starts_at, held.meaning.pair),
        )
        labels = shown_labels(held.alert)
        evidence = Evidence(target=labels.get("instance", ""), report=report_of(held.alert))
        return Alert(slo=slo, scope=scope, at=now, firing=firing, labels=labels, evidence=evidence)


def joined(own: Sequence[Alert], reported: Sequence[Alert]) -> list[Alert]:
    """The alerts of the engine and of others, one for each SLO and scope.

    Of what both speak of, everything fires that either says. The figures are the engine's; the words of others come
    with them where what they report is more urgent.
    """
    alerts = {(alert.slo, alert.scope): alert for alert in own}
    for theirs in reported:
        key = theirs.slo, theirs.scope
        ours = alerts.get(key)
        alerts[key] = theirs if ours is None else _joint(ours, theirs)
    return list(alerts.values())


def _joint(ours: Alert, theirs: Alert) -> Alert:
    firing = ours.firing | theirs.firing
    together = replace(ours, firing=firing)
    if together.severity is ours.severity:
        return together
    return replace(together, evidence=replace(ours.evidence, report=theirs.evidence.report))


def _is_ours(alert: ForeignAlert, incidents: Mapping[str, Incident]) -> bool:
    """Whether it is what our webhook says of one of our incidents. That of another watch is not."""
    said = alert.annotations.get(INCIDENT_MARK, "")
    incident = incidents.get(said.partition("/")[0])
    return incident is not None and said == incident.mark


def _is_followed(incident: Incident) -> bool:
    """Whether it waits for what others say: it is of theirs and clears, or they said that something fires."""
    waits = incident.open and incident.clear_since is not None and incident.evidence.objective is None
    return waits or any(pair.cause is Cause.ALERT for pair in incident.firing)


def _changes(incident: Incident, firing: frozenset[FiringPair]) -> bool:
    return firing != incident.firing and bool(firing - incident.firing or _of_others(incident.firing) - firing)


def _goes_on(said: _Said) -> bool:
    """Whether it is of theirs alone, nothing of it has changed, and no page is to be made or ended."""
    incident = said.incident
    if incident is None or said.firing != incident.firing or incident.evidence.objective is not None:
        return False
    if not incident.open or worst(said.firing) is not Severity.PAGE:
        return not incident.page_open
    rings = incident.page_open and incident.page_of_alert
    return incident.severity is Severity.PAGE and (rings or bool(incident.muted))


def _of_others(firing: frozenset[FiringPair]) -> frozenset[FiringPair]:
    return frozenset(pair for pair in firing if pair.cause is Cause.ALERT)
