"""The destination `jira`, against the strict stand-in: one issue whatever fails; what people do there comes back."""

import asyncio
import hashlib
import hmac
import json
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from slo.core.acts import Act, GoOn, Open, Prioritize, Resolve, Say, Target, Wait
from slo.core.delivery import Action, Ambiguous, Lane, Message, Refused, Retry, Sent, Verdict
from slo.core.eta import ETA, Confidence
from slo.core.inbound import Inbound
from slo.core.policy import Severity
from slo.core.priority import Impact, Priority
from slo.demo.vendors.adf import is_document
from slo.demo.vendors.injection import Injection
from slo.demo.vendors.jira import JiraStandIn
from slo.demo.vendors.standin import Webhook
from slo.errors import Forged, Malformed
from slo.exposition.catalogue import Telemetry
from slo.net.context import Context
from slo.router.destinations.jira import PAGES_ONLY, SETTLE_SECONDS, Config, Jira, build, comment_of, receiver
from slo.router.inbox import BODY_LIMIT_BYTES
from slo.router.notice import notice_of
from slo.router.tickets.adf import LIMIT, document_of_notice, plain_text
from slo.router.tickets.ticket import external_id
from slo.store import backup
from slo.store.folder import DataFolder
from slo.store.journal import Journal
from tests.router.destinations.goldens import hold_against
from tests.router.making import STAGING, at, message

USER, TOKEN, SECRET = "watch@provider.example", "t0ken-of-jira", "s3cret-of-jira"
ANNA = {"accountId": "a1", "displayName": "Anna", "accountType": "atlassian"}
BEN = {"accountId": "b1", "displayName": "Ben", "accountType": "atlassian", "emailAddress": "Ben@Provider.example"}
CARLA = {"accountId": "c1", "displayName": "Carla", "accountType": "customer"}
ROBOT = {"accountId": "r1", "displayName": "Automation for Jira", "accountType": "app"}
OURSELVES = {"accountId": "integration", "displayName": "Watchkeep", "accountType": "atlassian"}
PRIORITIES = {"P0": "Highest", "P1": "High", "P2": "Medium"}
NOW = datetime(2026, 1, 1, 3, 10, tzinfo=UTC)
Make = Callable[..., Jira]


@pytest.fixture
async def standin(tmp_path: Path) -> AsyncIterator[JiraStandIn]:
    async with JiraStandIn(tmp_path / "jira", user=USER, token=TOKEN) as server:
        server.callback_secret = SECRET
        yield server


def config(standin: JiraStandIn, **keys: object) -> Config:
    given: dict[str, object] = {
        "url": standin.url,
        "ca_file": str(standin.ca_file),
        "user": USER,
        "api_token": TOKEN,
        "project": "OPS",
        "priorities": PRIORITIES,
        "acknowledge_transition": "Start work",
        "resolve_transition": "Resolve this issue",
        "webhook_secret": SECRET,
        "account_id": "integration",
        "engineers": ["a1", "@provider.example"],
        "customer": "acme",
        "timeout": "5s",
    }
    return Config.model_validate(given | keys)


@pytest.fixture
async def make(standin: JiraStandIn, context: Context) -> AsyncIterator[Make]:
    made: list[Jira] = []

    def make(**keys: object) -> Jira:
        made.append(build(config(standin, **keys), context))
        return made[-1]

    yield make
    for destination in made:
        await destination.aclose()


def ticket(action: Action = Action.TRIGGER, **others: Any) -> Message:
    return message(f"m-{action}", destination="jira", action=action, **others)


def shortly(value: object) -> str | None:
    """A bad day in few words, as the name of a test."""
    if not isinstance(value, Injection):
        return None
    return f"{value.status or ('reset' if value.reset else 'hang')}{' processed' if value.processed else ''}"


ETA_KNOWN = ETA(recover_at=at(7200), confidence=Confidence.HIGH, next_update_at=at(1800))


@pytest.mark.parametrize(
    ("name", "of"),
    [
        ("jira-description.json", ticket(due=at(3660), services=("gate",))),
        ("jira-eta.json", ticket(Action.ETA, by="anna", text="One.\n\nTwo.", status="acknowledged", eta=ETA_KNOWN)),
        ("jira-remind.json", ticket(Action.REMIND, text="the response is due in 15 minutes")),
    ],
)
def test_a_comment_is_a_document_and_what_is_between_us_is_internal(name: str, of: Message) -> None:
    comment = comment_of(of)
    assert is_document(comment["body"])
    hold_against(name, comment)


HOSTILE = "\ud800\x00\n\u202e" + "ä" * 100_000


@pytest.mark.parametrize(
    "of",
    [
        ticket(Action.NOTE, text=HOSTILE, by=HOSTILE, summary=HOSTILE),
        ticket(Action.NOTE, text="\n" * 50_000),
        ticket(Action.NOTE, text="x\n" * 50_000),
        ticket(summary="", labels={"customer": HOSTILE}, services=(HOSTILE,) * 10),
    ],
    ids=["long", "blank", "many lines", "many services"],
)
async def test_an_issue_keeps_within_the_vendors_limits_whatever_it_is_made_of(make: Make, of: Message) -> None:
    document = document_of_notice(notice_of(of))
    assert is_document(document)
    assert len(json.dumps(document)) <= LIMIT
    destination = make()
    assert await destination.deliver(replace(of, action=Action.TRIGGER), Lane()) == Sent(reference="OPS-1")
    assert await destination.deliver(of, Lane(reference="OPS-1")) == Sent(reference="OPS-1")


async def test_an_incident_is_one_issue_from_beginning_to_end(make: Make, standin: JiraStandIn) -> None:
    destination = make(fields={"customfield_10010": "ops/incident"})
    assert await destination.deliver(ticket(), Lane()) == Sent(reference="OPS-1")
    lane = Lane(reference="OPS-1")
    for action in (Action.UPDATE, Action.NOTE, Action.ETA, Action.REMIND):
        assert await destination.deliver(ticket(action, by="anna", text="hello"), lane) == Sent(reference="OPS-1")
    [issue] = standin.issues
    assert (issue.status, issue.fields["priority"]) == ("Waiting for support", {"name": "Highest"})
    assert (issue.fields["issuetype"], issue.fields["customfield_10010"]) == ({"name": "Incident"}, "ops/incident")
    await destination.deliver(ticket(Action.ACKNOWLEDGE, by="anna"), lane)
    assert standin.issues[0].status == "In progress"
    await destination.deliver(ticket(Action.RESOLVE, status="resolved"), lane)
    assert standin.issues[0].status == "Resolved"
    assert [comment["jsdPublic"] for comment in issue.comments] == [True, True, True, False, True, True]


async def test_a_priority_that_is_raised_is_raised_there(make: Make, standin: JiraStandIn) -> None:
    destination = make()
    await destination.deliver(ticket(severity=Severity.TICKET, labels=STAGING), Lane())
    assert standin.issues[0].fields["priority"] == {"name": "Medium"}
    await destination.deliver(ticket(Action.UPDATE), Lane(reference="OPS-1"))
    assert standin.issues[0].fields["priority"] == {"name": "Highest"}


async def test_a_trigger_for_a_ticket_that_there_is_is_a_comment(make: Make, standin: JiraStandIn) -> None:
    key = "OPS-1"
    standin.create(CARLA, "Nothing deploys")
    assert await make().deliver(ticket(), Lane(reference=key)) == Sent(reference=key)
    assert len(standin.issues) == len(standin.issues[0].comments) == 1


async def test_a_lane_that_lost_its_reference_finds_its_issue(make: Make, standin: JiraStandIn) -> None:
    destination = make()
    gone = await destination.deliver(ticket(Action.NOTE), Lane())
    assert gone == Refused(reason="no_ticket", detail="there is no issue to comment on")
    await destination.deliver(ticket(), Lane())
    assert await destination.deliver(ticket(Action.NOTE), Lane()) == Sent(reference="OPS-1")


async def test_a_journal_that_was_begun_anew_does_not_take_the_ticket_of_an_old_one(
    make: Make, standin: JiraStandIn
) -> None:
    destination = make()
    await destination.deliver(ticket(), Lane())
    later = ticket(opened_at=at(3600))
    assert await destination.deliver(later, Lane(attempts=1)) != Sent(reference="OPS-1")
    assert await destination.deliver(replace(later, action=Action.NOTE), Lane()) != Sent(reference="OPS-1")
    assert not standin.issues[0].comments


async def test_a_journal_that_was_put_back_finds_the_ticket_that_it_has_not_seen_made(
    make: Make, standin: JiraStandIn, tmp_path: Path
) -> None:
    destination, telemetry = make(), Telemetry()
    with DataFolder(tmp_path / "data") as folder, closing(Journal(folder.journal, telemetry=telemetry)) as journal:
        journal.commit([], [ticket()], at=NOW)
        backup.back_up(folder.path, tmp_path / "kept", version="1", now=NOW)
        assert await destination.deliver(ticket(), Lane()) == Sent(reference="OPS-1")
    backup.restore(tmp_path / "kept", tmp_path / "new", by="kim", now=NOW)
    with DataFolder(tmp_path / "new") as folder, closing(Journal(folder.journal, telemetry=telemetry)) as journal:
        [pending] = journal.due(NOW)
        lane = journal.begin(pending.sequence, credential="", now=NOW)
    assert await destination.deliver(pending.message, lane) == Sent(reference="OPS-1")
    assert len(standin.issues) == 1


async def test_a_clone_and_a_label_that_somebody_copied_are_not_taken_for_it(make: Make, standin: JiraStandIn) -> None:
    standin.create(ANNA, "looked for first", labels=[external_id(ticket())])
    destination = make()
    assert await destination.deliver(ticket(), Lane()) == Sent(reference="OPS-2")
    standin.create(ANNA, "CLONE - an incident", labels=[external_id(ticket())])
    assert await destination.deliver(ticket(), Lane(attempts=1)) == Sent(reference="OPS-2")


async def test_a_transition_that_the_status_does_not_have_is_left_to_people(make: Make, standin: JiraStandIn) -> None:
    destination = make()
    await destination.deliver(ticket(), Lane())
    standin.change("OPS-1", ANNA, "status", "Resolved")
    resolved = await destination.deliver(ticket(Action.RESOLVE, status="resolved"), Lane(reference="OPS-1"))
    assert resolved == Sent(reference="OPS-1")
    assert len(standin.issues[0].comments) == 1


async def test_what_is_to_be_said_on_an_issue_that_was_deleted_is_refused(make: Make, standin: JiraStandIn) -> None:
    for attempts in (0, 1):
        refused = await make().deliver(ticket(Action.RESOLVE), Lane(reference="OPS-7", attempts=attempts))
        assert isinstance(refused, Refused)
        assert (refused.reason, "Issue does not exist" in refused.detail) == ("ticket_gone", True)
    # Where the project is not to be seen either, somebody took a permission away, and can give it back.
    hidden = await make(project="OTHER").deliver(ticket(Action.RESOLVE), Lane(reference="OTHER-7"))
    assert isinstance(hidden, Retry)
    assert hidden.reason == "not_found"


@pytest.mark.parametrize(
    ("injection", "verdict"),
    [
        (Injection(status=400, body='{"errorMessages": ["no"]}'), Refused(reason="rejected")),
        (Injection(status=401), Retry(reason="unauthorized")),
        (Injection(status=403), Retry(reason="unauthorized")),
        (Injection(status=404), Retry(reason="not_found")),
        (Injection(status=409), Retry(reason="conflict")),
        (Injection(status=413), Refused(reason="rejected")),
        (Injection(status=429, retry_after="30"), Retry(reason="rate_limited", after_seconds=30)),
        (Injection(status=500), Retry(reason="server_error")),
        (Injection(status=503, retry_after="9"), Retry(reason="server_error", after_seconds=9)),
        (Injection(status=302), Retry(reason="redirected")),
        (Injection(status=201, body="<html>"), Ambiguous(reason="response_malformed")),
        (Injection(status=201, body="{}"), Ambiguous(reason="response_malformed")),
        (Injection(status=201, body="x" * 5_000_000), Ambiguous(reason="response_too_large")),
        (Injection(reset=True), Ambiguous(reason="reset")),
        (Injection(hang_seconds=9), Ambiguous(reason="timeout")),
    ],
    ids=shortly,
)
async def test_a_bad_day_is_a_verdict_after_one_request(
    make: Make, standin: JiraStandIn, injection: Injection, verdict: Verdict
) -> None:
    standin.inject(injection)
    given = await make(timeout="1s").deliver(ticket(), Lane())
    assert not isinstance(given, Sent)
    assert replace(given, detail="") == verdict
    assert len(standin.requests) == 1


async def test_a_refusal_says_what_jira_said_and_no_secret(make: Make, standin: JiraStandIn) -> None:
    refused = await make(issue_type="Nonsense").deliver(ticket(), Lane())
    assert isinstance(refused, Refused)
    assert "Specify a valid issue type" in refused.detail
    wrong = await make(api_token="another").deliver(ticket(), Lane())
    assert isinstance(wrong, Retry)
    assert wrong.reason == "unauthorized"
    standin.inject(Injection(status=400, body=f"you sent {TOKEN}"))
    assert TOKEN not in repr(await make().deliver(ticket(), Lane()))


DOUBTFUL = [
    Injection(reset=True, processed=True),
    Injection(status=502, processed=True),
    Injection(status=201, body="<html>", processed=True),
    Injection(hang_seconds=9, processed=True),
]


@pytest.mark.parametrize("injection", DOUBTFUL, ids=shortly)
async def test_an_issue_that_was_created_and_not_answered_is_found(
    make: Make, standin: JiraStandIn, injection: Injection
) -> None:
    destination = make(timeout="1s")
    standin.inject(injection)
    assert isinstance(await destination.deliver(ticket(), Lane()), Ambiguous | Retry)
    assert await destination.deliver(ticket(), Lane(attempts=1)) == Sent(reference="OPS-1")
    assert len(standin.issues) == 1


@pytest.mark.parametrize("injection", DOUBTFUL[:3], ids=shortly)
async def test_a_comment_that_was_made_and_not_answered_is_not_made_again(
    make: Make, standin: JiraStandIn, injection: Injection
) -> None:
    destination = make()
    await destination.deliver(ticket(), Lane())
    for action, status in ((Action.ACKNOWLEDGE, "In progress"), (Action.RESOLVE, "Resolved")):
        standin.inject(injection)
        await destination.deliver(ticket(action), Lane(reference="OPS-1"))
        again = await destination.deliver(ticket(action), Lane(reference="OPS-1", attempts=1))
        assert again == Sent(reference="OPS-1")
        assert standin.issues[0].status == status
    assert len(standin.issues[0].comments) == 2


class Late:
    """A clock that is moved by hand."""

    seconds = 0.0

    def now(self) -> datetime:
        return datetime.fromtimestamp(NOW.timestamp() + self.seconds, tz=UTC)

    def monotonic(self) -> float:
        return self.seconds

    async def sleep_until(self, monotonic: float) -> None:
        raise NotImplementedError


@pytest.mark.parametrize("restarted", [False, True])
@pytest.mark.parametrize("injection", DOUBTFUL[:3], ids=shortly)
async def test_an_issue_that_the_search_does_not_find_yet_is_not_created_twice(
    tmp_path: Path, context: Context, injection: Injection, *, restarted: bool
) -> None:
    clock = Late()
    lagging = JiraStandIn(tmp_path, user=USER, token=TOKEN, search_lag_seconds=60, monotonic=clock.monotonic)
    async with lagging as standin:
        destination = build(config(standin), replace(context, clock=clock))
        standin.inject(injection)
        assert isinstance(await destination.deliver(ticket(), Lane()), Ambiguous | Retry)
        if restarted:
            await destination.aclose()
            destination = build(config(standin), replace(context, clock=clock))
        for clock.seconds in (1, 30, 59):
            early = await destination.deliver(ticket(), Lane(attempts=1))
            assert isinstance(early, Retry)
            assert (early.reason, early.after_seconds) == ("unsettled", None)
        clock.seconds = 61
        assert await destination.deliver(ticket(), Lane(attempts=4)) == Sent(reference="OPS-1")
        assert len(standin.issues) == 1
        await destination.aclose()


async def test_an_issue_that_was_not_created_is_created_once_the_search_can_be_believed(
    standin: JiraStandIn, context: Context
) -> None:
    clock = Late()
    destination = build(config(standin), replace(context, clock=clock))
    standin.inject(Injection(reset=True))
    await destination.deliver(ticket(), Lane())
    assert isinstance(await destination.deliver(ticket(), Lane(attempts=1)), Retry)
    clock.seconds = SETTLE_SECONDS
    assert await destination.deliver(ticket(), Lane(attempts=2)) == Sent(reference="OPS-1")
    await destination.aclose()


@pytest.mark.parametrize(
    "injection", [Injection(status=429), Injection(status=401), Injection(status=404)], ids=shortly
)
async def test_what_was_clearly_not_taken_is_sent_again_at_once(
    make: Make, standin: JiraStandIn, injection: Injection
) -> None:
    destination = make()
    standin.inject(injection)
    await destination.deliver(ticket(), Lane())
    assert await destination.deliver(ticket(), Lane(attempts=1)) == Sent(reference="OPS-1")


async def test_a_port_that_nobody_listens_on(make: Make) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        given = await make(url=f"https://127.0.0.1:{unused.getsockname()[1]}").deliver(ticket(), Lane())
    assert isinstance(given, Retry)
    assert given.reason == "connect_refused"


async def test_many_incidents_at_once_are_as_many_issues(make: Make, standin: JiraStandIn) -> None:
    destination = make()
    verdicts = await asyncio.gather(*(destination.deliver(ticket(key=f"k{n}"), Lane()) for n in range(8)))
    assert {verdict.reference for verdict in verdicts if isinstance(verdict, Sent)} == {f"OPS-{n}" for n in range(1, 9)}


async def acts(standin: JiraStandIn, context: Context, of: Webhook, **keys: object) -> list[Act]:
    inbox = receiver("jira", config(standin, **keys), context)
    assert inbox is not None
    headers = {name.lower(): value for name, value in of.headers.items()}
    now = datetime.now(UTC)
    received = await inbox.receive(Inbound(headers=headers, body=of.body, at=now))
    return [timeless(act, now) for act in received.acts]


def timeless(act: Act, now: datetime) -> Act:
    """An act without when it was done, which is checked here: just now, to the millisecond."""
    assert act.acted_at is None or now - timedelta(seconds=30) < act.acted_at <= now
    return replace(act, acted_at=None)


def who(person: dict[str, str], source: str) -> dict[str, Any]:
    target = Target(destination="jira", reference="OPS-1")
    return {"target": target, "by": person["displayName"], "via": "jira", "source": f"jira:{source}"}


async def test_a_customers_ticket_opens_an_incident_as_of_its_creation(standin: JiraStandIn, context: Context) -> None:
    webhook = standin.create(
        CARLA, "Nothing deploys", priority={"name": "Highest"}, labels=["Security"], components=[{"name": "deck"}]
    )
    [opened] = await acts(standin, context, webhook)
    assert opened == Open(
        **who(CARLA, "issue-10001"),
        summary="Nothing deploys",
        customer="acme",
        environment="production",
        impact=Impact.SEVERE,
        security=True,
        found_by="customer",
        created_at=datetime.fromisoformat(standin.issues[0].created),
        services=("deck",),
    )
    [by_us] = await acts(standin, context, standin.create(BEN, "I saw something"))
    assert isinstance(by_us, Open)
    assert (by_us.found_by, by_us.impact) == ("provider", Impact.PARTIAL)


async def test_what_people_do_there_is_an_act_here(standin: JiraStandIn, context: Context) -> None:
    standin.create(CARLA, "Nothing deploys")
    key = "OPS-1"
    in_turn: list[tuple[Webhook, list[Act]]] = [
        (standin.comment(key, ANNA, "On it."), [Say(**who(ANNA, "comment-10002"), text="On it.")]),
        (standin.comment(key, BEN, "Me too."), [Say(**who(BEN, "comment-10003"), text="Me too.")]),
        (standin.comment(key, CARLA, "And?"), [Say(**who(CARLA, "comment-10004"), text="And?", responds=False)]),
        (standin.comment(key, ANNA, "between us", public=False), []),
        (standin.comment(key, ROBOT, "We have received it."), []),
        (standin.comment(key, OURSELVES, "ours"), []),
        (
            standin.change(key, ANNA, "priority", "Highest"),
            [Prioritize(**who(ANNA, "change-10008-priority"), priority=Priority.P0, why="set to Highest in jira")],
        ),
        (standin.change(key, ANNA, "priority", "Lowest"), []),
        (standin.change(key, ROBOT, "priority", "High"), []),
        (
            standin.change(key, ANNA, "status", "Waiting for customer"),
            [Wait(**who(ANNA, "change-10011-status"), why="Waiting for customer in jira")],
        ),
        (
            standin.change(key, ROBOT, "status", "Waiting for support"),
            [GoOn(**who(ROBOT, "change-10012-status"), why="Waiting for support in jira")],
        ),
        (standin.change(key, ROBOT, "status", "Waiting for customer"), []),
        (standin.change(key, OURSELVES, "status", "In progress"), []),
        (standin.change(key, ROBOT, "status", "Resolved"), []),
        (
            standin.change(key, ANNA, "status", "Resolved"),
            [Resolve(**who(ANNA, "change-10016-status"), why="Resolved in jira")],
        ),
    ]
    for webhook, expected in in_turn:
        assert await acts(standin, context, webhook) == expected


async def test_what_we_do_there_ourselves_is_no_act(make: Make, standin: JiraStandIn, context: Context) -> None:
    destination = make()
    await destination.deliver(ticket(), Lane())
    for action in (Action.NOTE, Action.UPDATE, Action.ACKNOWLEDGE, Action.RESOLVE):
        await destination.deliver(ticket(action), Lane(reference="OPS-1"))
    assert len(standin.webhooks) == 8
    for webhook in standin.webhooks:
        assert await acts(standin, context, webhook) == []


async def test_other_projects_and_other_events_are_not_about_us(standin: JiraStandIn, context: Context) -> None:
    webhook = standin.create(CARLA, "Nothing deploys")
    assert await acts(standin, context, webhook, project="OTHER") == []
    for event in ("jira:issue_deleted", "comment_updated", "sprint_started"):
        assert await acts(standin, context, signed(json.loads(webhook.body) | {"webhookEvent": event})) == []


async def test_what_is_delivered_twice_has_the_same_source(standin: JiraStandIn, context: Context) -> None:
    standin.create(CARLA, "Nothing deploys")
    webhook = standin.comment("OPS-1", ANNA, "On it.")
    again = replace(
        webhook, headers=dict(webhook.headers) | {"X-Atlassian-Webhook-Identifier": "forged", "X-Retry": "1"}
    )
    assert await acts(standin, context, webhook) == await acts(standin, context, again)


def signed(document: object, *, body: bytes | None = None, secret: str = SECRET) -> Webhook:
    sent = json.dumps(document).encode() if body is None else body
    digest = hmac.new(secret.encode(), sent, hashlib.sha256).hexdigest()
    return Webhook(headers={"X-Hub-Signature": f"sha256={digest}"}, body=sent)


GOOD: dict[str, Any] = {
    "webhookEvent": "comment_created",
    "issue": {"key": "OPS-1"},
    "comment": {"id": "1", "author": ANNA, "body": "x"},
}


@pytest.mark.parametrize(
    "forged",
    [
        signed(GOOD, secret="another"),
        replace(signed(GOOD), body=signed(GOOD).body[:-1]),
        replace(signed(GOOD), body=signed(GOOD).body + b"\n"),
        replace(signed(GOOD), headers={}),
        replace(signed(GOOD), headers={"X-Hub-Signature": ""}),
        replace(signed(GOOD), headers={"X-Hub-Signature": signed(GOOD).headers["X-Hub-Signature"][7:]}),
        replace(signed(GOOD), headers={"X-Hub-Signature": "sha1=" + "0" * 40}),
        replace(signed(GOOD), headers={"X-Hub-Signature": "sha256=\ud800é"}),
    ],
    ids=["another secret", "truncated", "longer", "no header", "empty", "no method", "other method", "garbage"],
)
async def test_what_does_not_prove_who_sent_it_is_not_believed(
    standin: JiraStandIn, context: Context, forged: Webhook
) -> None:
    with pytest.raises(Forged):
        await acts(standin, context, forged)


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        (signed(None, body=b""), "not valid JSON"),
        (signed(None, body=b"[" * 200_000), "not valid JSON"),
        (signed([]), "not a JSON object"),
        (signed({}), "webhookEvent is missing"),
        (signed(GOOD | {"issue": None}), "issue.key is missing"),
        (signed(GOOD | {"comment": {"author": ANNA, "body": "x"}}), "comment.id is missing"),
        (signed(GOOD | {"webhookEvent": "jira:issue_created", "user": CARLA}), "issue.id is missing"),
        (
            signed(GOOD | {"webhookEvent": "jira:issue_updated", "user": ANNA, "changelog": {}}),
            "changelog.id is missing",
        ),
        (signed(None, body=b" " * (BODY_LIMIT_BYTES + 1)), "larger than"),
    ],
)
async def test_what_cannot_be_understood_says_why(
    standin: JiraStandIn, context: Context, bad: Webhook, says: str
) -> None:
    with pytest.raises(Malformed, match=says):
        await acts(standin, context, bad)


def test_a_body_is_read_as_text_whether_it_is_one_or_a_document() -> None:
    assert plain_text("a\nb") == "a\nb"
    paragraphs = [{"type": "paragraph", "content": [{"type": "text", "text": text}]} for text in ("a", "b")]
    mention = {"type": "paragraph", "content": [{"type": "mention", "attrs": {"id": "a1", "text": "@Anna"}}]}
    quoted = {"type": "blockquote", "content": paragraphs}
    assert plain_text({"type": "doc", "version": 1, "content": [quoted, mention]}) == "a\nb\n@Anna"
    deep: dict[str, Any] = {"type": "text", "text": "x"}
    for _ in range(500):
        deep = {"type": "blockquote", "content": [deep]}
    assert plain_text(deep) == plain_text(None) == plain_text(7) == ""


@pytest.mark.parametrize(
    ("keys", "problem"),
    [
        ({"project": "ops"}, "should match pattern"),
        ({"fields": {"labels": ["x"]}}, "sets the field labels"),
        ({"webhook_secret": "x"}, "does not know its own account"),
        ({"webhook_secret": "x", "account_id": "i"}, "knows no engineer"),
        ({"engineers": ["@"]}, "has an engineer without a name"),
        ({"priorities": {"P9": "High"}}, "Input should be 'P0'"),
    ],
)
def test_a_configuration_that_cannot_be_says_why(keys: dict[str, Any], problem: str) -> None:
    good = {"url": "https://acme.atlassian.net", "user": USER, "api_token": TOKEN, "project": "OPS"}
    with pytest.raises(ValidationError, match=problem):
        Config.model_validate(good | keys)


def test_it_is_told_of_everything_and_takes_nothing_without_a_secret(context: Context) -> None:
    good = {"url": "https://acme.atlassian.net", "user": USER, "api_token": TOKEN, "project": "OPS"}
    assert receiver("jira", Config.model_validate(good), context) is None
    assert not PAGES_ONLY
