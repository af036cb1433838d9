"""The ledger on disk gives back what was appended: once, at the resolution promised, whatever happens between."""

import random
from collections import Counter
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slo.core.counts import Counts
from slo.core.deltas import Block
from slo.store.ledger import LedgerStore
from slo.store.ledger_file import LedgerFile
from tests.store.making import (
    HOUR,
    START,
    block,
    by_minute,
    compact,
    killed_while_it_writes,
    ledger,
    spans,
    totals,
)

APPEND_FOR_EVER = """
import itertools, os, struct, sys
from pathlib import Path
import numpy as np
from slo.core.counts import Counts
from slo.core.deltas import Block
from slo.exposition.catalogue import Telemetry
from slo.store.ledger import LedgerStore
path, begin = Path(sys.argv[1]), int(sys.argv[2])
names = tuple(f"probe:{n}" for n in range(50))
store = LedgerStore(path, slot_seconds=10, telemetry=Telemetry())
for number in itertools.count(begin):
    end = 1767225600 + 10 * (number + 1)
    counts = np.full((4, 1, len(names)), number + 1, np.int64)
    slot = Block(ends=np.array([end]), seconds=10, names=names, counts=counts)
    store.append([slot], {"probe:0": Counts(good=number)}, {"now": str(number)})
    os.write(1, struct.pack("<q", number))
    if number % 40 == 0:
        store.compact(end + 7 * 3600, retention_seconds=90 * 86400, max_bytes=1 << 31)
"""


def test_a_new_ledger_is_empty_and_its_owners_alone(tmp_path: Path) -> None:
    with ledger(tmp_path / "ledger.db") as store:
        assert (store.totals(), store.marks(), list(store.history(0))) == ({}, {}, [])
        store.append([block([START + 10], ["a"])], {}, {})
        assert {entry.stat().st_mode & 0o777 for entry in tmp_path.iterdir()} == {0o600}
        assert len(list(tmp_path.iterdir())) == 3, "the file, its write-ahead log and its index"


def test_what_was_appended_is_there_after_closing_and_opening(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    with ledger(path) as store:
        store.append([block([START + 10], ["a", "b"], good=3, bad=1)], totals(a=7, b=8), {"now": "1"})
        store.append([block([START + 20], ["b"], good=300)], totals(b=308), {"now": "2", "counter x": "17.5"})
    with ledger(path) as store:
        assert spans(store.history(0)) == {
            (START + 10, 10, "a"): (3, 1, 0, 10_000),
            (START + 10, 10, "b"): (3, 1, 0, 10_000),
            (START + 20, 10, "b"): (300, 0, 0, 10_000),
        }
        assert store.totals() == {"a": Counts(good=7), "b": Counts(good=308)}, "an SLI that has left keeps its total"
        assert store.marks() == {"now": "2", "counter x": "17.5"}, "marks are replaced as a whole"


def test_totals_keep_every_bit(tmp_path: Path) -> None:
    large = {"a": Counts(good=2**62, bad=2**33, unknown=1, covered_ms=2**40)}
    with ledger(tmp_path / "ledger.db") as store:
        store.append([], large, {})
    with ledger(tmp_path / "ledger.db") as store:
        assert store.totals() == large
        store.append([], {}, {})
        assert store.totals() == large


@pytest.mark.parametrize(
    ("since", "ends"),
    [
        (START, [10, 20, 3600, 3610]),
        (START + 9, [10, 20, 3600, 3610]),
        (START + 10, [20, 3600, 3610]),
        (START + 3599, [3600, 3610]),
        (START + 3600, [3610]),
        (START + 3610, []),
    ],
)
def test_history_begins_after_the_time_that_is_asked_for(tmp_path: Path, since: int, ends: list[int]) -> None:
    with ledger(tmp_path / "ledger.db") as store:
        store.append([block([START + end for end in (10, 20, 3600, 3610)], ["a"])], {}, {})
        assert sorted(end - START for end, _, _ in spans(store.history(since))) == ends


def test_a_reload_that_reorders_adds_and_removes_slis_mixes_nothing_up(tmp_path: Path) -> None:
    layouts = [("a", "b", "c"), ("c", "a", "b"), ("b", "d"), ("a", "b", "c")]
    expected: Counter[tuple[int, str]] = Counter()
    with ledger(tmp_path / "ledger.db") as store:
        for number, names in enumerate(layouts):
            counts = np.zeros((4, 1, len(names)), np.int64)
            counts[0, 0] = [ord(name) * 10**number for name in names]
            end = START + 10 * (number + 1)
            store.append([Block(ends=np.array([end]), seconds=10, names=names, counts=counts)], {}, {})
            expected.update({(START + 60, name): ord(name) * 10**number for name in names})
        before = by_minute(spans(store.history(0)))
        compact(store, START + 8 * HOUR)
        after = by_minute(spans(store.history(0)))
    assert before == after == {place: (good, 0, 0, 0) for place, good in expected.items()}


def test_slots_are_kept_for_seven_hours_and_minutes_after_that(tmp_path: Path) -> None:
    ends = range(START + 10, START + 2 * HOUR + 1, 10)
    with ledger(tmp_path / "ledger.db") as store:
        for end in ends:
            store.append([block([end], ["a"])], {}, {})
        compact(store, START + 8 * HOUR - 1)
        assert len(spans(store.history(0))) == 720, "the first hour has not been complete for 7 h yet"
        compact(store, START + 8 * HOUR)
        found = spans(store.history(0))
    first = [START + 60 * minute for minute in range(1, 61)]
    second = [end for end in ends if end > START + HOUR]
    assert found == {(end, 60, "a"): (6, 0, 0, 60_000) for end in first} | {
        (end, 10, "a"): (1, 0, 0, 10_000) for end in second
    }


def test_what_arrives_late_for_a_packed_hour_is_counted_once_and_packed_into_it(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    with ledger(path) as store:
        store.append([block([START + 10, START + 20], ["a"])], {}, {})
        compact(store, START + 8 * HOUR)
        store.append([block([START + 20], ["a", "b"], good=5)], {}, {})
        late = {(START + 60, "a"): (7, 0, 0, 30_000), (START + 60, "b"): (5, 0, 0, 10_000)}
        assert by_minute(spans(store.history(0))) == late
        compact(store, START + 8 * HOUR)
        assert {(end, name): counts for (end, _, name), counts in spans(store.history(0)).items()} == late
        assert rows(path) == 1


def test_hours_that_were_written_in_minutes_need_no_packing(tmp_path: Path) -> None:
    ends = [START + 60 * minute for minute in range(1, 121)]
    with ledger(tmp_path / "ledger.db") as store:
        store.append([block(ends, ["a"], seconds=60)], {}, {})
        assert rows(tmp_path / "ledger.db") == 2
        compact(store, START + 24 * HOUR)
        assert len(spans(store.history(0))) == 120


def test_history_with_another_slot_length_stays_readable(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    for seconds, end in ((10, START + 10), (1, START + 11), (30, START + 30), (60, START + 60)):
        with ledger(path, slot_seconds=seconds) as store:
            store.append([block([end], ["a"], seconds=seconds)], {}, {})
    with ledger(path) as store:
        assert sorted(spans(store.history(0))) == [
            (START + 10, 10, "a"),
            (START + 11, 1, "a"),
            (START + 30, 30, "a"),
            (START + 60, 60, "a"),
        ]
        compact(store, START + 8 * HOUR)
        assert spans(store.history(0)) == {(START + 60, 60, "a"): (4, 0, 0, 101_000)}


def test_spans_of_neither_a_slot_nor_a_minute_are_refused(tmp_path: Path) -> None:
    with ledger(tmp_path / "ledger.db") as store, pytest.raises(ValueError, match=r"spans of \[30\] s"):
        store.append([block([START + 30], ["a"], seconds=30)], {}, {})
    with pytest.raises(ValueError, match="does not divide a minute"), ledger(tmp_path / "other.db", slot_seconds=7):
        pass


STEP = st.one_of(
    st.tuples(st.just("append"), st.integers(0, 12 * 360), st.integers(0, 5), st.integers(1, 300)),
    st.tuples(st.just("compact"), st.integers(0, 24), st.just(0), st.just(0)),
    st.tuples(st.just("reopen"), st.just(0), st.just(0), st.just(0)),
)


class Reopened:
    """A store that is closed and opened in the middle of a test."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._made = ledger(path)
        self.open: LedgerStore = self._made.__enter__()

    def reopen(self) -> None:
        self.close()
        self._made = ledger(self.path)
        self.open = self._made.__enter__()

    def close(self) -> None:
        self._made.__exit__(None, None, None)


@settings(max_examples=40)
@given(st.lists(STEP, min_size=1, max_size=25))
def test_no_order_of_appending_late_packing_and_opening_changes_a_count(steps: list[tuple[str, int, int, int]]) -> None:
    expected: Counter[tuple[int, str]] = Counter()
    packed_upto = START
    with TemporaryDirectory() as folder:
        store = Reopened(Path(folder) / "ledger.db")
        for what, place, names, good in steps:
            if what == "append":
                end, chosen = START + 10 * (place + 1), [f"probe:{(names + n) % 4}" for n in range(1 + names % 3)]
                store.open.append([block([end], chosen, good=good)], {}, {})
                expected.update({(-(-end // 60) * 60, name): good for name in chosen})
            elif what == "compact":
                now = START + place * HOUR
                compact(store.open, now)
                packed_upto = max(packed_upto, now - 7 * HOUR)
            else:
                store.reopen()
        found = spans(store.open.history(0))
        store.close()
    assert {place: counts[0] for place, counts in by_minute(found).items()} == dict(expected)
    assert all(seconds == 10 for end, seconds, _ in found if end > packed_upto), "packed too early"


def test_at_no_moment_of_packing_is_an_hour_counted_twice_or_lost(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    with ledger(path) as store, ledger(path) as watcher:
        for end in range(START + 60, START + 3 * HOUR + 1, 60):
            store.append([block([end], ["a", "b"])], {}, {})
        store.append([block([START + 60], ["a"])], {}, {})
        seen: list[int] = []

        def look(statement: str) -> None:
            seen.append(sum(counts[0] for counts in spans(watcher.history(0)).values()))

        store._opened()._file._db.set_trace_callback(look)
        compact(store, START + 24 * HOUR)
        store._opened()._file._db.set_trace_callback(None)
        assert rows(path) == 3
    assert len(seen) > 20
    assert set(seen) == {361}


def test_a_kill_at_any_point_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    path, chance, following = tmp_path / "ledger.db", random.Random(20260101), 0
    for _ in range(8):
        last = killed_while_it_writes(APPEND_FOR_EVER, str(path), str(following), chance=chance)
        with ledger(path) as store:
            written = int(store.marks()["now"]) + 1
            assert written - 1 in (last, last + 1), "the one that was being written may be there, or not"
            minutes: Counter[int] = Counter()
            for number in range(written):
                minutes[START + (number // 6 + 1) * 60] += number + 1
            expected = {(end, f"probe:{n}"): (good,) * 4 for end, good in minutes.items() for n in range(50)}
            assert by_minute(spans(store.history(0))) == expected
            assert store.totals() == {"probe:0": Counts(good=written - 1)}
        following = written
    assert not list(tmp_path.glob("*.damaged-*"))


def test_a_transaction_that_fails_in_our_own_code_is_undone(tmp_path: Path) -> None:
    with ledger(tmp_path / "ledger.db") as store:
        store.append([block([START + 10], ["a"])], {}, {})
        with suppress(ZeroDivisionError), store._opened().transaction() as db:
            db.execute("DELETE FROM blocks")
            raise ZeroDivisionError
        store.append([block([START + 20], ["a"])], {}, {})
        assert len(spans(store.history(0))) == 2


def rows(path: Path) -> int:
    file = LedgerFile(path, busy_timeout_seconds=1)
    try:
        return file.number("SELECT count(*) FROM blocks") or 0
    finally:
        file.close()
