"""An endpoint fails, and a P0 is open at PagerDuty: the whole process, nginx, Prometheus, the vendor's own client.

What is killed in between changes nothing of what PagerDuty is told.
"""

import json
import ssl
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from slo.demo.processes import Processes
from tests.e2e.prometheus import scraping
from tests.e2e.stage import Watch, until
from tests.services import StartNginx, free_port

ROUTING_KEY = "fedcba9876543210fedcba9876543210"
SLO = "gate-availability"
WINDOW_SECONDS = 600

KILLS = ("never", "outage", "trigger", "recovery", "always")


class PagerDuty:
    """The stand-in as a process, and what it recorded."""

    def __init__(self, folder: Path, processes: Processes) -> None:
        address = json.loads(
            processes.start("pagerduty", "slo.demo.vendors.pagerduty", ["--folder", str(folder / "pagerduty")])
        )
        self.events_url, self.ca_file, self._url = address["events_url"], address["ca_file"], address["url"]
        self._trust = ssl.create_default_context(cafile=self.ca_file)

    def events(self, action: str) -> list[dict[str, Any]]:
        """The accepted events of one action, in order."""
        with urllib.request.urlopen(f"{self._url}/_standin/requests", context=self._trust, timeout=10) as answer:
            requests = json.load(answer)["requests"]
        accepted = [json.loads(request["body"]) for request in requests if request["status"] == 202]
        return [event for event in accepted if event["event_action"] == action]


@pytest.fixture
def processes(tmp_path: Path) -> Iterator[Processes]:
    with Processes(tmp_path) as running:
        yield running


def configuration(*, port: int, pagerduty: PagerDuty) -> str:
    pair = {"long": "20s", "short": "4s", "budget": "20%", "severity": "page", "min_bad_events": 3}
    probe = {"name": "gate", "type": "http", "url": f"http://127.0.0.1:{port}/", "interval": "1s", "timeout": "900ms"}
    slo = {
        "name": SLO,
        "objective": "99%",
        "window": f"{WINDOW_SECONDS}s",
        "sli": {"probe": "gate"},
        "burn_policy": [pair],
        "labels": {"customer": "acme", "environment": "production", "service": "gate"},
    }
    oncall = {
        "name": "oncall",
        "type": "pagerduty",
        "routing_key": ROUTING_KEY,
        "events_url": pagerduty.events_url,
        "ca_file": pagerduty.ca_file,
    }
    return json.dumps(
        {
            "slot": "1s",
            "probes": [probe],
            "slos": [slo],
            "destinations": [oncall],
            "routes": {"destinations": ["oncall"], "resolve_after": "2s"},
        }
    )


@pytest.mark.parametrize("kill_at", KILLS)
def test_one_outage_is_one_trigger_and_one_resolve_on_the_same_keys_whenever_the_watch_is_killed(
    kill_at: str, tmp_path: Path, processes: Processes, nginx: StartNginx
) -> None:
    pagerduty, endpoint = PagerDuty(tmp_path, processes), nginx()
    with Watch(tmp_path, free_port()) as watch:
        watch.config.write_text(configuration(port=endpoint.port, pagerduty=pagerduty))
        watch.start()

        def killed_at(step: str) -> None:
            if kill_at in {step, "always"}:
                watch.kill()
                watch.start()

        with scraping(tmp_path / "prometheus", watch.url.removeprefix("http://")) as prometheus:
            until("a mature window", lambda: watch.slo(SLO)["maturity_seconds"] >= 5)
            endpoint.stop()
            killed_at("outage")
            (trigger,) = until("the trigger", lambda: pagerduty.events("trigger"))
            killed_at("trigger")
            until(
                "Prometheus to see the alert",
                lambda: prometheus.query(f'slo_alert_firing{{slo="{SLO}",severity="page"}} == 1'),
            )
            endpoint.start()
            killed_at("recovery")
            (resolve,) = until("the resolve", lambda: pagerduty.events("resolve"))
            killed_at("resolve")
            until(
                "Prometheus to see it clear",
                lambda: prometheus.query(f'slo_alert_firing{{slo="{SLO}",severity="page"}} == 0'),
            )
            scraped = prometheus.query('probe_success{probe="gate"}')
        until("further slots", lambda: watch.slo(SLO)["totals"]["good"] > 0)
        (incident,) = watch.incidents()

    assert trigger["payload"]["custom_details"]["priority"] == "P0"
    assert trigger["routing_key"] == resolve["routing_key"] == ROUTING_KEY
    assert trigger["dedup_key"] == resolve["dedup_key"] == incident["key"]
    assert [len(pagerduty.events(action)) for action in ("trigger", "resolve")] == [1, 1]
    assert incident["status"] == "resolved"
    assert scraped
