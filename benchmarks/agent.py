"""100 agents of 100 nodes with 5,000 pods, of which 50 a second come, go or change for a minute.

One agent is a process of its own, whose memory is measured; the others share one with the API server, a stand-in that
counts what it is asked. At the end each of them has to see what runs on its node. The pods have 10 KB, as in real
clusters.
"""

import asyncio
import json
import random
import sys
import tempfile
import time
from asyncio.subprocess import PIPE, Process
from pathlib import Path
from typing import Any

import uvloop

from benchmarks._output import Figure, report
from benchmarks._process import cpu_seconds, peak_resident_bytes
from daemonset.api_client import APIClient
from daemonset.pods import Pods
from daemonset.service_account import ServiceAccount
from slo.errors import Fault
from slo.net.context import Context
from slo.runner.clock import SteadyClock
from tests.daemonset.api_server import TOKEN, APIServer
from tests.daemonset.churn import Churn, on_node, seen_on
from tests.daemonset.making import large_pod

NODES = 100
PODS = 5_000
CHURN_A_SECOND = 50
CHURN_SECONDS = 60
PATIENCE_SECONDS = 60.0
MEMORY_TARGET_MB = 96.0


class Agents:
    """The agents of all nodes but the first, in this process."""

    def __init__(self, account: ServiceAccount, nodes: list[str]) -> None:
        clock = SteadyClock()
        self.context = Context.default(clock)
        self.client = APIClient(account, self.context)
        self.faults: list[Fault] = []
        self.pods = {node: Pods(self.client, node, clock=clock) for node in nodes}
        self.tasks = [asyncio.create_task(pods.run(self.faults.append)) for pods in self.pods.values()]

    async def close(self) -> None:
        """Follow nothing more."""
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        await self.client.aclose()
        await self.context.close()


async def asked(process: Process) -> dict[str, Any]:
    """What the agent of the first node sees."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(b"\n")
    told: dict[str, Any] = json.loads(await process.stdout.readline())
    return told


async def until_right(server: APIServer, agents: Agents, process: Process) -> tuple[float, int]:
    """Seconds until everybody sees what is there, a minute at most, and how many do so then."""
    began = time.perf_counter()
    while True:
        first = (await asked(process))["pods"]
        right = sum(seen_on(pods.view.now) == on_node(server.cluster, node) for node, pods in agents.pods.items())
        right += {key: tuple(value) for key, value in first.items()} == on_node(server.cluster, "n0")
        passed = time.perf_counter() - began
        if right == NODES or passed > PATIENCE_SECONDS:
            return passed, right
        await asyncio.sleep(0.05)


async def measure(folder: Path) -> list[Figure]:
    """The figures."""
    nodes = [f"n{number}" for number in range(NODES)]
    churn = Churn(nodes, make=large_pod, random=random.Random(1))
    token_file = folder / "token"
    token_file.write_text(TOKEN)
    async with APIServer() as server:
        for _ in range(PODS):
            churn.create(server.cluster)
        command = (sys.executable, "-P", "-m", "benchmarks._agent", server.url, str(token_file), "n0")
        process = await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE, limit=2**24)
        agents = Agents(ServiceAccount(url=server.url, token_file=token_file), nodes[1:])
        first_seconds, _ = await until_right(server, agents, process)
        worked = cpu_seconds(process.pid)
        began = time.monotonic()
        for number in range(CHURN_A_SECOND * CHURN_SECONDS):
            await asyncio.sleep(began + number / CHURN_A_SECOND - time.monotonic())
            churn.happen(server.cluster)
        worked = cpu_seconds(process.pid) - worked
        last_seconds, right = await until_right(server, agents, process)
        told = await asked(process)
        memory = peak_resident_bytes(process.pid) / 1e6
        figures = [
            Figure(name="memory of an agent, at most", value=memory, unit="MB", under=MEMORY_TARGET_MB),
            Figure(name="processor time of an agent in the churn", value=worked, unit="s"),
            Figure(name="until all see what is there, at the beginning", value=first_seconds, unit="s"),
            Figure(name="until all see what is there, at the end", value=last_seconds, unit="s"),
            Figure(name="agents that see what is there", value=right, unit="agents", above=NODES),
            Figure(name="LISTs", value=server.lists, unit="requests", under=NODES + 1),
            Figure(name="WATCHes", value=server.watches, unit="requests", under=NODES + 1),
            Figure(name="WATCHes that are open at the end", value=server.open_watches, unit="requests", above=NODES),
            Figure(name="LISTs of the measured agent", value=told["lists"], unit="requests", under=2),
            Figure(name="WATCHes of the measured agent", value=told["watches"], unit="requests", under=2),
            Figure(name="faults", value=len(agents.faults) + len(told["faults"]), unit="faults", under=0),
        ]
        assert process.stdin is not None
        process.stdin.close()
        await process.wait()
        await agents.close()
    return figures


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as temporary:
        measured = uvloop.run(measure(Path(temporary)))
    about = {"nodes": NODES, "pods": PODS, "changes a second": CHURN_A_SECOND, "for seconds": CHURN_SECONDS}
    report("agent", measured, about)
