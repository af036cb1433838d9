"""Agents come, go and die in any order, under an API server that has its days: what has somebody to check it keeps one,
but for the time that it takes to miss the dead, and in the end all see who is there, and each target has one of them.
"""

import asyncio
import tempfile
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from tests.daemonset import statuses
from tests.daemonset.api_server import APIServer, answering, cutting, saying
from tests.daemonset.gathering import LEASES, STEP_SECONDS, Gathering, gathering
from tests.daemonset.lease_objects import GROUP, NAMESPACE

NAMES = st.sampled_from(["n1", "n2", "n3", "n4"])
TARGETS = [("databases", f"db-{number}.example") for number in range(12)]

MISSED_SECONDS = 30.0
"""How long the dead may be counted on, and who comes may count on those who were dead before."""

TROUBLED_SECONDS = 60.0
"""Both, once the API server was away or in trouble: watches are taken up again after pauses that grow."""

LEFT_SECONDS = 2.0
"""How long others may count on who has given up his Lease."""

TROUBLES = {
    "an error": answering(statuses.internal_error()),
    "too many requests": answering(statuses.too_many_requests(1)),
    "a conflict": answering(statuses.conflict(GROUP, "leases", "watchkeep-agent-n1")),
    "a reset": cutting,
    "no JSON": saying(b"<html>\n"),
}


class Machine(RuleBasedStateMachine):
    """Up to four agents, and their API server. `excused_until` is until when a target may have nobody."""

    def __init__(self) -> None:
        super().__init__()
        self._loop = asyncio.Runner()
        self._folder = tempfile.TemporaryDirectory()
        self._open = AsyncExitStack()
        self.server = APIServer()
        self.gathered: Gathering
        self.away = self.troubled = False
        self.excused_until = 0.0
        self.do(self._start())

    def do(self, what: Coroutine[Any, Any, None]) -> None:
        self._loop.run(what)

    async def _start(self) -> None:
        await self._open.enter_async_context(self.server)
        self.gathered = await self._open.enter_async_context(
            gathering(self.server, Path(self._folder.name), "n1", "n2")
        )

    @property
    def now(self) -> float:
        return self.gathered.time.seconds

    def excuse(self, seconds: float) -> None:
        seconds = 1e9 if self.away else TROUBLED_SECONDS if self.troubled else seconds
        self.excused_until = max(self.excused_until, self.now + seconds)

    async def _wait(self, seconds: float) -> None:
        for _ in range(round(seconds / STEP_SECONDS)):
            await self.gathered.wait(STEP_SECONDS)
            agents = self.gathered.agents.values()
            if self.now > self.excused_until and agents:
                for target in TARGETS:
                    shown = {agent.name: sorted(agent.peers.agents.now) for agent in agents}
                    assert any(agent.has(target) for agent in agents), f"nobody has {target}: {shown}"

    @rule(seconds=st.sampled_from([1.0, 5.0, 12.0, 26.0]))
    def wait(self, seconds: float) -> None:
        self.do(self._wait(seconds))

    # Agents

    @rule(name=NAMES)
    def come(self, name: str) -> None:
        if name in self.gathered.agents:
            return
        if not self.gathered.agents or self.now < self.excused_until:
            self.excuse(MISSED_SECONDS)

        async def come() -> None:
            self.gathered.start(name)
            await self.gathered.settle()

        self.do(come())

    @rule(name=NAMES)
    def die(self, name: str) -> None:
        if name in self.gathered.agents:
            self.excuse(MISSED_SECONDS)
            self.do(self.gathered.kill(name))

    @rule(name=NAMES)
    def go(self, name: str) -> None:
        if name in self.gathered.agents:
            self.excuse(LEFT_SECONDS)
            self.do(self.gathered.stop(name))

    # The API server

    @precondition(lambda self: not self.away)
    @rule()
    def go_away(self) -> None:
        if self.now < self.excused_until:
            self.excused_until = 1e9
        self.away = self.troubled = True
        self.do(self.server.__aexit__(None, None, None))

    @precondition(lambda self: self.away)
    @rule()
    def come_back(self) -> None:
        async def come_back() -> None:
            await self.server.__aenter__()

        self.do(come_back())
        self.away = False
        if self.excused_until >= 1e9:
            self.excused_until = self.now + TROUBLED_SECONDS

    @rule(verb=st.sampled_from(["create", "update", "list", "watch"]), trouble=st.sampled_from(sorted(TROUBLES)))
    def trouble(self, verb: str, trouble: str) -> None:
        self.troubled = True
        self.server.next(verb, TROUBLES[trouble])

    @rule()
    def cut(self) -> None:
        self.troubled = True
        self.server.cut()

    @rule()
    def forget(self) -> None:
        self.server.leases.compact()

    @rule(name=NAMES)
    def delete_the_lease(self, name: str) -> None:
        if (NAMESPACE, LEASES.name_of(name)) in self.server.leases:
            self.server.leases.delete(NAMESPACE, LEASES.name_of(name))

    def teardown(self) -> None:
        try:
            self.do(self._settle())
        finally:
            self.do(self._open.aclose())
            self._loop.close()
            self._folder.cleanup()

    async def _settle(self) -> None:
        if self.away:
            await self.server.__aenter__()
        self.server.clear()
        agents = self.gathered.agents
        if not agents:
            return
        await self.gathered.until_all_see(agents, within=120)
        for target in TARGETS:
            assert sum(agent.has(target) for agent in agents.values()) == 1


TestMachine = Machine.TestCase
TestMachine.settings = settings(max_examples=15, stateful_step_count=15)
