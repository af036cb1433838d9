"""The destination `slack`: an incident is a message that stays up to date, and a thread; how it is configured."""

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from slo.core.delivery import Action, Dropped, Lane, Refused, Retry, Sent
from slo.core.eta import ETA
from slo.demo.vendors.injection import Injection
from slo.demo.vendors.slack.standin import CHANNEL, SIGNING_SECRET, TOKEN
from slo.router.destinations.slack import PAGES_ONLY, Config
from tests.router.destinations.slack_chat import TRIGGER, Chat, told


async def test_an_incident_is_one_message_that_stays_up_to_date_and_a_thread(chat: Chat) -> None:
    destination = chat.destination()
    begun = await destination.deliver(TRIGGER, Lane())
    assert isinstance(begun, Sent)
    channel, ts = begun.reference.split(":")
    assert (channel, destination.credential) == (CHANNEL, "")
    lane = Lane(reference=begun.reference)
    for sent in (
        told(Action.ACKNOWLEDGE, status="acknowledged", by="anna"),
        told(Action.ETA, status="acknowledged", by="anna", eta=ETA()),
        told(Action.RESOLVE, status="resolved", why="clear for 5m"),
    ):
        assert isinstance(await destination.deliver(sent, lane), Sent)
    first, *replies = chat.standin.messages
    assert (first["ts"], len(replies)) == (ts, 3)
    assert {reply["thread_ts"] for reply in replies} == {ts}
    assert first["blocks"][0]["text"]["text"].startswith("● Resolved · P0")
    assert "actions" not in [block["type"] for block in first["blocks"]]
    assert chat.standin.calls == ["chat.postMessage", *("chat.postMessage", "chat.update") * 3]
    assert first["metadata"]["event_payload"] == {"id": TRIGGER.id, "incident": "1"}


async def test_no_links_and_no_names_are_looked_for_in_what_is_sent(chat: Chat) -> None:
    await chat.destination().deliver(TRIGGER, Lane())
    sent = json.loads(chat.standin.requests[0]["body"])
    assert (sent["parse"], sent["link_names"], sent["unfurl_links"]) == ("none", False, False)


@pytest.mark.parametrize("reference", ["", "C0ELSEWHERE:1767236490.000000", "nonsense"])
async def test_what_follows_stands_alone_where_the_beginning_is_not_in_the_channel(chat: Chat, reference: str) -> None:
    await chat.destination().deliver(told(Action.RESOLVE, why="clear for 5m"), Lane(reference=reference))
    [only] = chat.standin.messages
    assert "thread_ts" not in only
    assert [block["type"] for block in only["blocks"]][:2] == ["section", "header"]
    assert chat.standin.calls == ["chat.postMessage"]


async def test_without_a_signing_secret_there_are_no_buttons(chat: Chat) -> None:
    await chat.destination(signing_secret=None).deliver(TRIGGER, Lane())
    assert "actions" not in [block["type"] for block in chat.standin.messages[0]["blocks"]]


@pytest.mark.parametrize(("reminders", "heard"), [(None, True), (True, True), (False, False)])
async def test_a_channel_without_reminders_hears_everything_but_those(
    chat: Chat,
    reminders: bool | None,  # noqa: FBT001 - a column of the table
    heard: bool,  # noqa: FBT001 - a column of the table
) -> None:
    destination = chat.destination(reminders=reminders)
    begun = await destination.deliver(TRIGGER, Lane())
    assert isinstance(begun, Sent)
    lane = Lane(reference=begun.reference)
    for action in (Action.REMIND, Action.NOTE):
        given = await destination.deliver(told(action, by="anna", text="words"), lane)
        assert isinstance(given, Dropped) is (action is Action.REMIND and not heard)
    assert len(chat.standin.messages) == (3 if heard else 2)


async def test_a_beginning_that_somebody_deleted_keeps_nobody_from_hearing_the_rest(chat: Chat) -> None:
    destination = chat.destination()
    begun = await destination.deliver(TRIGGER, Lane())
    assert isinstance(begun, Sent)
    chat.standin.delete(*begun.reference.split(":"))
    resolved = told(Action.RESOLVE, why="clear for 5m")
    assert isinstance(await destination.deliver(resolved, Lane(reference=begun.reference)), Sent)
    assert isinstance(await destination.deliver(resolved, Lane(reference=begun.reference, attempts=1)), Sent)
    assert [message["text"] for message in chat.standin.messages] == ["*Resolved*\nclear for 5m"]


@pytest.mark.parametrize("error", ["message_not_found", "cant_update_message", "edit_window_closed", "is_inactive"])
async def test_a_beginning_that_cannot_be_changed_any_more_is_left_as_it_is(chat: Chat, error: str) -> None:
    destination = chat.destination()
    begun = await destination.deliver(TRIGGER, Lane())
    assert isinstance(begun, Sent)
    chat.standin.refuse("chat.update", error)
    note = told(Action.NOTE, by="anna", text="words")
    assert isinstance(await destination.deliver(note, Lane(reference=begun.reference)), Sent)


@pytest.mark.parametrize("error", ["invalid_blocks", "invalid_blocks_format", "msg_blocks_too_long"])
async def test_a_layout_that_slack_does_not_take_any_more_keeps_nothing_back(chat: Chat, error: str) -> None:
    destination = chat.destination()
    chat.standin.refuse("chat.postMessage", error)
    begun = await destination.deliver(TRIGGER, Lane())
    assert isinstance(begun, Sent)
    assert (chat.standin.messages[0]["text"], chat.standin.messages[0]["blocks"]) == (
        f"■ Triggered · P0: {TRIGGER.summary}",
        [],
    )
    chat.standin.refuse("chat.postMessage", error)
    chat.standin.refuse("chat.postMessage", error)
    assert isinstance(await destination.deliver(TRIGGER, Lane()), Refused)
    chat.standin.refuse("chat.update", error)
    resolved = told(Action.RESOLVE, why="clear for 5m")
    assert isinstance(await destination.deliver(resolved, Lane(reference=begun.reference)), Sent)
    assert chat.standin.messages[0]["text"].startswith("● Resolved")


async def test_messages_wait_their_turn_and_a_long_queue_is_tried_again(chat: Chat) -> None:
    destination = chat.destination()
    sent = [told(Action.TRIGGER, incident=str(number)) for number in range(8)]
    verdicts = await asyncio.gather(*(destination.deliver(each, Lane()) for each in sent))
    assert chat.clock.woken == pytest.approx([1001.1, 1002.2, 1003.3])
    assert len(chat.standin.requests) == 4
    later = [verdict for verdict in verdicts[4:] if isinstance(verdict, Retry)]
    assert len(later) == 4
    assert {verdict.reason for verdict in later} == {"rate_limited"}
    assert all(verdict.after_seconds and verdict.after_seconds > 4 for verdict in later)


async def test_the_next_message_waits_a_second_after_one_that_took_long(chat: Chat) -> None:
    chat.standin.inject(Injection(hang_seconds=0.2))
    destination = chat.destination()
    slow = asyncio.create_task(destination.deliver(TRIGGER, Lane()))
    while not chat.standin.requests:
        await asyncio.sleep(0.01)
    chat.clock.move(5)
    assert isinstance(await slow, Sent)
    assert isinstance(await destination.deliver(told(Action.TRIGGER, incident="2"), Lane()), Sent)
    assert chat.clock.woken == [1006.0]


@pytest.mark.parametrize(
    ("keys", "problem"),
    [
        ({"token": ""}, "is empty"),
        ({"token": "xoxb 1"}, "has a token that holds what no token can"),
        ({"channel": "#incidents"}, "is no id of a channel"),
        ({"channel": "U0123456789"}, "is no id of a channel"),
        ({"api_url": "http://slack.com/api/"}, "is not over https"),
        ({"ca_file": "/nowhere/ca.pem"}, "there is no file /nowhere/ca.pem"),
        ({"timeout": "26s"}, "is longer than 25s"),
        ({"signing_secret": ""}, "is empty"),
        ({"chanel": "C0123456789"}, "Extra inputs are not permitted"),
    ],
)
def test_a_configuration_that_cannot_be_says_why(keys: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValidationError, match=problem):
        Config.model_validate({"token": TOKEN, "channel": CHANNEL} | keys)


def test_its_secrets_can_lie_in_files_and_are_never_shown(tmp_path: Path) -> None:
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    (tmp_path / "secret").write_text(f"{SIGNING_SECRET}\n")
    given = {"token_file": "token", "signing_secret_file": "secret", "channel": CHANNEL}
    config = Config.model_validate(given, context={"folder": tmp_path, "files": set()})
    assert config.signing_secret is not None
    assert (config.token.reveal(), config.signing_secret.reveal()) == (TOKEN, SIGNING_SECRET)
    assert TOKEN not in repr(config)
    assert SIGNING_SECRET not in repr(config)
    assert config.api_url == "https://slack.com/api/"
    assert not PAGES_ONLY


def test_the_vendors_package_is_loaded_with_the_first_destination_and_not_with_its_configuration() -> None:
    config = (
        "import sys; from slo.router.destinations.slack import Config, build;"
        f"config = Config(token='x', channel='{CHANNEL}', signing_secret='y')"
    )
    make = (
        "from slo.net.context import Context; from slo.runner.clock import SteadyClock;"
        "build(config, Context.default(SteadyClock()))"
    )
    ask = f"{config}; print('slack_sdk' in sys.modules, 'aiohttp' in sys.modules); {make}; print(*sys.modules)"
    before, after = subprocess.run(
        [sys.executable, "-c", ask], check=True, capture_output=True, text=True
    ).stdout.splitlines()
    assert before == "False False"
    assert {"slack_sdk.web.async_client", "slack_sdk.signature"} <= set(after.split())
