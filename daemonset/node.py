"""The node that an agent is on: its pods, and the agents with whom it shares what is not in the cluster."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence

from daemonset.api_client import APIClient
from daemonset.peers import Peers
from daemonset.pods import Pods
from daemonset.reflector import Facts
from daemonset.share import Share
from slo.core.outcome import CheckKey
from slo.core.protocols import Clock
from slo.errors import Fault
from slo.exposition.agent_catalogue import ClusterTelemetry
from slo.exposition.sparing import Sparing

COMPLAIN_EVERY_SECONDS = 600.0

logger = logging.getLogger(__name__)


class Node:
    """Follows the pods of the node `name`, and who shares with its agent, which lives in `namespace`.

    `pods` are those that are there. Raises UsageError where the node has no name.
    """

    def __init__(
        self, client: APIClient, name: str, namespace: str, *, clock: Clock, telemetry: ClusterTelemetry
    ) -> None:
        self.name = name
        self._client = client
        self._followed = Pods(client, name, clock=clock)
        self._peers = Peers(client, name, namespace, clock=clock)
        self._share = Share(name)
        self._telemetry = telemetry
        self._log = Sparing(logger, every_seconds=COMPLAIN_EVERY_SECONDS)
        self.pods = self._followed.view
        telemetry.pods.set_function(lambda: len(self.pods.now))
        telemetry.agents.set_function(lambda: len(self._peers.agents.now))
        _show("pods", lambda: self._followed.facts, telemetry)
        _show("leases", lambda: self._peers.facts, telemetry)

    def mine(self, target: CheckKey) -> bool:
        """Whether a target that is on no node is ours to check; none is before we know of the others."""
        return self._share.mine(target)

    async def run(self, moved: Callable[[], Awaitable[None]]) -> None:
        """Follow all of it for good. `moved` is called when other targets are ours than before."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._followed.run(lambda fault: self._failed("pods", fault)), name="pods")
            tasks.create_task(self._peers.run(lambda fault: self._failed("leases", fault)), name="peers")
            tasks.create_task(self._announce(), name="announce")
            tasks.create_task(self._follow(moved), name="share")

    async def withdraw(self) -> None:
        """Have others take our share."""
        await self._peers.withdraw()

    def unready(self) -> Sequence[str]:
        """Why nobody can say yet what is on the node, in sentences."""
        return [] if self.pods.known else [f"the pods of the node {self.name} are not known yet"]

    async def aclose(self) -> None:
        """Let go of the API server."""
        await self._client.aclose()

    async def _announce(self) -> None:
        """Take part once we can say what is on our own node."""
        async for _ in self.pods.changes():
            self._peers.announce()
            return

    async def _follow(self, moved: Callable[[], Awaitable[None]]) -> None:
        async for agents in self._peers.agents.changes():
            self._share.now(agents)
            try:
                await moved()
            except Exception:  # the next change makes it whole
                logger.exception("a change of the share could not be made")

    def _failed(self, resource: str, fault: Fault) -> None:
        self._telemetry.faults.labels(resource, fault.reason).inc()
        self._log.tell(
            logging.WARNING,
            "the API server does not tell of the cluster, what is known stays",
            key=f"{resource} {fault.reason}",
            extra={"resource": resource, "reason": fault.reason, "detail": fault.detail[:500]},
        )


def _show(resource: str, facts: Callable[[], Facts], telemetry: ClusterTelemetry) -> None:
    """How a collection is followed, as metrics."""
    telemetry.lists.labels(resource).set_function(lambda: facts().lists)
    telemetry.watches.labels(resource).set_function(lambda: facts().watches)
    telemetry.silence.labels(resource).set_function(lambda: facts().silent_seconds)
