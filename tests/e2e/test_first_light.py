"""An endpoint fails, and a P0 is open at PagerDuty: the whole process, nginx, Prometheus, the vendor's own client.

What is killed in between changes nothing of what PagerDuty is told.
"""

import subprocess
from pathlib import Path

import pytest

from tests.e2e.pagerduty import ROUTING_KEY, PagerDuty
from tests.e2e.prometheus import scraping
from tests.e2e.stage import FIRST_KEY, SLO, Watch, configuration, until
from tests.services import StartNginx, program

KILLS = ("never", "outage", "trigger", "recovery", "resolve", "always")


@pytest.mark.parametrize("kill_at", KILLS)
def test_one_outage_is_one_trigger_and_one_resolve_on_the_same_keys_whenever_the_watch_is_killed(
    kill_at: str, tmp_path: Path, watch: Watch, pagerduty: PagerDuty, nginx: StartNginx
) -> None:
    endpoint = nginx()
    watch.configure(configuration(pagerduty.destination(), port=endpoint.port))
    watch.start()

    def killed_at(step: str) -> None:
        if kill_at in {step, "always"}:
            watch.kill()
            watch.start()

    with scraping(tmp_path / "prometheus", watch.url.removeprefix("http://")) as prometheus:
        watch.good()
        endpoint.stop()
        killed_at("outage")
        until("the trigger on record", lambda: watch.delivered("trigger"))
        killed_at("trigger")
        until(
            "Prometheus to see the alert",
            lambda: prometheus.query(f'slo_alert_firing{{slo="{SLO}",severity="page"}} == 1'),
        )
        until(
            "Prometheus to see why", lambda: prometheus.query('watchkeep_probe_reason{reason="connect_refused"} == 1')
        )
        lint(watch.text("/metrics"))
        endpoint.start()
        killed_at("recovery")
        until("the resolve on record", lambda: watch.delivered("resolve"))
        killed_at("resolve")
        until(
            "Prometheus to see it clear",
            lambda: prometheus.query(f'slo_alert_firing{{slo="{SLO}",severity="page"}} == 0'),
        )
        until("Prometheus to see the endpoint", lambda: prometheus.query('probe_success{probe="gate"} == 1'))
    watch.good(6)
    lint(watch.text("/metrics"))
    incident = watch.end()
    events = watch.timeline(incident["id"])
    assert watch.stop() == 0

    (trigger,), (resolve,) = pagerduty.asked("trigger"), pagerduty.asked("resolve")
    assert trigger["payload"]["custom_details"]["priority"] == "P0"
    assert trigger["payload"]["custom_details"]["reason"] == "connect_refused"
    assert trigger["routing_key"] == resolve["routing_key"] == ROUTING_KEY
    assert trigger["dedup_key"] == resolve["dedup_key"] == incident["key"] == FIRST_KEY
    assert len(pagerduty.requests) == 2
    (vendors,) = pagerduty.incidents
    assert (vendors["status"], vendors["triggers"]) == ("resolved", 1)
    assert (incident["status"], incident["resolved_by"]) == ("resolved", None)
    assert events[:2] == ["opened", "paged"]
    assert events.count("resolved") == 1
    assert watch.verify() == len(events) + 1, "and the contract that it was opened under"
    assert watch.faults == []


def lint(exposition: str) -> None:
    """What `promtool` has to say of it: nothing."""
    command = [program("promtool", package="prometheus"), "check", "metrics"]
    said = subprocess.run(command, input=exposition, capture_output=True, text=True, check=False)
    assert (said.returncode, said.stdout, said.stderr) == (0, "", "")
