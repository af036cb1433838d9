"""A full disk, a locked file, a damaged one: the ledger says so, writes nothing by half, and goes on."""

import resource
import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from slo.core.counts import Counts
from slo.errors import StoreBusy, StoreFull
from slo.exposition.catalogue import Telemetry
from slo.store.ledger import LedgerStore
from tests.store.making import (
    HOUR,
    START,
    block,
    compact,
    fill,
    ledger,
    noise,
    refused_on_a_full_disk,
    small_disk,
    spans,
    totals,
)


def test_a_full_disk_is_said_writes_nothing_by_half_and_is_got_over(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", "3m") as disk, ledger(disk / "ledger.db") as store:
        store.append([noise(START + 10)], totals(a=1), {"now": "1"})
        filler = fill(disk)
        refused = refused_on_a_full_disk(
            lambda n: store.append([noise(START + 10 * n)], totals(a=n), {"now": str(n)}), range(2, 200)
        )
        acknowledged = refused - 1
        assert store.marks() == {"now": str(acknowledged)}
        assert store.totals() == {"a": Counts(good=acknowledged)}
        assert {end for end, _, _ in spans(store.history(0))} == {START + 10 * n for n in range(1, refused)}
        compact(store, START + HOUR)
        filler.unlink()
        late = [noise(START + 10 * number) for number in range(refused, refused + 20)]
        store.append(late, totals(a=999), {"now": "caught up"})
        compact(store, START + HOUR)
    with small_disk(tmp_path / "other", "3m") as disk, ledger(disk / "ledger.db") as store:
        store.append(late, {}, {})
        assert len({end for end, _, _ in spans(store.history(0))}) == 20


def test_a_ledger_that_is_begun_on_a_full_disk_is_refused_and_begun_when_there_is_room(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", "1m") as disk:
        filler = fill(disk)
        with pytest.raises(StoreFull, match="make room on its disk"):
            LedgerStore(disk / "ledger.db", slot_seconds=10, telemetry=Telemetry())
        filler.unlink()
        with ledger(disk / "ledger.db") as store:
            store.append([block([START + 10], ["a"])], totals(a=1), {"now": "1"})


def test_a_kill_on_a_full_disk_leaves_what_was_acknowledged(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", "2m") as disk:
        with ledger(disk / "ledger.db") as store:
            store.append([noise(START + 10)], totals(a=1), {"now": "1"})
            filler = fill(disk)
            with pytest.raises(StoreFull):  # noqa: PT012  # which of them fills the disk does not matter
                for number in range(2, 200):
                    store.append([noise(START + 10 * number)], totals(a=number), {"now": str(number)})
            acknowledged = store.marks()
            copied = tmp_path / "as after a kill"
            copied.mkdir()
            for file in disk.glob("ledger.db*"):
                (copied / file.name).write_bytes(file.read_bytes())
            filler.unlink()
        with ledger(copied / "ledger.db") as store:
            assert store.marks() == acknowledged


def test_a_limit_on_the_size_of_files_counts_as_a_full_disk(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    with ledger(tmp_path / "ledger.db") as store:
        store.append([noise(START + 10)], {}, {})
        resource.setrlimit(resource.RLIMIT_FSIZE, (64 * 1024, hard))
        try:
            with pytest.raises(StoreFull):  # noqa: PT012  # as above
                for number in range(2, 200):
                    store.append([noise(START + 10 * number)], {}, {"now": str(number)})
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        before = store.marks()
        store.append([noise(START + 5000)], {}, {"now": "again"})
        assert before != store.marks() == {"now": "again"}


def test_a_locked_ledger_is_busy_within_its_time_and_goes_on_afterwards(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    with (
        ledger(path, busy_timeout_seconds=0.05) as store,
        closing(sqlite3.connect(path, isolation_level=None)) as other,
    ):
        store.append([block([START + 10], ["a"])], totals(a=1), {"now": "1"})
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(StoreBusy, match="another program holds it"):
            store.append([block([START + 20], ["a"])], totals(a=2), {"now": "2"})
        compact(store, START + 24 * HOUR)
        assert store.marks() == {"now": "1"}
        assert store.totals() == {"a": Counts(good=1)}
        other.execute("ROLLBACK")
        store.append([block([START + 20], ["a"])], totals(a=2), {"now": "2"})
        assert {end for end, _, _ in spans(store.history(0))} == {START + 10, START + 20}


def test_what_compacting_cannot_do_now_is_counted_and_done_later(tmp_path: Path) -> None:
    path, telemetry = tmp_path / "ledger.db", Telemetry()
    store = LedgerStore(path, slot_seconds=10, telemetry=telemetry, busy_timeout_seconds=0.05)
    store.append([block([START + 10, START + 20], ["a"])], {}, {})
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        compact(store, START + 24 * HOUR)
    assert telemetry.registry.get_sample_value("watchkeep_ledger_write_failures_total", {"reason": "busy"}) == 1
    assert len(spans(store.history(0))) == 2
    compact(store, START + 24 * HOUR)
    assert len(spans(store.history(0))) == 1
    store.close()


def test_several_threads_may_use_one_ledger(tmp_path: Path) -> None:
    failures: list[BaseException] = []

    def using(store: LedgerStore, work: Callable[[LedgerStore], None]) -> Callable[[], None]:
        def run() -> None:
            try:
                work(store)
            except BaseException as error:  # noqa: BLE001  # a thread's failure is the test's
                failures.append(error)

        return run

    def write(store: LedgerStore) -> None:
        for number in range(150):
            store.append([block([START + 10 * (number + 1)], ["a"])], totals(a=number), {})

    def read(store: LedgerStore) -> None:
        for _ in range(15):
            list(store.history(0))
            store.size_bytes()

    def pack(store: LedgerStore) -> None:
        for _ in range(8):
            compact(store, START + 24 * HOUR)

    with ledger(tmp_path / "ledger.db") as store:
        threads = [threading.Thread(target=using(store, work)) for work in (write, read, pack)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert failures == []
        assert sum(counts[0] for counts in spans(store.history(0)).values()) == 150
