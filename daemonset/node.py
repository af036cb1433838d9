"""The node that an agent is on: its pods, as the API server tells of them."""

import logging
from collections.abc import Sequence

from daemonset.api_client import APIClient
from daemonset.pods import Pods
from slo.core.protocols import Clock
from slo.errors import Fault
from slo.exposition.agent_catalogue import ClusterTelemetry
from slo.exposition.sparing import Sparing

COMPLAIN_EVERY_SECONDS = 600.0

logger = logging.getLogger(__name__)


class Node:
    """Follows the pods of the node `name`. `run` it; `pods` are those that are there."""

    def __init__(self, client: APIClient, name: str, *, clock: Clock, telemetry: ClusterTelemetry) -> None:
        """Raises UsageError where the node has no name."""
        self.name = name
        self._client = client
        self._reflector = Pods(client, name, clock=clock)
        self._telemetry = telemetry
        self._log = Sparing(logger, every_seconds=COMPLAIN_EVERY_SECONDS)
        self.pods = self._reflector.view
        telemetry.pods.set_function(lambda: len(self.pods.now))
        telemetry.lists.labels("pods").set_function(lambda: self._reflector.facts.lists)
        telemetry.watches.labels("pods").set_function(lambda: self._reflector.facts.watches)
        telemetry.silence.labels("pods").set_function(lambda: self._reflector.facts.silent_seconds or 0.0)

    async def run(self) -> None:
        """Follow them for good."""
        await self._reflector.run(lambda fault: self._failed("pods", fault))

    def unready(self) -> Sequence[str]:
        """Why nobody can say yet what is on the node, in sentences."""
        return [] if self.pods.known else [f"the pods of the node {self.name} are not known yet"]

    async def aclose(self) -> None:
        """Let go of the API server."""
        await self._client.aclose()

    def _failed(self, resource: str, fault: Fault) -> None:
        self._telemetry.faults.labels(resource, fault.reason).inc()
        self._log.tell(
            logging.WARNING,
            "the API server does not tell of the cluster, what is known stays",
            key=f"{resource} {fault.reason}",
            extra={"resource": resource, "reason": fault.reason, "detail": fault.detail[:500]},
        )
