"""A forwarder that works and may not do what was meant is warned of: credentials in the clear, a wrong selection."""

import json
from pathlib import Path
from typing import Any

import pytest

from slo.config.load import load
from slo.errors import ConfigError
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
        ([], {}, [("forwarders[far]", "gets the telemetry of all 2 customers")]),
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
    slos = [slo(str(customer["name"])) for customer in customers or [ACME, OTHER]]
    assert warned(tmp_path, customers=customers, slos=slos, forwarders=[{**REMOTE, **keys}]) == expected


DATADOG = {"type": "datadog", "api_key": "k", "application_key": "a", "slos": True, "owner": "us"}


@pytest.mark.parametrize(
    ("other", "refused"),
    [
        ({}, True),
        ({"match": ["customer=acme"]}, True),
        ({"owner": "them"}, False),
        ({"api_key": "of another account"}, False),
        ({"site": "datadoghq.eu"}, False),
        ({"slos": False}, False),
    ],
)
def test_two_forwarders_that_would_delete_each_others_slos_are_refused(
    other: dict[str, Any],
    refused: bool,  # noqa: FBT001
    tmp_path: Path,
) -> None:
    forwarders = [{"name": "one", **DATADOG}, {"name": "other", **DATADOG, **other}]
    if not refused:
        assert warned(tmp_path, forwarders=forwarders) == []
        return
    with pytest.raises(ConfigError, match=r"forwarders\[other\]\.owner: us is what one, on line 1,"):
        warned(tmp_path, forwarders=forwarders)


@pytest.mark.parametrize(
    ("keys", "key"),
    [
        ({"type": "elk", "url": "https://far.example", "api_key_file": "lines"}, "api_key_file"),
        ({"type": "datadog", "api_key_file": "lines"}, "api_key_file"),
        ({"type": "datadog", "api_key": "k", "application_key_file": "lines"}, "application_key_file"),
    ],
)
def test_a_key_that_cannot_be_sent_in_a_header_is_refused_at_its_place(
    keys: dict[str, Any], key: str, tmp_path: Path
) -> None:
    (tmp_path / "lines").write_text("one\ntwo\n", encoding="ascii")
    with pytest.raises(ConfigError, match=rf"forwarders\[far\]\.{key}: holds a line end") as refused:
        warned(tmp_path, forwarders=[{"name": "far", **keys}])
    assert "two" not in str(refused.value)
