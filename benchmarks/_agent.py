"""The process that `./run bench agent` measures: an agent that follows the pods of one node.

Each line on its standard input is answered with one of JSON: what it sees, and how it goes.
"""

import asyncio
import json
import sys
from pathlib import Path

import uvloop

from daemonset.api_client import APIClient
from daemonset.pods import Pods
from daemonset.service_account import ServiceAccount
from slo.errors import Fault
from slo.net.context import Context
from slo.runner.clock import SteadyClock


async def follow(url: str, token_file: Path, node: str) -> None:
    """Until standard input ends."""
    clock = SteadyClock()
    faults: list[Fault] = []
    context = Context.default(clock)
    client = APIClient(ServiceAccount(url=url, token_file=token_file), context)
    pods = Pods(client, node, clock=clock)
    following = asyncio.create_task(pods.run(faults.append))
    while await asyncio.to_thread(sys.stdin.readline):
        facts = pods.facts
        seen = {key: [pod.uid, pod.ready] for key, pod in pods.view.now.items()}
        told = {"pods": seen, "lists": facts.lists, "watches": facts.watches, "faults": list(map(str, faults))}
        print(json.dumps(told), flush=True)
    following.cancel()
    await asyncio.gather(following, return_exceptions=True)
    await client.aclose()
    await context.close()


if __name__ == "__main__":
    uvloop.run(follow(sys.argv[1], Path(sys.argv[2]), sys.argv[3]))
