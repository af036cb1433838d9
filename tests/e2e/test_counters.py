"""A service counts its own failures, and a P0 is open at PagerDuty: the whole process, a real Prometheus beside it.

Whenever the watch is killed, what it has counted in the end is what the service has really counted, to the event.
"""

import json
import random
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.counted import Counted, Traffic
from tests.e2e.pagerduty import PagerDuty
from tests.e2e.prometheus import Prometheus, running
from tests.e2e.stage import PAIR, Watch, until

SLO = "api-availability"
KILLS = ("never", "at every step", "again and again")


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Counted]:
    with Counted(tmp_path / "service") as service:
        yield service


def configuration(service: Counted, *destinations: dict[str, str], **slo: Any) -> dict[str, Any]:
    """The service, scraped twice a second, and an SLO of its requests by the selectors that Prometheus takes too."""
    counters = {"total": 'http_requests_total{job="api"}', "bad": 'http_requests_total{job="api",code=~"5.."}'}
    return {
        "slot": "1s",
        "scrapes": [{"name": "api", "url": f"http://{service.address}/metrics", "interval": "500ms"}],
        "slos": [
            {
                "name": SLO,
                "objective": "99%",
                "window": "10m",
                "sli": {"counters": counters},
                "burn_policy": [PAIR],
                "labels": {"customer": "acme", "environment": "production"},
                **slo,
            }
        ],
        "destinations": list(destinations),
        "routes": {"destinations": [each["name"] for each in destinations], "resolve_after": "1s"},
    }


def counted(watch: Watch) -> dict[str, int]:
    """The good and bad events that the watch has counted."""
    totals = watch.slo(SLO)["totals"]
    return {"good": totals["good"], "bad": totals["bad"]}


def recorded(prometheus: Prometheus, expression: str) -> int:
    """What counters grew by, by all the samples that Prometheus has of them."""
    grown = 0.0
    for series in prometheus.query(f"{expression}[1h]"):
        values = [float(value) for _, value in series["values"]]
        steps = zip([0.0, *values], values, strict=False)
        grown += sum(after - before if after >= before else after for before, after in steps)
    return round(grown)


@pytest.mark.parametrize("kills", KILLS)
def test_whenever_it_is_killed_the_watch_counts_what_the_service_counts_and_pages_once(
    kills: str, tmp_path: Path, watch: Watch, pagerduty: PagerDuty, service: Counted
) -> None:
    chance = random.Random(2)

    def step() -> None:
        if kills == "at every step":
            watch.kill()
            watch.start()

    def killed_until(what: str, action: str) -> None:
        if kills == "again and again":
            for _ in range(3):
                time.sleep(chance.uniform(0.0, 2.0))
                watch.kill()
                watch.start()
        until(what, lambda: watch.delivered(action))

    watch.configure(configuration(service, pagerduty.destination()))
    watch.start()
    jobs = [{"job_name": "api", "static_configs": [{"targets": [service.address]}]}]
    with running(tmp_path / "prometheus", jobs) as prometheus:
        service.serve("200", 0)
        until("the first scrape", lambda: watch.sample('watchkeep_scrape_series{scrape="api"}'))
        until("Prometheus's", lambda: prometheus.query('http_requests_total{job="api"}'))
        watch_covers(watch)
        with Traffic(service) as traffic:
            step()
            traffic.fails = True
            step()
            killed_until("the trigger on record", "trigger")
            step()
            traffic.fails = False
            killed_until("the resolve on record", "resolve")
        until("everything to be counted", lambda: counted(watch) == service.total())
        until(
            "Prometheus to have it all",
            lambda: recorded(prometheus, "http_requests_total") == sum(service.total().values()),
        )
        service.restart()
        step()
        service.serve("200", 70)
        service.serve("500", 3)
        until("what came after the service's restart", lambda: counted(watch) == service.total())
        until(
            "Prometheus to see it", lambda: recorded(prometheus, "http_requests_total") == sum(service.total().values())
        )
        assert recorded(prometheus, 'http_requests_total{code="500"}') == counted(watch)["bad"] > 0

    watch.kill()
    watch.start()
    watch_covers(watch)
    assert counted(watch) == service.total()
    (incident,) = watch.incidents()
    assert watch.stop() == 0
    (trigger,), (resolve,) = pagerduty.asked("trigger"), pagerduty.asked("resolve")
    assert trigger["payload"]["custom_details"]["priority"] == "P0"
    assert trigger["dedup_key"] == resolve["dedup_key"] == incident["key"] == f"acme:{SLO}:-:g1"
    assert watch.faults == []


def watch_covers(watch: Watch, more_seconds: int = 3) -> None:
    """Wait until so many more seconds are known."""
    before = watch.slo(SLO)["maturity_seconds"]
    until("slots to be closed", lambda: watch.slo(SLO)["maturity_seconds"] >= before + more_seconds)


def test_a_service_that_cannot_be_scraped_is_named_with_the_reason(watch: Watch, service: Counted) -> None:
    config = configuration(service)
    wrong = {"name": "api", "url": f"http://{service.address}/work", "bearer_token": "s3cret", "interval": "500ms"}
    config["scrapes"] = [wrong]
    watch.configure(config)
    watch.start()
    until("the SLO to say why", lambda: watch.slo(SLO)["last_reason"])
    assert watch.slo(SLO)["last_reason"] == "response_closed"
    assert watch.slo(SLO)["last_target"] == wrong["url"]
    assert watch.sample('watchkeep_scrape_failures_total{reason="response_closed",scrape="api"}') >= 1
    assert watch.stop() == 0
    assert f"scrape=api target={wrong['url']} reason=response_closed" in watch.said
    assert "s3cret" not in watch.said


def test_a_cluster_that_appears_and_fails_pages_by_itself_and_is_counted_from_its_first_request_on(
    watch: Watch, pagerduty: PagerDuty, service: Counted
) -> None:
    def of_cluster(name: str) -> dict[str, int]:
        found = [slo["totals"] for slo in watch.get("/api/v1/slos")["slos"] if slo["scope"] == f"cluster={name}"]
        return {sort: sum(totals[sort] for totals in found) for sort in ("good", "bad")}

    watch.configure(configuration(service, pagerduty.destination(), group_by=["cluster"]))
    watch.start()
    service.serve("200", 0)
    until("the first cluster", lambda: watch.sample(f'watchkeep_slo_groups{{slo="{SLO}"}}') == 1)
    service.serve("200", 500)
    until("its requests to be counted", lambda: of_cluster("eu") == service.total(cluster="eu"))
    service.serve("500", 40, cluster="us")
    until("the second cluster", lambda: watch.sample(f'watchkeep_slo_groups{{slo="{SLO}"}}') == 2)
    for _ in range(2):
        service.serve("500", 40, cluster="us")
        watch.kill()
        service.serve("200", 10, cluster="us")
        watch.start()
    until("the trigger on record", lambda: watch.delivered("trigger"))
    for name in ("eu", "us"):
        until(
            f"everything of {name} to be counted",
            lambda name=name: of_cluster(name) == service.total(cluster=name),  # type: ignore[misc]
        )
    (incident,) = watch.incidents()
    assert (incident["scope"], incident["labels"]["cluster"]) == ("cluster=us", "us")
    (trigger,) = pagerduty.asked("trigger")
    assert trigger["dedup_key"] == f"acme:{SLO}:cluster=us:g1"
    assert watch.stop() == 0
    assert watch.faults == []


def test_targets_that_a_file_names_come_and_go_while_the_watch_runs_and_is_killed(
    tmp_path: Path, watch: Watch, service: Counted
) -> None:
    names = tmp_path / "targets.json"

    def found(*services: Counted) -> None:
        names.write_text(json.dumps([{"targets": [each.address for each in services], "labels": {"zone": "a"}}]))

    def scraped(each: Counted) -> float:
        labels = f'scrape="api",target="http://{each.address}/metrics"'
        return watch.sample(f"watchkeep_scrape_series{{{labels}}}")

    config = configuration(service)
    config["scrapes"][0] = {
        "name": "api",
        "interval": "500ms",
        "targets_from": [
            {"type": "file", "files": [str(names)], "refresh_interval": "200ms", "format": "http://{target}/metrics"}
        ],
    }
    config["slos"][0]["sli"]["counters"] = {
        "total": 'http_requests_total{job="api",zone="a"}',
        "bad": 'http_requests_total{job="api",zone="a",code=~"5.."}',
    }
    with Counted(tmp_path / "other") as other:
        for each in (service, other):
            each.serve("200", 0)
        found(service)
        watch.configure(config)
        watch.start()
        until("the first target", lambda: scraped(service))
        found(service, other)
        until("the second one", lambda: scraped(other))
        watch_covers(watch)
        for turn in range(3):
            service.serve("200", 7 + turn)
            other.serve("500", 3)
            watch.kill()
            watch.start()
        both = {"good": service.total()["good"], "bad": other.total()["bad"]}
        until("everything to be counted", lambda: counted(watch) == both)
        found(service)
        until("the second one to be gone", lambda: watch.sample('watchkeep_scrape_targets{scrape="api"}') == 1)
        other.serve("500", 50)
        service.serve("200", 5)
        until("what is left to be counted", lambda: counted(watch) == {**both, "good": both["good"] + 5})
