"""The probes of a watch: every target that is configured or found, changed one by one while the others go on."""

import asyncio
import gc
import logging
from collections import Counter as Tally
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import NamedTuple, Protocol, TypeAlias, TypeVar

from slo.app.checks import check_of, watched_of
from slo.app.found import Follower, Followers, Labels
from slo.app.last_rounds import LastRounds
from slo.app.probing import reach_of
from slo.config.settings import CheckEntry, Settings
from slo.config.target_keys import MOST_TARGETS
from slo.config.wording import all_in_words
from slo.core.outcome import CheckKey, Outcome
from slo.core.protocols import Called
from slo.errors import WatchkeepError
from slo.exposition.catalogue import ProcessTelemetry
from slo.kinds import Kinds
from slo.net.breath import Breath
from slo.net.context import Context
from slo.net.guard import Guard, Reach
from slo.runner.recent import Recent
from slo.runner.runner import Runner
from slo.runner.schedule import Scheduled
from slo.sources.checks import Watched

T = TypeVar("T")

AT_ONCE = 50
"""How many targets change before others may run: a millisecond or two."""

MANY = 1000
"""So many targets that come at once are kept away from the garbage collector, whom they would cost 0.1s each time."""

logger = logging.getLogger(__name__)


Looks: TypeAlias = tuple[Scheduled, ...]
"""All checks of one target: one, or one for each vantage point."""


class _Wanted(NamedTuple):
    """A target that was found: the follower that found it, under which address, and its labels."""

    follower: Follower
    address: str
    labels: Labels


@dataclass(slots=True)
class _Probe:
    """One probe: what is configured, and what looks at each address that was found; nothing where that is no target."""

    entry: CheckEntry
    configured: Collection[CheckKey]
    followers: Sequence[Follower]
    found: dict[str, Looks] = field(default_factory=dict)
    refused: Tally[str] = field(default_factory=Tally)

    @property
    def watched(self) -> dict[CheckKey, Looks]:
        """What looks at the targets that were found."""
        return {looks[0].key: looks for looks in self.found.values() if looks}

    @property
    def near(self) -> set[CheckKey]:
        """The targets that only this process finds, and that nobody else will look at."""
        addresses = {
            follower.written(address) for follower in self.followers if follower.near for address in follower.found
        }
        return {looks[0].key for address, looks in self.found.items() if looks and address in addresses}

    @property
    def wanted(self) -> dict[str, _Wanted]:
        """What its discoveries found, by what each becomes; of what is found twice, the first."""
        wanted: dict[str, _Wanted] = {}
        for follower in self.followers:
            for address, labels in follower.found.items():
                wanted.setdefault(follower.written(address), _Wanted(follower, address, labels))
        return wanted


@dataclass(frozen=True, kw_only=True, slots=True)
class Prepared:
    """What looks at the targets of a configuration, with what was found so far for its probes.

    `wanted` is all of it, `looks` what is done here.
    """

    probes: Mapping[str, _Probe]
    followers: Sequence[Follower]
    wanted: Mapping[CheckKey, Looks]
    looks: Mapping[CheckKey, Looks]

    @property
    def targets(self) -> list[Scheduled]:
        """One check of each target."""
        return [looks[0] for looks in self.looks.values()]


class Counting(Protocol):
    """Who makes something of the rounds of checks."""

    async def expect(self, targets: Collection[Scheduled]) -> None:
        """These are the targets from now on, one check of each, before any that is new has its first round."""

    def change(self, *, gone: Collection[CheckKey], watched: Iterable[Watched]) -> None:
        """Count these targets too, and no more those that are `gone`."""

    def observe(self, outcome: Outcome) -> None:
        """Count one round."""


class WatchedProbes:
    """Runs the checks of all probes, and has `counting` count their outcomes.

    `prepare` a configuration and `adopt` it; `begin` to look for targets. Whoever changes the configuration holds
    `lock` from one to the other. Of targets that others may look at too, `ours` says which are looked at here; `share`
    when it says something else.
    """

    def __init__(
        self,
        kinds: Kinds,
        context: Context,
        *,
        followers: Followers,
        counting: Counting,
        telemetry: ProcessTelemetry,
        ours: Callable[[CheckKey], bool] | None = None,
    ) -> None:
        self.lock = asyncio.Lock()
        self._kinds = kinds
        self._context = self._guarded = context
        self._reach = Reach()
        self._followers = followers
        self._runner = Runner(
            clock=context.clock, sink=self.observe, telemetry=telemetry.probes, connectivity=context.connectivity
        )
        self.last_rounds = LastRounds(self._runner)
        self._counting = counting
        self._telemetry = telemetry
        self._ours = ours
        self._recent = Recent()
        self._now = Prepared(probes={}, followers=(), wanted={}, looks={})
        self._wanted: dict[CheckKey, Looks] = {}
        self._looks: dict[CheckKey, Looks] = {}

    async def run(self) -> None:
        """Look for targets, and probe them, until cancelled."""
        self._followers.begin()
        await self._runner.run()

    async def close(self) -> None:
        """Stop all of it, in a bounded time."""
        await asyncio.gather(self._followers.close(), self._runner.close())

    async def prepare(self, settings: Settings, configured: Sequence[Scheduled]) -> Prepared:
        """What looks at the targets of checks that are run here: the checks `configured`, and those of what was found
        for the same discoveries before.
        """
        followers = self._followers.of(settings)
        self._reach = reach_of(settings.guard)
        self._guarded = replace(self._context, guard=Guard(self._reach))
        looks: dict[CheckKey, Looks] = {}
        for check in configured:
            looks[check.key] = (*looks.get(check.key, ()), check)
        probes = {}
        for entry in settings.checks:
            own = [key for key in looks if key[0] == entry.name]
            probe = _Probe(entry, own, [follower for follower in followers if follower.probe == entry.name])
            probes[entry.name] = probe
            await self._find(probe, looks)
        here = self._here(looks, probes.values())
        return Prepared(probes=probes, followers=followers, wanted=looks, looks=here)

    def adopt(self, prepared: Prepared) -> None:
        """Watch what was prepared from now on, and nothing else. What did not change goes on as it was."""
        gone = self._looks.keys() - prepared.looks.keys()
        self._now, self._wanted, self._looks = prepared, dict(prepared.wanted), dict(prepared.looks)
        checks = [check for looks in self._looks.values() for check in looks]
        self._counting.change(gone=gone, watched=map(self._watched, self._looks.values()))
        self._recent.keep({check.point for check in checks})
        self._expect_calls()
        self._runner.replace(checks)
        self._followers.follow(prepared.followers, self._take)
        self._telemetry.probe_targets.clear()
        self._telemetry.targets_refused.clear()
        self._say(self._now.probes.values())

    def wants(self, key: CheckKey) -> bool:
        """Whether anybody is to look at a target, here or elsewhere."""
        return key in self._wanted

    def observe(self, outcome: Outcome) -> None:
        """Count one round."""
        self._counting.observe(outcome)
        self._recent.notice(outcome)

    def last_outcomes(self) -> Iterable[Outcome]:
        """The last outcome of every check that has had one."""
        return list(self._runner.last.values())

    def outcomes(self, probe: str) -> Sequence[Sequence[Outcome]]:
        """What is kept of each check of a probe that has had outcomes, newest first."""
        points = [point for point in self._runner.last if point[0] == probe]
        return [kept for point in points if (kept := self._recent.of(point))]

    async def _take(self, follower: Follower) -> None:
        """A discovery has found others than before."""
        async with self.lock:
            probe = self._now.probes.get(follower.probe)
            if probe is None or follower not in probe.followers:
                return
            await self._find(probe, dict(self._wanted))
            watched = probe.watched
            staying = {*watched, *probe.configured}
            for key in [key for key in self._wanted if key[0] == follower.probe and key not in staying]:
                del self._wanted[key]
            self._wanted |= watched
            await self._settle()
            self._say([probe])

    async def share(self) -> None:
        """Look at what is ours now, and no more at what is not."""
        async with self.lock:
            await self._settle()
            self._say(self._now.probes.values())

    async def _settle(self) -> None:
        """Have done here what is to be done here."""
        here = self._here(self._wanted, self._now.probes.values())
        gone = [key for key in self._looks if key not in here]
        coming = [looks for key, looks in here.items() if self._looks.get(key) is not looks]
        await self._change(gone, coming)
        if len(coming) >= MANY:
            gc.freeze()

    def _here(self, wanted: Mapping[CheckKey, Looks], probes: Iterable[_Probe]) -> Mapping[CheckKey, Looks]:
        if self._ours is None:
            return wanted
        near = {key for probe in probes for key in probe.near}
        return {key: looks for key, looks in wanted.items() if key in near or self._ours(key)}

    async def _find(self, probe: _Probe, known: dict[CheckKey, Looks]) -> None:
        """Bring what looks at the targets that were found for a probe up to date, there and in `known`."""
        wanted, breath = probe.wanted, Breath()
        probe.refused = Tally()
        if len(wanted) > MOST_TARGETS:
            logger.error(
                "a probe has more targets than are watched: write several probes",
                extra={"probe": probe.entry.name, "found": len(wanted), "watched": MOST_TARGETS},
            )
            probe.refused["too_many"] = len(wanted) - MOST_TARGETS
            wanted = dict(islice(wanted.items(), MOST_TARGETS))
        for address in probe.found.keys() - wanted.keys():
            if looks := probe.found.pop(address):
                known.pop(looks[0].key, None)
        for address, target in wanted.items():
            looks = probe.found.get(address, ())
            if not looks:
                looks = self._built(probe, address, target, known)
            elif looks[0].labels != target.labels:
                looks = tuple(replace(check, labels=target.labels) for check in looks)
            probe.found[address] = looks
            if looks:
                known[looks[0].key] = looks
            await breath.take()

    def _built(self, probe: _Probe, address: str, target: _Wanted, known: Mapping[CheckKey, Looks]) -> Looks:
        """What looks at a target that was found; nothing where it cannot be one, which is counted."""
        assert probe.entry.aimed is not None  # noqa: S101  `targets_from` is refused for any other kind
        try:
            entry, name = probe.entry.aimed(address, target.labels), probe.entry.name
            context, reach = self._guarded, self._reach
            if only := target.follower.only(target.address):
                reach = replace(reach, only=only)
                context = replace(context, guard=Guard(reach))
            looks = tuple(check_of(name, entry, point, self._kinds, context, reach=reach) for point in entry.looks)
        except (OSError, ValueError, WatchkeepError) as error:
            if not probe.refused["invalid"]:
                logger.warning(
                    "a target that was found cannot be one of its probe; others may follow that are not told",
                    extra={
                        "probe": probe.entry.name,
                        "target": address[:200],
                        "error": all_in_words(error, address)[:500],
                    },
                )
            probe.refused["invalid"] += 1
            return ()
        if looks[0].key in known:
            probe.refused["duplicate"] += 1
            return ()
        return looks

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
            self._recent.forget(points)
            await breath.take()
        for some in _some(coming):
            self._looks.update((looks[0].key, looks) for looks in some)
            self._counting.change(gone=(), watched=map(self._watched, some))
            self._runner.change(gone=(), checks=[check for looks in some for check in looks])
            await breath.take()
        self._expect_calls()

    def _expect_calls(self) -> None:
        checks = (check.check for looks in self._looks.values() for check in looks)
        self._context.calls.expect((check for check in checks if isinstance(check, Called)), self._context.clock.now())

    def _watched(self, looks: Looks) -> Watched:
        return watched_of(looks, self._now.probes[looks[0].name].entry.quorum)

    def _say(self, probes: Iterable[_Probe]) -> None:
        watched = Tally(name for name, _ in self._looks)
        for probe in probes:
            name = probe.entry.name
            if self._ours is None and not watched[name]:
                logger.warning("a probe has no targets: nothing is known of its SLOs", extra={"probe": name})
            self._telemetry.probe_targets.labels(name).set(watched[name])
            for reason in ("invalid", "duplicate", "too_many") if probe.entry.discoveries else ():
                self._telemetry.targets_refused.labels(name, reason).set(probe.refused[reason])


def _some(things: Sequence[T]) -> Iterable[Sequence[T]]:
    return (things[begin : begin + AT_ONCE] for begin in range(0, len(things), AT_ONCE))
