"""A real Prometheus evaluates the rules over what it scrapes, and pages."""

import http.server
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from slo.interop.prometheus.alerts import ALERT
from slo.interop.prometheus.files import as_yaml, rule_file
from tests.e2e.prometheus import running
from tests.interop.prometheus.promtool import requests, rules_of

PATIENCE_SECONDS = 60


class Shop(http.server.BaseHTTPRequestHandler):
    """A service that had ten requests since it was looked at last; with `broken` they failed."""

    broken = False
    good = bad = 0

    def do_GET(self) -> None:
        kind = type(self)
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

        def wait(expression: str) -> dict[str, str]:
            until = time.monotonic() + PATIENCE_SECONDS
            while not (found := prometheus.query(expression)):
                assert time.monotonic() < until, f"{expression} gives nothing: {prometheus.ask('rules')}"
                time.sleep(0.2)
            labels: dict[str, str] = found[0]["metric"]
            return labels

        wait("slo:period_error_budget_remaining:ratio == 1")
        assert not prometheus.query("ALERTS")
        kind.broken = True
        fired = wait(f'ALERTS{{alertname="{ALERT}",alertstate="firing"}}')
        assert (fired["severity"], fired["long_window"], fired["short_window"]) == ("page", "8s", "2s")
        wait("slo:period_error_budget_remaining:ratio < 1")
        every = [rule for group in prometheus.ask("rules")["groups"] for rule in group["rules"]]
        assert {rule["name"]: rule.get("lastError") for rule in every if rule["health"] != "ok"} == {}
