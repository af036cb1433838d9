"""An SLI whose counters a real Prometheus scrapes: counts, the page, and what outages of either side leave behind."""

import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.pagerduty import PagerDuty
from tests.e2e.prometheus import Prometheus, running
from tests.e2e.stage import PAIR, SLO, Watch, until

TOTAL = "gate_requests_total"
INTERVAL_SECONDS = 2


class Traffic:
    """A service that counts its requests, and serves the counts; two hundred requests a second."""

    def __init__(self) -> None:
        self.failing = False
        self._counts = {"200": 0, "500": 0}
        self._stopped = threading.Event()
        traffic = self

        class Metrics(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = "".join(
                    f'{TOTAL}{{code="{code}"}} {count}\n' for code, count in traffic._counts.items() if count
                ).encode()
                self.send_response(200)
                self.send_header("Content-Type", "text/plain; version=0.0.4")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Metrics)
        self.address = f"127.0.0.1:{self.server.server_port}"

    def flow(self) -> None:
        while not self._stopped.wait(0.005):
            self._counts["500" if self.failing else "200"] += 1

    def stop(self) -> dict[str, int]:
        """No request comes any more; the counts."""
        self._stopped.set()
        time.sleep(0.02)
        return dict(self._counts)


@contextmanager
def flowing() -> Iterator[Traffic]:
    traffic = Traffic()
    threads = [threading.Thread(target=traffic.flow), threading.Thread(target=traffic.server.serve_forever)]
    for thread in threads:
        thread.start()
    try:
        yield traffic
    finally:
        traffic.stop()
        traffic.server.shutdown()
        traffic.server.server_close()
        for thread in threads:
            thread.join()


def configuration(url: str, pagerduty: PagerDuty, total: str, bad: str, *group_by: str) -> dict[str, Any]:
    return {
        "slot": "1s",
        "servers": [
            {"name": "prometheus", "url": url, "interval": f"{INTERVAL_SECONDS}s", "offset": "1s", "timeout": "1s"}
        ],
        "slos": [
            {
                "name": SLO,
                "objective": "99%",
                "window": "10m",
                "sli": {"prometheus": {"server": "prometheus", "total": total, "bad": bad}},
                "group_by": group_by,
                "burn_policy": [{**PAIR, "short": "6s", "long": "20s", "min_bad_events": 10}],
                "labels": {"customer": "acme", "environment": "production", "service": "gate"},
            }
        ],
        "destinations": [pagerduty.destination()],
        "routes": {"destinations": [pagerduty.destination()["name"]], "resolve_after": "1s"},
    }


@pytest.mark.parametrize(
    ("total", "bad"),
    [
        (f"sum({TOTAL})", f'sum({TOTAL}{{code=~"5.."}})'),
        (f"sum(increase({TOTAL}[{{{{.window}}}}])) * 1", f'sum(increase({TOTAL}{{code=~"5.."}}[{{{{.window}}}}])) * 1'),
    ],
    ids=["samples", "increases"],
)
def test_failing_requests_page_whoever_is_killed_meanwhile(
    total: str, bad: str, tmp_path: Path, watch: Watch, pagerduty: PagerDuty
) -> None:
    with (
        flowing() as traffic,
        running(
            tmp_path / "prometheus", [{"job_name": "gate", "static_configs": [{"targets": [traffic.address]}]}]
        ) as prometheus,
    ):
        watch.configure(configuration(prometheus.url, pagerduty, total, bad))
        watch.start()
        watch.good(1000)
        traffic.failing = True
        until("the trigger on record", lambda: watch.delivered("trigger"))
        assert watch.slo()["state"] == "burning"
        assert re.search(r'^slo_alert_firing\{.*severity="page".*\} 1', watch.text("/metrics"), re.MULTILINE)
        watch.kill()
        watch.start()
        traffic.failing = False
        until("the resolve on record", lambda: watch.delivered("resolve"))
        first = earliest(prometheus)
        counts = traffic.stop()
        exactly = sum(counts.values()) - first
        if "increase" in total:
            # What the server itself makes of them: it extrapolates, and a late scrape is missing to it.
            until("the counts", lambda: abs(counted(watch) - answered(prometheus, total)) < exactly / 10)
        else:
            until("the counts", lambda: counted(watch) >= exactly)
            assert watch.slo()["totals"] == {"good": counts["200"] - first, "bad": counts["500"], "unknown": 0}
    assert watch.stop() == 0
    assert watch.faults == []


def test_a_group_that_a_server_has_is_paged_for_and_stays_when_the_server_is_gone(
    tmp_path: Path, watch: Watch, pagerduty: PagerDuty
) -> None:
    jobs = [{"job_name": "idle", "static_configs": [{"targets": ["127.0.0.1:1"]}]}]
    with flowing() as traffic:
        jobs.append({"job_name": "gate", "static_configs": [{"targets": [traffic.address]}]})
        with running(tmp_path / "prometheus", jobs) as prometheus:
            total, bad = f"sum(rate({TOTAL}[{{{{.window}}}}]))", f'sum(rate({TOTAL}{{code="500"}}[{{{{.window}}}}]))'
            watch.configure(configuration(prometheus.url, pagerduty, total, bad, "job"))
            watch.start()
            until("the group", lambda: [slo["scope"] for slo in watch.slos()] == ["job=gate"])
            until("its counts", lambda: watch.slos()[0]["totals"]["good"] > 100)
            traffic.failing = True
            until("the trigger on record", lambda: watch.delivered("trigger"))
            watch.kill()
    watch.start()
    (slo,) = watch.slos()
    assert slo["scope"] == "job=gate"
    assert slo["totals"]["bad"] > 0
    (incident,) = watch.incidents()
    assert (incident["slo"], incident["scope"]) == (SLO, "job=gate")
    assert watch.stop() == 0
    assert watch.faults == []


def counted(watch: Watch) -> int:
    totals: dict[str, int] = watch.slo()["totals"]
    return totals["good"] + totals["bad"]


def earliest(prometheus: Prometheus) -> int:
    """The first sample of the good requests: what was counted before nobody knows of."""
    (series,) = prometheus.query(f'{TOTAL}{{code="200"}}[10m]')
    return int(float(series["values"][0][1]))


def answered(prometheus: Prometheus, total: str) -> float:
    """The sum of the server's own answers for all intervals of the last minutes."""
    end = int(time.time()) // INTERVAL_SECONDS * INTERVAL_SECONDS
    expression = total.replace("{{.window}}", f"{INTERVAL_SECONDS}s")
    times = {"start": str(end - 300), "end": str(end), "step": f"{INTERVAL_SECONDS}s"}
    (series,) = prometheus.ask("query_range", query=expression, **times)["result"]
    return sum(float(value) for _, value in series["values"])
