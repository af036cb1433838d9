"""What Slack may have taken although nobody heard so: it is looked for, and said once."""

import random

import pytest

from slo.core.delivery import Action, Ambiguous, Lane, Retry, Sent
from slo.demo.vendors.injection import Injection
from slo.demo.vendors.slack.standin import CHANNEL
from tests.router.destinations.slack_chat import TRIGGER, Chat, told


@pytest.mark.parametrize(
    "injection",
    [
        Injection(reset=True, processed=True),
        Injection(status=503, processed=True),
        Injection(status=200, body="garbage", processed=True),
        Injection(hang_seconds=1, processed=True),
    ],
    ids=["reset", "503", "garbage", "hang"],
)
@pytest.mark.parametrize("action", [Action.TRIGGER, Action.NOTE])
async def test_what_was_taken_although_nobody_heard_so_is_found_and_not_sent_again(
    chat: Chat, injection: Injection, action: Action
) -> None:
    reference = ""
    if action is not Action.TRIGGER:
        begun = await chat.destination().deliver(TRIGGER, Lane())
        assert isinstance(begun, Sent)
        reference = begun.reference
    chat.clock.move(2)
    before = len(chat.standin.messages)
    sent = told(action, by="anna", text="words")
    chat.standin.inject(injection)
    destination = chat.destination(timeout="500ms" if injection.hang_seconds else "10s")
    assert isinstance(await destination.deliver(sent, Lane(reference=reference)), Retry | Ambiguous)
    again = await chat.destination().deliver(sent, Lane(reference=reference, attempts=1))
    assert isinstance(again, Sent)
    assert len(chat.standin.messages) == before + 1
    assert again.reference == f"{CHANNEL}:{chat.standin.messages[-1]['ts']}"
    if reference:
        assert chat.standin.calls[-1] == "chat.update"


BAD_DAYS = (
    Injection(),
    Injection(reset=True),
    Injection(reset=True, processed=True),
    Injection(status=503),
    Injection(status=503, processed=True),
    Injection(status=429, retry_after="1"),
    Injection(status=200, body="garbage", processed=True),
)


@pytest.mark.parametrize("seed", range(10))
async def test_whatever_happens_on_the_way_everything_is_said_once_and_in_order(chat: Chat, seed: int) -> None:
    chance = random.Random(seed)
    for injection in chance.choices(BAD_DAYS, k=12):
        chat.standin.inject(injection)
    destination, reference = chat.destination(), ""
    sent = [told(action, by="anna", text="words") for action in (Action.TRIGGER, Action.NOTE, Action.RESOLVE)]
    for each in sent:
        verdict, attempts = None, 0
        while not isinstance(verdict, Sent):
            assert attempts < 20
            chat.clock.move(2)
            verdict = await destination.deliver(each, Lane(reference=reference, attempts=attempts))
            attempts += 1
        reference = reference or verdict.reference
    assert [each["metadata"]["event_payload"]["id"] for each in chat.standin.messages] == [each.id for each in sent]
    assert chat.standin.messages[0]["blocks"][0]["text"]["text"].startswith("● Resolved")


async def test_what_was_not_taken_is_sent_again(chat: Chat) -> None:
    chat.standin.inject(Injection(reset=True))
    destination = chat.destination()
    assert isinstance(await destination.deliver(TRIGGER, Lane()), Ambiguous)
    assert isinstance(await destination.deliver(TRIGGER, Lane(attempts=1)), Sent)
    assert len(chat.standin.messages) == 1


async def test_an_answer_that_is_there_is_not_repeated_when_the_beginning_could_not_be_updated(chat: Chat) -> None:
    destination = chat.destination()
    begun = await destination.deliver(TRIGGER, Lane())
    assert isinstance(begun, Sent)
    chat.standin.refuse("chat.update", "internal_error")
    note = told(Action.NOTE, by="anna", text="words")
    given = await destination.deliver(note, Lane(reference=begun.reference))
    assert isinstance(given, Retry)
    assert isinstance(await destination.deliver(note, Lane(reference=begun.reference, attempts=1)), Sent)
    assert len(chat.standin.messages) == 2


async def test_a_message_is_found_behind_a_busy_day(chat: Chat) -> None:
    destination = chat.destination()
    begun = await destination.deliver(TRIGGER, Lane())
    for number in range(250):
        chat.clock.move(2)
        other = {"ts": f"{chat.clock.now().timestamp():.6f}", "user": "U1", "text": f"talk {number}", "blocks": []}
        chat.standin.workspace.apply({"kind": "post", "channel": CHANNEL, "message": other})
    assert await destination.deliver(TRIGGER, Lane(attempts=1)) == begun
    assert chat.standin.calls == ["chat.postMessage", *["conversations.history"] * 3]


@pytest.mark.parametrize("error", ["missing_scope", "not_in_channel"])
async def test_a_channel_that_may_not_be_read_hears_twice_rather_than_never(chat: Chat, error: str) -> None:
    chat.standin.refuse("conversations.history", error)
    assert isinstance(await chat.destination().deliver(TRIGGER, Lane(attempts=1)), Sent)
    assert len(chat.standin.messages) == 1


async def test_a_look_that_fails_sends_nothing(chat: Chat) -> None:
    chat.standin.inject(Injection(status=500))
    given = await chat.destination().deliver(TRIGGER, Lane(attempts=1))
    assert isinstance(given, Retry)
    assert chat.standin.messages == []
