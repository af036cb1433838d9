"""Counts from real servers are those that an oracle makes of the same samples, in whatever pieces they are read."""

import random
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import pairwise
from pathlib import Path

import pytest

from slo.core.counts import Counts
from slo.core.sli import PrometheusSLI
from slo.sources.prometheus.client import Client
from slo.sources.prometheus.reader import LONG_LOOKBACK_SECONDS, Reader
from slo.sources.prometheus.tally import Piece, Rhythm
from tests.replay.oracle_counts import Indicator, Matching, Series, Target, _cut, _scrapes_of, entries_of, slot_of
from tests.replay.scenarios import scenario
from tests.sources.prometheus.stored import client, entry, prometheus, victoria_metrics

WORLDS = 10
INTERVAL_MS = 60_000
HORIZON_MS = 150_000


class World:
    """One scenario with the series of one of its SLIs, told from others by the label `world`."""

    def __init__(self, seed: int) -> None:
        made = scenario(seed)
        self.slot_ms = made.slot
        indicator = made.objectives[0].indicator
        self.recording = [
            replace(
                series,
                labels={**series.labels, "world": str(seed)},
                samples=[(at, value) for at, value in series.samples if 0 <= value < 2**53],
            )
            for series in made.recording
            if indicator.total.accepts(series) or indicator.part.accepts(series)
        ]
        self.indicator = Indicator(
            total=_in_world(indicator.total, seed), part=_in_world(indicator.part, seed), part_is=indicator.part_is
        )
        times = [at for series in self.recording for at, _ in series.samples]
        slot = self.slot_ms // 1000
        self.piece = Piece(
            since=min(times) // 1000 // slot * slot - slot, until=slot_of(max(times), made.slot) // 1000 + slot
        )

    @property
    def sli(self) -> PrometheusSLI:
        total, part = str(self.indicator.total), str(self.indicator.part)
        return PrometheusSLI(server="server", total=f"sum({total})", part=part, part_is=self.indicator.part_is)

    @property
    def rhythm(self) -> Rhythm:
        return Rhythm(slot_seconds=self.slot_ms // 1000, interval_ms=INTERVAL_MS)

    def targets(self) -> list[Target]:
        members: dict[tuple[str, str], list[Series]] = defaultdict(list)
        for series in self.recording:
            members[series.labels.get("job", ""), series.labels.get("instance", "")].append(series)
        return [
            Target(series=series, scrapes=sorted({at for each in series for at, _ in each.samples}), horizon=HORIZON_MS)
            for series in members.values()
            if any(each.samples for each in series)
        ]

    def expected(self) -> Mapping[int, Counts]:
        """The counts of every slot, by the oracle."""
        counts: dict[int, Counts] = defaultdict(Counts)
        for each in entries_of(self.targets(), self.indicator, self.slot_ms):
            counts[each.slot // 1000] += Counts(good=each.good, bad=each.bad, unknown=each.unknown)
        unknown = {slot for slot, count in counts.items() if count.unknown}
        for span in self._covered():
            for closes, earlier, later in _cut(*span, self.slot_ms):
                if closes // 1000 not in unknown:
                    counts[closes // 1000] += Counts(covered_ms=later - earlier)
        return {slot: count for slot, count in counts.items() if count != Counts()}

    def _covered(self) -> Iterator[tuple[int, int]]:
        """What is known: an SLI is observed when one of its targets is."""
        observed: set[int] = set()
        bridging: set[int] = set()
        for target in self.targets():
            before = None
            for at, seen in zip(target.scrapes, _scrapes_of(target, self.indicator), strict=True):
                if seen.observed:
                    observed.add(at)
                    if before and before[1].observed and not seen.reset and at - before[0] > HORIZON_MS:
                        bridging.add(slot_of(at, self.slot_ms))
                before = (at, seen)
        previous = None
        for at in sorted(observed):
            opens = slot_of(at, self.slot_ms) - self.slot_ms
            if previous is None:
                yield opens, at
            elif at - previous <= HORIZON_MS or slot_of(at, self.slot_ms) in bridging:
                yield previous, at
            else:
                yield previous, previous + HORIZON_MS
                yield max(opens, previous + HORIZON_MS), at
            previous = at
        if previous is not None:
            yield previous, min(previous + HORIZON_MS, self.piece.until * 1000)

    @property
    def is_cut_anywhere(self) -> bool:
        """Whether pieces tell what the whole does: no series is gone for long, no part exceeds its total."""
        gaps = [later - earlier for series in self.recording for (earlier, _), (later, _) in pairwise(series.samples)]
        excess = any(counts.unknown for counts in self.expected().values())
        return max(gaps, default=0) < LONG_LOOKBACK_SECONDS * 1000 and not excess


def _in_world(matching: Matching, seed: int) -> Matching:
    return replace(matching, labels={**matching.labels, "world": str(seed)})


@pytest.fixture(scope="module")
def worlds() -> Sequence[World]:
    return [World(seed) for seed in range(WORLDS)]


@pytest.fixture(scope="module", params=[prometheus, victoria_metrics], ids=["prometheus", "victoria-metrics"])
def url(
    request: pytest.FixtureRequest, worlds: Sequence[World], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    folder: Path = tmp_path_factory.mktemp("server")
    with request.param(folder, [series for world in worlds for series in world.recording]) as url:
        yield url


@pytest.fixture
async def asking(url: str) -> AsyncIterator[Client]:
    async with client(entry(url)) as asking:
        yield asking


async def counted(asking: Client, world: World, pieces: Sequence[Piece]) -> Mapping[int, Counts]:
    reader = Reader(asking, world.rhythm, interval_seconds=INTERVAL_MS // 1000)
    counts: dict[int, Counts] = defaultdict(Counts)
    for piece in pieces:
        tally = await asking.run(partial(reader.read, world.sli, piece, piece.until + 3600.0))
        block = tally.block("a", world.slot_ms // 1000)
        for end, (good, bad, unknown, covered_ms) in zip(
            block.ends.tolist(), block.counts[:, :, 0].T.tolist(), strict=True
        ):
            counts[end] += Counts(good=good, bad=bad, unknown=unknown, covered_ms=covered_ms)
    return dict(counts)


@pytest.mark.parametrize("seed", range(WORLDS))
async def test_what_is_read_at_once_is_what_the_oracle_counts(
    seed: int, asking: Client, worlds: Sequence[World]
) -> None:
    world = worlds[seed]
    assert await counted(asking, world, [world.piece]) == world.expected()


def test_most_worlds_may_be_cut_anywhere(worlds: Sequence[World]) -> None:
    assert sum(world.is_cut_anywhere for world in worlds) > WORLDS // 2


@pytest.mark.parametrize("seed", range(WORLDS))
async def test_what_is_read_in_pieces_in_any_order_is_the_same(
    seed: int, asking: Client, worlds: Sequence[World]
) -> None:
    world = worlds[seed]
    if world.is_cut_anywhere:
        pieces = cut(world, random.Random(seed))
        assert await counted(asking, world, pieces) == world.expected()


def cut(world: World, chance: random.Random) -> list[Piece]:
    slot = world.slot_ms // 1000
    slots = (world.piece.seconds) // slot
    edges = sorted({0, slots, *(chance.randrange(slots) for _ in range(chance.choice([3, 30, 100])))})
    pieces = [
        Piece(since=world.piece.since + begin * slot, until=world.piece.since + end * slot)
        for begin, end in pairwise(edges)
    ]
    chance.shuffle(pieces)
    return pieces
