"""Whose logs a forwarder gets is written, or refused with what to write; who follows them is warned of."""

import json
from pathlib import Path
from typing import Any

import pytest

from slo.config.containers import ContainersConfig
from slo.config.load import load
from slo.errors import ConfigError
from slo.kinds import Kinds
from tests.exporters.containers.node import pod

TOKEN = "t" * 20
BY_AGENTS = {"name": "a", "type": "tcp", "target": "127.0.0.1:1", "run_by": "agents"}
CENTRE = {"name": "centre", "type": "central", "url": "https://watch.example", "token": TOKEN}
SHOP = {"namespaces": ["shop"]}


def configuration(folder: Path, forwarder: dict[str, Any], *more: dict[str, Any], **sections: Any) -> Path:
    path = folder / "watchkeep.yaml"
    logs = {"name": "acme", "type": "logstash", "url": "https://logs.example", **forwarder}
    path.write_text(json.dumps({"forwarders": [logs, *more], **sections}), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("forwarder", "path", "problem"),
    [
        ({"logs": ["containers"]}, "", "does not say of which containers the logs are"),
        ({"containers": SHOP}, "", "says of which containers the logs are, and gets none"),
        ({"logs": ["containers"], "containers": {"namespaces": []}}, ".containers.namespaces", "is an empty list"),
        ({"logs": ["containers"], "containers": {}}, ".containers.namespaces", "is missing"),
        ({"logs": ["containers"], "containers": {"namespaces": ["*", "a"]}}, ".containers", "which are all of them"),
        ({"logs": ["containers"], "containers": {"namespaces": ["A"]}}, ".containers.namespaces[0]", "is no namespace"),
        ({"logs": ["containers"], "containers": {**SHOP, "selector": "a>1"}}, ".containers.selector", "not compared"),
        ({"logs": ["containers"], "containers": {**SHOP, "labels": ["a b"]}}, ".containers.labels[0]", "is no label"),
        ({"logs": ["containers"], "containers": {**SHOP, "labels": ["pod"]}}, ".containers.labels[0]", "in any case"),
    ],
)
def test_what_cannot_be_is_refused_at_its_place(
    forwarder: dict[str, Any], path: str, problem: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError) as refusal:
        load(configuration(tmp_path, forwarder), Kinds.installed(), {})
    (fault,) = refusal.value.faults
    assert fault.path == f"forwarders[acme]{path}"
    assert problem in fault.problem
    assert fault.mend


@pytest.mark.parametrize(
    ("more", "sections", "warned"),
    [
        ([], {}, True),
        ([CENTRE], {}, False),
        ([], {"probes": [BY_AGENTS]}, False),
        ([], {"agents": {"token": TOKEN}}, False),
    ],
)
def test_where_nothing_says_that_there_are_agents_that_is_warned_of(
    more: list[dict[str, Any]],
    sections: dict[str, Any],
    warned: bool,  # noqa: FBT001
    tmp_path: Path,
) -> None:
    path = configuration(tmp_path, {"logs": ["containers"], "containers": SHOP}, *more, **sections)
    warnings = load(path, Kinds.installed(), {}).warnings
    assert [each.path for each in warnings] == (["forwarders[acme].containers"] if warned else [])


@pytest.mark.parametrize(
    ("keys", "selected"),
    [
        ({"namespaces": ("shop",)}, True),
        ({"namespaces": ("*",)}, True),
        ({"namespaces": ("bank",)}, False),
        ({"namespaces": ("*",), "selector": "app=web"}, True),
        ({"namespaces": ("*",), "selector": "app!=web"}, False),
    ],
)
def test_a_pod_is_selected_by_its_namespace_and_its_labels(
    keys: dict[str, Any],
    selected: bool,  # noqa: FBT001
) -> None:
    assert ContainersConfig.model_validate(keys).selected()(pod(app="web")) is selected
