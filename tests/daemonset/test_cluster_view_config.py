"""Which cluster a view is of and as whom it asks, and which configurations are refused."""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import pytest
import trustme
from pydantic import ValidationError

from daemonset.cluster_view import Config
from daemonset.service_account import ServiceAccount
from slo.config.load import load
from slo.errors import ConfigError, UsageError
from slo.kinds import Kinds
from tests.certificates import server_context
from tests.daemonset.api_server import TOKEN, APIServer
from tests.daemonset.cluster_objects import node

IN_POD = {"KUBERNETES_SERVICE_HOST": "10.96.0.1", "KUBERNETES_SERVICE_PORT": "443"}


@pytest.mark.parametrize(
    ("host", "url"), [("10.96.0.1", "https://10.96.0.1:443"), ("fd00::1", "https://[fd00::1]:443")]
)
def test_in_a_pod_it_asks_the_pods_own_api_server_as_the_pods_account(host: str, url: str, tmp_path: Path) -> None:
    account = Config().account({**IN_POD, "KUBERNETES_SERVICE_HOST": host}, tmp_path)
    assert account == ServiceAccount(url=url, token_file=tmp_path / "token", ca_file=tmp_path / "ca.crt")


def test_in_a_pod_it_may_ask_as_another_account(tmp_path: Path) -> None:
    config = Config.model_validate({"token_file": "tokens/view"}, context={"folder": tmp_path, "files": set()})
    assert config.account(IN_POD, tmp_path).token_file == tmp_path / "tokens" / "view"


def test_elsewhere_it_has_to_be_told_whom_to_ask() -> None:
    with pytest.raises(UsageError, match="this is no pod of Kubernetes: write `api_server`"):
        Config().account({})


def test_another_api_server_gets_another_token_and_the_systems_authorities(tmp_path: Path) -> None:
    (tmp_path / "ca.crt").write_text("")
    config = Config.model_validate({"api_server": "https://192.0.2.1:6443/", "token_file": "/t"})
    account = config.account(IN_POD, tmp_path)
    assert account == ServiceAccount(url="https://192.0.2.1:6443", token_file=Path("/t"), ca_file=None)


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"api_server": "https://192.0.2.1"}, "names an `api_server` and no token for it"),
        ({"parts": []}, "at least 1 item"),
        ({"parts": ["deployments"]}, "Input should be"),
        ({"parts": ["readyz"], "pods": {}}, "has pods, which is not among its parts"),
        ({"pods": {"pending_after": "0s"}}, "no time at all"),
        ({"pods": {"namespaces": []}}, "at least 1 item"),
        ({"nodes": {"unavailable": "120%"}}, "more than the whole"),
        ({"daemonsets": {"unready": "5m"}}, "Extra inputs are not permitted"),
    ],
)
def test_what_makes_no_sense_is_refused(keys: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Config.model_validate(keys)


def test_several_clusters_are_several_collectors(tmp_path: Path) -> None:
    path = tmp_path / "watchkeep.yaml"
    path.write_text("collectors: [{name: c, type: kubernetes, targets: [https://192.0.2.1]}]")
    with pytest.raises(ConfigError, match="is nothing for probes of this type"):
        load(path, Kinds.installed(), {})


async def test_the_command_looks_once_over_tls_and_says_what_is_wrong(tmp_path: Path) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    (tmp_path / "token").write_text(TOKEN)
    async with APIServer(tls=server_context(authority, "127.0.0.1")) as server:
        server.nodes.put(node(ready="False"))
        (tmp_path / "watchkeep.yaml").write_text(
            "collectors:\n"
            "  - name: cluster\n"
            "    type: kubernetes\n"
            f"    api_server: {server.url}\n"
            "    token_file: token\n"
            "    ca_file: ca.pem\n"
        )
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "slo.cli.main", "probe", "-c", str(tmp_path / "watchkeep.yaml"), "-m", "cluster", "--json"),
            stdout=asyncio.subprocess.PIPE,
        )
        said, _ = await process.communicate()
    found = json.loads(said)
    assert (found["outcome"], found["reason"]) == ("bad", "nodes_unavailable")
    assert {"connect", "tls", "processing"} <= found["phases"].keys()
    assert {each["name"] for each in found["findings"]} >= {"DaemonSets", "pending pods", "autoscalers", "nodes"}
