"""One forwarder at work: the spool that waits for it, how that goes out, and the logs of containers that it follows."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping

from exporters.containers.following import Following
from exporters.forwarding.selection import Selection
from exporters.forwarding.sending import Sending
from exporters.forwarding.spool import Spool
from slo.config.containers import ContainersConfig
from slo.config.forwarding import LogsConfig, TelemetryConfig
from slo.config.settings import ForwarderEntry
from slo.core.matching import Matcher
from slo.core.pod import Pod
from slo.core.protocols import Changing, Clock
from slo.core.telemetry import Forwarder
from slo.exposition.forwarding import Forwarding
from slo.store.spool import SpoolFile

AGAIN_SECONDS = 10.0
"""After a fault of ours in one part of an outlet, that part is begun again after so long."""

logger = logging.getLogger(__name__)


class Outlet:
    """The forwarder of one entry. `run` it until it is cancelled, then `close` it.

    `pods` are those of the node that this process runs on, None where it is on none.
    """

    def __init__(
        self,
        entry: ForwarderEntry,
        forwarder: Forwarder,
        file: SpoolFile,
        *,
        pods: Changing[Mapping[str, Pod]] | None,
        clock: Clock,
        telemetry: Forwarding,
    ) -> None:
        config = entry.config
        if not isinstance(config, TelemetryConfig):
            raise TypeError(f"{entry.name} forwards no telemetry")
        self.entry = entry
        self.config: TelemetryConfig = config
        self.forwarder = forwarder
        self.selection = Selection(config.match, config.metrics, config.labels)
        self.spool = Spool(file, entry.name, most_bytes=entry.spool_bytes, clock=clock, telemetry=telemetry)
        self.sending = Sending(self.spool, forwarder, max_age=config.max_age, clock=clock, telemetry=telemetry)
        self._following: Following | None = None
        if (containers := containers_of(entry)) is None:
            return
        if pods is None:
            logger.info("logs of containers are followed by agents, none from here", extra={"forwarder": entry.name})
            return
        self._following = Following(
            containers,
            self.spool,
            pods,
            marks=file.marks(),
            labelled=self.selection.labelled,
            clock=clock,
            telemetry=telemetry,
        )

    async def run(self) -> None:
        """Follow, write and send until cancelled."""
        name = self.entry.name
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(kept_up(self.spool.run, name))
            tasks.create_task(kept_up(self.sending.run, name))
            if self._following is not None:
                tasks.create_task(kept_up(self._following.run, name))

    async def leave(self) -> None:
        """Write what is left, and let go of the other side."""
        await self.spool.flush()
        await self.forwarder.aclose()

    async def close(self) -> None:
        """Write what is left, and let go of the other side and the file."""
        await self.leave()
        await self.spool.close()

    async def finish(self, deadline_seconds: float) -> None:
        """Send what can be sent before the deadline, and close; the rest stays on disk."""
        await self.sending.finish(deadline_seconds)
        await self.close()


def containers_of(entry: ForwarderEntry) -> ContainersConfig | None:
    """The containers whose logs a forwarder gets."""
    return entry.config.containers if isinstance(entry.config, LogsConfig) else None


async def kept_up(run: Callable[[], Awaitable[None]], name: str) -> None:
    """Run something for good: a fault of ours in it is logged, and it is begun again. It stops nothing else."""
    while True:
        try:
            await run()
        except Exception:
            logger.exception("forwarding has a fault, and is begun again", extra={"forwarder": name})
        await asyncio.sleep(AGAIN_SECONDS)


def match_of(entry: ForwarderEntry) -> tuple[Matcher, ...]:
    """Whose telemetry a forwarder gets; nobody's own where it is for everybody's."""
    return entry.config.match if isinstance(entry.config, TelemetryConfig) else ()
