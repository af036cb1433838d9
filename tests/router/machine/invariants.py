"""What must be so whatever happens: read from what the vendors recorded and what the journal has, never from memory."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from email.parser import BytesHeaderParser
from typing import TypeGuard

from slo.core.delivery import Action, Delivery, Message
from slo.core.events import Acknowledged, Deed, Event, Noted, Promised, Resolved
from slo.core.folding import fold, fold_all
from slo.core.incident import Incident
from slo.router.destinations.jira import PROPERTY
from slo.router.mail.letter import letter_id
from slo.router.tickets.ticket import external_id, marker
from tests.router.machine.world import World

REASONS = {"not_for_this_destination", "incident_not_found"}
"""Why a message may end without being sent: nobody there hears of it, or PagerDuty has nothing to write it on."""

DOMAIN = "provider.example"


def hold_always(world: World) -> None:
    """At every point: a page for a key, nothing before its trigger, a whole chain, no act twice, answers of humans."""
    _hold_one_page_a_key(world)
    _hold_order(world)
    events = world.life.journal.events()
    assert world.life.journal.verify() >= len(events)  # a writing that is under way may have added some
    done = Counter(event.source for _, event in events if isinstance(event, Deed | Resolved) and event.source)
    assert set(done.values()) <= {1}, f"an act was done twice: {done}"
    for incident in fold_all(event for _, event in events).values():
        if incident.responded_at is not None:
            assert incident.id in world.may_be_answered(), f"nobody answered {incident.id}: {incident.responded_by}"


def hold_when_mended(world: World) -> None:
    """When everything could be said: all of it was, once where that can be told, and what pages is open."""
    events = world.events()
    incidents = fold_all(events)
    rows = [row for incident in incidents for row in world.life.journal.deliveries(incident)]
    for row in rows:
        assert row.state == "sent" or row.last_reason in REASONS, f"{row.message.id}: {row.state} {row.last_reason}"
    sent = [row.message for row in rows if row.state == "sent"]
    _hold_pages(world, incidents, rows)
    _hold_chat(world, [message for message in sent if message.destination == "slack"])
    _hold_tickets(world, [message for message in sent if message.destination == "jira"])
    _hold_letters(world, [message for message in sent if message.destination == "mail"])
    _hold_answers(world, incidents)
    _hold_everybody_heard(events, [row.message for row in rows])
    assert dict(world.life.router.incidents) == incidents, "the router believes what is not on record"
    found = {incident.slo for incident in incidents.values()}
    assert world.seen <= found, f"no incident of {world.seen - found}"


def hold_at_the_end(world: World) -> None:
    """When nothing fires any more and time has passed: all is over, everywhere."""
    still = [each for each in world.incidents().values() if each.open]
    assert not still, f"these are open: {still}"
    assert [each["dedup_key"] for each in world.town.pagerduty.incidents if each["status"] != "resolved"] == []


def _hold_one_page_a_key(world: World) -> None:
    """A key has one incident at PagerDuty, ever; another one only after somebody closed the first over there."""
    began = Counter(incident["dedup_key"] for incident in world.town.pagerduty.incidents)
    twice = {key for key, times in began.items() if times > 1} - world.closed_there
    assert not twice, f"PagerDuty has several incidents of {twice}"
    still = Counter(each["dedup_key"] for each in world.town.pagerduty.incidents if each["status"] != "resolved")
    assert set(still.values()) <= {1}, f"several are open: {still}"


def _hold_order(world: World) -> None:
    """PagerDuty never heard of an end, or of an answer, before it took the beginning."""
    began: set[str] = set()
    for request in world.town.pagerduty.requests:
        event = request["event"]
        if event is None:
            continue
        if event["event_action"] == "trigger":
            began.add(event["dedup_key"])
        assert event["dedup_key"] in began, f"{event['event_action']} of {event['dedup_key']} before its trigger"


def _hold_pages(world: World, incidents: Mapping[str, Incident], rows: list[Delivery]) -> None:
    """Every message is there as often as it was sent, or more often; what is open here is open there."""
    took: Counter[tuple[str, str]] = Counter()
    for request in world.town.pagerduty.requests:
        if request["event"] is not None:
            took[request["event"]["dedup_key"], request["event"]["event_action"]] += 1
    said = {Action.TRIGGER: "trigger", Action.UPDATE: "trigger", Action.ACKNOWLEDGE: "acknowledge"}
    said[Action.RESOLVE] = "resolve"
    wanted = Counter(
        (row.message.key, said[row.message.action])
        for row in rows
        if row.message.destination == "pagerduty" and row.state == "sent" and row.message.action in said
    )
    assert not wanted - took, f"PagerDuty lacks {wanted - took}"
    there = {each["dedup_key"] for each in world.town.pagerduty.incidents if each["status"] != "resolved"}
    for incident in incidents.values():
        told = incident.page_open and "pagerduty" in incident.paged_to
        if told and incident.page_key not in world.closed_there:
            why = [
                (each["dedup_key"], each["status"], [(step["action"], step["by"]) for step in each["history"]])
                for each in world.town.pagerduty.incidents
                if each["dedup_key"] == incident.page_key
            ]
            assert incident.page_key in there, f"the page {incident.page_key} is not open at PagerDuty: {why}"


def _hold_chat(world: World, sent: list[Message]) -> None:
    """Slack has each message once, an incident begins once, and all else is in its thread."""
    there = {message["metadata"]["event_payload"]["id"]: message for message in world.town.slack.messages}
    assert len(there) == len(world.town.slack.messages), "Slack has a message twice"
    assert there.keys() == {message.id for message in sent}
    parents: dict[str, str] = {}
    for message in sent:
        posted = there[message.id]
        if message.action is Action.TRIGGER:
            assert message.incident not in parents, f"{message.incident} begins twice in Slack"
            parents[message.incident] = posted["ts"]
        else:
            assert posted.get("thread_ts") == parents[message.incident], f"{message.id} is not in its thread"


def _hold_tickets(world: World, sent: list[Message]) -> None:
    """Jira has one ticket for each incident, and each comment once on it."""
    tickets = {issue.fields["labels"][0]: issue for issue in world.town.jira.issues}
    assert len(tickets) == len(world.town.jira.issues), "Jira has a ticket twice"
    assert tickets.keys() == {external_id(message) for message in sent if message.action is Action.TRIGGER}
    comments: dict[str, Counter[str]] = defaultdict(Counter)
    for name, issue in tickets.items():
        for comment in issue.comments:
            for each in comment["properties"]:
                if each["key"] == PROPERTY:
                    comments[name][each["value"]["message"]] += 1
    wanted: dict[str, Counter[str]] = defaultdict(Counter)
    for message in sent:
        if message.action is not Action.TRIGGER:
            wanted[external_id(message)][marker(message)] += 1
    assert comments == wanted


def _hold_letters(world: World, sent: list[Message]) -> None:
    """Every letter is there, and one that went out twice has the same Message-ID and the same subject."""
    read = BytesHeaderParser().parsebytes
    there = {str(read(letter)["Message-ID"]).strip() for letter in world.town.mail.letters}
    assert there == {letter_id(message, DOMAIN) for message in sent}


def _hold_answers(world: World, incidents: Mapping[str, Incident]) -> None:
    """Whatever a person did, wherever, was an answer."""
    for incident in incidents.values():
        if incident.id in world.answered:
            assert incident.responded_at is not None, f"somebody answered {incident.id}, and it is not on record"


def _hold_everybody_heard(events: Sequence[Event], messages: list[Message]) -> None:
    """What a person did shows wherever the incident was known, but where it was done."""
    heard = {(message.incident, message.at, message.destination): message for message in messages}
    state: dict[str, Incident] = {}
    for event in events:
        if not event.incident:
            continue
        before = state.get(event.incident)
        if before is not None and _is_act(event):
            for name in _hears(before, event):
                message = heard.get((event.incident, event.at, name))
                assert message is not None, f"{name} did not hear of {event}"
                assert message.by == event.by
        state[event.incident] = fold(before, event)


def _is_act(event: Event) -> TypeGuard[Acknowledged | Noted | Promised | Resolved]:
    return isinstance(event, Acknowledged | Noted | Promised) or (isinstance(event, Resolved) and bool(event.by))


def _hears(before: Incident, event: Acknowledged | Noted | Promised | Resolved) -> set[str]:
    """Who has to hear of an act: everybody who was told, but those that can read it already."""
    pagers = set(before.paged_to) if before.page_open else set()
    if isinstance(event, Acknowledged) and before.page_answered:
        pagers = set()
    return (pagers | set(before.told)) - {event.via}
