"""Alerts of others, from a real Prometheus and a real Alertmanager to incidents here, and ours out and not back in."""

import json
import subprocess
import threading
import time
import urllib.request
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.prometheus import running
from tests.e2e.stage import PAIR, SLO, Watch, configuration, until
from tests.services import Service, StartAlertmanager, StartNginx, program

TOKEN = "a-token-for-these-tests"


def watched(watch: Watch, port: int, *destinations: dict[str, str]) -> None:
    """Start a watch with the token above, on an endpoint."""
    watch.data.mkdir(mode=0o700, exist_ok=True)
    token = watch.data / "token"
    token.touch(mode=0o600)
    token.write_text(TOKEN, encoding="ascii")
    watch.configure(configuration(*destinations, port=port))
    watch.start()
    watch.good()


def to_watch(watch: Watch) -> Mapping[str, object]:
    """The configuration of an Alertmanager that tells the watch everything at once."""
    webhook = {
        "url": f"{watch.url}/webhooks/alertmanager",
        "http_config": {"authorization": {"credentials": TOKEN}},
    }
    return {
        "route": {"receiver": "watch", "group_by": ["..."], "group_wait": "0s", "group_interval": "1s"},
        "receivers": [{"name": "watch", "webhook_configs": [webhook]}],
    }


def amtool(manager: Service, *arguments: str) -> None:
    command = [program("amtool", package="prometheus-alertmanager"), "alert", "add", *arguments]
    subprocess.run([*command, f"--alertmanager.url=http://127.0.0.1:{manager.port}"], check=True, timeout=20)


def of(watch: Watch, slo: str) -> list[dict[str, Any]]:
    return [incident for incident in watch.incidents() if incident["slo"] == slo]


def on_record(watch: Watch, slo: str) -> None:
    """Wait until an incident is in the journal: that of a page is shown a moment before."""
    (opened,) = until("an incident", lambda: of(watch, slo))
    until("it to be on record", lambda: watch.timeline(opened["id"]))


def test_amtool_tells_the_watch_as_if_it_were_an_alertmanager(watch: Watch, nginx: StartNginx, tmp_path: Path) -> None:
    watched(watch, nginx().port)
    http = tmp_path / "http.yml"
    http.write_text(json.dumps({"authorization": {"credentials": TOKEN}}), encoding="utf-8")
    command = [program("amtool", package="prometheus-alertmanager"), "alert", "add", "DiskFull", "severity=warning"]
    command += [
        "instance=db1",
        "environment=production",
        "--annotation=summary=1 % is left",
        f"--http.config.file={http}",
    ]
    subprocess.run([*command, f"--alertmanager.url={watch.url}"], check=True, timeout=20)
    (incident,) = until("an incident", lambda: of(watch, "DiskFull"))
    assert (incident["severity"], incident["priority"]) == ("ticket", "P1")
    assert incident["summary"] == "DiskFull (environment=production,instance=db1): 1 % is left"


def test_an_alert_of_alertmanager_opens_an_incident_and_its_end_resolves_it(
    watch: Watch, nginx: StartNginx, alertmanager: StartAlertmanager
) -> None:
    watched(watch, nginx().port)
    manager = alertmanager(to_watch(watch))
    labels = ("GateDown", "severity=critical", "environment=production", "customer=acme")
    amtool(manager, *labels, "--annotation=summary=gate is down", "--annotation=runbook_url=http://runbooks/gate")
    (incident,) = until("an incident", lambda: of(watch, "GateDown"))
    assert (incident["severity"], incident["priority"], incident["status"]) == ("page", "P0", "triggered")
    assert incident["key"] == "acme:GateDown:customer=acme,environment=production:g1"
    assert incident["evidence"]["report"]["runbook_url"] == "http://runbooks/gate"
    assert incident["firing"] == [
        {"severity": "page", "long": None, "short": None, "cause": "alert", "alert": "GateDown"}
    ]
    amtool(manager, *labels, "--end=2026-01-01T00:00:00Z", "--start=2025-12-31T00:00:00Z")
    until("its end", lambda: of(watch, "GateDown")[0]["status"] == "resolved")
    assert watch.faults == []
    taken = 'watchkeep_foreign_alerts_received_total{result="taken",way="webhook"}'
    assert watch.sample(taken) >= 2


def test_an_end_that_alertmanager_could_not_tell_is_told_when_the_watch_is_back(
    watch: Watch, nginx: StartNginx, alertmanager: StartAlertmanager
) -> None:
    watched(watch, nginx().port)
    manager = alertmanager(to_watch(watch))
    amtool(manager, "GateDown")
    on_record(watch, "GateDown")
    watch.kill()
    amtool(manager, "GateDown", "--end=2026-01-01T00:00:00Z", "--start=2025-12-31T00:00:00Z")
    time.sleep(3)  # so that several groups are due meanwhile
    watch.start()
    until("its end", lambda: of(watch, "GateDown")[0]["status"] == "resolved")


def test_a_restart_resolves_nothing_that_was_not_heard_of(watch: Watch, nginx: StartNginx) -> None:
    watched(watch, nginx().port)
    firing = {"version": "4", "alerts": [{"status": "firing", "labels": {"alertname": "GateDown"}}]}
    assert watch.post("/webhooks/alertmanager", firing) == (200, {"taken": 1, "own": 0})
    on_record(watch, "GateDown")
    watch.kill()
    watch.start()
    watch.good(4)
    (incident,) = of(watch, "GateDown")
    assert incident["status"] == "triggered"
    assert incident["firing"] != []
    over = {"version": "4", "alerts": [{"status": "resolved", "labels": {"alertname": "GateDown"}}]}
    assert watch.post("/webhooks/alertmanager", over)[0] == 200
    until("its end", lambda: of(watch, "GateDown")[0]["status"] == "resolved")
    assert len(of(watch, "GateDown")) == 1


def test_a_rule_of_prometheus_fires_here_and_is_over_here(watch: Watch, nginx: StartNginx, tmp_path: Path) -> None:
    watched(watch, nginx().port)
    rule = {
        "alert": "Switched",
        "expr": "vector(1) unless on () up == 1",
        "for": "7s",  # what fires before Prometheus has found whom to tell is sent again after a minute
        "labels": {"severity": "page"},
        "annotations": {"summary": "it is {{ $value }}", "description": "why"},
    }
    rules = json.dumps({"groups": [{"name": "g", "interval": "1s", "rules": [rule]}]})
    alerting = {
        "alertmanagers": [
            {
                "api_version": "v2",
                "authorization": {"credentials": TOKEN},
                "static_configs": [{"targets": [watch.url.removeprefix("http://")]}],
            }
        ]
    }
    target = tmp_path / "targets.json"
    target.write_text("[]")
    scrape = {"job_name": "watchkeep", "file_sd_configs": [{"files": [str(target)], "refresh_interval": "1s"}]}
    with running(tmp_path / "prometheus", [scrape], rules=rules, alerting=alerting):
        (incident,) = until("an incident", lambda: of(watch, "Switched"))
        assert incident["summary"] == "Switched: it is 1"
        assert incident["evidence"]["report"]["source_url"].startswith("http://")
        target.write_text(json.dumps([{"targets": [watch.url.removeprefix("http://")]}]))
        until("its end", lambda: of(watch, "Switched")[0]["status"] == "resolved")
    assert watch.faults == []


class Bridge:
    """Takes what our webhook says and gives the alerts in it to an Alertmanager; `statuses` are what that says."""

    def __init__(self) -> None:
        self.manager: Service | None = None
        self.statuses: list[int] = []
        bridge = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                alerts = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["alerts"]
                assert bridge.manager is not None
                request = urllib.request.Request(
                    f"http://127.0.0.1:{bridge.manager.port}/api/v2/alerts",
                    json.dumps(alerts).encode(),
                    {"Content-Type": "application/json"},
                )
                with urllib.request.urlopen(request, timeout=10) as answer:
                    bridge.statuses.append(answer.status)
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: object) -> None: ...

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}/"


@pytest.fixture
def bridge() -> Iterator[Bridge]:
    bridge = Bridge()
    thread = threading.Thread(target=bridge.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield bridge
    bridge.server.shutdown()
    thread.join()
    bridge.server.server_close()


def test_our_own_alerts_that_come_back_through_an_alertmanager_are_dropped(
    watch: Watch, nginx: StartNginx, alertmanager: StartAlertmanager, bridge: Bridge
) -> None:
    endpoint = nginx()
    bridge.manager = alertmanager(to_watch(watch))
    watched(watch, endpoint.port, {"name": "hook", "type": "webhook", "url": bridge.url})
    endpoint.stop()
    until("an incident", lambda: of(watch, SLO))
    own = 'watchkeep_foreign_alerts_received_total{result="own",way="webhook"}'
    until("our alert to come back", lambda: watch.sample(own) >= 1)
    endpoint.start()
    until("the end", lambda: of(watch, SLO)[0]["status"] == "resolved")
    until("the end to come back", lambda: watch.sample(own) >= 2)
    watch.good(4)
    (incident,) = watch.incidents()
    assert incident["generation"] == 1
    assert {
        pair["cause"]
        for event in watch.get(f"/api/v1/incidents/{incident['id']}")["events"]
        for pair in event.get("firing", ())
    } == {"burn"}
    assert set(bridge.statuses) == {200}
    assert watch.sample("watchkeep_foreign_alerts") == 0


def test_the_generated_rules_open_the_incident_that_the_engine_opens(watch: Watch, nginx: StartNginx) -> None:
    watched(watch, nginx().port)
    labels = {
        "alertname": "ErrorBudgetBurn", "sloth_id": SLO, "sloth_service": "gate", "sloth_slo": "availability",
        "severity": "page", "sloth_severity": "page", "long_window": PAIR["long"], "short_window": PAIR["short"],
        "customer": "acme", "environment": "production", "service": "gate",
    }  # fmt: skip
    alert = {"labels": labels, "annotations": {"summary": "it burns"}, "status": "firing"}
    assert watch.post("/webhooks/alertmanager", {"version": "4", "alerts": [alert]})[0] == 200
    (incident,) = until("an incident", lambda: of(watch, SLO))
    assert (incident["key"], incident["scope"]) == (f"acme:{SLO}:-:g1", "")
    assert incident["summary"] == f"{SLO} (acme, production): it burns"
    assert incident["evidence"]["objective"] == 0.99
    assert incident["firing"][0] == {"severity": "page", "long": "10s", "short": "2s", "cause": "burn", "alert": None}
    watch.good(4)
    assert of(watch, SLO)[0]["status"] == "triggered"
    assert watch.post("/webhooks/alertmanager", {"version": "4", "alerts": [alert | {"status": "resolved"}]})[0] == 200
    until("the end", lambda: of(watch, SLO)[0]["status"] == "resolved")
    assert len(watch.incidents()) == 1


def test_a_reload_forgets_no_incident_of_others(watch: Watch, nginx: StartNginx) -> None:
    watched(watch, nginx().port)
    firing = {"version": "4", "alerts": [{"status": "firing", "labels": {"alertname": "GateDown"}}]}
    assert watch.post("/webhooks/alertmanager", firing)[0] == 200
    until("an incident", lambda: of(watch, "GateDown"))
    assert watch.post("/-/reload")[0] == 200
    watch.good(4)
    assert of(watch, "GateDown")[0]["status"] == "triggered"
