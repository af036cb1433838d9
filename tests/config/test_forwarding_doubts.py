"""A forwarder that works and may not do what was meant is warned of: credentials in the clear, a wrong selection."""

import json
from pathlib import Path
from typing import Any

import pytest

from slo.config.load import load
from slo.kinds import Kinds

PLAIN = "is plain HTTP to another machine: whoever is on the way reads the credentials"
ACME, OTHER = ({"name": name, "title": name} for name in ("acme", "other"))
PROBE = {"name": "gate", "type": "tcp", "target": "127.0.0.1:1"}
REMOTE = {"name": "far", "type": "remote_write", "url": "https://far.example/write"}


def slo(customer: str) -> dict[str, Any]:
    return {
        "name": f"{customer}-gate",
        "objective": "99.9%",
        "window": "30d",
        "sli": {"probe": "gate"},
        "labels": {"customer": customer},
    }


def warned(folder: Path, **sections: Any) -> list[tuple[str, str]]:
    path = folder / "watchkeep.yaml"
    path.write_text(json.dumps({"probes": [PROBE], **sections}), encoding="utf-8")
    warnings = load(path, Kinds.installed(), {}).warnings
    return [(each.path, each.problem) for each in warnings if each.path.startswith("forwarders")]


@pytest.mark.parametrize(
    ("url", "keys", "problems"),
    [
        ("http://far.example/write", {"bearer_token": "secret"}, [PLAIN]),
        ("http://10.0.0.7/write", {"basic_auth": {"username": "a", "password": "b"}}, [PLAIN]),
        ("http://far.example/write", {"headers": {"X-Key": "secret"}}, [PLAIN]),
        ("http://far.example", {"type": "elk", "api_key": "c2VjcmV0"}, [PLAIN]),
        ("http://far.example/write", {}, []),
        ("https://far.example/write", {"bearer_token": "secret"}, []),
        ("http://127.0.0.1/write", {"bearer_token": "secret"}, []),
    ],
)
def test_credentials_that_cross_a_network_in_the_clear_are_warned_of(
    url: str, keys: dict[str, Any], problems: list[str], tmp_path: Path
) -> None:
    found = warned(tmp_path, forwarders=[{**REMOTE, "url": url, **keys}])
    assert found == [("forwarders[far].url", problem) for problem in problems]


@pytest.mark.parametrize(
    ("customers", "keys", "expected"),
    [
        ([ACME, OTHER], {}, [("forwarders[far]", "gets the telemetry of all 2 customers")]),
        ([ACME, OTHER], {"match": []}, []),
        ([ACME, OTHER], {"match": ["customer=acme"]}, []),
        ([ACME], {}, []),
        (
            [ACME, OTHER],
            {"match": ["customer=acmee"]},
            [("forwarders[far].match", 'no SLO has labels that fulfil customer="acmee"')],
        ),
        ([ACME], {"match": ["region!=eu"]}, [("forwarders[far].match", 'no SLO has labels that fulfil region!="eu"')]),
    ],
)
def test_a_selection_that_may_not_be_what_was_meant_is_warned_of(
    customers: list[dict[str, str]], keys: dict[str, Any], expected: list[tuple[str, str]], tmp_path: Path
) -> None:
    slos = [slo(str(customer["name"])) for customer in customers]
    assert warned(tmp_path, customers=customers, slos=slos, forwarders=[{**REMOTE, **keys}]) == expected
