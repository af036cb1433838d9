"""What a job has said outlives the watch, however that ends."""

import signal
import urllib.error
import urllib.request
from typing import Any

from tests.e2e.stage import Watch, until

TOKEN = "0123456789abcdef"


def configuration(**more: object) -> dict[str, Any]:
    job = {"target": "backup", "every": "1h", "grace": "10m", "token": TOKEN, **more}
    probe = {"name": "jobs", "type": "heartbeat", "interval": "200ms", **job}
    slo = {"name": "jobs-run", "objective": "99%", "window": "10m", "sli": {"probe": "jobs"}}
    return {"slot": "1s", "probes": [probe], "slos": [slo]}


def call(watch: Watch, end: str = "", token: str = TOKEN, body: bytes | None = None) -> int:
    request = urllib.request.Request(
        f"{watch.url}/heartbeats/backup{end}", data=body, headers={"Authorization": f"Bearer {token}"}
    )
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            status: int = answer.status
            return status
    except urllib.error.HTTPError as error:
        return error.code


def says(watch: Watch, reason: str) -> dict[str, Any]:
    """The outcome with this reason, once it is there."""

    def look() -> dict[str, Any] | None:
        checks = watch.get("/api/v1/probes/jobs")["checks"]
        outcomes: list[dict[str, Any]] = checks[0]["outcomes"] if checks else []
        return outcomes[0] if outcomes and outcomes[0]["reason"] == reason else None

    return until(reason, look) or {}


def test_a_call_that_was_answered_outlives_a_kill(watch: Watch) -> None:
    watch.configure(configuration())
    watch.start()
    assert says(watch, "heartbeat_awaited")["outcome"] == "unknown"
    assert call(watch, token="fedcba9876543210") == 404
    assert call(watch, "/7", body=b"the disk is full") == 200
    watch.kill()
    watch.start()
    failed = says(watch, "heartbeat_failed")
    assert failed["outcome"] == "bad"
    assert failed["detail"].startswith("exit status 7: the disk is full, ")
    until("bad events", lambda: watch.slo("jobs-run")["totals"]["bad"] >= 2)
    assert call(watch) == 200
    says(watch, "ok")
    watch.kill()
    watch.start()
    says(watch, "ok")
    assert TOKEN not in watch.said + watch.text("/metrics")
    assert watch.sample('watchkeep_heartbeat_calls_total{result="taken"}') == 0
    assert watch.stop() == 0
    assert watch.faults == []


def test_a_job_that_is_late_is_missed_and_a_reload_forgives_nothing(watch: Watch) -> None:
    watch.configure(configuration(every="500ms", grace="500ms"))
    watch.start()
    assert call(watch, "/start") == 200
    says(watch, "heartbeat_overrun")
    assert call(watch) == 200
    says(watch, "heartbeat_missed")
    watch.configure(configuration(every="600ms", grace="500ms", token="fedcba9876543210"))
    watch.send(signal.SIGHUP)
    until("the new token", lambda: call(watch, "/start", token="fedcba9876543210") == 200)
    assert call(watch) == 404
    says(watch, "heartbeat_overrun")
    assert watch.stop() == 0
