"""The ledger stays as small as was promised, and what goes first is the oldest."""

import logging
from pathlib import Path

import pytest

from slo.core.counts import Counts
from slo.store.ledger_file import LedgerFile
from tests.store.making import HOUR, START, block, compact, ledger, noise, spans

MB = 1 << 20


@pytest.mark.parametrize(
    ("slis", "limit", "hours", "slots_at_once"),
    [
        (200, 7 * MB, 14, 20),  # what is kept by slot alone fills it
        (30, 2 * MB, 30, 12),
        (500, 12 * MB, 10, 60),
    ],
)
def test_the_limit_holds_after_every_write(
    tmp_path: Path, slis: int, limit: int, hours: int, slots_at_once: int
) -> None:
    largest = 0
    with ledger(tmp_path / "ledger.db") as store:
        known = {f"probe:{n}": Counts(good=10**9 + n, covered_ms=10**12) for n in range(slis)}
        for first in range(START, START + hours * HOUR, 10 * slots_at_once):
            ends = [first + 10 * (n + 1) for n in range(slots_at_once)]
            store.append([noise(*ends, slis=slis)], known, {"now": str(first)})
            largest = max(largest, store.size_bytes())
            if (ends[-1] - START) % HOUR == 0:
                compact(store, ends[-1], max_bytes=limit)
                largest = max(largest, store.size_bytes())
        kept = sorted({int(end) for each in store.history(0) for end in each.ends})
        assert largest <= limit
        assert largest > limit // 2, "the limit was never reached: the test shows nothing"
        assert kept[0] > START + HOUR, "nothing had to go"
        assert kept[-1] == START + hours * HOUR
        hours_kept = sorted({-(-end // HOUR) for end in kept})
        assert hours_kept == list(range(hours_kept[0], hours_kept[-1] + 1)), "the oldest hours go first"
        assert store.totals() == known


def test_space_is_given_back_when_the_limit_is_lowered(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    with ledger(path) as store:
        for hour in range(60):
            ends = [START + hour * HOUR + 60 * minute for minute in range(1, 61)]
            store.append([noise(*ends, slis=100, seconds=60)], {}, {})
        compact(store, START + 60 * HOUR)
        before = store.size_bytes()
        compact(store, START + 60 * HOUR, max_bytes=before // 2)
        assert store.size_bytes() <= before // 2
        assert path.stat().st_size == pytest.approx(store.size_bytes(), abs=64 * 1024), "the write-ahead log is empty"
    assert free_pages(path) == 0


def test_what_is_older_than_the_retention_goes_by_whole_hours(tmp_path: Path) -> None:
    with ledger(tmp_path / "ledger.db") as store:
        store.append([block([START + hour * HOUR + 60 for hour in range(48)], ["a"], seconds=60)], {}, {})
        compact(store, START + 48 * HOUR, retention_seconds=24 * HOUR)
        assert sorted(end for end, _, _ in spans(store.history(0))) == [
            START + hour * HOUR + 60 for hour in range(24, 48)
        ]


def test_a_clock_far_ahead_empties_nothing_before_something_is_written_with_it(tmp_path: Path) -> None:
    with ledger(tmp_path / "ledger.db") as store:
        store.append([block([START + 60, START + 30 * 24 * HOUR], ["a"], seconds=60)], {}, {})
        compact(store, START + 10_000 * 24 * HOUR)
        assert len(spans(store.history(0))) == 2


def test_a_limit_below_one_hour_keeps_the_newest_hour_and_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with ledger(tmp_path / "ledger.db") as store:
        store.append([block([START + hour * HOUR + 60 for hour in range(4)], ["a"], seconds=60)], {}, {})
        compact(store, START + 4 * HOUR, max_bytes=1)
        assert sorted(end for end, _, _ in spans(store.history(0))) == [START + 3 * HOUR + 60]
    assert [(record.levelno, record.message) for record in caplog.records] == [
        (logging.ERROR, "the limit is too small for one hour of the ledger"),
        (logging.WARNING, "the oldest history was deleted to keep the ledger within its limit"),
    ]


def test_layouts_that_nothing_refers_to_are_forgotten(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    with ledger(path) as store:
        for number in range(20):
            store.append([block([START + 10], [f"probe:{number}"])], {f"probe:{number}": Counts()}, {})
        store.append([block([START + 30 * HOUR], ["probe:new"])], {}, {})
        compact(store, START + 30 * HOUR, retention_seconds=24 * HOUR)
        assert len(store.totals()) == 20
    file = LedgerFile(path, busy_timeout_seconds=1)
    assert file.number("SELECT count(*) FROM layouts") == 2, "that of the totals, and that of the newest hour"
    file.close()


def test_compacting_empties_the_write_ahead_log(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    with ledger(path) as store:
        store.append([noise(START + 10)], {}, {})
        assert path.with_name("ledger.db-wal").stat().st_size > 0
        compact(store, START)
        assert path.with_name("ledger.db-wal").stat().st_size == 0


def test_compacting_an_empty_ledger_is_harmless(tmp_path: Path) -> None:
    with ledger(tmp_path / "ledger.db") as store:
        compact(store, START)
        assert list(store.history(0)) == []


def free_pages(path: Path) -> int:
    file = LedgerFile(path, busy_timeout_seconds=1)
    try:
        return file.number("PRAGMA freelist_count") or 0
    finally:
        file.close()
