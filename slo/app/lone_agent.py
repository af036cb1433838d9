"""An agent that reports to nobody: a watch over what is on its node."""

import asyncio
from collections.abc import Sequence

from daemonset.node import Node
from slo.app.place import Place
from slo.app.watch import RunningWatch
from slo.config.settings import Settings
from slo.exposition.catalogue import Telemetry
from slo.net.context import Context
from slo.runner.clock import SteadyClock


class LoneAgent(RunningWatch):
    """A watch that also follows its `node`; without one it is in no cluster."""

    def __init__(
        self,
        place: Place,
        settings: Settings,
        *,
        node: Node | None,
        telemetry: Telemetry,
        clock: SteadyClock,
        context: Context,
    ) -> None:
        ours = node.mine if node else None
        super().__init__(place, settings, clock=clock, telemetry=telemetry, context=context, ours=ours)
        self._node = node
        self._stopping = False

    async def run(self) -> None:
        """Check and judge until cancelled. Returns only by cancellation or by a fault of our own."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(super().run(), name="watch")
            if self._node is not None:
                tasks.create_task(self._node.run(self.share), name="node")

    async def leave(self) -> None:
        """Be unready, and have others take over what is ours, which is checked until they do."""
        self._stopping = True
        if self._node is not None:
            await self._node.withdraw()

    async def close(self, deadline_seconds: float) -> None:
        """Check nothing more, and write everything down."""
        await super().close(deadline_seconds)
        if self._node is not None:
            await self._node.aclose()

    def unready(self) -> Sequence[str]:
        """Why the agent is not ready, in sentences; empty when it is."""
        if self._stopping:
            return ["the agent is stopping"]
        return [*(self._node.unready() if self._node else ()), *super().unready()]
