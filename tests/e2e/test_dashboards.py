"""A real Prometheus answers every question of the dashboards for Grafana with series of a watch that has troubles."""

import json
import math
import re
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import trustme

from slo.interop.dashboards.all import DASHBOARDS
from slo.interop.dashboards.grafana import grafana
from slo.interop.dashboards.measures import STANDINGS
from tests.e2e.prometheus import Prometheus, scraping
from tests.e2e.stage import PAIR, Watch, until
from tests.e2e.test_paths import dead_mans_switch
from tests.services import StartNginx, free_port

LABELS = {"customer": "acme", "environment": "production"}
AGENTS = {"watchkeep_agent_last_report_timestamp_seconds", "watchkeep_agent_records_lost_total"}
"""What only a watch with agents says."""

STEP_SECONDS = 2
RANGE_SECONDS = 60


class Page:
    """A dashboard of Grafana as a browser shows it, with these values chosen and `All` of every other variable."""

    def __init__(self, prometheus: Prometheus, name: str, **chosen: str) -> None:
        self._prometheus = prometheus
        self._document: Any = json.loads(json.dumps(grafana(DASHBOARDS[name])))
        self._chosen = chosen

    def titles(self) -> list[str]:
        return [panel["title"] for panel in self._document["panels"] if panel["type"] != "row"]

    def targets(self) -> Iterator[tuple[str, Any]]:
        """Every question, by the title of its panel and its letter."""
        for panel in self._document["panels"]:
            for target in panel.get("targets", ()):
                yield f"{panel['title']} {target['refId']}", target

    def ask(self, target: Any) -> list[dict[str, Any]]:
        """The series that a question is answered with, with their labels and values."""
        query = self._filled(target["expr"])
        if target["instant"]:
            return [{**each, "values": [each["value"]]} for each in self._prometheus.query(query)]
        now = time.time()
        times = {"start": str(now - RANGE_SECONDS), "end": str(now), "step": str(STEP_SECONDS)}
        series: list[dict[str, Any]] = self._prometheus.ask("query_range", query=query, **times)["result"]
        return series

    def cells(self, title: str, letter: str) -> Mapping[str, float]:
        """The values of a column of a table, by SLO."""
        target = dict(self.targets())[f"{title} {letter}"]
        return {series["metric"]["slo"]: float(series["value"][1]) for series in self.ask(target)}

    def _filled(self, expression: str) -> str:
        for variable in self._document["templating"]["list"]:
            if variable["type"] == "query":
                name = variable["name"]
                expression = expression.replace(f"${name}", self._chosen.get(name, variable["allValue"]))
        spans = {"$__rate_interval": f"{2 * STEP_SECONDS}s", "$__range": f"{RANGE_SECONDS}s"}
        for name, span in spans.items():
            expression = expression.replace(name, span)
        assert "$" not in expression
        return expression


def shows(target: Any, series: list[dict[str, Any]]) -> bool:
    """Whether there is a number in an answer; each of its series has all labels that it is told apart by."""
    found = re.search(r" by \(([^)]*)\)", target["expr"])
    assert found
    labels = set(found[1].split(", ")) if found[1] else set()
    assert all(each["metric"].keys() == labels for each in series), target["expr"]
    return any(not math.isnan(float(value)) for each in series for _, value in each["values"])


@pytest.fixture
def troubled(watch: Watch, nginx: StartNginx, tmp_path: Path) -> Iterator[Watch]:
    """A watch with what is up and what is down: targets, servers, destinations, forwarders; with exclusions."""
    authority = trustme.CA()
    pem, ca = tmp_path / "server.pem", tmp_path / "ca.pem"
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(str(pem))
    authority.cert_pem.write_to_path(str(ca))
    (tmp_path / "health").write_text(json.dumps({"status": "DOWN"}))
    gate = nginx(f"ssl_certificate {pem}; ssl_certificate_key {pem}; location / {{ return 200; }}", listen="ssl").port
    plain = nginx(
        f"location / {{ root {tmp_path}; }} location /taken {{ return 204; }} location /not {{ return 400; }}"
    )
    nobody = f"http://127.0.0.1:{free_port()}/"
    with dead_mans_switch() as (switch, _):
        fast = {"interval": "500ms", "timeout": "450ms"}
        probes = [
            {"name": "gate", "type": "http", "url": f"https://127.0.0.1:{gate}/", "tls": {"ca_file": str(ca)}, **fast},
            {"name": "dark", "type": "http", "url": nobody, **fast},
        ]
        slos = [
            {
                "name": f"{name}-availability",
                "objective": objective,
                "window": "1m",
                "more_windows": ["30s"],
                "sli": {"probe": name},
                "burn_policy": [{**PAIR, "budget": "20%"}],
                "labels": LABELS,
            }
            for name, objective in (("gate", "99%"), ("dark", "50%"))
        ]
        lost = {"type": "remote_write", "max_age": "1s", "metrics": ["*"], "interval": "1s"}
        watch.configure(
            {
                "slot": "1s",
                "probes": probes,
                "collectors": [
                    {
                        "name": "orders",
                        "type": "service",
                        "interval": "500ms",
                        "targets": [{"url": f"http://127.0.0.1:{plain.port}/health"}],
                    }
                ],
                "slos": slos,
                "destinations": [
                    {"name": "nobody", "type": "webhook", "url": nobody},
                    {"name": "switch", "type": "heartbeat", "url": switch, "interval": "10s"},
                ],
                "routes": {"destinations": ["nobody"]},
                "forwarders": [
                    {"name": "taken", "url": f"http://127.0.0.1:{plain.port}/taken", **lost},
                    {"name": "refused", "url": f"http://127.0.0.1:{plain.port}/not", **lost},
                    {"name": "lost", "url": nobody, **lost},
                ],
            }
        )
        watch.start()
        yield watch


def test_a_real_prometheus_answers_every_question_of_every_dashboard(troubled: Watch, tmp_path: Path) -> None:
    exclusion = {
        "name": "upgrade",
        "reason": "maintenance",
        "author": "on-call engineer",
        "slos": ["gate-availability"],
        "start": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
        "duration": "3s",
    }
    status, answer = troubled.post("/api/v1/exclusions", exclusion)
    assert status == 201, answer
    with scraping(tmp_path / "prometheus", troubled.url.removeprefix("http://")) as prometheus:
        pages = {name: Page(prometheus, name) for name in DASHBOARDS}
        waiting = {(name, title): target for name, page in pages.items() for title, target in page.targets()}
        for key, target in list(waiting.items()):
            if any(metric in target["expr"] for metric in AGENTS):
                assert pages[key[0]].ask(waiting.pop(key)) == []

        def all_answered() -> bool:
            for key, target in list(waiting.items()):
                if shows(target, pages[key[0]].ask(target)):
                    del waiting[key]
            return not waiting

        try:
            until("an answer to each question", all_answered)
        finally:
            assert sorted(waiting) == []

        slos = pages["slos"]
        standing = {
            name: STANDINGS[int(value)].text for name, value in slos.cells("Objectives at a glance", "A").items()
        }
        assert standing == {"gate-availability": "Up", "dark-availability": "Burning"}
        assert slos.cells("Objectives at a glance", "B") == {"gate-availability": 1, "dark-availability": 0}
        assert slos.cells("Objectives at a glance", "C") == {"gate-availability": 0.99, "dark-availability": 0.5}
        gate = Page(prometheus, "slos", slo="gate-availability", customer="(acme|other)")
        assert list(gate.cells("Objectives at a glance", "A")) == ["gate-availability"]
        assert Page(prometheus, "slos", customer="other").cells("Objectives at a glance", "A") == {}

        assert troubled.stop() == 0
        until("the end of its series", lambda: not slos.cells("Objectives at a glance", "D"))
        unknown = {
            name: STANDINGS[int(value)].text for name, value in slos.cells("Objectives at a glance", "A").items()
        }
        assert unknown == {"gate-availability": "No data", "dark-availability": "No data"}
