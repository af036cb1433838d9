"""Several agents in one cluster, and time that a test moves: seconds pass when it says so, for all of them."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

from daemonset.api_client import APIClient
from daemonset.lease import Leases
from daemonset.peers import RELEASE, Peers
from daemonset.service_account import ServiceAccount
from daemonset.share import Share
from slo.core.outcome import CheckKey
from slo.errors import Fault
from slo.net.context import Context
from slo.runner.clock import SteadyClock
from tests.daemonset.api_server import TOKEN, APIServer
from tests.daemonset.lease_objects import NAMESPACE

STEP_SECONDS = 0.5
LOOPS = 3
"""How many loops of an agent sleep while nothing happens: it looks, it renews, it tidies."""

LEASES = Leases(namespace=NAMESPACE, release=RELEASE)


class SteppedTime:
    """Seconds since it was made; they pass by `step`."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.sleepers: list[tuple[float, asyncio.Future[None]]] = []

    def step(self) -> None:
        self.seconds += STEP_SECONDS
        due = [sleeper for sleeper in self.sleepers if sleeper[0] <= self.seconds]
        self.sleepers = [sleeper for sleeper in self.sleepers if sleeper[0] > self.seconds]
        for _, future in due:
            if not future.done():
                future.set_result(None)


class AgentClock:
    """The clock of one machine: its calendar is `ahead` of that of others, and it has been up for as long."""

    def __init__(self, time: SteppedTime, ahead: timedelta) -> None:
        self._time = time
        self._ahead = ahead
        self.asleep = 0

    def now(self) -> datetime:
        return datetime(2026, 1, 1, tzinfo=UTC) + self._ahead + timedelta(seconds=self._time.seconds)

    def monotonic(self) -> float:
        return self._time.seconds + self._ahead.total_seconds()

    async def sleep_until(self, monotonic: float) -> None:
        future = asyncio.get_running_loop().create_future()
        self._time.sleepers.append((monotonic - self._ahead.total_seconds(), future))
        self.asleep += 1
        try:
            await future
        finally:
            self.asleep -= 1


@dataclass(eq=False)
class Agent:
    """One of them. `shown` is every set of agents that it has shown."""

    name: str
    peers: Peers
    clock: AgentClock
    client: APIClient
    task: asyncio.Task[None]
    faults: list[Fault] = field(default_factory=list)
    shown: list[frozenset[str]] = field(default_factory=list)

    def has(self, target: CheckKey) -> bool:
        """Whether it checks this."""
        share = Share(self.name)
        if self.peers.agents.known:
            share.now(self.peers.agents.now)
        return share.mine(target)


class Gathering:
    """The agents that are there."""

    def __init__(self, server: APIServer, folder: Path) -> None:
        self.server = server
        self.time = SteppedTime()
        self.token_file = folder / "token"
        self.token_file.write_text(TOKEN + "\n")
        self.agents: dict[str, Agent] = {}

    def start(
        self, name: str, *, announced: bool = True, ahead: timedelta = timedelta(0), release: str = RELEASE
    ) -> Agent:
        account = ServiceAccount(url=self.server.url, token_file=self.token_file)
        client = APIClient(account, Context.default(SteadyClock()))
        clock = AgentClock(self.time, ahead)
        peers = Peers(client, name, NAMESPACE, clock=clock, release=release, jitter=Random(name).random)
        faults: list[Fault] = []
        agent = Agent(name, peers, clock, client, asyncio.create_task(peers.run(faults.append)), faults)
        if announced:
            peers.announce()
        self.agents[name] = agent
        return agent

    async def kill(self, name: str) -> None:
        """It is gone without a word."""
        agent = self.agents.pop(name)
        agent.task.cancel()
        (ended,) = await asyncio.gather(agent.task, return_exceptions=True)
        await agent.client.aclose()
        assert isinstance(ended, asyncio.CancelledError), ended

    async def stop(self, name: str) -> None:
        """It goes as it should."""
        await self.agents[name].peers.withdraw()
        await self.kill(name)

    async def settle(self) -> None:
        """Until all of them have done what there is to do now."""
        for _ in range(2):
            async with asyncio.timeout(30):
                while any(agent.clock.asleep < LOOPS for agent in self.agents.values()):
                    await asyncio.sleep(0.001)
            await asyncio.sleep(0.002)
        for agent in self.agents.values():
            now = agent.peers.agents.now
            if agent.peers.agents.known and agent.shown[-1:] != [now]:
                agent.shown.append(now)

    async def wait(self, seconds: float) -> None:
        """Let so much time pass."""
        for _ in range(round(seconds / STEP_SECONDS)):
            self.time.step()
            await self.settle()

    async def until_all_see(self, names: Iterable[str], *, within: float) -> float:
        """Until this is what all of them see; how long it took."""
        wanted = frozenset(names)
        began = self.time.seconds
        while any(agent.peers.agents.now != wanted or not agent.peers.agents.known for agent in self.agents.values()):
            seen = {agent.name: sorted(agent.peers.agents.now) for agent in self.agents.values()}
            assert self.time.seconds - began < within, f"{seen} is seen after {within} s, not {sorted(wanted)}"
            await self.wait(STEP_SECONDS)
        return self.time.seconds - began


@asynccontextmanager
async def gathering(server: APIServer, folder: Path, *names: str) -> AsyncIterator[Gathering]:
    """These agents, once all of them know one another."""
    gathered = Gathering(server, folder)
    try:
        for name in names:
            gathered.start(name)
        await gathered.settle()
        if names:
            await gathered.until_all_see(names, within=15)
        yield gathered
    finally:
        for name in list(gathered.agents):
            await gathered.kill(name)
