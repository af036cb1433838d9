"""A real Prometheus evaluates the rules over what it scrapes, and pages."""

import http.server
import json
import threading
import time
import urllib.request
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from slo.interop.prometheus.alerts import ALERT
from slo.interop.prometheus.files import as_yaml, rule_file
from tests.e2e.prometheus import Prometheus, running
from tests.interop.prometheus.judge import replayed
from tests.interop.prometheus.promtool import requests, rules_of

PATIENCE_SECONDS = 60
FIRING = f'ALERTS{{alertname="{ALERT}",alertstate="firing"}}'


class Shop(http.server.BaseHTTPRequestHandler):
    """A service that had ten requests since it was looked at last; `broken` they failed, and `away` it does not say."""

    broken = away = False
    good = bad = 0

    def do_GET(self) -> None:
        kind = type(self)
        if kind.away:
            self.send_error(503)
            return
        kind.good += 0 if kind.broken else 10
        kind.bad += 10 if kind.broken else 0
        failed = f'requests_total{{code="500"}} {kind.bad}\n' if kind.bad else ""
        body = f'# TYPE requests_total counter\nrequests_total{{code="200"}} {kind.good}\n{failed}'.encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the base class calls it so
        """Say nothing."""


@pytest.fixture
def shop() -> Iterator[tuple[str, type[Shop]]]:
    """A running shop: its address, and what it is."""
    kind = type("Open", (Shop,), {})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), kind)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"127.0.0.1:{server.server_port}", kind
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_prometheus_pages_with_the_pair_that_fires(tmp_path: Path, shop: tuple[str, type[Shop]]) -> None:
    """A page after three seconds of full outage within eight: the whole chain of rules, within one evaluation."""
    target, kind = shop
    slo = requests(
        objective="90%",
        window="1m",
        sli={"counters": {"total": "requests_total", "bad": 'requests_total{code="500"}'}},
        burn_policy=[{"long": "8s", "short": "2s", "budget": "50%", "severity": "page"}],
    )
    rules = rules_of(tmp_path, slo, slot="1s")
    text = as_yaml(rule_file(rules), rules)
    scrapes = [{"job_name": "shop", "static_configs": [{"targets": [target]}]}]
    with running(tmp_path / "prometheus", scrapes, rules=text) as prometheus:
        wait(prometheus, "slo:period_error_budget_remaining:ratio == 1")
        assert not prometheus.query("ALERTS")
        kind.broken = True
        fired = wait(prometheus, FIRING)
        assert (fired["severity"], fired["long_window"], fired["short_window"]) == ("page", "8s", "2s")
        wait(prometheus, "slo:period_error_budget_remaining:ratio < 1")
        every = [rule for group in prometheus.ask("rules")["groups"] for rule in group["rules"]]
        assert {rule["name"]: rule.get("lastError") for rule in every if rule["health"] != "ok"} == {}


def test_alerts_of_a_prometheus_that_scrapes_are_those_of_replay_over_what_it_scraped(
    tmp_path: Path, shop: tuple[str, type[Shop]]
) -> None:
    """Within one evaluation, which is 2 s here: in each step of replay the server has one, at a moment of its own.

    In the middle of the outage the target is away for longer than a scrape's horizon, and nothing may resolve.
    """
    target, kind = shop
    slo = requests(
        objective="90%",
        window="3m",
        sli={"counters": {"total": "requests_total", "bad": 'requests_total{code="500"}'}},
        burn_policy=[
            {"long": "40s", "short": "8s", "budget": "25%", "severity": "page"},
            {"long": "1m", "short": "20s", "budget": "42%", "severity": "ticket"},
        ],
    )
    rules = rules_of(tmp_path, slo, slot="2s")
    step = rules.groups[0].interval.total_seconds()
    scrapes = [{"job_name": "shop", "static_configs": [{"targets": [target]}]}]
    text = as_yaml(rule_file(rules), rules)
    with running(tmp_path / "prometheus", scrapes, rules=text) as prometheus:
        wait(prometheus, "requests_total")
        time.sleep(6)
        kind.broken = True
        time.sleep(14)
        kind.away = True
        time.sleep(6)
        kind.away = False
        time.sleep(4)
        kind.broken = False
        wait(prometheus, f"absent({FIRING})")
        time.sleep(2 * step)
        samples = [line for metric in ("requests_total", "up") for line in exported(prometheus, metric)]
        alerts = {alert["metric"]["severity"]: alert["values"] for alert in samples_of(prometheus, FIRING)}
        missed = missed_evaluations(prometheus)
    (tmp_path / "samples.om").write_text("\n".join([*samples, "# EOF", ""]), encoding="utf-8")
    (tmp_path / "watchkeep.yaml").rename(tmp_path / "config.yaml")
    ours: dict[str, list[float]] = {"page": [], "ticket": []}
    for line in replayed(tmp_path, int(step)):
        if line["event"] == "alert":
            ours[line["severity"]].append(datetime.fromisoformat(line["at"]).timestamp())
    assert {severity: len(changes) for severity, changes in ours.items()} == {"page": 2, "ticket": 2}
    for severity, changes in ours.items():
        fires, *between, last = (at for at, _ in alerts[severity])
        theirs = [at // step * step for at in (fires, last + step)]
        assert theirs == pytest.approx(changes, abs=step * (1 + missed))
        assert len(between) + 1 >= (last - fires) / step - missed, "it was resolved in between"


def wait(prometheus: Prometheus, expression: str) -> dict[str, str]:
    """The labels of the first series that an expression gives, once it gives one."""
    until = time.monotonic() + PATIENCE_SECONDS
    while not (found := prometheus.query(expression)):
        assert time.monotonic() < until, f"{expression} gives nothing: {prometheus.ask('rules')}"
        time.sleep(0.2)
    labels: dict[str, str] = found[0]["metric"]
    return labels


def samples_of(prometheus: Prometheus, selector: str) -> list[dict[str, Any]]:
    """The samples of the last ten minutes as they are stored, by series."""
    return prometheus.query(f"{selector}[10m]")


def exported(prometheus: Prometheus, metric: str) -> Iterator[str]:
    """The samples of a metric, in OpenMetrics."""
    for series in samples_of(prometheus, metric):
        labels = (f"{name}={json.dumps(value)}" for name, value in series["metric"].items() if name != "__name__")
        name = f"{metric}{{{','.join(labels)}}}"
        yield from (f"{name} {value} {at:.3f}" for at, value in series["values"])


def missed_evaluations(prometheus: Prometheus) -> float:
    """How often the server was too late to evaluate rules at all."""
    with urllib.request.urlopen(f"{prometheus.url}/metrics", timeout=10) as answer:
        lines = answer.read().decode().splitlines()
    counted = "prometheus_rule_group_iterations_missed_total{"
    return sum(float(line.split()[-1]) for line in lines if line.startswith(counted))
