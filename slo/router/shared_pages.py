"""Shared pages: what is told of several incidents in one page is told of all of them, whichever of them speaks.

The page at a destination tells of the open incidents that have it there. Whatever is said in it carries the priority of
the most urgent of these; what begins or changes it names them, so that it hides no urgency. When one of them leaves it,
comes to it or changes its priority and nothing else would be said, an update says so: it names no urgency that is over.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from slo.core.delivery import Action, Member, Message
from slo.core.incident import Incident
from slo.core.policy import Severity
from slo.core.priority import Priority
from slo.router.incidents import Incidents
from slo.router.messages import Decision, Said, Teller
from slo.router.summary import one_line

NAMED = 20
"""So many incidents of a page are named: nobody reads more at night, and each message has them all in it."""

SUBJECT_LIMIT = 120
"""How much of what an incident is about is said of each, in characters."""

Lane = tuple[str, str]
"""A destination and the key of a page."""

_SHOWS = frozenset({Action.TRIGGER, Action.UPDATE})
"""What shows a page as it stands."""


def sharing(incidents: Mapping[str, Incident], incident: Incident) -> Iterator[Incident]:
    """The other open incidents that are told in the same page."""
    if incident.page_open:
        for other in _paging(incidents):
            if other.page_key == incident.page_key and other.id != incident.id:
                yield other


def keeping(incidents: Mapping[str, Incident], incident: Incident) -> frozenset[str]:
    """The paging destinations that have the page of an incident for another one as well."""
    return frozenset(name for other in sharing(incidents, incident) for name in other.paged_to)


def told_as_one(
    decision: Decision,
    before: Mapping[str, Incident],
    after: Mapping[str, Incident],
    *,
    teller: Teller,
    known_at: str = "",
) -> Decision:
    """A decision that leads from the incidents `before` to those `after`, with each page said as it is then.

    `known_at` is a destination where the change can be read already, since it was made there.
    """
    changed = {event.incident for event in decision.events}
    ends = [each for among in (before, after) for name in changed if (each := among.get(name)) and each.page_open]
    keys = {incident.page_key for incident in ends}
    if not keys:
        return decision
    were, pages = _pages(before, keys), _pages(after, keys)
    messages = [pages[each.lane].said_by(each) if each.lane in pages else each for each in decision.messages]
    shown = {message.lane for message in messages if message.action in _SHOWS}
    for lane, page in pages.items():
        if lane not in were or lane in shown or lane[0] == known_at:
            continue
        if changes := page.changed(were[lane]):
            messages += [page.said_by(update) for update in page.update(lane, were[lane], changes, teller)]
    return replace(decision, messages=tuple(messages))


@dataclass(frozen=True, slots=True)
class _Page:
    """The incidents that a page tells of at one destination, the most urgent first, then the oldest."""

    incidents: Sequence[Incident]

    @property
    def priority(self) -> Priority:
        return self.incidents[0].priority

    @property
    def severity(self) -> Severity:
        pages = any(incident.severity is Severity.PAGE for incident in self.incidents)
        return Severity.PAGE if pages else Severity.TICKET

    def changed(self, before: "_Page") -> list[str]:
        """Who left, joined, or has another priority of which people are to be told now."""
        were = {incident.id: incident for incident in before.incidents}
        here = {incident.id for incident in self.incidents}
        gone = [name for name in were if name not in here]
        new = [each.id for each in self.incidents if each.id not in were]
        others = [each for each in self.incidents if each.id in were and not each.muted]
        return gone + new + [each.id for each in others if each.priority is not were[each.id].priority]

    def update(self, lane: Lane, before: "_Page", changed: Sequence[str], teller: Teller) -> list[Message]:
        """That it is another page than it was, in the words of the most urgent that is in it and not muted.

        It is named after who changed, since people may do something to several of them in one moment.
        """
        here = {incident.id for incident in self.incidents}
        gone = [str(_member(incident)) for incident in before.incidents if incident.id not in here]
        said = Said(text=one_line(f"no longer in this page: {', '.join(gone[:NAMED])}") if gone else "")
        speaks = next((incident for incident in self.incidents if not incident.muted), self.incidents[0])
        told = teller.to_these(speaks, Action.UPDATE, lane[:1], lane[1], said)
        return [replace(message, id=f"{message.id}/{changed[0]}") for message in told]

    def said_by(self, message: Message) -> Message:
        """A message of one of them, as that of the page."""
        if len(self.incidents) == 1:
            return message
        return replace(
            message,
            priority=self.priority,
            severity=self.severity,
            summary=self._summary(message) if message.action in _SHOWS else message.summary,
            members=tuple(map(_member, self.incidents[:NAMED])),
            more_members=max(0, len(self.incidents) - NAMED),
        )

    def _summary(self, message: Message) -> str:
        """What the most urgent says, what the one says that speaks, and how many there are beside."""
        first, more = self.incidents[0], len(self.incidents) - 1
        parts = [first.summary]
        if message.incident != first.id:
            parts.append(message.summary)
            more -= 1
        return one_line("; and ".join([*parts, f"{more} more"] if more else parts))


def _pages(incidents: Mapping[str, Incident], keys: set[str]) -> dict[Lane, _Page]:
    """The pages under these keys, at each destination that has them."""
    lanes: dict[Lane, list[Incident]] = {}
    for incident in sorted(_paging(incidents), key=lambda each: each.priority.rank):
        if incident.page_key in keys:
            for name in incident.paged_to:
                lanes.setdefault((name, incident.page_key), []).append(incident)
    return {lane: _Page(among) for lane, among in lanes.items()}


def _member(incident: Incident) -> Member:
    """What a person reported is known by the report, all else by its SLO and scope."""
    named = incident.summary if incident.human else ", ".join(filter(None, (incident.slo, incident.scope)))
    return Member(incident=incident.id, subject=one_line(named, SUBJECT_LIMIT), priority=incident.priority)


def _paging(incidents: Mapping[str, Incident]) -> Iterator[Incident]:
    """Those that have a page open, the oldest first."""
    among = incidents.paging() if isinstance(incidents, Incidents) else incidents.values()
    return (incident for incident in among if incident.page_open)
