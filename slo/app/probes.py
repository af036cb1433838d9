"""The probes of a watch: every target that is configured or found, changed one by one while the others go on."""

import asyncio
import logging
from collections import Counter as Tally
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

from slo.app.breath import Breath
from slo.app.found import Follower, Followers, Labels
from slo.app.groups import WatchedGroups
from slo.app.judgement import Judgements
from slo.app.wiring import check_of, watched_of
from slo.config.settings import ProbeEntry, Settings
from slo.config.target_keys import MOST_TARGETS
from slo.core.outcome import CheckKey, Outcome
from slo.core.sample import Sample
from slo.errors import WatchkeepError
from slo.exposition.catalogue import Telemetry
from slo.kinds import Kinds
from slo.net.context import Context
from slo.runner.runner import Runner
from slo.runner.schedule import Scheduled
from slo.sources.checks import CheckSource

T = TypeVar("T")

AT_ONCE = 100
"""How many targets change before others may run: some milliseconds."""

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class _Probe:
    """One probe: what is configured, and the checks of what was found, by address, None for what cannot be one."""

    entry: ProbeEntry
    followers: Sequence[Follower]
    found: dict[str, Scheduled | None] = field(default_factory=dict)
    refused: Tally[str] = field(default_factory=Tally)

    @property
    def wanted(self) -> dict[str, Labels]:
        """What its discoveries found, by address; of what is found twice, the first."""
        wanted: dict[str, Labels] = {}
        for follower in self.followers:
            for address, labels in follower.found.items():
                wanted.setdefault(follower.written(address), labels)
        return wanted


@dataclass(frozen=True, kw_only=True, slots=True)
class Prepared:
    """All checks of a configuration, with what was found so far for its probes."""

    probes: Mapping[str, _Probe]
    followers: Sequence[Follower]
    checks: Mapping[CheckKey, Scheduled]


class WatchedProbes:
    """Runs the checks of all probes, and has `source` count their outcomes.

    `regroup` makes the SLOs of groups that were not there before. `prepare` a configuration and `adopt` it; `begin` to
    look for targets. Whoever changes the configuration holds `lock` from one to the other.
    """

    def __init__(
        self,
        kinds: Kinds,
        context: Context,
        *,
        followers: Followers,
        source: CheckSource,
        groups: WatchedGroups,
        judgements: Judgements,
        regroup: Callable[[], Awaitable[None]],
        telemetry: Telemetry,
    ) -> None:
        self.lock = asyncio.Lock()
        self._kinds = kinds
        self._context = context
        self._followers = followers
        self._runner = Runner(
            clock=context.clock, sink=self.observe, telemetry=telemetry.probes, connectivity=context.connectivity
        )
        self._source = source
        self._groups = groups
        self._judgements = judgements
        self._regroup = regroup
        self._telemetry = telemetry
        self._now = Prepared(probes={}, followers=(), checks={})
        self._checks: dict[CheckKey, Scheduled] = {}

    @property
    def checks(self) -> Collection[Scheduled]:
        """Every check that is wanted now."""
        return self._checks.values()

    async def run(self) -> None:
        """Look for targets, and probe them, until cancelled."""
        self._followers.begin()
        await self._runner.run()

    async def close(self) -> None:
        """Stop all of it, in a bounded time."""
        await asyncio.gather(self._followers.close(), self._runner.close())

    async def prepare(self, settings: Settings, configured: Sequence[Scheduled]) -> Prepared:
        """The checks of a configuration: those `configured`, and what was found for the same discoveries before."""
        followers = self._followers.of(settings)
        checks = {check.key: check for check in configured}
        probes = {}
        for entry in settings.probes:
            probe = _Probe(entry, [follower for follower in followers if follower.probe == entry.name])
            probes[entry.name] = probe
            await self._find(probe, checks)
        return Prepared(probes=probes, followers=followers, checks=checks)

    def adopt(self, prepared: Prepared) -> None:
        """Watch what was prepared from now on, and nothing else. What did not change goes on as it was."""
        gone = self._checks.keys() - prepared.checks.keys()
        self._forget(gone)
        self._now, self._checks = prepared, dict(prepared.checks)
        self._source.change(gone=gone, watched=map(watched_of, self._checks.values()))
        self._runner.replace(list(self._checks.values()))
        self._followers.follow(prepared.followers, self._take)
        self._telemetry.probe_targets.clear()
        self._telemetry.targets_refused.clear()
        for probe in self._now.probes.values():
            self._say(probe)

    def observe(self, outcome: Outcome) -> None:
        """Count one round."""
        for sli in self._source.fed_by(outcome.key):
            self._judgements.notice(sli, outcome)
        self._source.observe(outcome)

    def samples(self) -> Iterable[tuple[Outcome, Iterable[Sample]]]:
        """The last outcomes with the samples of their facts, made as they are read."""
        facts = dict(self._runner.last_facts)
        for key, outcome in dict(self._runner.last).items():
            check = self._checks.get(key)
            yield outcome, check.check.samples(facts[key]) if check and key in facts else ()

    async def _take(self, follower: Follower) -> None:
        """A discovery has found others than before."""
        async with self.lock:
            probe = self._now.probes.get(follower.probe)
            if probe is None or follower not in probe.followers:
                return
            before = {check.key for check in probe.found.values() if check}
            checks = dict(self._checks)
            coming = await self._find(probe, checks)
            gone = before - {check.key for check in probe.found.values() if check}
            await self._change(gone, coming)
            self._say(probe)

    async def _find(self, probe: _Probe, checks: dict[CheckKey, Scheduled]) -> list[Scheduled]:
        """Bring the checks of what was found for a probe up to date, there and in `checks`; those that are others."""
        wanted, breath = probe.wanted, Breath()
        if len(wanted) > MOST_TARGETS:
            logger.error(
                "a probe has more targets than are watched: those before stay",
                extra={"probe": probe.entry.name, "found": len(wanted), "watched": MOST_TARGETS},
            )
            probe.refused = Tally(too_many=len(wanted))
            return []
        for address in probe.found.keys() - wanted.keys():
            if check := probe.found.pop(address):
                checks.pop(check.key, None)
        coming = []
        probe.refused = Tally()
        for address, labels in wanted.items():
            check = probe.found.get(address)
            if check is None:
                check = self._built(probe, address, labels, checks)
            elif check.labels != labels:
                check = replace(check, labels=labels)
            if check is not None and check is not probe.found.get(address):
                checks[check.key] = check
                coming.append(check)
            probe.found[address] = check
            await breath.take()
        return coming

    def _built(
        self, probe: _Probe, address: str, labels: Labels, checks: Mapping[CheckKey, Scheduled]
    ) -> Scheduled | None:
        """The check of a target that was found; None where there cannot be one, which is counted."""
        assert probe.entry.aimed is not None  # noqa: S101  `targets_from` is refused for any other kind
        try:
            entry = probe.entry.aimed(address, labels)
            check = check_of(probe.entry.name, entry, self._kinds, self._context)
        except (OSError, ValueError, WatchkeepError) as error:
            if not probe.refused["invalid"]:
                logger.warning(
                    "a target that was found cannot be one of its probe; others may follow that are not told",
                    extra={"probe": probe.entry.name, "target": address[:200], "error": str(error)[:500]},
                )
            probe.refused["invalid"] += 1
            return None
        if check.key in checks:
            probe.refused["duplicate"] += 1
            return None
        return check

    async def _change(self, gone: Collection[CheckKey], coming: Sequence[Scheduled]) -> None:
        """Watch what comes and no more what is gone, some at a time."""
        self._groups.targets = [*(check for key, check in self._checks.items() if key not in gone), *coming]
        self._groups.find_targets(coming)
        await self._regroup()
        breath = Breath()
        for keys in _some(list(gone)):
            self._forget(keys)
            self._source.change(gone=keys, watched=())
            self._runner.change(gone=keys, checks=())
            for key in keys:
                self._checks.pop(key, None)
            await breath.take()
        for checks in _some(coming):
            self._source.change(gone=(), watched=map(watched_of, checks))
            self._runner.change(gone=(), checks=checks)
            self._checks.update((check.key, check) for check in checks)
            await breath.take()

    def _forget(self, gone: Iterable[CheckKey]) -> None:
        for key in gone:
            for sli in self._source.fed_by(key):
                self._judgements.forget(sli, key)

    def _say(self, probe: _Probe) -> None:
        name = probe.entry.name
        targets = len(probe.entry.targets) + sum(check is not None for check in probe.found.values())
        if not targets:
            logger.warning("a probe has no targets: nothing is known of its SLOs", extra={"probe": name})
        self._telemetry.probe_targets.labels(name).set(targets)
        for reason in ("invalid", "duplicate", "too_many") if probe.entry.discoveries else ():
            self._telemetry.targets_refused.labels(name, reason).set(probe.refused[reason])


def _some(things: Sequence[T]) -> Iterable[Sequence[T]]:
    return (things[begin : begin + AT_ONCE] for begin in range(0, len(things), AT_ONCE))
