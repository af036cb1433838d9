"""What is said of how agents report: to an address that is none, in the clear, or to a watch that refuses it."""

import json
from pathlib import Path
from typing import Any

import pytest

from slo.config.load import load
from slo.errors import ConfigError
from slo.kinds import Kinds

TOKEN = "t" * 20
MISSING = "takes what agents report to a watch that refuses it: `agents` is missing"
PLAIN = "is plain HTTP to another machine: whoever is on the way reads the token of the agents"

BY_AGENTS = {"name": "a", "type": "tcp", "target": "127.0.0.1:1", "run_by": "agents"}
BY_WATCH = {"name": "b", "type": "tcp", "target": "127.0.0.1:2"}
SCRAPED = {"name": "c", "url": "http://127.0.0.1:3/metrics", "run_by": "agents"}
PAGER = {"name": "oncall", "type": "pagerduty", "routing_key": "0" * 32}


def configuration(folder: Path, url: str = "https://watch.example", **sections: Any) -> Path:
    path = folder / "watchkeep.yaml"
    forwarder = {"name": "centre", "type": "central", "url": url, "token": TOKEN}
    path.write_text(json.dumps({"forwarders": [forwarder], **sections}), encoding="utf-8")
    return path


def warned(path: Path) -> list[tuple[str, str]]:
    return [(each.path, each.problem) for each in load(path, Kinds.installed(), {}).warnings]


@pytest.mark.parametrize(
    "url", ["https://watch.example/api/v1", "https://watch.example/api/v1/", "https://watch.example/api/v1/outcomes"]
)
def test_an_address_with_the_path_of_the_api_is_refused_with_the_one_without(url: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as refusal:
        load(configuration(tmp_path, url), Kinds.installed(), {})
    (fault,) = refusal.value.faults
    assert (fault.path, fault.problem) == ("forwarders[centre].url", "ends in /api/v1, which is added to it")
    assert fault.mend == "write https://watch.example"


@pytest.mark.parametrize(
    ("url", "problems"),
    [
        ("http://watch.example:9990", [PLAIN]),
        ("http://10.0.0.7:9990", [PLAIN]),
        ("https://watch.example", []),
        ("https://watch.example/behind/api", []),
        ("http://localhost:9990", []),
        ("http://127.0.0.1:9990", []),
        ("http://[::1]:9990", []),
    ],
)
def test_a_token_that_crosses_a_network_in_the_clear_is_warned_of(
    url: str, problems: list[str], tmp_path: Path
) -> None:
    assert warned(configuration(tmp_path, url)) == [("forwarders[centre].url", problem) for problem in problems]


@pytest.mark.parametrize(
    ("sections", "problems"),
    [
        ({"probes": [BY_AGENTS, BY_WATCH]}, [MISSING]),
        ({"probes": [BY_AGENTS], "destinations": [PAGER]}, [MISSING]),
        ({"scrapes": [SCRAPED], "probes": [BY_WATCH]}, [MISSING]),
        ({"probes": [BY_AGENTS], "destinations": [PAGER], "agents": {}}, [MISSING]),
        ({"probes": [BY_AGENTS, BY_WATCH], "agents": {"token": TOKEN}}, []),
        ({"probes": [BY_AGENTS, BY_WATCH], "forwarders": []}, []),
        ({"probes": [BY_AGENTS]}, []),
        ({"probes": [BY_WATCH]}, []),
    ],
    ids=[
        *("a watch that checks", "a watch that tells", "scrapes", "an empty section", "it knows them"),
        *("nothing is reported", "the agents' own part", "no agents"),
    ],
)
def test_a_watch_that_knows_no_agents_and_has_them_report_is_warned_of(
    sections: dict[str, Any], problems: list[str], tmp_path: Path
) -> None:
    assert warned(configuration(tmp_path, **sections)) == [("forwarders[centre]", problem) for problem in problems]
