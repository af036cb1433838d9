"""What a watch counts, decides and is told by Spinnaker arrives at a receiver of OTLP, whatever becomes of both."""

import asyncio
import contextlib
import json
import threading
import urllib.request
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from tests.e2e.stage import PAIR, Watch, until
from tests.exporters.otlp.receiver import Receiver, attributes, logs_of, points_of, receiving, reset, status, value_of

JOB_TOKEN, OTLP_TOKEN, SPINNAKER_TOKEN = "0123456789abcdef", "token-of-the-collector", "token-of-the-spinnaker"


@contextlib.contextmanager
def collector() -> Iterator[tuple[Receiver, int]]:
    """A receiver on a loop in a thread of its own, and its port."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    context = receiving()
    try:
        yield asyncio.run_coroutine_threadsafe(context.__aenter__(), loop).result(10)
    finally:
        asyncio.run_coroutine_threadsafe(context.__aexit__(None, None, None), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def configuration(port: int) -> dict[str, Any]:
    """A job that is to run each second, and is missed soon."""
    job = {"target": "backup", "every": "2s", "grace": "1s", "token": JOB_TOKEN}
    labels = {"customer": "acme", "service": "backup"}
    return {
        "slot": "1s",
        "probes": [{"name": "jobs", "type": "heartbeat", "interval": "200ms", **job}],
        "slos": [
            {
                "name": "jobs-run",
                "objective": "99%",
                "window": "10m",
                "sli": {"probe": "jobs"},
                "burn_policy": [PAIR],
                "labels": labels,
            }
        ],
        "spinnakers": [{"name": "prod", "token": SPINNAKER_TOKEN, "labels": {"customer": "acme"}}],
        "forwarders": [
            {
                "name": "collector",
                "type": "otlp",
                "url": f"http://127.0.0.1:{port}",
                "bearer_token": OTLP_TOKEN,
                "match": ['customer="acme"'],
                "logs": ["events", "outcomes", "spinnaker"],
                "interval": "1s",
                "timeout": "2s",
            }
        ],
    }


def post(url: str, token: str, document: object = None) -> int:
    body = json.dumps(document).encode()
    request = urllib.request.Request(url, data=body, headers={"Authorization": f"Bearer {token}"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        status: int = answer.status
        return status


def total(receiver: Receiver, at: int) -> dict[str, float]:
    """The totals of the SLO at the end of a slot (Unix seconds), by their names."""
    return {
        name: value_of(point)
        for (name, _, _), _, point in points_of(list(receiver.metrics))
        if name.startswith("slo_sli_") and point.time_unix_nano == at * 10**9
    }


def actions(receiver: Receiver) -> list[tuple[str, str]]:
    """Which log it is, and what happened."""
    found = [dict(attributes(log.attributes)) for log in logs_of(list(receiver.logs))]
    return [(str(log["event.id"]), str(log["event.action"])) for log in found]


def agrees(watch: Watch, receiver: Receiver) -> bool:
    """Whether the receiver has the totals that the watch shows, at the time that they are of."""
    slo = watch.slo("jobs-run")
    wanted = {f"slo_sli_{state}_total": slo["totals"][state] for state in ("good", "bad", "unknown")}
    return sum(wanted.values()) > 0 and total(receiver, _seconds(slo["at"])) == wanted


def _seconds(text: str) -> int:
    return round(datetime.fromisoformat(text).timestamp())


def test_totals_and_events_are_there_in_the_end_after_faults_and_a_kill(watch: Watch) -> None:
    with collector() as (receiver, port):
        watch.configure(configuration(port))
        watch.start()
        assert post(f"{watch.url}/heartbeats/backup", JOB_TOKEN) == 200
        until("equal totals", lambda: agrees(watch, receiver))
        until("an incident", lambda: any(action == "opened" for _, action in actions(receiver)))
        receiver.taken_before_fault = True
        receiver.faults.extend([status(429), status(503), reset, status(500), status(502)])
        event = {"details": {"type": "orca:pipeline:complete", "application": "shop"}, "content": {}, "eventId": "e1"}
        assert post(f"{watch.url}/webhooks/spinnaker/prod/", SPINNAKER_TOKEN, event) == 202
        assert post(f"{watch.url}/webhooks/spinnaker/prod", SPINNAKER_TOKEN, event) == 202
        until("the event of Spinnaker", lambda: "orca:pipeline:complete" in dict(actions(receiver)).values())
        watch.kill()
        receiver.faults.clear()
        watch.start()
        until("equal totals after the kill", lambda: agrees(watch, receiver))
        told = dict(actions(receiver))
        assert sorted(told.values()).count("opened") == 1, "an event that is told again has the same id"
        assert sorted(told.values()).count("orca:pipeline:complete") == 1
        for headers in receiver.headers:
            assert headers["Authorization"] == f"Bearer {OTLP_TOKEN}"
        shown = watch.said + watch.text("/metrics") + str(receiver.logs) + str(receiver.metrics)
        for secret in (JOB_TOKEN, OTLP_TOKEN, SPINNAKER_TOKEN):
            assert secret not in shown
