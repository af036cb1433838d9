"""The forwarders of a process at work: begun, changed and ended as the configuration says."""

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from exporters.forwarding.reselecting import reselected
from slo.app.checks import unusable
from slo.app.outlet import Outlet, kept_up, match_of
from slo.config.settings import ForwarderEntry
from slo.core.telemetry import Forwarder
from slo.errors import ConfigError, StoreError, WatchkeepError
from slo.exposition.forwarding import Forwarding
from slo.kinds import Kinds
from slo.net.context import Context
from slo.store.folder import DataFolder
from slo.store.spool import SpoolFile

OPEN_AGAIN_SECONDS = 30.0
"""How often a spool is tried again that could not be opened."""

logger = logging.getLogger(__name__)

O = TypeVar("O", bound=Outlet)  # noqa: E741 - of outlets


class Place(Protocol):
    """Where a process is: its configuration, its kinds and its data folder."""

    @property
    def config(self) -> Path: ...
    @property
    def kinds(self) -> Kinds: ...
    @property
    def folder(self) -> DataFolder: ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Prepared:
    """The forwarders of a configuration, and those that are new or changed, built."""

    entries: Mapping[str, ForwarderEntry]
    forwarders: Mapping[str, Forwarder]


@dataclass(frozen=True, kw_only=True, slots=True)
class Shut:
    """A forwarder whose spool cannot be opened, and why."""

    entry: ForwarderEntry
    forwarder: Forwarder
    why: str


class Outlets(Generic[O]):
    """`prepare` and `adopt` the entries of a configuration, then `run`, then `close`. `make` makes each of the outlets,
    which are in `all` by name, in the order of the configuration; `changed` is told when these are others.

    Those whose spool cannot be opened are in `shut`, by name, and are tried again from time to time.
    """

    def __init__(
        self,
        place: Place,
        make: Callable[[ForwarderEntry, Forwarder, SpoolFile], O],
        *,
        context: Context,
        telemetry: Forwarding,
        changed: Callable[[], None] = lambda: None,
    ) -> None:
        self.all: dict[str, O] = {}
        self.shut: dict[str, Shut] = {}
        self._place = place
        self._make = make
        self._context = context
        self._telemetry = telemetry
        self._changed = changed
        self._adopting = asyncio.Lock()
        self._order: Sequence[str] = ()
        self._running: asyncio.TaskGroup | None = None
        self._tasks: dict[str, asyncio.Task[None]] = {}

    @property
    def names(self) -> Sequence[str]:
        """All that are configured, in the order of the configuration."""
        return [name for name in self._order if name in self.all or name in self.shut]

    async def prepare(self, entries: Iterable[ForwarderEntry]) -> Prepared:
        """Build what is new or changed among these entries. Raises ConfigError for what cannot be built."""
        by_name = {each.name: each for each in entries}
        fresh = [each for each in by_name.values() if each.name not in self.all or self.all[each.name].entry != each]
        forwarders, faults = {}, []
        for entry in fresh:
            try:
                forwarders[entry.name] = await asyncio.to_thread(self._built, entry)
            except (OSError, ValueError, WatchkeepError) as error:
                faults.append(unusable(self._place.config, f"forwarders[{entry.name}]", error))
        if faults:
            raise ConfigError(faults)
        return Prepared(entries=by_name, forwarders=forwarders)

    async def adopt(self, prepared: Prepared) -> None:
        """Go on with what was prepared. A spool of which nothing is configured any more stays where it is.

        Where one cannot be opened, nothing is forwarded from it until it can be: that is said, and the others go on.
        """
        async with self._adopting:
            for name in [name for name in self.all if name not in prepared.entries]:
                outlet = await self._stopped(name)
                await outlet.close()
                self._telemetry.forget(name)
                path = str(outlet.spool.file.path)
                logger.warning("a forwarder is not configured any more, its spool is kept", extra={"spool": path})
            before, self.shut = self.shut, {}
            for name, shut in before.items():
                await shut.forwarder.aclose()
                if name not in prepared.entries:
                    self._telemetry.forget(name)
            self._order = tuple(prepared.entries)
            for name, forwarder in prepared.forwarders.items():
                await self._open(prepared.entries[name], forwarder)
            self._change()

    async def open_shut(self) -> None:
        """Try those again whose spool could not be opened."""
        async with self._adopting:
            before, self.shut = self.shut, {}
            for shut in before.values():
                await self._open(shut.entry, shut.forwarder, shut.why)
            if self.shut.keys() != before.keys():
                self._change()

    async def run(self) -> None:
        """Have them work until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            self._running = tasks
            for name in self.all:
                self._start(name)
            tasks.create_task(kept_up(self._keep_opening, "all"))

    async def close(self, deadline_seconds: float) -> None:
        """Send what can be sent before the deadline, and keep the rest on disk."""
        self._running = None
        await asyncio.gather(*(outlet.finish(deadline_seconds) for outlet in self.all.values()))
        for shut in self.shut.values():
            await shut.forwarder.aclose()

    async def _open(self, entry: ForwarderEntry, forwarder: Forwarder, why: str = "") -> None:
        """Have a forwarder work, if its spool can be opened. `why` it could not be before is not said once more."""
        file: SpoolFile | None = None
        try:
            file = await self._file(entry.name)
            deselected = await asyncio.to_thread(reselected, file, match_of(entry))
        except StoreError as error:
            if file is not None:
                await asyncio.to_thread(file.close)
            self._telemetry.failures.labels(entry.name, "spool").inc()
            if str(error) != why:
                logger.error(  # noqa: TRY400 - the error is in the text
                    "a spool cannot be opened, nothing is forwarded from it",
                    extra={"forwarder": entry.name, "error": str(error)},
                )
            self.shut[entry.name] = Shut(entry=entry, forwarder=forwarder, why=str(error))
            return
        outlet = self.all[entry.name] = self._make(entry, forwarder, file)
        outlet.spool.drop(deselected, "deselected")
        self._start(entry.name)

    async def _keep_opening(self) -> None:
        while True:
            await asyncio.sleep(OPEN_AGAIN_SECONDS)
            await self.open_shut()

    def _change(self) -> None:
        self.all = {name: self.all[name] for name in self._order if name in self.all}
        self._changed()

    def _start(self, name: str) -> None:
        if self._running is not None:
            self._tasks[name] = self._running.create_task(self.all[name].run(), name=f"forwarder {name}")

    async def _stopped(self, name: str) -> O:
        task = self._tasks.pop(name, None)
        if task is not None:
            task.cancel()
            await asyncio.wait([task])
        return self.all.pop(name)

    def _built(self, entry: ForwarderEntry) -> Forwarder:
        forwarder: Forwarder = self._place.kinds.forwarders.module(entry.type).build(entry.config, self._context)
        return forwarder

    async def _file(self, name: str) -> SpoolFile:
        """The spool of a forwarder, which another one of its name may have had until now."""
        if name not in self.all:
            return await asyncio.to_thread(lambda: SpoolFile(self._place.folder.spool(name)))
        before = await self._stopped(name)
        await before.leave()
        return before.spool.file
