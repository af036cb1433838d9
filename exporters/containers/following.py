"""Follows the logs of containers on a node into the spool of a forwarder, each line once.

Lines go into the spool in one transaction with how far the files are told. Where it has no room they wait in their
files, as long as these are there.
"""

import asyncio
import json
import logging
from collections.abc import Callable, Mapping

from exporters.containers.node_logs import NodeLogs, Taken
from exporters.forwarding.spool import COMPLAIN_EVERY_SECONDS, Spool
from slo.config.containers import ContainersConfig
from slo.core.pod import Pod
from slo.core.protocols import Changing, Clock
from slo.core.telemetry import id_of
from slo.exposition.forwarding import Forwarding
from slo.exposition.sparing import Sparing

LOOK_SECONDS = 1.0
"""How often is looked whether anything was written."""

MOST_BYTES = 1_000_000
"""How much is put into the spool at once, as it lies there."""

SINCE = "containers"
"""The mark of the selection, and of since when it is followed."""

logger = logging.getLogger(__name__)


class Following:
    """Follows the logs of the containers that `config` means among the `pods` of a node. `run` it.

    `marks` are those of the spool; `labelled` says which labels a line has, of those of its container.
    """

    def __init__(
        self,
        config: ContainersConfig,
        spool: Spool,
        pods: Changing[Mapping[str, Pod]],
        *,
        marks: Mapping[str, str],
        labelled: Callable[[Mapping[str, str]], Mapping[str, str]],
        clock: Clock,
        telemetry: Forwarding,
    ) -> None:
        self._spool = spool
        self._pods = pods
        self._clock = clock
        self._telemetry = telemetry
        since = self._since(config, marks.get(SINCE))
        self._logs = NodeLogs(config, marks=marks, since=since, labelled=labelled, clock=clock)
        self._known: Mapping[str, Pod] = {}
        self._log = Sparing(logger, every_seconds=COMPLAIN_EVERY_SECONDS)

    async def run(self) -> None:
        """Follow until cancelled."""
        self._logs.begin_again()  # a fault may have ended it between reading and telling
        following: asyncio.Task[None] | None = None
        async with asyncio.TaskGroup() as tasks:
            async for pods in self._pods.changes():
                self.know(pods)
                if following is None:
                    following = tasks.create_task(self._follow())

    def know(self, pods: Mapping[str, Pod]) -> None:
        """These pods are on the node now, by NAMESPACE/NAME."""
        self._known = {**pods, **{pod.uid: pod for pod in pods.values()}}

    async def once(self) -> bool:
        """Put what was written into the spool, as far as there is room; whether there is more."""
        room = self._spool.log_room_bytes
        if not room:
            return False
        taken = await asyncio.to_thread(self._logs.read, self._known, min(room, MOST_BYTES))
        self._spool.add(taken.records, taken.marks)
        self._logs.told(taken.marks)
        self._show(taken)
        if taken.records:
            await self._spool.flush()
        return taken.more

    async def _follow(self) -> None:
        while True:
            if not await self.once():
                await self._clock.sleep_until(self._clock.monotonic() + LOOK_SECONDS)

    def _since(self, config: ContainersConfig, mark: str | None) -> float:
        """Since when what is selected now is followed (Unix seconds)."""
        selection = id_of(*config.namespaces, "", config.selector or "", config.folder)
        since, of = json.loads(mark) if mark is not None else (0.0, "")
        if of != selection:
            since = self._clock.now().timestamp()
            self._spool.add((), {SINCE: json.dumps([since, selection])})
        return float(since)

    def _show(self, taken: Taken) -> None:
        name, telemetry = self._spool.name, self._telemetry
        telemetry.log_containers.labels(name).set(self._logs.containers)
        telemetry.log_unread.labels(name).set(self._logs.unread_bytes)
        telemetry.log_unreadable.labels(name).set(len(taken.unreadable))
        telemetry.log_lost.labels(name).inc(taken.lost_bytes)
        for place, error in taken.unreadable.items():
            self._log.tell(
                logging.ERROR,
                "logs of containers cannot be read",
                key=str(error.errno),
                extra={"forwarder": name, "place": place, "error": error.strerror or str(error)},
            )
