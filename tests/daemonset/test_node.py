"""What an agent says of how it follows the API server."""

from datetime import timedelta
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from daemonset.api_client import APIClient
from daemonset.node import Node
from daemonset.service_account import ServiceAccount
from slo.exposition.agent_catalogue import ClusterTelemetry
from slo.net.context import Context
from slo.runner.clock import SteadyClock
from tests.daemonset.gathering import AgentClock, SteppedTime
from tests.daemonset.lease_objects import NAMESPACE


@pytest.mark.parametrize("resource", ["pods", "leases"])
async def test_an_api_server_that_never_answers_has_been_silent_since_the_start(resource: str, tmp_path: Path) -> None:
    time, registry = SteppedTime(), CollectorRegistry()
    account = ServiceAccount(url="https://127.0.0.1:1", token_file=tmp_path / "token")
    client = APIClient(account, Context.default(SteadyClock()))
    clock = AgentClock(time, timedelta(hours=7))
    node = Node(client, "n1", NAMESPACE, clock=clock, telemetry=ClusterTelemetry(registry))
    for passed in (0, 90, 180):
        while time.seconds < passed:
            time.step()
        assert registry.get_sample_value("watchkeep_kubernetes_silent_seconds", {"resource": resource}) == passed
    await node.aclose()
