"""Many at once in Slack: what comes faster than a channel takes messages is told together, and is on record each."""

import asyncio
import itertools
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slo.core.delivery import Action, Ambiguous, Delivery, Lane, Message, Retry, Sent, Verdict
from slo.core.priority import Priority
from slo.demo.vendors.injection import Injection
from slo.demo.vendors.slack.block_kit import blocks_too_long, faults_of_blocks
from slo.demo.vendors.slack.standin import CHANNEL, TOKEN, SlackStandIn
from slo.exposition.catalogue import Telemetry
from slo.net.context import Context
from slo.router.deliver import DeliveryLoop
from slo.router.destinations.slack import ROOM, Config, Slack, build
from slo.router.direct import DirectPages
from slo.router.outbox import Outbox
from slo.router.slack.together import together
from slo.router.slack.turns import FEW
from slo.runner.clock import SteadyClock
from slo.store.journal import Journal
from tests.router.destinations.goldens import hold_against
from tests.router.destinations.slack_chat import TRIGGER, Chat, chat_beside, told
from tests.router.making import STAGING, T0, message
from tests.router.worlds import until

MANY = FEW + 6


@pytest.fixture
async def chat(tmp_path: Path) -> AsyncIterator[Chat]:
    """A channel that takes messages as fast as they come: how many there are is up to the destination."""
    ticks = itertools.count(0.0, 2.0)
    async with chat_beside(tmp_path / "slack", monotonic=lambda: next(ticks)) as made:
        yield made


def minor(number: int, action: Action = Action.TRIGGER, **others: object) -> Message:
    """A ticket of the incident with that number."""
    name, slo = f"m{number}-{action}", f"slo-{number}"
    others = {"priority": Priority.P2, "labels": STAGING, "summary": f"{slo} burns its budget"} | others
    return message(name, destination="chat", action=action, key=slo, slo=slo, incident=str(number), **others)  # type: ignore[arg-type]  # a table of a test, checked by the record itself


async def busy(chat: Chat, **keys: object) -> Slack:
    """A channel that has just been told something, so that whatever is next waits for its turn."""
    destination = chat.destination(**keys)
    assert isinstance(await destination.deliver(TRIGGER, Lane()), Sent)
    return destination


async def at_once(destination: Slack, *messages: Message, attempts: int = 0, reference: str = "") -> list[Verdict]:
    """The verdicts on what is told at the same time."""
    lane = Lane(attempts=attempts, reference=reference)
    return await asyncio.gather(*(destination.deliver(each, lane) for each in messages))


# What is said


def test_what_is_told_at_once_is_what_slack_takes_and_a_person_reads() -> None:
    told_at_once = [
        minor(7),
        minor(8, summary="<!channel> a & b"),
        minor(9, Action.RESOLVE, status="resolved", why="clear for 5m"),
        minor(9, Action.REMIND, text="50% of the response time has gone, nobody has answered"),
    ]
    post = together(told_at_once)
    hold_against("slack-together.json", {"text": post.text, "blocks": list(post.blocks)})
    assert faults_of_blocks(json.loads(json.dumps(post.blocks))) == []


@given(
    text=st.sampled_from(["", "x" * 9000, "<!channel>" * 900, "&" * 9000, '"\\\n' * 3000, "🔥" * 9000, "\ud800\x00"]),
    url=st.sampled_from(["", "https://watch.example", f"https://watch.example/{'&' * 60}", "https://w.example/" * 90]),
    number=st.integers(min_value=1, max_value=ROOM),
)
def test_it_keeps_within_slacks_limits_and_calls_nobody_whatever_it_is_made_of(
    text: str, url: str, number: int
) -> None:
    post = together([minor(n, summary=text, external_url=url, status=text[:50]) for n in range(number)])
    blocks = json.loads(json.dumps(post.blocks))
    assert faults_of_blocks(blocks) == []
    assert not blocks_too_long(blocks)
    assert "<!channel" not in json.dumps(blocks) + post.text


# When it is said


async def test_many_that_wait_for_a_turn_are_one_message_and_a_few_are_told_one_by_one(chat: Chat) -> None:
    destination = await busy(chat)
    assert await at_once(destination, *map(minor, range(MANY))) == [Sent()] * MANY
    verdicts = await at_once(destination, *map(minor, range(MANY, MANY + FEW)))
    _, digest, *others = chat.standin.messages
    assert digest["text"] == f"{MANY} incidents at once: {MANY} ■ Triggered"
    assert [each["text"] for each in others] == [
        f"■ Triggered · P2: slo-{number} burns its budget" for number in range(MANY, MANY + FEW)
    ]
    assert verdicts == [Sent(reference=f"{CHANNEL}:{each['ts']}") for each in others]


async def test_nobody_waits_for_company(chat: Chat) -> None:
    await at_once(chat.destination(), *map(minor, range(MANY)))
    assert [each["text"].partition(" ")[0] for each in chat.standin.messages] == ["■", str(MANY - 1)]


async def test_a_p0_and_what_a_person_did_are_told_by_themselves_also_in_a_crowd(chat: Chat) -> None:
    urgent, said = told(Action.TRIGGER), minor(99, Action.NOTE, by="anna", text="words")
    crowd = [minor(number) for number in range(MANY)]
    verdicts = await at_once(chat.destination(), urgent, *crowd, said)
    assert all(isinstance(verdict, Sent) for verdict in verdicts)
    first, *others = [each["text"] for each in chat.standin.messages]
    assert first.startswith("■ Triggered · P0")
    assert sorted(text.partition(" ")[0] for text in others) == [str(MANY), "slo-99:"]


async def test_what_follows_of_one_that_was_told_with_others_stands_alone_or_goes_on_in_a_crowd(chat: Chat) -> None:
    destination = await busy(chat)
    await at_once(destination, *map(minor, range(MANY)))
    await destination.deliver(minor(3, Action.ACKNOWLEDGE, by="anna", status="acknowledged"), Lane())
    await at_once(destination, *(minor(number, Action.RESOLVE, status="resolved") for number in range(MANY)))
    *_, alone, over = chat.standin.messages
    assert "thread_ts" not in alone
    assert "actions" in [block["type"] for block in alone["blocks"]]
    assert over["text"] == f"{MANY} incidents at once: {MANY} ● Resolved"


async def test_what_has_a_thread_stays_in_it(chat: Chat) -> None:
    destination = await busy(chat)
    begun = await destination.deliver(minor(1), Lane())
    assert isinstance(begun, Sent)
    over = destination.deliver(minor(1, Action.RESOLVE, status="resolved"), Lane(reference=begun.reference))
    await asyncio.gather(over, at_once(destination, *map(minor, range(2, 2 + MANY))))
    replies = [each["thread_ts"] for each in chat.standin.messages if "thread_ts" in each]
    assert replies == [begun.reference.partition(":")[2]]


# What becomes of it on a bad day


async def test_what_was_taken_although_nobody_heard_so_is_found_for_each_and_only_the_rest_is_told(chat: Chat) -> None:
    destination = await busy(chat)
    chat.standin.inject(Injection(reset=True, processed=True))
    assert {type(each) for each in await at_once(destination, *map(minor, range(MANY)))} == {Ambiguous}
    chat.clock.move(0.9)
    assert await at_once(destination, *map(minor, range(MANY + 2)), attempts=1) == [Sent()] * (MANY + 2)
    assert await at_once(destination, minor(0), attempts=1) == [Sent()]
    assert [each["text"].partition(" ")[0] for each in chat.standin.messages] == ["■", str(MANY), "2"]


async def test_all_of_a_crowd_are_tried_again_when_slack_says_so(chat: Chat) -> None:
    destination = await busy(chat)
    chat.standin.inject(Injection(status=429, retry_after="30"))
    verdicts = await at_once(destination, *map(minor, range(MANY)))
    assert [each.after_seconds for each in verdicts if isinstance(each, Retry)] == [30] * MANY


async def test_a_crowd_that_slack_would_never_take_is_told_one_by_one(chat: Chat) -> None:
    destination = await busy(chat)
    chat.standin.refuse("chat.postMessage", "msg_too_long")
    verdicts = await at_once(destination, *map(minor, range(MANY)))
    assert {type(each) for each in verdicts} == {Sent, Retry}
    assert isinstance(verdicts[0], Sent)
    sent = sum(isinstance(each, Sent) for each in verdicts)
    assert [each["text"].partition(" ")[0] for each in chat.standin.messages[1:]] == ["■"] * sent


async def test_a_crowd_that_is_given_up_may_have_been_told(chat: Chat) -> None:
    destination = await busy(chat)
    chat.standin.inject(Injection(hang_seconds=30))
    crowd = [asyncio.create_task(destination.deliver(minor(number), Lane())) for number in range(MANY)]
    await until(lambda: len(chat.standin.requests) == 2)
    crowd[0].cancel()
    assert await asyncio.gather(*crowd[1:]) == [Ambiguous(reason="timeout")] * (MANY - 1)


async def test_a_crowd_whose_first_is_given_up_before_its_turn_is_told_all_the_same(chat: Chat) -> None:
    destination = await busy(chat)
    crowd = [asyncio.create_task(destination.deliver(minor(number), Lane())) for number in range(3)]
    crowd[0].cancel()
    assert all(isinstance(each, Sent) for each in await asyncio.gather(*crowd[1:]))
    assert len(chat.standin.messages) == 3


# A storm


async def test_a_storm_is_told_in_a_few_messages_the_p0_first_and_all_of_it_is_on_record(tmp_path: Path) -> None:
    clock, telemetry = SteadyClock(), Telemetry()
    context, journal = Context.default(clock), Journal(tmp_path / "journal.db", telemetry=telemetry)
    outbox = Outbox(journal, clock=clock)
    direct = DirectPages(in_trouble=lambda _: False, sent=lambda _: None, telemetry=telemetry, jitter=lambda: 0.0)
    loop = DeliveryLoop(outbox=outbox, direct=direct, clock=clock, telemetry=telemetry, jitter=lambda: 0.0)
    async with SlackStandIn(tmp_path / "slack") as standin:
        given = {"token": TOKEN, "channel": CHANNEL, "api_url": standin.api_url, "ca_file": str(standin.ca_file)}
        destination = build(Config.model_validate(given), context)
        loop.destinations = {"chat": destination}
        storm = [minor(number) for number in range(2, 82)]
        journal.commit([], [*storm, told(Action.TRIGGER)], at=T0)
        running = asyncio.create_task(loop.run())
        await until(lambda: all(row.state == "sent" for row in rows(journal, len(storm) + 1)), seconds=60)
        running.cancel()
        await loop.close(5)
        await destination.aclose()
    await context.close()
    journal.close()
    first, *others = standin.messages
    assert first["text"].startswith("■ Triggered · P0")
    ids = [name for each in others for name in each["metadata"]["event_payload"].get("ids", ["alone"])]
    assert len(ids) == len(storm)
    assert len(others) < len(storm) / 5


def rows(journal: Journal, number: int) -> list[Delivery]:
    return [row for incident in range(1, number + 1) for row in journal.deliveries(str(incident))]
