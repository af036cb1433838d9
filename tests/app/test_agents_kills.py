"""Killed anywhere, cut off, and told everything twice: a watch's ledger is that of one that nothing happened to."""

import asyncio
import contextlib
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from slo.core.deltas import BAD, COVERED_MS, GOOD
from slo.exposition.catalogue import Telemetry
from slo.store.ledger import LedgerStore
from tests.app.making import START, Time
from tests.app.played import SLOT, PlayedWatch
from tests.app.reporting import configuration, outcome, report

TARGETS = ("127.0.0.1:1", "127.0.0.1:2")
SLOTS = 14
LATEST = 6
KILLS = ("before it closes", "before it writes", "after it wrote")


class Killed(Exception):
    """The process is gone."""


@dataclass(frozen=True)
class Round:
    """A round in a slot, and how many slots later it is reported, by as many agents."""

    target: str
    slot: int
    reason: str
    delays: tuple[int, ...]


@st.composite
def rounds(draw: st.DrawFn) -> list[Round]:
    delays = st.lists(st.integers(0, LATEST), min_size=1, max_size=2).map(tuple)
    reasons = st.sampled_from(["ok", "ok", "connect_refused"])
    return [
        Round(target, slot, draw(reasons), draw(delays))
        for target in TARGETS
        for slot in range(draw(st.integers(1, 4)), draw(st.integers(6, SLOTS)))
    ]


class Story:
    """A watch in a folder, that is begun anew when it was killed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._time = Time()
        self._life = contextlib.AsyncExitStack()
        self._watch: PlayedWatch | None = None

    async def play(self, all_rounds: Sequence[Round], kills: dict[int, str]) -> Counter[tuple[int, str]]:
        """What is on disk after all the slots, with a kill in some of them."""
        for slot in range(1, SLOTS + LATEST + 2):
            self._time.passes(SLOT)
            due = [each for each in all_rounds for delay in each.delays if each.slot + delay == slot]
            with contextlib.suppress(Killed):
                await self._slot(due, kills.get(slot, ""))
                continue
            await self._kill()
            await self._slot((), "")  # it was answered that they are on disk
        await self._kill()
        return on_disk(self._folder)

    async def _slot(self, due: Sequence[Round], kill: str) -> None:
        if self._watch is None:
            self._watch = await self._life.enter_async_context(PlayedWatch(self._folder, self._time, configuration()))
        for number, each in enumerate(due):
            at = START + each.slot * SLOT - 4.5
            await report(self._watch, outcome(at, each.reason, each.target), agent=f"node-{number % 2}")
        if kill == "before it closes":
            raise Killed
        books = self._watch.watch.parts.books
        write = books.write

        async def doomed() -> None:
            if kill == "before it writes":
                raise Killed
            await write()
            if kill:
                raise Killed

        if kill:
            books.write = doomed  # type: ignore[method-assign]
        await self._watch.watch.parts.slots.close()

    async def _kill(self) -> None:
        await self._life.aclose()
        self._watch = None


def on_disk(folder: Path) -> Counter[tuple[int, str]]:
    """The events in the ledger, by slot and reason, and how much of each slot is known."""
    found: Counter[tuple[int, str]] = Counter()
    store = LedgerStore(folder / "data" / "ledger.db", slot_seconds=SLOT, telemetry=Telemetry())
    with contextlib.closing(store):
        for block in store.history(0):
            for span, end in enumerate(block.ends.tolist()):
                for kind, row in (("ok", GOOD), ("connect_refused", BAD), ("known", COVERED_MS)):
                    found[(end - START) // SLOT, kind] += int(block.counts[row, span].sum())
    return +found


@settings(max_examples=15, suppress_health_check=[HealthCheck.too_slow])
@given(
    all_rounds=rounds(),
    kills=st.dictionaries(st.integers(1, SLOTS + LATEST), st.sampled_from(KILLS), max_size=5),
)
def test_the_ledger_is_that_of_a_watch_that_nothing_happened_to(all_rounds: list[Round], kills: dict[int, str]) -> None:
    in_time = [Round(each.target, each.slot, each.reason, (0,)) for each in all_rounds]
    with tempfile.TemporaryDirectory() as quiet, tempfile.TemporaryDirectory() as stormy:
        expected = asyncio.run(Story(Path(quiet)).play(in_time, {}))
        found = asyncio.run(Story(Path(stormy)).play(all_rounds, kills))
    assert found == expected
