"""Who may run something on a node gets no secret, unless the configuration names whose pods may have it."""

import json
from pathlib import Path
from typing import Any

import pytest

from slo.config.agent_discovery import holds_secret, host_of
from slo.config.load import load
from slo.config.secret import Secret
from slo.errors import ConfigError
from slo.kinds import Kinds
from slo.net.request_config import RequestConfig

POINTS = [{"name": "inside"}, {"name": "outside"}]
MODULES = {
    "plain": {"prober": "http"},
    "secret": {"prober": "http", "http": {"headers": {"X-Key": "hush"}}},
    "login": {"prober": "http", "http": {"basic_auth": {"username": "u", "password": "hush"}}},
}


def refusals(folder: Path, family: str, keys: dict[str, Any], namespaces: list[str]) -> list[str]:
    """What is wrong with a check whose targets are pods."""
    (folder / "hush").write_text("hush", encoding="utf-8")
    check = {
        "name": "gate",
        "run_by": "agents",
        "targets_from": [{"type": "pods", "namespaces": namespaces, "annotations": "watchkeep"}],
        **keys,
    }
    slo = {"name": "slo", "objective": "99%", "window": "30d", "sli": {family: "gate"}}
    config = {f"{family}s": [check], "slos": [slo], **({"modules": MODULES} if "module" in keys else {})}
    path = folder / "watchkeep.yaml"
    path.write_text(json.dumps(config), encoding="utf-8")
    try:
        load(path, Kinds.installed(), {"PASSWORD": "hush"})
    except ConfigError as error:
        return [f"{fault.path}: {fault.problem}" for fault in error.faults]
    return []


@pytest.mark.parametrize(
    ("family", "keys"),
    [
        ("collector", {"type": "redis", "password": "hush"}),
        ("collector", {"type": "redis", "password": "${PASSWORD}"}),
        ("collector", {"type": "redis", "password_file": "hush"}),
        ("collector", {"type": "mysql", "username": "watch", "password_file": "hush"}),
        ("collector", {"type": "service", "bearer_token": "hush"}),
        ("probe", {"type": "http", "bearer_token_file": "hush"}),
        ("probe", {"type": "http", "headers": {"X-Key": "hush"}}),
        ("probe", {"type": "http", "headers": {"X-Key": ["hush", "hush"]}}),
        ("probe", {"type": "http", "basic_auth": {"username": "u", "password_file": "hush"}}),
        ("probe", {"type": "http", "authorization": {"credentials": "hush"}}),
        (
            "probe",
            {"type": "http", "oauth2": {"client_id": "u", "client_secret": "hush", "token_url": "https://a.example/"}},
        ),
        ("probe", {"type": "sql", "dialect": "mysql", "username": "watch", "password": "hush"}),
        ("probe", {"type": "http", "vantage_points": [*POINTS, {"name": "in", "bearer_token": "hush"}]}),
        ("probe", {"module": "secret"}),
        ("probe", {"module": "login"}),
        ("probe", {"module": "plain", "vantage_points": [*POINTS, {"name": "in", "module": "login"}]}),
    ],
    ids=str,
)
def test_a_check_that_holds_a_secret_cannot_have_the_pods_of_anybody(
    tmp_path: Path, family: str, keys: dict[str, Any]
) -> None:
    (said,) = refusals(tmp_path, family, keys, ["*"])
    assert said.endswith("namespaces: anybody who may start a pod would get what this check logs in with")
    assert refusals(tmp_path, family, keys, ["shop", "pay"]) == []


@pytest.mark.parametrize(
    ("family", "keys"),
    [
        ("collector", {"type": "redis"}),
        ("collector", {"type": "redis", "username": None}),
        ("probe", {"type": "http", "body": "hush"}),
        ("probe", {"type": "tcp"}),
        ("probe", {"module": "plain"}),
        ("probe", {"type": "http", "vantage_points": POINTS}),
    ],
    ids=str,
)
def test_a_check_without_one_can(tmp_path: Path, family: str, keys: dict[str, Any]) -> None:
    written = {key: value for key, value in keys.items() if value is not None}
    assert refusals(tmp_path, family, written, ["*"]) == []


def test_a_secret_is_seen_wherever_it_is() -> None:
    secret = Secret("hush")
    assert holds_secret({"a": [(1, {"b": secret})]})
    assert not holds_secret({"a": [(1, {"b": "hush"})], "c": None})
    config = RequestConfig.model_validate({"url": "http://a.example/"})
    assert not holds_secret(config)
    assert holds_secret(config.model_copy(update={"bearer_token": secret}))


@pytest.mark.parametrize(
    ("target", "host"),
    [
        ("10.0.0.7:80", "10.0.0.7"),
        ("[fd00::7]:80", "fd00::7"),
        ("https://[fd00::7]:80/x", "fd00::7"),
        ("http://10.0.0.7/a@b", "10.0.0.7"),
        ("", ""),
    ],
)
def test_the_host_of_a_target(target: str, host: str) -> None:
    assert host_of(target) == host
