"""100 agents of 100 nodes with 5,000 pods, of which 50 a second come, go or change for a minute.

One agent is `watchkeep agent`, a process of its own that looks at every pod of its node, twice at those that are ready,
and reports each round to a watch; its memory is measured. The others follow the pods of theirs in the process of the
API server, a stand-in that counts what it is asked. At the end each of them has to see what runs on its node: the
measured one by the targets that it looks at. The pods have 10 KB, as in real clusters, and addresses on loopback where
nothing listens.
"""

import asyncio
import contextlib
import json
import random
import re
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from pathlib import Path
from typing import Any

import uvloop
from aiohttp import web

from benchmarks._output import Figure, report
from benchmarks._process import Server, cpu_seconds, free_port, peak_resident_bytes, serving
from daemonset.api_client import APIClient
from daemonset.pods import PATH as PODS_PATH
from daemonset.pods import Pods
from daemonset.service_account import ServiceAccount
from slo.errors import Fault
from slo.net.context import Context
from slo.runner.clock import SteadyClock
from tests.daemonset.api_server import TOKEN, APIServer
from tests.daemonset.churn import Churn, on_node, seen_on
from tests.daemonset.making import large_pod
from tests.daemonset.selectors import Document

NODES = 100
PODS = 5_000
CHURN_A_SECOND = 50
CHURN_SECONDS = 60
PATIENCE_SECONDS = 60.0
MEMORY_TARGET_MB = 96.0
INTERVAL = "5s"


def made(name: str, node: str, *, ready: bool) -> Document:
    """A pod with an address of its own on loopback."""
    number = int(name.rpartition("-")[2])
    return large_pod(name, node, ready=ready, ip=f"127.{1 + number // 65_536}.{number // 256 % 256}.{number % 256}")


class Centre:
    """A watch that takes everything."""

    def __init__(self) -> None:
        self.taken = 0

    async def take(self, request: web.Request) -> web.Response:
        """Take a batch."""
        records = len((await request.json())["records"])
        self.taken += records
        return web.json_response({"accepted": records})


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


def configuration(centre: str) -> dict[str, Any]:
    """A look at every pod of the node, and one at those that are ready."""
    found = {"type": "pods", "namespaces": ["*"], "port": 8080}
    probe = {"type": "tcp", "run_by": "agents", "interval": INTERVAL, "timeout": "1s"}
    return {
        "probes": [
            {"name": name, **probe, "targets_from": [{**found, "only_ready": name == "ready"}]}
            for name in ("door", "ready")
        ],
        "forwarders": [{"name": "centre", "type": "central", "url": centre, "token": "a token for the bench"}],
    }


async def read(agent: Server) -> str:
    """Its metrics."""

    def get() -> str:
        with urllib.request.urlopen(f"{agent.url}/metrics", timeout=10) as answer:
            text: str = answer.read().decode()
        return text

    return await asyncio.to_thread(get)


def looked_at(metrics: str) -> dict[str, bool]:
    """The pods that the measured agent looks at, as NAMESPACE/NAME, and whether they are ready."""
    pattern = r'^probe_success\{.*namespace="([^"]+)".*pod="([^"]+)".*probe="([^"]+)"'
    found = {(probe, f"{namespace}/{pod}") for namespace, pod, probe in re.findall(pattern, metrics, re.MULTILINE)}
    return {pod: ("ready", pod) in found for probe, pod in found if probe == "door"}


def value(metrics: str, name: str, resource: str = "") -> float:
    """The sum of a metric's samples, or of those of one resource of the API server."""
    labels = rf'\{{.*resource="{resource}".*\}}' if resource else r"(?:\{.*\})?"
    return sum(float(each) for each in re.findall(rf"^{name}{labels} (\S+)$", metrics, re.MULTILINE))


async def until_right(server: APIServer, agents: Agents, measured: Server) -> tuple[float, int]:
    """Seconds until everybody sees what is there, a minute at most, and how many do so then."""
    began = time.perf_counter()
    while True:
        seen = looked_at(await read(measured))
        right = sum(seen_on(pods.view.now) == on_node(server.cluster, node) for node, pods in agents.pods.items())
        right += seen == {pod: ready for pod, (_, ready) in on_node(server.cluster, "n0").items()}
        passed = time.perf_counter() - began
        if right == NODES or passed > PATIENCE_SECONDS:
            return passed, right
        await asyncio.sleep(0.05)


async def measure(folder: Path) -> list[Figure]:
    """The figures."""
    nodes = [f"n{number}" for number in range(NODES)]
    churn = Churn(nodes, make=made, random=random.Random(1))
    token_file = folder / "token"
    token_file.write_text(TOKEN)
    (folder / "namespace").write_text("watchkeep")
    centre, application = Centre(), web.Application()
    application.add_routes([web.post("/api/v1/outcomes", centre.take)])
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    config, address = folder / "agent.yaml", f"127.0.0.1:{free_port()}"
    config.write_text(json.dumps(configuration(f"http://127.0.0.1:{runner.addresses[0][1]}")))
    async with APIServer() as server, contextlib.AsyncExitStack() as stack:
        for _ in range(PODS):
            churn.create(server.cluster)
        where = ("--listen", address, "--data", str(folder / "data"), "--api-server", server.url)
        who = ("--node", "n0", "--service-account", str(folder), "-c", str(config))
        command = (sys.executable, "-P", "-m", "slo.cli.main", "agent", *where, *who)
        starting = serving("agent", *command, address=address, folder=folder, ready="/readyz")
        measured = await asyncio.to_thread(stack.enter_context, starting)
        agents = Agents(ServiceAccount(url=server.url, token_file=token_file), nodes[1:])
        first_seconds, _ = await until_right(server, agents, measured)
        worked, rounds = cpu_seconds(measured.pid), value(await read(measured), "watchkeep_probe_rounds_total")
        began = time.monotonic()
        for number in range(CHURN_A_SECOND * CHURN_SECONDS):
            await asyncio.sleep(began + number / CHURN_A_SECOND - time.monotonic())
            churn.happen(server.cluster)
        worked = cpu_seconds(measured.pid) - worked
        rounds = value(await read(measured), "watchkeep_probe_rounds_total") - rounds
        last_seconds, right = await until_right(server, agents, measured)
        told = await read(measured)
        memory = peak_resident_bytes(measured.pid) / 1e6
        faults = len(agents.faults) + value(told, "watchkeep_kubernetes_faults_total", "pods")
        lists, watches = (value(told, f"watchkeep_kubernetes_{each}", "pods") for each in ("lists", "watches"))
        of_pods = Counter(asked.verb for asked in server.asked if asked.path == PODS_PATH)
        figures = [
            Figure(name="memory of the agent, at most", value=memory, unit="MB", under=MEMORY_TARGET_MB),
            Figure(name="processor time of the agent in the churn", value=worked, unit="s"),
            Figure(name="rounds of checks in the churn", value=rounds, unit="rounds"),
            Figure(name="records that the watch took", value=centre.taken, unit="records"),
            Figure(name="until all see what is there, at the beginning", value=first_seconds, unit="s"),
            Figure(name="until all see what is there, at the end", value=last_seconds, unit="s"),
            Figure(name="agents that see what is there", value=right, unit="agents", above=NODES),
            Figure(name="LISTs of pods", value=of_pods["list"], unit="requests", under=NODES + 1),
            Figure(name="WATCHes of pods", value=of_pods["watch"], unit="requests", under=NODES + 1),
            Figure(name="WATCHes that are open at the end", value=server.open_watches, unit="requests", above=NODES),
            Figure(name="LISTs of the measured agent", value=lists, unit="requests", under=2),
            Figure(name="WATCHes of the measured agent", value=watches, unit="requests", under=2),
            Figure(name="faults", value=faults, unit="faults", under=0),
        ]
        await agents.close()
    await runner.cleanup()
    return figures


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as temporary:
        figures = uvloop.run(measure(Path(temporary)))
    about = {"nodes": NODES, "pods": PODS, "changes a second": CHURN_A_SECOND, "for seconds": CHURN_SECONDS}
    report("agent", figures, about)
