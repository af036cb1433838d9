"""What an agent that reports to nobody judges of a configuration."""

import json
from pathlib import Path
from typing import Any

import pytest

from slo.app.alone import alone
from slo.app.wiring import refuse_unfed
from slo.config.load import load
from slo.kinds import Kinds
from tests.app.scraping import an_slo, configuration

FOUND = {"type": "file", "files": ["*.json"], "format": "http://{target}/"}


@pytest.mark.parametrize(
    ("more", "judged"),
    [
        ({"url": "http://127.0.0.1:2/"}, ["of-nodes"]),
        (
            {"targets_from": [FOUND]},
            ["of-api", "of-nodes"],
        ),
    ],
    ids=["what its targets may have", "what may be found"],
)
def test_slos_are_judged_that_scrapes_of_agents_may_feed(
    more: dict[str, Any], judged: list[str], tmp_path: Path
) -> None:
    slos = [
        an_slo(f"of-{job}", total=f'requests_total{{job="{job}"}}', bad=f'errors_total{{job="{job}"}}')
        for job in ("api", "nodes")
    ]
    config = configuration(*slos)
    config["scrapes"].append({"name": "nodes", "run_by": "agents", "interval": "10s", **more})
    path = tmp_path / "watchkeep.yaml"
    path.write_text(json.dumps(config), encoding="utf-8")
    settings = alone(load(path, Kinds.installed(), {}))
    assert [slo.name for slo in settings.slos] == judged
    refuse_unfed(settings, path)
