"""Buttons of Slack: a press of a person is an act on the incident that the message is about, and on no other."""

from typing import Any

import pytest

from slo.core.acts import Acknowledge, EndChat, Target
from slo.core.inbound import Received
from slo.demo.vendors.injection import Injection
from slo.demo.vendors.slack.standin import CHANNEL, TOKEN
from slo.demo.vendors.slack.workspace import BOT_USER, TEAM
from tests.router.destinations.slack_chat import ASKED, TRIGGER, Chat


async def test_a_press_is_an_act_of_the_person(chat: Chat) -> None:
    received = await chat.inbox.receive(await chat.press("acknowledge"))
    [act] = received.acts
    assert isinstance(act, Acknowledge)
    assert (act.target, act.by, act.via) == (ASKED, "anna (U0ANNA)", "chat")
    assert (received.status, received.reply) == (200, None)
    [ended] = (await chat.inbox.receive(await chat.press("end_chat"))).acts
    assert isinstance(ended, EndChat)
    assert ended.source != act.source


async def test_a_press_that_is_told_twice_has_one_source_and_another_press_another(chat: Chat) -> None:
    request = await chat.press("acknowledge")
    [first] = (await chat.inbox.receive(request)).acts
    [again] = (await chat.inbox.receive(request)).acts
    assert (first, first.source.startswith(f"slack:{TEAM}:U0ANNA:")) == (again, True)
    chat.clock.move(1)
    [later] = (await chat.inbox.receive(await chat.press("acknowledge"))).acts
    [other] = (await chat.inbox.receive(await chat.press("acknowledge", {"id": "U0BEN", "name": "ben"}))).acts
    assert len({first.source, later.source, other.source}) == 3


@pytest.mark.parametrize(
    ("user", "by"),
    [
        ({"id": "U0ANNA", "name": ""}, "U0ANNA"),
        ({"id": "U0ANNA", "name": "an\x00na\n\u202e"}, "an na (U0ANNA)"),
        ({"id": "U" * 500, "name": "a" * 500}, f"{'a' * 149}… ({'U' * 39}…)"),
        ({"id": "U0ANNA", "name": "<!channel>"}, "<!channel> (U0ANNA)"),
        ({"id": "U0ANNA", "name": "", "username": "anna.b"}, "anna.b (U0ANNA)"),
        ({"id": "U0ANNA", "name": 7}, "U0ANNA"),
    ],
)
async def test_a_name_is_visible_text_and_not_long(chat: Chat, user: dict[str, Any], by: str) -> None:
    [act] = (await chat.inbox.receive(await chat.press("acknowledge", user=user))).acts
    assert act.by == by
    assert act.by.isprintable()
    assert len(act.by) <= 200


@pytest.mark.parametrize(
    "user",
    [
        {"id": BOT_USER, "name": "watchkeep"},
        {"id": "USLACKBOT", "name": "slackbot"},
        {"id": "U0OTHER", "name": "robot", "is_bot": True},
        {"id": "", "name": "nobody"},
        {"name": "nobody"},
        "anna",
        None,
    ],
)
@pytest.mark.parametrize("button", ["acknowledge", "end_chat", "note"])
async def test_what_is_no_human_does_nothing(chat: Chat, user: object, button: str) -> None:
    request = await chat.press(button, user=user)
    before = len(chat.standin.requests)
    assert await chat.inbox.receive(request) == Received(status=200)
    assert len(chat.standin.requests) == before


@pytest.mark.parametrize(
    "injection",
    [Injection(status=500), Injection(reset=True), Injection(status=200, body="garbage")],
    ids=["500", "reset", "garbage"],
)
async def test_a_form_that_cannot_be_opened_shows_the_person_that_the_press_failed(
    chat: Chat, caplog: pytest.LogCaptureFixture, injection: Injection
) -> None:
    request = await chat.press("note")
    chat.standin.inject(injection)
    assert (await chat.hears(request)).status == 502
    assert "a form could not be opened in Slack" in caplog.text
    assert TOKEN not in caplog.text


async def test_a_form_is_given_up_before_the_press_is_worth_nothing(
    chat: Chat, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("slo.router.slack.inbox.CALL_SECONDS", 0.2)
    request = await chat.press("note")
    chat.standin.inject(Injection(hang_seconds=30))
    assert (await chat.hears(request)).status == 502


async def test_a_press_that_is_told_twice_opens_one_form(chat: Chat) -> None:
    request = await chat.press("note")
    assert (await chat.hears(request)).status == 200
    assert (await chat.hears(request)).status == 502
    assert len(chat.standin.views) == 1


async def test_without_a_signing_secret_nothing_is_received(chat: Chat) -> None:
    assert chat.receiver(signing_secret=None) is None


# What cannot be done


@pytest.mark.parametrize("button", ["acknowledge", "end_chat", "note", "eta"])
async def test_whoever_presses_what_cannot_be_done_is_told_why_and_nobody_else_is(chat: Chat, button: str) -> None:
    chat.problem = "incident 1 was resolved by <!channel>: acknowledge an open one"
    assert await chat.hears(await chat.press(button)) == Received(status=200)
    words = "Nothing was done: incident 1 was resolved by &lt;!channel&gt;: acknowledge an open one."
    assert chat.standin.whispers == [{"channel": CHANNEL, "user": "U0ANNA", "text": words}]
    assert (len(chat.standin.messages), chat.standin.views) == (1, [])


async def test_a_person_who_cannot_be_told_why_sees_that_the_press_failed(
    chat: Chat, caplog: pytest.LogCaptureFixture
) -> None:
    chat.problem = "there is no incident 1"
    chat.standin.refuse("chat.postEphemeral", "user_not_in_channel")
    assert (await chat.hears(await chat.press("acknowledge"))).status == 502
    assert "nobody could be told in Slack that nothing was done" in caplog.text


async def test_the_button_of_an_older_version_is_understood_as_that_of_no_incident_that_is_here(chat: Chat) -> None:
    """It says nothing but a number, which may be that of any incident by now."""
    actions = [{"action_id": "acknowledge", "value": "1", "action_ts": "1.5"}]
    [act] = (await chat.inbox.receive(await chat.press("acknowledge", actions=actions))).acts
    assert act.target == Target(incident="1", mark="1")
    assert act.target.mark != TRIGGER.mark
