"""The pods of a node, followed while the test changes what runs in the cluster."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from daemonset.api_client import APIClient
from daemonset.pods import Pods
from daemonset.reflector import Patience
from daemonset.service_account import ServiceAccount
from slo.core.pod import Pod
from slo.errors import Fault
from slo.net.context import Context
from slo.runner.clock import SteadyClock
from tests.daemonset.api_server import TOKEN, APIServer

NODE = "n1"
SOON_SECONDS = 30.0
HASTE = 50

USUAL = Patience(idle_seconds=20.0)
SHORT = Patience(list_seconds=1.5, answer_seconds=1.5, idle_seconds=1.5)


class HastyClock:
    """The time as it is, but for who sleeps: he is woken in a fiftieth of his time. `slept` is how long he wanted."""

    def __init__(self) -> None:
        self.slept: list[float] = []

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep_until(self, monotonic: float) -> None:
        left = monotonic - self.monotonic()
        self.slept.append(left)
        await asyncio.sleep(left / HASTE)


@dataclass
class Followed:
    """The pods that an agent sees, and what it says of its troubles."""

    server: APIServer
    pods: Pods
    clock: HastyClock
    token_file: Path
    faults: list[Fault] = field(default_factory=list)

    @property
    def names(self) -> list[str]:
        return sorted(self.pods.view.now)

    @property
    def reasons(self) -> list[str]:
        return [fault.reason for fault in self.faults]

    def restarts(self, reason: str) -> int:
        return self.pods.facts.restarts.get(reason, 0)

    def pod(self, name: str) -> Pod:
        return self.pods.view.now[f"shop/{name}"]

    async def until(self, reached: Callable[[], object]) -> None:
        """Return when it is so."""
        async with asyncio.timeout(SOON_SECONDS):
            while not reached():
                await asyncio.sleep(0.005)

    async def sees(self, *names: str) -> None:
        """Return when these are the pods, and one watch is open."""
        wanted = sorted(f"shop/{name}" for name in names)
        try:
            await self.until(lambda: self.names == wanted and self.server.open_watches == 1)
        except TimeoutError:
            raise AssertionError(
                f"{self.names} are seen over {self.server.open_watches} watches, not {wanted}; {self.faults}"
            ) from None


@asynccontextmanager
async def following(
    server: APIServer, folder: Path, *, node: str = NODE, patience: Patience = USUAL, ca_file: Path | None = None
) -> AsyncIterator[Followed]:
    """An agent of a node."""
    token_file = folder / "token"
    token_file.write_text(TOKEN + "\n")
    clock = HastyClock()
    account = ServiceAccount(url=server.url, token_file=token_file, ca_file=ca_file)
    client = APIClient(account, Context.default(SteadyClock()))
    pods = Pods(client, node, clock=clock, patience=patience)
    followed = Followed(server, pods, clock, token_file)
    task = asyncio.create_task(pods.run(followed.faults.append))
    try:
        yield followed
    finally:
        task.cancel()
        (ended,) = await asyncio.gather(task, return_exceptions=True)
        await client.aclose()
        assert isinstance(ended, asyncio.CancelledError), ended
