"""The books: every slot is in memory and on disk exactly once, whatever happens to the process and to the disk."""

import asyncio
import sqlite3
import threading
from collections.abc import Mapping, Sequence
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from slo.app import backlog as backlog_module
from slo.app.books import Books
from slo.core.counts import Counts
from slo.core.deltas import Block
from slo.core.slo import SLO
from slo.errors import StoreBusy
from slo.exposition.catalogue import Telemetry
from slo.store.ledger import Watermarks
from tests.app.making import BAD, GOOD, START, Time, an_slo, books, no_file_may_grow, sample
from tests.store.making import ledger, spans

GATE, DECK = "probe:gate", "probe:deck"
HOUR = 3600


def turn(kept: Books, time: Time, **counts: Counts) -> None:
    """A slot passes in which each of these SLIs counted something, and is closed."""
    end = kept.ledger.now + kept.slot_seconds
    for name, one in counts.items():
        kept.add(f"probe:{name}", end, one)
    time.passes(kept.slot_seconds)
    kept.close(end)


async def turns(kept: Books, time: Time, slots: int, **counts: Counts) -> None:
    """So many slots, each written when it is over."""
    for _ in range(slots):
        turn(kept, time, **counts)
        await kept.write()


def held(kept: Books, window: int, sli: str = GATE) -> Counts:
    """What a window of an SLI holds."""
    counts, column = kept.ledger.window(window), kept.ledger.column[sli]
    good, bad, unknown, covered = (
        int(row[column]) for row in (counts.good, counts.bad, counts.unknown, counts.covered_ms)
    )
    return Counts(good=good, bad=bad, unknown=unknown, covered_ms=covered)


def total(kept: Books, sli: str = GATE) -> Counts:
    good, bad, unknown, covered = kept.ledger.totals[:, kept.ledger.column[sli]].tolist()
    return Counts(good=good, bad=bad, unknown=unknown, covered_ms=covered)


def on_disk(folder: Path, sli: str = GATE, *, slot_seconds: int = 10) -> dict[int, Counts]:
    """What the file says of an SLI, by the end of the slot."""
    with ledger(folder / "ledger.db", slot_seconds=slot_seconds) as store:
        return {
            end: Counts(good=row[0], bad=row[1], unknown=row[2], covered_ms=row[3])
            for (end, _, name), row in spans(store.history(0)).items()
            if name == sli
        }


def times(number: int, one: Counts) -> Counts:
    return Counts(
        good=number * one.good,
        bad=number * one.bad,
        unknown=number * one.unknown,
        covered_ms=number * one.covered_ms,
    )


# Restarts and kills


@pytest.mark.parametrize("killed", [True, False], ids=["killed", "stopped"])
async def test_a_restart_continues_the_windows_and_the_time_between_is_unknown(*, killed: bool, tmp_path: Path) -> None:
    time = Time()
    first = books(tmp_path, time)
    await turns(first, time, 60, gate=GOOD)
    if not killed:
        await first.finish()
    time.passes(900)
    second = books(tmp_path, time)
    assert held(second, HOUR) == times(60, GOOD)
    assert held(second, 60) == Counts()
    await turns(second, time, 30, gate=BAD)
    assert held(second, HOUR) == times(60, GOOD) + times(30, BAD)
    assert total(second) == times(60, GOOD) + times(30, BAD)
    assert second.engine.status("gate").maturity_seconds == 900
    await turns(second, time, 240, gate=GOOD)
    assert held(second, HOUR) == times(240, GOOD) + times(30, BAD)


async def test_a_kill_loses_no_more_than_the_slots_that_were_not_written(tmp_path: Path) -> None:
    time = Time()
    first = books(tmp_path, time)
    await turns(first, time, 10, gate=GOOD)
    first.add(GATE, first.ledger.now + 10, GOOD)
    turn(first, time, gate=BAD)
    second = books(tmp_path, time)
    assert total(second) == held(second, HOUR) == times(10, GOOD)
    await turns(second, time, 5, gate=GOOD)
    assert total(books(tmp_path, time)) == held(second, HOUR) == times(15, GOOD)


@pytest.mark.parametrize("killed", [True, False], ids=["then killed", "then stopped"])
@pytest.mark.parametrize("away_seconds", [0, 2, 8, 400])
async def test_what_an_open_slot_had_counted_is_counted_once_when_the_watch_stops_and_starts(
    *, away_seconds: int, killed: bool, tmp_path: Path
) -> None:
    time = Time()
    first = books(tmp_path, time)
    await turns(first, time, 3, gate=GOOD)
    open_end = first.ledger.now + 10
    time.passes(1)
    first.add(GATE, open_end, BAD)
    await first.finish()
    time.passes(away_seconds)
    second = books(tmp_path, time)
    known = times(3, GOOD) + BAD
    if away_seconds < 9:
        time.passes(9 - away_seconds)
        second.add(GATE, open_end, GOOD)
        second.close(open_end)
        known += GOOD
    assert held(second, HOUR) == total(second) == known
    if not killed:
        await second.finish()
    else:
        await second.write()
    third = books(tmp_path, time)
    assert held(third, HOUR) == total(third) == known
    await turns(third, time, 1, gate=GOOD)
    assert sum(on_disk(tmp_path).values(), Counts()) == known + GOOD


async def test_an_open_slot_survives_many_stops_and_a_kill_before_it_is_over(tmp_path: Path) -> None:
    time = Time()
    first = books(tmp_path, time)
    await turns(first, time, 1, gate=GOOD)
    await first.finish()
    for _ in range(3):
        again = books(tmp_path, time)
        again.add(GATE, again.ledger.now + 10, BAD)
        await again.finish()
    books(tmp_path, time)
    last = books(tmp_path, time)
    await turns(last, time, 1, gate=GOOD)
    assert held(last, HOUR) == times(2, GOOD) + times(3, BAD)
    assert on_disk(tmp_path) == {START + 10: GOOD, START + 20: GOOD + times(3, BAD)}


async def test_a_stop_in_the_middle_of_a_writing_writes_nothing_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    time = Time()
    kept = books(tmp_path, time)
    await turns(kept, time, 3, gate=GOOD)
    begun, go_on = threading.Event(), threading.Event()
    append = kept._backlog.store.append

    def slowly(
        blocks: Sequence[Block],
        totals: Mapping[str, Counts],
        marks: Mapping[str, str],
        watermarks: Watermarks,
    ) -> None:
        begun.set()
        go_on.wait(30)
        append(blocks, totals, marks, watermarks)

    monkeypatch.setattr(kept._backlog.store, "append", slowly)
    turn(kept, time, gate=BAD)
    writing = asyncio.create_task(kept.write())
    await asyncio.to_thread(begun.wait, 10)
    writing.cancel()
    finishing = asyncio.create_task(kept.finish())
    await asyncio.sleep(0)
    go_on.set()
    await finishing
    assert writing.cancelled()
    assert on_disk(tmp_path) == {START + 10: GOOD, START + 20: GOOD, START + 30: GOOD, START + 40: BAD}


async def test_the_columns_may_be_others_after_a_restart(tmp_path: Path) -> None:
    time = Time()
    first = books(tmp_path, time, [an_slo(GATE), an_slo(DECK)])
    await turns(first, time, 6, gate=GOOD, deck=BAD)
    await first.finish()
    second = books(tmp_path, time, [an_slo(DECK), an_slo("probe:orca"), an_slo(GATE)])
    await turns(second, time, 6, gate=GOOD, deck=BAD, orca=GOOD)
    third = books(tmp_path, time, [an_slo(GATE), an_slo(DECK), an_slo("probe:orca")])
    assert held(third, HOUR, GATE) == total(third, GATE) == times(12, GOOD)
    assert held(third, HOUR, DECK) == total(third, DECK) == times(12, BAD)
    assert held(third, HOUR, "probe:orca") == total(third, "probe:orca") == times(6, GOOD)


@pytest.mark.parametrize(("before", "after"), [(10, 60), (60, 10), (5, 30), (1, 60)])
async def test_slots_may_be_of_another_length_after_a_restart(before: int, after: int, tmp_path: Path) -> None:
    time = Time()
    one = Counts(good=1, covered_ms=before * 1000)
    slos = [an_slo(long_seconds=300, short_seconds=120)]
    first = books(tmp_path, time, slos, slot_seconds=before)
    await turns(first, time, 130 // before + 1, gate=one)
    known = total(first)
    await first.finish()
    for _ in range(2):
        again = books(tmp_path, time, slos, slot_seconds=after)
        assert held(again, HOUR) == total(again) == known
        await turns(again, time, 1, gate=BAD)
        known += BAD
        assert held(again, HOUR) == total(again) == known
        await again.finish()
    assert sum(on_disk(tmp_path, slot_seconds=after).values(), Counts()) == known


@pytest.mark.parametrize(("before", "after"), [(10, 15), (2, 5), (15, 10), (60, 1), (1, 60)])
async def test_what_an_open_slot_had_counted_goes_into_the_slot_of_another_length_that_holds_it(
    before: int, after: int, tmp_path: Path
) -> None:
    time = Time()
    slos = [an_slo(long_seconds=300, short_seconds=120)]
    first = books(tmp_path, time, slos, slot_seconds=before)
    await turns(first, time, 1, gate=GOOD)
    first.add(GATE, first.ledger.now + before, BAD)
    await first.finish()
    again = books(tmp_path, time, slos, slot_seconds=after)
    await turns(again, time, 2 + before // after, gate=GOOD)
    known = times(3 + before // after, GOOD) + BAD
    assert held(again, HOUR) == total(again) == known
    await again.finish()
    assert sum(on_disk(tmp_path, slot_seconds=after).values(), Counts()) == known
    assert total(books(tmp_path, time, slos, slot_seconds=after)) == known


async def test_a_condition_that_must_hold_for_a_while_goes_on_holding_over_a_restart(tmp_path: Path) -> None:
    time = Time()
    patient = [an_slo(hold_seconds=60)]
    first = books(tmp_path, time, patient)
    for _ in range(8):
        await turns(first, time, 1, gate=BAD)
        first.engine.evaluate()
    await turns(first, time, 1, gate=BAD)
    begun = dict(first.engine.pending())
    assert begun
    assert not first.engine.firing()
    second = books(tmp_path, time, patient)
    assert second.engine.pending() == begun
    await turns(second, time, 1, gate=BAD)
    assert second.engine.evaluate() == ["gate"]


# The clock


async def test_the_time_of_the_watch_begins_where_a_ledger_ahead_of_the_clock_ends(tmp_path: Path) -> None:
    time = Time()
    first = books(tmp_path, time)
    await turns(first, time, 6, gate=GOOD)
    time.wall_leaps(-HOUR)
    second = books(tmp_path, time)
    assert second.ledger.now == START + 60
    assert held(second, HOUR) == times(6, GOOD)
    await turns(second, time, 1, gate=GOOD)
    assert on_disk(tmp_path)[START + 70] == GOOD


async def test_a_ledger_of_a_clock_that_was_days_ahead_is_kept_aside_and_a_new_one_begun(tmp_path: Path) -> None:
    time = Time(START + 40 * 24 * HOUR)
    first = books(tmp_path, time)
    await turns(first, time, 6, gate=GOOD)
    await first.finish()
    time.wall_leaps(-40 * 24 * HOUR)
    second = books(tmp_path, time)
    assert second.ledger.now == START + 60
    assert total(second) == Counts()
    await turns(second, time, 1, gate=GOOD)
    assert on_disk(tmp_path) == {START + 70: GOOD}
    assert [file.name.startswith("ledger.db.damaged-") for file in tmp_path.iterdir() if file.suffix != ".db"].count(
        True
    ) == 1


# The disk


def test_all_books_are_opened_on_an_empty_folder_and_say_no_data(tmp_path: Path) -> None:
    kept = books(tmp_path, Time())
    assert (kept.engine.status("gate").state, total(kept)) == ("no_data", Counts())


async def test_a_full_disk_is_said_and_what_was_held_is_written_when_there_is_room(tmp_path: Path) -> None:
    time, telemetry = Time(), Telemetry()
    kept = books(tmp_path, time, telemetry=telemetry)
    await turns(kept, time, 6, gate=GOOD)
    with no_file_may_grow():
        await turns(kept, time, 6, gate=BAD)
        kept.engine.evaluate()
        assert sample(telemetry, "watchkeep_ledger_write_failures_total", reason="full") == 6
        assert sample(telemetry, "watchkeep_ledger_pending_slots") == 6
    assert list(kept.engine.firing()) == ["gate"]
    await turns(kept, time, 1, gate=GOOD)
    assert sample(telemetry, "watchkeep_ledger_pending_slots") == 0
    again = books(tmp_path, time)
    assert held(again, HOUR) == total(again) == times(7, GOOD) + times(6, BAD)
    assert len(on_disk(tmp_path)) == 13


async def test_a_locked_ledger_is_said_and_caught_up_with(tmp_path: Path) -> None:
    time, telemetry = Time(), Telemetry()
    kept = books(tmp_path, time, telemetry=telemetry)
    await turns(kept, time, 1, gate=GOOD)
    with closing(sqlite3.connect(tmp_path / "ledger.db", isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        turn(kept, time, gate=GOOD)
        turn(kept, time, gate=GOOD)
        await turns(kept, time, 1, gate=GOOD)
        assert sample(telemetry, "watchkeep_ledger_write_failures_total", reason="busy") == 1
        assert sample(telemetry, "watchkeep_ledger_pending_slots") == 3
        other.execute("ROLLBACK")
    await turns(kept, time, 1, gate=GOOD)
    assert sample(telemetry, "watchkeep_ledger_pending_slots") == 0
    assert on_disk(tmp_path) == {START + 10 * slot: GOOD for slot in range(1, 6)}


async def test_what_is_held_for_the_disk_has_an_end_and_the_oldest_goes_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backlog_module, "HELD_BLOCKS", 3)
    time, telemetry = Time(), Telemetry()
    kept = books(tmp_path, time, telemetry=telemetry)
    with no_file_may_grow():
        await turns(kept, time, 5, gate=GOOD)
    await kept.write()
    assert sample(telemetry, "watchkeep_ledger_dropped_slots_total") == 2
    assert list(on_disk(tmp_path)) == [START + 30, START + 40, START + 50]
    assert held(kept, HOUR) == times(5, GOOD)


async def test_what_is_dropped_while_the_disk_writes_it_takes_nothing_newer_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backlog_module, "HELD_BLOCKS", 3)
    time = Time()
    kept = books(tmp_path, time)
    begun, go_on = threading.Event(), threading.Event()
    append = kept._backlog.store.append

    def slowly(*what: Any) -> None:
        begun.set()
        go_on.wait(30)
        append(*what)

    turn(kept, time, gate=GOOD)
    turn(kept, time, gate=GOOD)
    with monkeypatch.context() as patched:
        patched.setattr(kept._backlog.store, "append", slowly)
        writing = asyncio.create_task(kept.write())
        await asyncio.to_thread(begun.wait, 10)
        for _ in range(3):
            turn(kept, time, gate=BAD)
        go_on.set()
        await writing
    await kept.write()
    assert sum(on_disk(tmp_path).values(), Counts()) == times(2, GOOD) + times(3, BAD)


async def test_a_stop_while_the_disk_is_full_is_no_fault(tmp_path: Path) -> None:
    time = Time()
    kept = books(tmp_path, time)
    await turns(kept, time, 2, gate=GOOD)
    with no_file_may_grow():
        turn(kept, time, gate=BAD)
        await kept.finish()
    assert total(books(tmp_path, time)) == times(2, GOOD)


# Other SLOs


async def test_other_slos_begin_with_the_history_that_is_there(tmp_path: Path) -> None:
    time = Time()
    kept = books(tmp_path, time, [an_slo(GATE)])
    await turns(kept, time, 20, gate=GOOD)
    turn(kept, time, gate=BAD)
    kept.add(GATE, kept.ledger.now + 10, BAD)
    kept.add(GATE, START + 10, Counts(bad=1))
    longer = an_slo(GATE, name="gate-6h", window=timedelta(hours=6))
    await kept.rebuild([an_slo(DECK), longer, an_slo(GATE)])
    known = times(20, GOOD) + BAD + Counts(bad=1)
    assert held(kept, HOUR) == held(kept, 6 * HOUR) == total(kept) == known
    await turns(kept, time, 1, gate=GOOD, deck=GOOD)
    assert held(kept, HOUR) == total(kept) == known + BAD + GOOD
    assert held(kept, HOUR, DECK) == GOOD
    assert sum(on_disk(tmp_path).values(), Counts()) == known + BAD + GOOD


async def test_an_sli_that_leaves_and_comes_back_has_its_history_and_its_totals_again(tmp_path: Path) -> None:
    time = Time()
    kept = books(tmp_path, time, [an_slo(GATE), an_slo(DECK)])
    await turns(kept, time, 5, gate=GOOD, deck=BAD)
    await kept.rebuild([an_slo(GATE)])
    kept.add(GATE, kept.ledger.now + 10, GOOD)
    await turns(kept, time, 5, gate=GOOD)
    await kept.rebuild([an_slo(DECK), an_slo(GATE)])
    assert held(kept, HOUR, DECK) == total(kept, DECK) == times(5, BAD)
    assert held(kept, HOUR, GATE) == total(kept, GATE) == times(11, GOOD)


async def test_what_fires_and_what_is_pending_goes_over_to_other_slos(tmp_path: Path) -> None:
    time = Time()
    both = [an_slo(GATE), an_slo(GATE, name="patient", hold_seconds=600)]
    kept = books(tmp_path, time, both)
    await turns(kept, time, 6, gate=BAD)
    kept.engine.evaluate()
    firing, pending = kept.engine.firing(), kept.engine.pending()
    assert list(firing) == ["gate"]
    assert pending
    await kept.rebuild([*both, an_slo(DECK)])
    assert kept.engine.firing() == firing
    assert kept.engine.pending() == pending
    time.passes(30)
    kept.close(kept.ledger.now + 30)
    kept.engine.evaluate()
    assert kept.engine.firing() == firing, "lost data clears nothing"


async def test_what_the_disk_could_not_take_is_not_lost_when_the_slos_change(tmp_path: Path) -> None:
    time = Time()
    kept = books(tmp_path, time, [an_slo(GATE)])
    await turns(kept, time, 2, gate=GOOD)
    with no_file_may_grow():
        await turns(kept, time, 3, gate=BAD)
        await kept.rebuild([an_slo(DECK), an_slo(GATE)])
        assert held(kept, HOUR) == total(kept) == times(2, GOOD) + times(3, BAD)
        await turns(kept, time, 1, gate=BAD)
    await kept.write()
    assert sum(on_disk(tmp_path).values(), Counts()) == times(2, GOOD) + times(4, BAD)


async def test_what_is_counted_while_the_slos_change_is_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    time = Time()
    kept = books(tmp_path, time, [an_slo(GATE)])
    await turns(kept, time, 3, gate=GOOD)
    begun, go_on = threading.Event(), threading.Event()
    build = kept._engine

    def slowly(*arguments: object, **more: object) -> object:
        begun.set()
        go_on.wait(30)
        return build(*arguments, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(kept, "_engine", slowly)
    rebuilding = asyncio.create_task(kept.rebuild([an_slo(GATE), an_slo(DECK)]))
    await asyncio.to_thread(begun.wait, 10)
    kept.add(GATE, kept.ledger.now + 10, BAD)
    kept.add(GATE, kept.ledger.now, BAD)
    assert kept.engine.status("gate").totals["bad"] == 1, "the old figures are shown until the new ones are there"
    go_on.set()
    await rebuilding
    await turns(kept, time, 1)
    assert held(kept, HOUR) == total(kept) == times(3, GOOD) + times(2, BAD)
    assert sum(on_disk(tmp_path).values(), Counts()) == times(3, GOOD) + times(2, BAD)


async def test_a_history_that_cannot_be_read_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    time = Time()
    kept = books(tmp_path, time, [an_slo(GATE)])
    await turns(kept, time, 3, gate=GOOD)
    engine = kept.engine

    def refuse(slos: Sequence[SLO], *arguments: object, **more: object) -> object:
        raise StoreBusy("another program holds it")

    with monkeypatch.context() as patched:
        patched.setattr(kept, "_engine", refuse)
        with pytest.raises(StoreBusy):
            await kept.rebuild([an_slo(DECK)])
    assert kept.engine is engine
    await turns(kept, time, 1, gate=GOOD)
    assert held(kept, HOUR) == times(4, GOOD)


async def test_history_is_in_every_window_and_on_disk_by_the_minute(tmp_path: Path) -> None:
    time = Time()
    kept = books(tmp_path, time)
    await turns(kept, time, 6, gate=GOOD)
    past = Block(
        ends=np.array([START - 600, START - 540], np.int64),
        seconds=60,
        names=(GATE,),
        counts=np.array([[5, 7], [1, 2], [0, 0], [60_000, 60_000]], np.int64)[:, :, np.newaxis],
    )
    async with kept.lock:
        kept.add_history(past)
        await kept.write()
    assert not kept.behind
    again = books(tmp_path, time)
    for each in (kept, again):
        whole = each.ledger.window(HOUR)
        assert (int(whole.good[0]), int(whole.bad[0]), int(whole.covered_ms[0])) == (18, 3, 180_000)


async def test_a_watermark_is_never_written_before_the_late_counts_that_it_speaks_of(tmp_path: Path) -> None:
    time = Time()
    kept = books(tmp_path, time)
    await turns(kept, time, 2, gate=GOOD)
    kept.add(GATE, START + 10, BAD)
    kept.mark({("server", GATE): b"read"})
    await kept.write()
    again = books(tmp_path, time)
    assert again.watermarks("server") == {GATE: b"read"}
    assert int(again.ledger.window(HOUR).bad[0]) == 1


async def test_much_that_waits_for_the_disk_keeps_the_past_from_being_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backlog_module, "HELD_BLOCKS", 40)
    time = Time()
    kept = books(tmp_path, time)
    with no_file_may_grow():
        await turns(kept, time, 10, gate=GOOD)
        assert not kept.behind
        await turns(kept, time, 1, gate=GOOD)
        assert kept.behind
    await turns(kept, time, 1, gate=GOOD)
    assert not kept.behind
