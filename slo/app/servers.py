"""The Prometheus-compatible servers of a watch: what follows them, and what was read of their SLIs before a restart."""

import asyncio
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

from slo.app.books import Books
from slo.app.checks import unusable
from slo.app.groups import WatchedGroups
from slo.config.settings import ServerEntry, Settings
from slo.core.calendar import CalendarWindow
from slo.core.outcome import Outcome
from slo.core.reason import State
from slo.core.sli import PrometheusSLI
from slo.core.slo import SLO
from slo.errors import ConfigError
from slo.exposition.catalogue import Telemetry
from slo.net.context import Context
from slo.sources.prometheus.client import Client
from slo.sources.prometheus.followed import Wanted
from slo.sources.prometheus.source import ServerSource
from slo.sources.prometheus.unread import SOURCE, read_until


class Servers:
    """Follows the servers of the settings in force: `replace` them, `run`, `close_slot`, and `close` at last."""

    def __init__(
        self, books: Books, groups: WatchedGroups, *, path: Path, context: Context, telemetry: Telemetry
    ) -> None:
        self._books = books
        self._groups = groups
        self._path = path
        self._context = context
        self._telemetry = telemetry
        self._entries: dict[str, ServerEntry] = {}
        self._clients: dict[str, Client] = {}
        self._sources: dict[str, ServerSource] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._group: asyncio.TaskGroup | None = None
        self._retention_seconds = 0

    def clients(self, settings: Settings) -> dict[str, Client]:
        """What asks each server that an SLI of these settings needs; those of servers that have not changed stay.

        Raises ConfigError for a server that cannot be used: its certificates are not there.
        """
        entries = _needed(settings)
        clients: dict[str, Client] = {}
        faults = []
        for name, entry in entries.items():
            if self._entries.get(name) == entry:
                clients[name] = self._clients[name]
                continue
            try:
                clients[name] = Client(entry, self._context, self._telemetry)
            except (OSError, ValueError) as error:
                faults.append(unusable(self._path, f"servers[{name}]", error))
        if faults:
            raise ConfigError(faults)
        return clients

    def replace(self, settings: Settings, clients: Mapping[str, Client]) -> None:
        """Follow what these settings want from now on, with their `clients`.

        The books are open and made for them, as the groups are.
        """
        self._retention_seconds = int(settings.store.retention.total_seconds())
        entries = _needed(settings)
        for name in tuple(self._sources):
            if clients.get(name) is not self._clients[name]:
                self._drop(name)
        self._entries, self._clients = entries, dict(clients)
        for name, entry in entries.items():
            if name not in self._sources:
                self._begin(entry)
            self._sources[name].look_for_groups(_grouped(name, settings.slos))
        self.follow()

    def follow(self) -> None:
        """Follow the groups that are watched now, and all other SLOs."""
        marks, slos = self._books.watermarks(SOURCE), self._groups.slos
        self._forget(marks, {slo.sli for slo in slos})
        for name, source in self._sources.items():
            source.follow(self._wanted(sli, of_sli, marks) for sli, of_sli in _by_sli(name, slos).values())

    async def run(self) -> None:
        """Follow the servers until cancelled."""
        async with asyncio.TaskGroup() as self._group:
            for name in self._sources:
                self._start(name)
            await asyncio.Event().wait()

    def close_slot(self, end: int) -> None:
        """Cover what is known up to the slot end `end`; to be called just before that slot is closed."""
        for source in self._sources.values():
            source.close(end)

    def failing(self, sli: str) -> Outcome | None:
        """Why nothing can be counted for an SLI at the moment, as an outcome whose target is its server."""
        for name, source in self._sources.items():
            if fault := source.fault(sli):
                return Outcome(
                    check=name,
                    target=name,
                    module="prometheus",
                    at=self._context.clock.now(),
                    state=State.UNKNOWN,
                    reason=fault.reason,
                    detail=fault.detail,
                )
        return None

    def close(self) -> None:
        """Ask nothing more."""
        for client in self._clients.values():
            client.close()

    def _begin(self, entry: ServerEntry) -> None:
        self._sources[entry.name] = ServerSource(
            entry,
            self._clients[entry.name],
            self._books,
            slot_seconds=self._books.slot_seconds,
            clock=self._context.clock,
            telemetry=self._telemetry,
            heard=self._groups.heard,
        )
        self._start(entry.name)

    def _start(self, name: str) -> None:
        if self._group is not None:
            self._tasks[name] = self._group.create_task(self._sources[name].run(), name=f"server {name}")

    def _drop(self, name: str) -> None:
        self._sources.pop(name).follow(())
        if name in self._tasks:
            self._tasks.pop(name).cancel()
        self._clients[name].close()

    def _forget(self, marks: Mapping[str, bytes], slis: Collection[str]) -> None:
        """Give up what was read of SLIs that left so long ago that the ledger has nothing of them any more."""
        oldest = self._books.closed_until - self._retention_seconds
        gone = [key for key, mark in marks.items() if key not in slis and read_until(mark) < oldest]
        self._books.mark({(SOURCE, key): None for key in gone})

    def _wanted(self, sli: PrometheusSLI, slos: list[SLO], marks: Mapping[str, bytes]) -> Wanted:
        mark = marks.get(sli.key)
        if mark is None and self._books.has_counted(sli.key):
            mark = b""  # it was lost, with a ledger that was damaged
        slot = self._books.slot_seconds
        longest = min(max(_longest_seconds(slo) for slo in slos), self._retention_seconds)
        return Wanted(
            sli=sli,
            slos=tuple(dict.fromkeys(slo.name for slo in slos)),
            keep_seconds=-(-longest // slot) * slot,
            mark=mark,
        )


def _needed(settings: Settings) -> dict[str, ServerEntry]:
    """The servers that are asked for any SLI."""
    return {server.name: server for server in settings.servers if _by_sli(server.name, settings.slos)}


def _by_sli(server: str, slos: Iterable[SLO]) -> dict[str, tuple[PrometheusSLI, list[SLO]]]:
    """The SLIs of a server by key, each with the SLOs that look at it."""
    found: dict[str, tuple[PrometheusSLI, list[SLO]]] = {}
    for slo in slos:
        if isinstance(slo.definition, PrometheusSLI) and slo.definition.server == server:
            found.setdefault(slo.sli, (slo.definition, []))[1].append(slo)
    return found


def _grouped(server: str, slos: Iterable[SLO]) -> list[SLO]:
    """The SLOs whose groups a server has."""
    return [slo for _, of_sli in _by_sli(server, slos).values() for slo in of_sli if slo.group_by]


def _longest_seconds(slo: SLO) -> int:
    """How far back an SLO looks: a window moves its beginning by steps of up to a 360th of it."""
    own = (window.longest if isinstance(window, CalendarWindow) else window for window in slo.budget_windows)
    longest = int(max([*slo.windows, *own]).total_seconds())
    return longest + longest // 360
