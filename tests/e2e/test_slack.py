"""An endpoint fails, and people work on it in Slack: the whole process, nginx, the vendor's own client.

What is killed or lost in between changes nothing of what the channel hears.
"""

import json
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from tests.e2e.slack import ANNA, slack_beside
from tests.e2e.stage import Watch, configuration, until
from tests.services import StartNginx


@pytest.mark.parametrize("trouble", ["none", "kill", "lost answers"])
def test_an_incident_is_worked_on_in_slack_and_everything_is_said_once(
    trouble: str, tmp_path: Path, watch: Watch, nginx: StartNginx
) -> None:
    endpoint = nginx()
    with slack_beside(tmp_path / "slack") as slack:

        def meet_trouble() -> None:
            if trouble == "kill":
                watch.kill()
                watch.start()
            elif trouble == "lost answers":
                slack.inject(reset=True, processed=True)

        watch.configure(configuration(slack.destination(), port=endpoint.port))
        watch.start()
        callback = f"{watch.url}/webhooks/slack"
        watch.good()
        if trouble == "lost answers":
            meet_trouble()
        endpoint.stop()
        until("the message", lambda: watch.delivered("trigger"))
        meet_trouble()
        assert slack.press(callback, "acknowledge") == {"status": 200, "body": ""}
        until("the acknowledgement in the thread", lambda: watch.delivered("acknowledge"))
        assert slack.press(callback, "eta") == {"status": 200, "body": ""}
        past = slack.submit(callback, time=1)
        assert json.loads(past["body"])["errors"] == {"time": "Choose a time in the next 30 days."}
        meet_trouble()
        assert slack.submit(callback, minutes="30", confidence="high", text="nginx is down") == {
            "status": 200,
            "body": "",
        }
        until("the promise in the thread", lambda: watch.delivered("eta"))
        endpoint.start()
        meet_trouble()
        until("the end in the thread", lambda: watch.delivered("resolve"))
        messages = slack.messages
        assert refused(callback) == 401
        (incident,) = watch.incidents()
        assert watch.stop() == 0
    first, *replies = messages
    told = [message["metadata"]["event_payload"]["id"].split("/")[2] for message in messages]
    assert [action for action in told if action != "update"] == ["trigger", "acknowledge", "eta", "resolve"]
    assert len(set(told)) == len(told)
    assert {reply["thread_ts"] for reply in replies} == {first["ts"]}
    assert first["text"].startswith("● Resolved · P0")
    assert incident["acknowledged_by"] == "anna (U0ANNA)"
    assert watch.faults == []


def test_a_message_of_another_data_folder_does_nothing_to_the_incident_that_has_its_number(
    tmp_path: Path, watch: Watch, nginx: StartNginx
) -> None:
    endpoint = nginx()
    with slack_beside(tmp_path / "slack") as slack:
        watch.configure(configuration(slack.destination(), port=endpoint.port))
        watch.start()
        callback = f"{watch.url}/webhooks/slack"
        watch.good()
        endpoint.stop()
        until("the message", lambda: watch.delivered("trigger"))
        assert watch.stop() == 0
        watch.data = watch.data.with_name("another")
        watch.start()
        until("the message of another incident", lambda: watch.delivered("trigger"))
        for button in ("acknowledge", "eta"):
            assert slack.press(callback, button) == {"status": 200, "body": ""}
        (incident,) = watch.incidents()
        assert (incident["id"], incident["status"]) == ("1", "triggered")
        assert slack.views == []
        for whisper in slack.whispers:
            assert whisper["user"] == ANNA["id"]
            assert "not about the incident 1 that is here" in whisper["text"]
        assert len(slack.whispers) == 2
        assert watch.stop() == 0
    assert watch.faults == []


def refused(callback: str) -> int:
    """What a request gets that nobody signed."""
    request = urllib.request.Request(callback, data=b"payload=%7B%7D")
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code
