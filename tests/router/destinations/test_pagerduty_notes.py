"""Notes, times to recover and priorities of the destination `pagerduty`, over PagerDuty's REST API."""

import asyncio
import logging
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import cast

import pytest

from slo.core.delivery import Action, Ambiguous, Dropped, Lane, Message, Refused, Retry, Sent, Verdict
from slo.core.priority import Priority
from slo.demo.vendors.injection import Injection
from slo.demo.vendors.pagerduty.incidents import user_id
from slo.net.context import Context
from slo.router.destinations.pagerduty import NOTE_ATTEMPTS, NOTE_PATIENCE, PagerDuty
from slo.router.pagerduty.notes import TEXT_LIMIT, is_ours, mark_of, text_of
from slo.router.pagerduty.priorities import Priorities
from slo.router.pagerduty.rest import MISSING, Rest
from tests.router.destinations.goldens import hold_against
from tests.router.destinations.pagerduty_account import EMAIL, NOTES, TOKEN, Account, account
from tests.router.making import message

NOTE = message("note-1", action=Action.NOTE, by="anna", text="The primary does not answer.\nFailing over.")
PROMISE = message(
    "eta-1",
    action=Action.ETA,
    by="anna",
    text="recovery expected at 2026-01-01 05:00 UTC (medium confidence), next update by 04:30 UTC: failover runs",
)
REMINDER = message("remind-1", action=Action.REMIND, text="Half of the response time is over.")


@pytest.fixture
async def pd(tmp_path: Path, context: Context) -> AsyncIterator[Account]:
    async with account(tmp_path / "pagerduty", context) as made:
        yield made


async def deliver(destination: PagerDuty, sent: Message, attempts: int = 0, age: timedelta = timedelta()) -> Verdict:
    sent = replace(sent, at=destination._context.clock.now() - age)
    return await destination.deliver(sent, Lane(credential=destination.credential, attempts=attempts))


@pytest.mark.parametrize(
    ("name", "of"),
    [
        ("pagerduty-note.json", NOTE),
        ("pagerduty-eta.json", PROMISE),
        ("pagerduty-remind.json", REMINDER),
    ],
)
async def test_a_note_says_what_was_said_and_by_whom(pd: Account, name: str, of: Message) -> None:
    await pd.page()
    verdict = await deliver(pd.destination(), of)
    [note] = pd.did("annotate")
    hold_against(name, note["text"].splitlines())
    assert verdict == Sent(reference=note["id"])
    assert note["agent"]["id"] == user_id(EMAIL)
    assert [update["text"] for update in pd.did("status_update")] == ([text_of(of)] if of.action is Action.ETA else [])


def test_a_note_keeps_within_a_limit_and_is_known_as_ours() -> None:
    hostile = replace(NOTE, text="\ud800\x00\u202e" + "ä" * 100_000, by="\n")
    assert len(text_of(hostile)) <= TEXT_LIMIT
    text_of(hostile).encode()
    assert is_ours(f"x\n{mark_of(NOTE)}")
    assert mark_of(NOTE) != mark_of(PROMISE)
    assert not is_ours("[watchkeep]")
    assert not is_ours(f"> {mark_of(NOTE)}\nis that so?")


@pytest.mark.parametrize("action", NOTES)
async def test_without_a_token_there_is_nobody_to_tell(pd: Account, action: Action) -> None:
    await pd.page()
    bare = pd.destination(api_token=None, from_email=None, api_url=None, service_user=None)
    assert await deliver(bare, replace(NOTE, action=action)) == Dropped()
    assert pd.asked == []


async def test_a_note_that_was_taken_although_nobody_heard_so_is_not_written_again(pd: Account) -> None:
    await pd.page()
    destination = pd.destination()
    pd.standin.inject(Injection(times=2))  # the incident is found, and the status update is sent
    pd.standin.inject(Injection(reset=True, processed=True))
    first = await deliver(destination, PROMISE)
    assert isinstance(first, Ambiguous)
    again = await deliver(destination, PROMISE, attempts=1)
    [note] = pd.did("annotate")
    assert again == Sent(reference=note["id"])


async def test_a_note_that_was_not_taken_is_written_with_the_next_attempt(pd: Account) -> None:
    await pd.page()
    destination = pd.destination()
    pd.standin.inject(Injection(times=1))
    pd.standin.inject(Injection(reset=True))
    assert isinstance(await deliver(destination, NOTE), Ambiguous)
    assert isinstance(await deliver(destination, NOTE, attempts=1), Sent)
    assert isinstance(await deliver(destination, REMINDER), Sent)
    assert len(pd.did("annotate")) == 2


BAD_DAYS = [
    (Injection(status=429, retry_after="30"), Retry(reason="rate_limited")),
    (Injection(status=500), Retry(reason="server_error")),
    (Injection(status=503, retry_after="120"), Retry(reason="server_error")),
    (Injection(status=400, body='{"error": {"code": 2001}}'), Refused(reason="rejected")),
    (Injection(status=403), Refused(reason="rejected")),
    (Injection(status=404, body="<html>"), Refused(reason="rejected")),
    (Injection(status=404, body='{"error": {"message": "Not Found", "code": 2100}}'), Refused(reason=MISSING)),
    (Injection(status=401), Retry(reason="unexpected_status")),
    (Injection(status=302), Retry(reason="unexpected_status")),
    (Injection(status=200, body="<html>Please log in</html>"), Ambiguous(reason="response_malformed")),
    (Injection(status=200, body="[]"), Ambiguous(reason="response_malformed")),
    (Injection(status=200, body='{"incidents": {}}'), Ambiguous(reason="response_malformed")),
    (Injection(status=200, body='{"incidents": [7]}'), Ambiguous(reason="response_malformed")),
    (Injection(status=200, body="[" * 100_000), Ambiguous(reason="response_malformed")),
    (Injection(status=200, body="x" * 3_000_000), Ambiguous(reason="response_too_large")),
    (Injection(reset=True), Ambiguous(reason="reset")),
]


@pytest.mark.parametrize(("injection", "verdict"), BAD_DAYS)
async def test_a_bad_day_is_a_verdict_after_one_request(pd: Account, injection: Injection, verdict: Verdict) -> None:
    await pd.page()
    pd.standin.inject(injection)
    given = await deliver(pd.destination(), NOTE)
    assert not isinstance(given, Sent)
    assert replace(given, detail="") == verdict
    assert len(pd.asked) == 1


@pytest.mark.parametrize(
    "injection", [Injection(hang_seconds=30), Injection(slow_seconds=60, status=200, body="x" * 600)]
)
async def test_a_vendor_that_hangs_or_trickles_is_given_up_as_a_whole(pd: Account, injection: Injection) -> None:
    """There are fewer threads than calls: one is free in the end only because those that were given up were ended."""
    await pd.page()
    pd.standin.inject(replace(injection, times=20))
    destination = pd.destination(timeout="300ms")
    for _ in range(2):
        verdicts = await asyncio.gather(*(deliver(destination, NOTE) for _ in range(10)))
        assert set(verdicts) == {Ambiguous(reason="timeout")}
    pd.standin.injections.clear()
    async with asyncio.timeout(30):
        while not isinstance(await deliver(destination, NOTE, attempts=1), Sent):
            pass


async def test_nobody_is_asked_while_no_requests_are_left(pd: Account) -> None:
    await pd.page()
    destination = pd.destination()
    pd.standin.inject(Injection(status=429, retry_after="30"))
    for _ in range(3):
        verdict = await deliver(destination, NOTE)
        assert isinstance(verdict, Retry)
        assert (verdict.reason, verdict.after_seconds) == ("rate_limited", None)
    assert len(pd.asked) == 1
    assert isinstance(await deliver(destination, message()), Sent)  # a page has a limit of its own
    clock = pd.context.clock
    await clock.sleep_until(clock.monotonic() + 30)
    assert isinstance(await deliver(destination, NOTE), Sent)


async def test_a_note_is_given_up_before_long_since_it_holds_back_a_resolution(pd: Account) -> None:
    destination = pd.destination()
    for attempts in range(NOTE_ATTEMPTS):
        verdict = await deliver(destination, NOTE, attempts)
        kind = Refused if attempts == NOTE_ATTEMPTS - 1 else Retry
        assert isinstance(verdict, kind)
        assert verdict.reason == "incident_not_found"


async def test_of_many_notes_that_wait_each_is_tried_but_not_for_as_long_as_the_first(pd: Account) -> None:
    destination = pd.destination()
    assert isinstance(await deliver(destination, NOTE, age=NOTE_PATIENCE - timedelta(seconds=30)), Retry)
    assert isinstance(await deliver(destination, NOTE, age=NOTE_PATIENCE), Refused)
    pd.standin.inject(Injection(status=429, retry_after="30"))
    assert isinstance(await deliver(destination, NOTE, age=NOTE_PATIENCE), Retry)


async def test_an_account_without_status_updates_has_the_note(pd: Account) -> None:
    await pd.page()
    pd.standin.inject(Injection(times=1))
    pd.standin.inject(Injection(status=402, body='{"error": {"message": "Missing Account Ability", "code": 2014}}'))
    assert isinstance(await deliver(pd.destination(), PROMISE), Sent)
    assert (len(pd.did("annotate")), pd.did("status_update")) == (1, [])


async def test_the_token_reaches_no_verdict_and_no_log(pd: Account, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    await pd.page()
    destination = pd.destination()
    for status in (400, 401, 403, 500, 200):
        pd.standin.inject(Injection(status=status, body=f"you sent {TOKEN}"))
        verdict = await deliver(destination, NOTE)
        assert "<secret>" in repr(verdict)
        assert TOKEN not in repr(verdict)
    assert TOKEN not in caplog.text
    assert TOKEN not in repr(pd.config())


async def until_priority(pd: Account, name: str) -> None:
    async with asyncio.timeout(30):
        while pd.standin.incidents[-1]["priority"] != name:
            await asyncio.sleep(0.01)


async def test_a_page_gets_its_priority_once_it_is_sent(pd: Account) -> None:
    destination = pd.destination()
    assert await deliver(destination, message()) == Sent(reference=message().key)
    await until_priority(pd, "P1")
    raised = message("m2", action=Action.UPDATE, priority=Priority.P1)
    assert isinstance(await deliver(destination, raised), Sent)
    await until_priority(pd, "P2")
    assert [step["agent"]["id"] for step in pd.did("prioritize")] == [user_id(EMAIL)] * 2


async def test_a_page_is_sent_whatever_becomes_of_its_priority(pd: Account, caplog: pytest.LogCaptureFixture) -> None:
    destination = pd.destination()
    pd.standin.inject(Injection())
    pd.standin.inject(Injection(status=500, times=100))
    assert await deliver(destination, message()) == Sent(reference=message().key)
    async with asyncio.timeout(30):
        while "a priority was not set" not in caplog.text:
            await asyncio.sleep(0.01)
    assert len(pd.asked) == 5


async def test_a_priority_that_is_not_set_at_first_is_tried_again(pd: Account) -> None:
    destination = pd.destination()
    pd.standin.inject(Injection())
    pd.standin.inject(Injection(status=200, body='{"priorities": [{"id": "PRIO001", "name": "P1"}]}'))
    pd.standin.inject(Injection(status=200, body='{"incidents": []}', times=2))  # it is not there yet
    assert isinstance(await deliver(destination, message()), Sent)
    await until_priority(pd, "P1")


@pytest.mark.parametrize("name", ["P1", "P5"])
async def test_a_priority_that_it_has_or_that_is_none_of_ours_is_left_alone(pd: Account, name: str) -> None:
    await pd.page()
    pd.standin.act(message().key, "prioritize", by="anna", priority=name)
    assert isinstance(await deliver(pd.destination(), message()), Sent)
    async with asyncio.timeout(30):
        while ("GET", "/incidents", 200) not in pd.asked:
            await asyncio.sleep(0.01)
    await pd.made[-1].aclose()
    assert [method for method, _, _ in pd.asked] == ["GET", "GET"]


class HeldRest:
    """An API that does nothing until it is let."""

    def __init__(self) -> None:
        self.let = asyncio.Event()
        self.done = 0

    async def use(self, work: object) -> None:
        await self.let.wait()
        self.done += 1


async def test_a_newer_priority_takes_the_place_of_one_that_is_under_way(pd: Account) -> None:
    rest = HeldRest()
    priorities = Priorities(cast("Rest", rest), {Priority.P0: "P1", Priority.P1: "P2"}, pd.context.clock)
    for priority in (Priority.P0, Priority.P1, Priority.P2):  # the last one has no name there
        priorities.set_soon(message(priority=priority))
        await asyncio.sleep(0)
    rest.let.set()
    for _ in range(20):
        await asyncio.sleep(0)
    assert rest.done == 1
    await priorities.aclose()


async def test_what_is_under_way_for_priorities_ends_with_the_destination(pd: Account) -> None:
    pd.standin.inject(Injection())
    pd.standin.inject(Injection(hang_seconds=30))
    destination = pd.destination()
    await deliver(destination, message())
    async with asyncio.timeout(20):
        await destination.aclose()


async def test_what_is_said_after_the_end_is_written_on_the_last_incident_under_the_key(pd: Account) -> None:
    for _ in range(2):
        await pd.page()
        pd.standin.act(message().key, "resolve", by="anna")
    assert isinstance(await deliver(pd.destination(), NOTE), Sent)
    assert len(pd.did("annotate")) == 1
    assert len(pd.standin.incidents) == 2
