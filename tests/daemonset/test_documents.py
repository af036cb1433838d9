"""The pods that the manual shows are targets of the discoveries that it shows with them."""

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from daemonset.pod_discovery import Config
from daemonset.pod_document import POD
from slo.core.target import Target

MANUAL = (Path(__file__).parents[2] / "docs/agent/pods.md").read_text(encoding="utf-8")
BLOCKS = [yaml.safe_load(block) for block in re.findall(r"(?ms)^```yaml\n(.*?)^```$", MANUAL)]
PODS = {block["metadata"]["name"]: block for block in BLOCKS if isinstance(block, dict) and block.get("kind") == "Pod"}
(CONFIGURATION,) = (block for block in BLOCKS if isinstance(block, dict) and "slos" in block)
CHECKS: list[dict[str, Any]] = [*CONFIGURATION["collectors"], *CONFIGURATION["probes"]]
DISCOVERIES = [
    *((check["name"], entry) for check in CHECKS for entry in check["targets_from"]),
    *(("shown", entry) for block in BLOCKS if isinstance(block, list) for entry in block),
]


@pytest.mark.parametrize(("name", "address"), [("web", "10.0.0.7:8080"), ("redis", "10.0.0.7:6379")])
def test_a_pod_that_is_shown_is_a_target_of_one_discovery(name: str, address: str) -> None:
    document = PODS[name]
    document["metadata"] |= {"uid": "1", "resourceVersion": "1", "creationTimestamp": datetime.now(UTC).isoformat()}
    document["status"] = {"phase": "Running", "podIP": "10.0.0.7"}
    pod = POD.validate_python(document, strict=False).pod()
    found = []
    for check, entry in DISCOVERIES:
        keys = {key: value for key, value in entry.items() if key not in {"type", "format"}}
        config = Config.model_validate(keys).of_check(check, formatted="format" in entry)
        found += list(config.targets().within(pod))
    assert [target.address for target in found if isinstance(target, Target)] == [address]
    assert len(found) == 1
