"""A watch that is stopped and started in the middle counts as one that ran on: no increment is lost, none comes twice.

The scrapes of random days go the way of a running watch: counted slot by slot, with the books on disk, and everything
but the disk (and what people were told) is gone at each stop.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from random import Random

import pytest

from slo.app.counters import Counters
from slo.app.groups import WatchedGroups
from slo.app.scrapes import looked_for
from slo.cli.context import load_settings
from slo.config.settings import ScrapeEntry, ScrapeTarget, Settings
from slo.core.alert import Cause, FiringPair
from slo.core.policy import Severity
from slo.engine.evaluate import Engine
from slo.exposition.catalogue import Telemetry
from slo.sources.checks import Watched
from slo.sources.scrape import Config
from slo.sources.selection import Wanted
from tests.app.making import Time, books
from tests.replay.oracle import HOUR, SECOND, Watch, moment, spelt
from tests.replay.oracle_counts import MINUTE, Series, Target, slot_of, targets_of
from tests.replay.recordings import Scenario
from tests.replay.scenarios import scenario

SEEDS = 14
NOWHERE = "http://127.0.0.1:1/"


@dataclass(frozen=True, kw_only=True)
class Story:
    """A scenario as a watch lives it: `targets` without what it did not scrape, each `every` so many seconds."""

    what: Scenario
    targets: Sequence[Target]
    every: Sequence[int]
    stops: Mapping[int, int]
    """When it stopped, and when it ran again: slot ends, both may be the same."""

    def slot_ends(self) -> range:
        """The ends of the slots from the first scrape to the last."""
        slot = self.what.slot
        first = min(target.scrapes[0] for target in self.targets)
        last = max(target.scrapes[-1] for target in self.targets)
        return range(slot_of(first, slot), slot_of(last, slot) + 1, slot)

    def settings(self, folder: Path) -> Settings:
        path = folder / "config.yaml"
        path.write_text(self.what.config)
        timeout, config = timedelta(seconds=1), Config(url=NOWHERE)
        scrapes = (
            ScrapeEntry(
                name=f"t{index}",
                interval=timedelta(seconds=every),
                timeout=timeout,
                targets=(ScrapeTarget(interval=timedelta(seconds=every), timeout=timeout, config=config),),
                labels={},
                honor_labels=True,
            )
            for index, every in enumerate(self.every)
        )
        return replace(load_settings(path), scrapes=tuple(scrapes))


def story(seed: int) -> Story:
    """Some hours of a scenario, with up to four stops: for no time, for some slots, or for long."""
    random = Random(f"restarts {seed}")
    what = scenario(seed)
    found = targets_of(what.recording)
    begin = min(target.scrapes[0] for target in found)
    end = begin + random.choice([1, 2, 3] if what.slot < MINUTE else [3, 12]) * HOUR
    stops: dict[int, int] = {}
    for stop in sorted(slot_of(random.randrange(begin, end), what.slot) for _ in range(random.randrange(1, 5))):
        if all(start < stop for start in stops.values()):
            stops[stop] = stop + what.slot * random.choice([0, 0, 1, 2, random.randrange(100)])
    targets, every = [], []
    for target in found:
        seconds = max(2 * target.horizon // 5 // SECOND, 1)
        scrapes = [at for at in target.scrapes if at <= end and not any(a < at <= b for a, b in stops.items())]
        if scrapes:
            series = [_as_served(series) for series in target.series]
            targets.append(Target(series=series, scrapes=scrapes, horizon=seconds * SECOND * 5 // 2, stays=True))
            every.append(seconds)
    return Story(what=what, targets=targets, every=every, stops=stops)


def _as_served(series: Series) -> Series:
    labels = {name: value for name, value in series.labels.items() if name not in {"job", "instance"}}
    return replace(series, labels=labels)


class Life:
    """A watch from its start to its stop: what it scrapes, counts and writes. `firing` is what people were told."""

    def __init__(
        self, lived: Story, settings: Settings, folder: Path, time: Time, firing: Mapping[str, frozenset[FiringPair]]
    ) -> None:
        self.books = books(folder, time, settings.slos, slot_seconds=lived.what.slot // SECOND)
        self.engine = self.books.engine
        self.engine.restore(firing, {})
        self._counters = Counters(
            self.books, WatchedGroups(self.books, time.clock(), Telemetry()), Telemetry(), lambda _: None
        )
        watched = [
            Watched(check=f"t{index}", target=NOWHERE, interval_seconds=every)
            for index, every in enumerate(lived.every)
        ]
        self._counters.configure(settings, watched, restored=True)
        self._counters.begin()
        self._columns = [
            [(dict(series.labels), dict(series.samples)) for series in target.series] for target in lived.targets
        ]
        self._wanted = Wanted(looked_for(settings).values())

    def scrape(self, target: int, at: int) -> None:
        """What a target answered then."""
        served = [
            (labels["__name__"], labels, samples[at], None)
            for labels, samples in self._columns[target]
            if at in samples and self._wanted(labels)
        ]
        self._counters._scraped.observe(f"t{target}", at, served)

    async def close(self, end: int) -> None:
        """What a watch does at a slot end (Unix seconds), before it writes."""
        await self._counters.take_in(end)
        self._counters.book(await self._counters.count(end))
        self.books.close(end)
        self.engine.evaluate()


@pytest.mark.parametrize("seed", range(SEEDS))
async def test_a_watch_that_was_stopped_counts_as_one_that_ran_on(seed: int, tmp_path: Path) -> None:
    lived = story(seed)
    settings = lived.settings(tmp_path)
    slot, ends = lived.what.slot, lived.slot_ends()
    stops = list(lived.stops.items())
    watches = [Watch(slo, lived.targets, slot=slot, stops=stops) for slo in lived.what.objectives]
    scrapes = sorted((at, index) for index, target in enumerate(lived.targets) for at in target.scrapes)
    clock = Time(ends[0] // SECOND - slot // SECOND)
    life = Life(lived, settings, tmp_path, clock, {})
    random = Random(seed)
    for end in ends:
        if any(stop < end <= start for stop, start in stops):
            continue
        clock.passes(slot / SECOND)
        while scrapes and scrapes[0][0] <= end:
            at, target = scrapes.pop(0)
            life.scrape(target, at)
        await life.close(end // SECOND)
        for watch in watches:
            list(watch.evaluate(end))
        place = f"seed {seed} at {moment(end)}, {[tuple(map(moment, stop)) for stop in stops]}"
        assert burning(life.engine) == firing_by(watches), place
        if end in lived.stops or end == ends[-1] or random.random() < 0.03:
            for watch in watches:
                assert figures_of(life, watch) == figures_by(watch, end), place
            await life.books.write()
        if end in lived.stops:
            if random.random() < 0.5:
                await life.books.finish()
            clock.passes((lived.stops[end] - end) / SECOND)
            life = Life(lived, settings, tmp_path, clock, life.engine.firing())


@pytest.mark.parametrize("seed", range(SEEDS))
async def test_scrapes_that_come_late_count_as_in_the_slots_of_their_own_times(seed: int, tmp_path: Path) -> None:
    whole = story(seed)
    lived = replace(whole, stops={})
    settings = lived.settings(tmp_path)
    slot, ends = lived.what.slot, lived.slot_ends()
    watches = [Watch(slo, lived.targets, slot=slot, stops=[]) for slo in lived.what.objectives]
    random = Random(f"late {seed}")
    comes = sorted(_delivered(lived.targets, random, slot))
    clock = Time(ends[0] // SECOND - slot // SECOND)
    life = Life(lived, settings, tmp_path, clock, {})
    for end in ends:
        clock.passes(slot / SECOND)
        while comes and (comes[0][0] <= end or end == ends[-1]):
            _, at, target = comes.pop(0)
            life.scrape(target, at)
        await life.close(end // SECOND)
        for watch in watches:
            list(watch.evaluate(end))
    for watch in watches:
        figures = figures_by(watch, ends[-1])
        if any(unknown for _, _, unknown, _ in figures.values()):
            continue  # counters that contradict themselves do so in the order in which they come
        assert figures_of(life, watch) == figures, f"seed {seed}"


def _delivered(targets: Sequence[Target], random: Random, slot: int) -> Iterator[tuple[int, int, int]]:
    """When each scrape comes, its own time, and its target: first ones in time, others up to forty slots late."""
    for index, target in enumerate(targets):
        comes = 0
        for number, at in enumerate(target.scrapes):
            late = random.choice([0, 0, random.randrange(2 * slot), random.randrange(40 * slot)]) if number else 0
            comes = max(comes, at + late)
            yield comes, at, index


def burning(engine: Engine) -> dict[str, frozenset[FiringPair]]:
    """What fires, but for data that is lost: a recording knows nothing of that."""
    firing = {
        key: frozenset(pair for pair in pairs if pair.cause is Cause.BURN) for key, pairs in engine.firing().items()
    }
    return {key: pairs for key, pairs in firing.items() if pairs}


def firing_by(watches: Sequence[Watch]) -> dict[str, frozenset[FiringPair]]:
    """What fires by the oracle."""
    firing = {
        watch.slo.name: frozenset(
            FiringPair(severity=Severity(latch.severity), long=spelt(latch.pair.long), short=spelt(latch.pair.short))
            for latch in watch.latches
            if latch.fires
        )
        for watch in watches
    }
    return {name: pairs for name, pairs in firing.items() if pairs}


def figures_of(life: Life, watch: Watch) -> dict[str, tuple[int, ...]]:
    """Good, bad, unknown and covered milliseconds of each window."""
    return {
        window.window: (window.good, window.bad, window.unknown, round(window.covered_seconds * 1000))
        for window in life.engine.status(watch.slo.name).windows
    }


def figures_by(watch: Watch, now: int) -> dict[str, tuple[int, ...]]:
    """The same by the oracle."""
    windows = sorted({watch.slo.window, *(length for pair in watch.slo.pairs for length in (pair.long, pair.short))})
    return {
        spelt(window): (*counts[:3], min(counts.covered, window))
        for window in windows
        for counts in [watch.figures(window, now).counts]
    }
