"""A spool does what a list on paper would do, whatever order things happen in and however often it is opened anew."""

import shutil
import tempfile
from collections import Counter
from pathlib import Path

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from slo.core.telemetry import Rank, Record
from slo.store.spool import SpoolFile
from slo.store.spooled import Batch, DeadLetter, New

RANKS = st.sampled_from(Rank)
NEW = st.builds(New, rank=RANKS, at=st.floats(0, 100), body=st.binary(min_size=1, max_size=20))
LIMITS = st.tuples(st.integers(1, 6), st.integers(0, 60))


def first_of(records: list[Record], most: int, most_bytes: int) -> list[Record]:
    """The first record in any case, and as many more as fit."""
    expected: list[Record] = []
    for each in records[:most]:
        if expected and sum(len(one.body) for one in expected) + len(each.body) > most_bytes:
            break
        expected.append(each)
    return expected


class Paper(RuleBasedStateMachine):
    """The spool beside lists of what ought to be in it."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.spool = SpoolFile(self.folder / "spool")
        self.waiting: list[Record] = []
        self.dead: list[DeadLetter] = []
        self.marks: dict[str, str] = {}
        self.under_way: Batch | None = None
        self.last = 0

    def teardown(self) -> None:
        self.spool.close()
        shutil.rmtree(self.folder)

    @rule(records=st.lists(NEW, max_size=5), mark=st.text(max_size=3), unset=st.booleans())
    def append(self, records: list[New], mark: str, unset: bool) -> None:  # noqa: FBT001
        self.spool.append(records, {"a": mark, "b": None if unset else mark})
        for new in records:
            self.last += 1
            self.waiting.append(Record(number=self.last, rank=new.rank, at=new.at, body=new.body))
        self.marks = {"a": mark} if unset else {"a": mark, "b": mark}

    @rule(limits=LIMITS, begins=st.booleans())
    def look(self, limits: tuple[int, int], begins: bool) -> None:  # noqa: FBT001
        most, most_bytes = limits
        batch = self.spool.head(most=most, most_bytes=most_bytes)
        still = [each for each in self.under_way.records if each in self.waiting] if self.under_way else []
        if still:
            assert batch == Batch(records=first_of(still, most, most_bytes), again=True)
            return
        if not self.waiting:
            assert batch is None
            return
        rank = min(each.rank for each in self.waiting)
        expected = first_of([each for each in self.waiting if each.rank is rank], most, most_bytes)
        assert batch == Batch(records=expected)
        if begins and batch is not None:
            self.spool.begin(batch)
            self.under_way = batch

    @precondition(lambda self: self.waiting)
    @rule(data=st.data(), doubted=st.booleans())
    def settle(self, data: st.DataObject, doubted: bool) -> None:  # noqa: FBT001
        batch = self.spool.head(most=6, most_bytes=1000)
        assert batch is not None
        fates = [data.draw(st.sampled_from(["done", "dead", "again"])) for _ in batch.records]
        done = [each for each, fate in zip(batch.records, fates, strict=True) if fate == "done"]
        dead = [
            DeadLetter(record=each, reason="rejected", detail="no", refused_at=1.0)
            for each, fate in zip(batch.records, fates, strict=True)
            if fate == "dead"
        ]
        assert self.spool.settle(done, dead, doubted=doubted) == {}
        gone = {*(each.number for each in done), *(letter.record.number for letter in dead)}
        self.waiting = [each for each in self.waiting if each.number not in gone]
        self.dead += dead
        if not doubted:
            self.under_way = None

    @rule(rank=RANKS, before=st.floats(0, 100))
    def expire(self, rank: Rank, before: float) -> None:
        old = [each for each in self.waiting if each.rank is rank and each.at < before]
        assert self.spool.expire({rank: before}) == ({rank: len(old)} if old else {})
        self.waiting = [each for each in self.waiting if each not in old]

    @rule(most_bytes=st.integers(0, 100))
    def make_room(self, most_bytes: int) -> None:
        spared = {each.number for each in self.under_way.records} if self.under_way else set()
        expected: dict[Rank, int] = {}
        for rank in sorted(Rank, reverse=True):
            for each in [each for each in self.waiting if each.rank is rank and each.number not in spared]:
                if rank is Rank.EVENT or sum(len(one.body) for one in self.waiting) <= most_bytes:
                    break
                self.waiting.remove(each)
                expected[rank] = expected.get(rank, 0) + 1
        assert self.spool.make_room(most_bytes) == expected

    @rule()
    def retry(self) -> None:
        assert self.spool.retry() == len(self.dead)
        for letter in sorted(self.dead, key=lambda letter: letter.record.number):
            self.last += 1
            record = letter.record
            self.waiting.append(Record(number=self.last, rank=record.rank, at=record.at, body=record.body))
        self.dead = []

    @rule()
    def discard(self) -> None:
        assert self.spool.dead.discard() == dict(Counter(letter.record.rank for letter in self.dead))
        self.dead = []

    @rule()
    def open_anew(self) -> None:
        self.spool.close()
        self.spool = SpoolFile(self.folder / "spool")

    @invariant()
    def it_says_what_is_in_it(self) -> None:
        waiting = {rank: [each for each in self.waiting if each.rank is rank] for rank in Rank}
        depths = self.spool.depths()
        assert {rank: depth.records for rank, depth in depths.items()} == {
            rank: len(found) for rank, found in waiting.items() if found
        }
        for rank, found in waiting.items():
            assert self.spool.bytes_of(rank) == sum(len(each.body) for each in found)
            assert not found or depths[rank].oldest == min(each.at for each in found)
        buried = sum(len(letter.record.body) for letter in self.dead)
        assert self.spool.held_bytes == sum(len(each.body) for each in self.waiting) + buried
        assert self.spool.marks() == self.marks
        newest = sorted(self.dead, key=lambda letter: -letter.record.number)
        assert self.spool.dead.newest(most=1000) == newest
        assert self.spool.dead.count() == ({"rejected": len(self.dead)} if self.dead else {})


TestSpool = Paper.TestCase
