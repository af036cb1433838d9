"""An endpoint fails, and people work on it in Slack: the whole process, nginx, the vendor's own client.

What is killed or lost in between changes nothing of what the channel hears.
"""

import json
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from tests.e2e.slack import slack_beside
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


def refused(callback: str) -> int:
    """What a request gets that nobody signed."""
    request = urllib.request.Request(callback, data=b"payload=%7B%7D")
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code
