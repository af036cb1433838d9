"""The discoveries of a watch at work: what each has found last, also before a restart."""

import asyncio
import hashlib
import json
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from ipaddress import ip_address
from pathlib import Path
from typing import Literal, Protocol, TypeAlias

from slo.app.checks import unusable
from slo.config.agent_discovery import host_of
from slo.config.garbage import garbage_kept
from slo.config.hosts import IPAddress
from slo.config.settings import CheckEntry, DiscoveryEntry, ScrapeEntry
from slo.core.protocols import Clock, Discovery
from slo.core.target import Target
from slo.errors import ConfigError, Fault, PassedOver, WatchkeepError
from slo.exposition.process_catalogue import ProcessTelemetry
from slo.exposition.sparing import Sparing
from slo.kinds import Kinds
from slo.net.context import Context

What: TypeAlias = Literal["probe", "scrape"]
"""What an entry is called that has discoveries: a collector is called a probe."""

SOURCES: Mapping[What, str] = {"probe": "targets", "scrape": "scrape targets"}
"""Under which what was found is kept, by the discovery."""

NEAR = "pods"
"""The type of discovery that finds what is on the node of this process."""

AGAIN_AFTER_SECONDS = 10.0
"""When a discovery that failed by itself begins anew."""

COMPLAIN_EVERY_SECONDS = 3600.0
"""How often the log is told that one discovery fails in one way."""

Labels = Mapping[str, str]

Twin: TypeAlias = tuple[str, Labels]
"""A target that was found at the address of another one, which alone is looked at: that address, and its labels."""

logger = logging.getLogger(__name__)


class Follower:
    """One discovery of a probe or a scrape. `found` are the addresses that it has found, with their labels, in order.

    `twins` were found at one of these addresses as well, with other labels. `probe` is the name of either, and `what`
    says which it is.
    """

    def __init__(self, probe: str, name: str, entry: DiscoveryEntry, discovery: Discovery, *, what: What) -> None:
        self.probe = probe
        self.what = what
        self.name = name
        self.entry = entry
        self.discovery = discovery
        self.found: Mapping[str, Labels] = {}
        self.twins: Sequence[Twin] = ()
        self.said = False
        self.task: asyncio.Task[None] | None = None

    @property
    def labels(self) -> tuple[str, str, str]:
        """The labels of its metrics. A scrape may have the name of a probe."""
        place = self.name if self.what == "probe" else f"{self.what}s.{self.name}"
        return self.probe, place, self.entry.type

    @property
    def near(self) -> bool:
        """Whether it finds what is on the node of this process, and on no other."""
        return self.entry.type == NEAR

    @property
    def mark(self) -> str:
        """Under which name its targets are kept: another one where it is another discovery."""
        digest = hashlib.blake2b(repr(self.entry).encode(), digest_size=8).hexdigest()
        return f"{self.probe}:{self.entry.type}:{digest}"

    def written(self, address: str) -> str:
        """The target that an address becomes."""
        return self.entry.written(address)

    def only(self, address: str) -> IPAddress | None:
        """The one address that may be connected to for a target; None where that is for the guard to say.

        Raises ValueError where it has none.
        """
        return ip_address(host_of(address)) if self.near else None


class Marks(Protocol):
    """Where is kept what was found, under a source and a name."""

    def mark(self, watermarks: Mapping[tuple[str, str], bytes | None]) -> None:
        """Keep these; None is for what is to be forgotten."""

    def watermarks(self, source: str) -> Mapping[str, bytes]:
        """What is kept of a source, by name."""


class Followers:
    """Follows discoveries, and keeps what they found."""

    def __init__(
        self,
        marks: Marks,
        kinds: Kinds,
        context: Context,
        *,
        path: Path,
        clock: Clock,
        telemetry: ProcessTelemetry,
        what: What = "probe",
    ) -> None:
        self._marks = marks
        self._kinds = kinds
        self._context = context
        self._path = path
        self._clock = clock
        self._telemetry = telemetry
        self._what: What = what
        self._source = SOURCES[what]
        self._log = Sparing(logger, every_seconds=COMPLAIN_EVERY_SECONDS)
        self._now: Sequence[Follower] = ()
        self._take: Callable[[Follower], Awaitable[None]] | None = None
        self._running = False

    def of(self, entries: Iterable[CheckEntry | ScrapeEntry]) -> list[Follower]:
        """The discoveries of these entries; those that are at work already go on. Raises ConfigError."""
        followers, faults = [], []
        marks = self._marks.watermarks(self._source)
        for probe in entries:
            for index, entry in enumerate(probe.discoveries):
                name = f"targets_from[{index}]"
                at_work = [each for each in self._now if (each.probe, each.name) == (probe.name, name)]
                if at_work and at_work[0].entry == entry:
                    followers.append(at_work[0])
                    continue
                try:
                    discovery = self._kinds.discoveries.module(entry.type).build(entry.config, self._context)
                except (OSError, ValueError, WatchkeepError) as error:
                    faults.append(unusable(self._path, f"{probe.family}[{probe.name}].{name}", error))
                    continue
                follower = Follower(probe.name, name, entry, discovery, what=self._what)
                if not follower.near:  # another pod may have the address by now, and would get what is for this one
                    follower.found = _remembered(marks.get(follower.mark, b"{}"))
                followers.append(follower)
        if faults:
            raise ConfigError(faults)
        return followers

    def follow(self, followers: Sequence[Follower], take: Callable[[Follower], Awaitable[None]]) -> None:
        """Follow these and no others; `take` is told of those that found others than before."""
        for follower in self._now:
            if follower not in followers:
                self._stop(follower)
        self._now, self._take = followers, take
        kept = {follower.mark for follower in followers}
        self._marks.mark(
            {(self._source, mark): None for mark in self._marks.watermarks(self._source) if mark not in kept}
        )
        if self._running:
            self.begin()

    def begin(self) -> None:
        """Look for targets from now on."""
        self._running = True
        for follower in self._now:
            if follower.task is None:
                name = f"{follower.probe}.{follower.name}"
                follower.task = asyncio.create_task(self._follow(follower), name=name)

    async def close(self) -> None:
        """Look no more."""
        self._running = False
        tasks = [follower.task for follower in self._now if follower.task]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _stop(self, follower: Follower) -> None:
        if follower.task:
            follower.task.cancel()
        labels = dict(zip(("probe", "discovery", "type"), follower.labels, strict=True))
        for metric in (
            self._telemetry.discovery_targets,
            self._telemetry.discovery_success_at,
            self._telemetry.discovery_failures,
        ):
            metric.remove_by_labels(labels)

    async def _follow(self, follower: Follower) -> None:
        """Follow one discovery; what it does wrong stops no other."""
        while True:
            try:
                async for found in follower.discovery.targets(lambda fault: self._failed(follower, fault)):
                    with garbage_kept():
                        await self._found(follower, found)
            except Exception as error:  # noqa: BLE001 - a mistake of one discovery is a failure of it, and no more
                self._failed(follower, Fault("fault", detail=f"{type(error).__name__}: {error}"))
            await asyncio.sleep(AGAIN_AFTER_SECONDS)

    async def _found(self, follower: Follower, targets: frozenset[Target]) -> None:
        found, twins = await asyncio.to_thread(_by_address, targets)
        self._telemetry.discovery_targets.labels(*follower.labels).set(len(found))
        self._telemetry.discovery_success_at.labels(*follower.labels).set(self._clock.now().timestamp())
        if found != follower.found or not follower.said:
            said, follower.said = follower.said, True
            logger.info(
                "the targets of a %s are others now" if said else "the targets of a %s were found",
                self._what,
                extra={self._what: follower.probe, "discovery": follower.name, "targets": len(found)},
            )
        before = follower.found, follower.twins
        if (found, twins) == before:
            return
        follower.found, follower.twins = found, twins
        try:
            if self._take:
                await self._take(follower)
        except Exception:
            follower.found, follower.twins = before  # it is tried again with the next answer
            raise
        if not follower.near:
            mark = await asyncio.to_thread(json.dumps, found)
            self._marks.mark({(self._source, follower.mark): mark.encode()})

    def _failed(self, follower: Follower, fault: Fault) -> None:
        self._telemetry.discovery_failures.labels(*follower.labels, fault.reason).inc()
        message, detail = "a discovery failed, the targets that it found last stay", fault.detail[:500]
        if isinstance(fault, PassedOver):  # whoever may start pods writes the detail, as many as he likes
            message, detail = "something that was found cannot be a target; others may follow that are not told", ""
        self._log.tell(
            logging.WARNING,
            message,
            key=f"{follower.probe} {follower.name} {fault.reason} {detail}",
            extra={
                self._what: follower.probe,
                "discovery": follower.name,
                "reason": fault.reason,
                "detail": fault.detail[:500],
                "targets": len(follower.found),
            },
        )


def _by_address(targets: frozenset[Target]) -> tuple[dict[str, Labels], list[Twin]]:
    """By address, in order; of an address that has several sets of labels, the first, and the others by themselves."""
    found: dict[str, Labels] = {}
    twins: list[Twin] = []
    for address, pairs in sorted(targets):
        labels = dict(pairs)
        if found.setdefault(address, labels) is not labels:
            twins.append((address, labels))
    return found, twins


def _remembered(mark: bytes) -> dict[str, Labels]:
    try:
        return {str(address): dict(labels) for address, labels in json.loads(mark).items()}
    except (AttributeError, TypeError, ValueError):
        return {}  # it is found again
