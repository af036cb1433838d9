"""A service that hides that its database is gone: the whole process, from the collector to its SLO and its metrics."""

import json
from pathlib import Path

from tests.e2e.stage import PAIR, Watch, until
from tests.exporters.test_endpoints import judged
from tests.services import StartNginx

SLO = "orders-healthy"


def say(file: Path, database: str) -> None:
    """A health document that is UP, whatever is beneath: some of Spinnaker's services say no more."""
    details = {"status": "UP", "details": {"underlyingState": database}}
    file.write_text(json.dumps({"status": "UP", "components": {"db": details}}))


def test_a_service_whose_database_is_gone_is_bad_for_its_slo_and_on_every_page(
    nginx: StartNginx, watch: Watch, tmp_path: Path
) -> None:
    document = tmp_path / "health"
    say(document, "UP")
    url = f"http://127.0.0.1:{nginx(f'location / {{ root {tmp_path}; }}').port}/health"
    watch.configure(
        {
            "slot": "1s",
            "collectors": [
                {
                    "name": "orders",
                    "type": "service",
                    "interval": "500ms",
                    "targets": [{"url": url, "labels": {"team": "core"}}],
                }
            ],
            "slos": [
                {
                    "name": SLO,
                    "objective": "99%",
                    "window": "10m",
                    "sli": {"collector": "orders"},
                    "burn_policy": [PAIR],
                    "labels": {"customer": "acme", "environment": "production"},
                }
            ],
        }
    )
    watch.start()
    until("good rounds", lambda: watch.slo(SLO)["totals"]["good"] >= 2)
    labels = f'team="core",collector="orders",target="{url}"'
    assert watch.sample(f"watchkeep_service_up{{{labels}}}") == 1
    say(document, "DOWN")
    incident = until("an incident", watch.incidents)[0]
    assert incident["slo"] == SLO
    assert "db is DOWN" in json.dumps(incident)
    why = 'state="bad",reason="component_down"'
    assert watch.sample(f"watchkeep_collector_reason{{{why},{labels}}}") == 1
    page = watch.text(f"/scrape?module=orders&target={url}")
    assert 'watchkeep_service_component_up{component="db"} 0.0\n' in page
    assert judged(page) == judged(watch.text("/metrics")) == ""
    assert "orders" in watch.text("/probes/orders")
    assert watch.stop() == 0
    assert watch.faults == []
