"""Targets at work: every one that is configured or found, changed one by one while the others go on.

What is done with them is that of probes (`slo.app.probes`), or of scrapes (`slo.app.scrapes`).
"""

import asyncio
import gc
import logging
from abc import ABC, abstractmethod
from collections import Counter as Tally
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol, TypeVar

from prometheus_client import Gauge

from slo.app.building import Building
from slo.app.found import Follower, Followers, Labels, What
from slo.app.found_targets import Entry, Found, Looks
from slo.config.settings import Settings
from slo.core.outcome import CheckKey, Outcome, Point
from slo.exposition.process_catalogue import Rounds
from slo.net.breath import Breath
from slo.net.context import Context
from slo.net.guard import Reach
from slo.runner.runner import Runner
from slo.runner.schedule import Scheduled
from slo.sources.checks import Watched

T = TypeVar("T")

AT_ONCE = 50
"""How many targets change before others may run: a millisecond or two."""

MANY = 1000
"""So many targets that come at once are kept away from the garbage collector, whom they would cost 0.1s each time."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Prepared:
    """What looks at the targets of a configuration, with what was found so far for its entries.

    `wanted` is all of it, `looks` what is done here.
    """

    found: Mapping[str, Found]
    followers: Sequence[Follower]
    wanted: Mapping[CheckKey, Looks]
    looks: Mapping[CheckKey, Looks]

    @property
    def targets(self) -> list[Scheduled]:
        """One check of each target."""
        return [looks[0] for looks in self.looks.values()]


class Counting(Protocol):
    """Who makes something of the rounds at targets."""

    async def expect(self, targets: Collection[Scheduled]) -> None:
        """These are the targets from now on, one check of each, before any that is new has its first round."""

    def change(self, *, gone: Collection[CheckKey], watched: Iterable[Watched]) -> None:
        """Count these targets too, and no more those that are `gone`."""


class WatchedTargets(ABC):
    """Runs what looks at the targets of all entries, and has `counting` make something of it.

    `prepare` a configuration and `adopt` it; `begin` to look for targets. Whoever changes the configuration holds
    `lock` from one to the other. Of targets that others may look at too, `ours` says which are looked at here; `share`
    when it says something else. `targets` and `refused` say how many there are of each entry.
    """

    what: ClassVar[What]
    """What an entry is called, for people."""

    def __init__(
        self,
        context: Context,
        *,
        followers: Followers,
        counting: Counting,
        rounds: Rounds,
        targets: Gauge,
        refused: Gauge,
        ours: Callable[[CheckKey], bool] | None = None,
    ) -> None:
        self.lock = asyncio.Lock()
        self._context = context
        self._building = Building(self.what, context, make=self._made, relabel=self._relabelled)
        self._followers = followers
        self._runner = Runner(
            clock=context.clock, sink=self.observe, telemetry=rounds, connectivity=context.connectivity
        )
        self._counting = counting
        self._targets = targets
        self._refused = refused
        self._ours = ours
        self._now = Prepared(found={}, followers=(), wanted={}, looks={})
        self._wanted: dict[CheckKey, Looks] = {}
        self._looks: dict[CheckKey, Looks] = {}

    @abstractmethod
    def observe(self, outcome: Outcome) -> None:
        """Make something of one round."""

    @abstractmethod
    def _entries(self, settings: Settings) -> Sequence[Entry]:
        """The entries of these settings."""

    @abstractmethod
    def _made(self, entry: Entry, address: str, labels: Labels, context: Context, reach: Reach) -> Looks:
        """What looks at a target that was found, see `Makes`."""

    @abstractmethod
    def _watched(self, looks: Looks) -> Watched:
        """A target that is looked at so."""

    def _relabelled(self, looks: Looks, labels: Labels) -> Looks:
        """The same with other labels of their target, see `Relabels`."""
        del looks, labels
        return ()

    def _changed(self) -> None:  # noqa: B027  not everybody has to know
        """Targets are others now."""

    def _left(self, points: Collection[Point]) -> None:  # noqa: B027  nor that
        """Nobody looks there any more."""

    async def run(self) -> None:
        """Look for targets, and at them, until cancelled."""
        self._followers.begin()
        await self._runner.run()

    async def close(self) -> None:
        """Stop all of it, in a bounded time."""
        await asyncio.gather(self._followers.close(), self._runner.close())

    async def prepare(self, settings: Settings, configured: Sequence[Scheduled]) -> Prepared:
        """What looks at the targets of entries that are run here: what is `configured`, and what was found for the same
        discoveries before.
        """
        entries = self._entries(settings)
        followers = self._followers.of(entries)
        self._building.permit(settings.guard)
        looks: dict[CheckKey, Looks] = {}
        for check in configured:
            looks[check.key] = (*looks.get(check.key, ()), check)
        every = {}
        for entry in entries:
            own = [key for key in looks if key[0] == entry.name]
            found = Found(entry, own, [follower for follower in followers if follower.probe == entry.name])
            every[entry.name] = found
            await self._building.build(found, looks)
        here = self._here(looks, every.values())
        return Prepared(found=every, followers=followers, wanted=looks, looks=here)

    def adopt(self, prepared: Prepared) -> None:
        """Watch what was prepared from now on, and nothing else. What did not change goes on as it was."""
        gone = self._looks.keys() - prepared.looks.keys()
        self._now, self._wanted, self._looks = prepared, dict(prepared.wanted), dict(prepared.looks)
        checks = [check for looks in self._looks.values() for check in looks]
        self._counting.change(gone=gone, watched=map(self._watched, self._looks.values()))
        self._changed()
        self._runner.replace(checks)
        self._followers.follow(prepared.followers, self._take)
        self._targets.clear()
        self._refused.clear()
        self._say(self._now.found.values())

    def wants(self, key: CheckKey) -> bool:
        """Whether anybody is to look at a target, here or elsewhere."""
        return key in self._wanted

    async def _take(self, follower: Follower) -> None:
        """A discovery has found others than before."""
        async with self.lock:
            found = self._now.found.get(follower.probe)
            if found is None or follower not in found.followers:
                return
            await self._building.build(found, dict(self._wanted))
            watched = found.watched
            staying = {*watched, *found.configured}
            for key in [key for key in self._wanted if key[0] == follower.probe and key not in staying]:
                del self._wanted[key]
            self._wanted |= watched
            await self._settle()
            self._say([found])

    async def share(self) -> None:
        """Look at what is ours now, and no more at what is not."""
        async with self.lock:
            await self._settle()
            self._say(self._now.found.values())

    async def _settle(self) -> None:
        """Have done here what is to be done here."""
        here = self._here(self._wanted, self._now.found.values())
        gone = [key for key in self._looks if key not in here]
        coming = [looks for key, looks in here.items() if self._looks.get(key) is not looks]
        await self._change(gone, coming)
        if len(coming) >= MANY:
            gc.freeze()

    def _here(self, wanted: Mapping[CheckKey, Looks], found: Iterable[Found]) -> Mapping[CheckKey, Looks]:
        if self._ours is None:
            return wanted
        near = {key for each in found for key in each.near}
        return {key: looks for key, looks in wanted.items() if key in near or self._ours(key)}

    async def _change(self, gone: Sequence[CheckKey], coming: Sequence[Looks]) -> None:
        """Watch what comes and no more what is gone, some at a time."""
        new = [looks[0] for looks in coming]
        left = {*gone, *(check.key for check in new)}
        await self._counting.expect([*(looks[0] for key, looks in self._looks.items() if key not in left), *new])
        breath = Breath()
        for keys in _some(gone):
            self._counting.change(gone=keys, watched=())
            points = [check.point for key in keys for check in self._looks.pop(key, ())]
            self._runner.change(gone=points, checks=())
            self._left(points)
            await breath.take()
        for some in _some(coming):
            self._looks.update((looks[0].key, looks) for looks in some)
            self._counting.change(gone=(), watched=map(self._watched, some))
            self._runner.change(gone=(), checks=[check for looks in some for check in looks])
            await breath.take()
        self._changed()

    def _say(self, entries: Iterable[Found]) -> None:
        watched = Tally(name for name, _ in self._looks)
        for found in entries:
            name = found.entry.name
            if self._ours is None and not watched[name]:
                logger.warning("a %s has no targets: nothing is known of its SLOs", self.what, extra={self.what: name})
            self._targets.labels(name).set(watched[name])
            for reason in ("invalid", "duplicate", "too_many") if found.entry.discoveries else ():
                self._refused.labels(name, reason).set(found.refused[reason])


def _some(things: Sequence[T]) -> Iterable[Sequence[T]]:
    return (things[begin : begin + AT_ONCE] for begin in range(0, len(things), AT_ONCE))
