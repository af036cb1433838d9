"""Our own network is gone: nothing is known of the targets, and nobody is paged for it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.namespaces import THERE, Cable, cable, inside
from tests.e2e.pagerduty import beside
from tests.e2e.stage import FIRST_KEY, Watch, configuration, until
from tests.services import StartNginx, free_port

PORT = 8080


@pytest.fixture
def network() -> Iterator[Cable]:
    with cable() as laid:
        yield laid


def test_without_a_network_of_our_own_nothing_is_known_and_nobody_is_paged(
    tmp_path: Path, network: Cable, nginx: StartNginx
) -> None:
    with inside(network.far):
        endpoint = nginx(f"listen {THERE}:{PORT}; location / {{ return 200 'hello'; }}")
    with inside(network.near), beside(tmp_path / "pagerduty") as (pagerduty,), Watch(tmp_path, free_port()) as watch:
        config = configuration(pagerduty.destination(), port=PORT)
        config["probes"][0]["url"] = f"http://{THERE}:{PORT}/"
        watch.configure(config)
        watch.start()
        watch.good()
        assert watch.sample("watchkeep_network_up") == 1

        network.pull()
        unknown = watch.slo()["totals"]["unknown"]
        until("far more rounds than a page needs", lambda: watch.slo()["totals"]["unknown"] >= unknown + 12)
        assert watch.sample("watchkeep_network_up") == 0
        assert watch.slo()["last_reason"] == "network_down"
        assert watch.slo()["totals"]["bad"] < 3
        assert watch.incidents() == []

        network.plug()
        watch.good()
        with inside(network.far):
            endpoint.stop()
        until("the page for what is really broken", lambda: pagerduty.accepted("trigger"))
        until("the trigger on record", lambda: watch.delivered("trigger"))
        network.pull()
        unknown = watch.slo()["totals"]["unknown"]
        until("no news for long enough", lambda: watch.slo()["totals"]["unknown"] >= unknown + 12)
        assert pagerduty.accepted("resolve") == [], "no data resolves nothing"
        assert watch.stop() == 0
        (incident,) = pagerduty.incidents
        assert (incident["dedup_key"], incident["status"]) == (FIRST_KEY, "triggered")
        assert watch.faults == []
