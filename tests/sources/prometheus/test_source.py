"""A server is followed: what just happened, outages of either side, histories, and nothing counted twice."""

import asyncio
import logging
import random
from collections.abc import Mapping, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slo.core.sli import PrometheusSLI
from slo.errors import ServerFault
from slo.sources.prometheus.answers import Labels
from slo.sources.prometheus.reader import Reader
from slo.sources.prometheus.tally import Piece, Rhythm
from tests.sources.prometheus.remembered import Remembered
from tests.sources.prometheus.shelves import SLOT, Following

NOW = 1_767_225_600
"""2026-01-01T00:00:00Z."""

FULL = SLOT * 1000
SLI = PrometheusSLI(server="server", total="a", part="b", part_is="bad")


def traffic(begin: int, end: int, seed: int = 1) -> Mapping[str, Mapping[Labels, Sequence[tuple[float, float]]]]:
    """Two targets scraped every 10 s from one time after NOW to another, with failures."""
    chance = random.Random(seed)
    samples: dict[str, dict[Labels, list[tuple[float, float]]]] = {"a": {}, "b": {}}
    for instance in "xy":
        labels = (("instance", instance), ("job", "api"))
        total = bad = 0
        for at in range(NOW + begin + chance.randrange(10), NOW + end, 10):
            events = chance.randrange(20)
            total, bad = total + events, bad + chance.randrange(events + 1)
            samples["a"].setdefault(labels, []).append((at, total))
            samples["b"].setdefault(labels, []).append((at, bad))
    return samples


def following(begin: int = -3600, end: int = 7200, *, keep_seconds: int = 600) -> Following:
    return Following(Remembered(traffic(begin, end)), SLI, NOW, keep_seconds=keep_seconds)


def expected(watch: Following, since: int, until: int) -> dict[int, list[int]]:
    """What a server counts in this time after NOW, read at once."""
    reader = Reader(
        Remembered(watch.server.samples).client, Rhythm(slot_seconds=SLOT, interval_ms=30_000), interval_seconds=30
    )
    piece = Piece(since=NOW + since, until=NOW + until)
    block = reader.read(SLI, piece, piece.until + 3600).block("a", SLOT)
    return dict(zip(block.ends.tolist(), block.counts[:, :, 0].T.tolist(), strict=True))


def within(counts: Mapping[int, list[int]], since: int, until: int) -> dict[int, list[int]]:
    return {end: row for end, row in counts.items() if NOW + since < end <= NOW + until}


async def test_what_just_happened_is_counted_when_it_is_old_enough() -> None:
    watch = following()
    await watch.passes(300)
    counts = watch.shelf.counts()
    assert within(counts, 0, 240) == expected(watch, 0, 240)
    assert [row[:3] for row in within(counts, 270, 300).values()] == [[0, 0, 0]] * 3


async def test_all_time_is_covered_while_all_is_well_though_it_is_read_later() -> None:
    watch = following()
    await watch.passes(60)
    for _ in range(30):
        await watch.passes(SLOT)
        counts = watch.shelf.counts()
        assert all(counts[end][3] == FULL for end in range(NOW + 50, int(watch.clock.at) + 1, SLOT))


REASONS = ("connect_refused", "response_timeout", "refused", "not_prometheus", "partial")


@pytest.mark.parametrize("reason", REASONS)
async def test_time_that_cannot_be_read_is_unknown_and_read_when_the_server_answers_again(
    reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    watch = following()
    await watch.passes(300)
    await watch.reads_the_past()
    watch.server.fault = ServerFault(reason)
    await watch.passes(600)
    counts = watch.shelf.counts()
    assert within(counts, 420, 900) == {}
    assert watch.telemetry.registry.get_sample_value("watchkeep_server_slis_unknown", {"server": "server"}) == 1
    watch.server.fault = None
    await watch.passes(30)
    await watch.reads_the_past()
    await watch.close_slot()
    assert within(watch.shelf.counts(), 0, 870) == expected(watch, 0, 870)
    assert watch.telemetry.registry.get_sample_value("watchkeep_server_slis_unknown", {"server": "server"}) == 0
    told = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert [(record.message, getattr(record, "reason", "")) for record in told] == [
        ("what a server is asked for cannot be counted and is unknown", reason),
        ("everything that the server is asked for is counted again", ""),
    ]


async def test_a_total_without_series_is_unknown_and_a_part_without_series_is_nothing() -> None:
    watch = following()
    bad = watch.server.samples.pop("b")
    await watch.passes(300)
    assert all(row[1] == 0 for row in within(watch.shelf.counts(), 0, 240).values())
    assert sum(row[0] for row in within(watch.shelf.counts(), 0, 240).values()) > 0
    watch.server.samples = {"b": bad}
    await watch.passes(300)
    assert within(watch.shelf.counts(), 420, 600) == {}
    assert (
        watch.source._followed[SLI.key].fault == ServerFault("no_series", "a") or watch.source._followed[SLI.key].fault
    )


async def test_a_piece_of_which_data_is_missing_keeps_no_other_time_from_being_read() -> None:
    watch = following(keep_seconds=1800)
    watch.server.partial = [(NOW + 100, NOW + 130)]
    await watch.passes(1200)
    await watch.reads_the_past()
    counts = watch.shelf.counts()
    assert within(counts, 1000, 1140) == expected(watch, 1000, 1140)
    assert all(row[:3] == [0, 0, 0] for row in within(counts, 100, 130).values())
    watch.server.partial = []
    for _ in range(8):
        await watch.passes(600)
        await watch.reads_the_past()
    assert within(watch.shelf.counts(), 0, 1140) == expected(watch, 0, 1140)


async def test_the_whole_window_of_a_new_sli_is_read_newest_first() -> None:
    watch = following(-7200, 600, keep_seconds=7200)
    await watch.passes(60)
    read = [watch.read_ratio]
    while await watch.reads_the_past(1):
        read.append(watch.read_ratio)
        covered = [end for end, row in watch.shelf.counts().items() if row[3]]
        assert max(covered) - min(covered) <= SLOT * len(covered) + 600
    assert read == sorted(read)
    assert (len(read) > 5, read[-1]) == (True, 1.0)
    await watch.passes(SLOT)
    assert within(watch.shelf.counts(), -7100, 0) == within(expected(watch, -7200, 0), -7100, 0)
    ratio = watch.telemetry.registry.get_sample_value(
        "watchkeep_server_history_ratio", {"server": "server", "slo": "api"}
    )
    assert ratio is not None


async def test_what_is_hours_old_is_counted_by_the_minute() -> None:
    watch = following(-36_000, 600, keep_seconds=36_000)
    await watch.passes(60)
    await watch.reads_the_past()
    old = within(watch.shelf.counts(), -35_900, -30_000)
    assert all(end % 60 == 0 for end in old)
    assert all(row[3] == 60_000 for row in old.values())
    by_slot = within(expected(watch, -36_000, 0), -35_900 // 60 * 60, -30_000)
    assert sum(row[0] for row in old.values()) == sum(row[0] for end, row in by_slot.items() if end > min(old) - 60)


async def test_a_server_that_allows_few_samples_is_asked_for_less() -> None:
    watch = following(-7200, 600, keep_seconds=7200)
    watch.server.most_samples = 900
    await watch.passes(60)
    await watch.reads_the_past()
    assert watch.read_ratio == 1.0
    assert within(watch.shelf.counts(), -7100, 0) == within(expected(watch, -7200, 0), -7100, 0)


async def test_a_past_that_has_no_series_is_taken_for_none_once_it_is_old() -> None:
    watch = following(-600, 600, keep_seconds=86_400)
    await watch.passes(60)
    await watch.reads_the_past()
    assert 0.7 < watch.read_ratio < 1
    assert all(begin >= NOW - 6 * 3600 - 1800 for begin, _ in watch.source._followed[SLI.key].unread.gaps)


async def test_a_server_that_is_down_is_not_asked_for_the_past() -> None:
    watch = following(keep_seconds=3600)
    watch.server.fault = ServerFault("connect_refused")
    await watch.passes(300)
    asked = len(watch.server.asked)
    assert await watch.reads_the_past() == 0
    assert len(watch.server.asked) == asked


async def test_the_past_waits_while_the_disk_is_behind() -> None:
    watch = following(keep_seconds=3600)
    watch.shelf.behind = True
    await watch.passes(60)
    assert await watch.reads_the_past() == 0
    watch.shelf.behind = False
    assert await watch.reads_the_past() > 0


async def test_watermarks_are_given_again_to_a_file_that_was_begun_anew() -> None:
    watch = following()
    await watch.passes(60)
    mark = watch.shelf.marks.copy()
    assert len(mark) == 1
    watch.shelf.marks.clear()
    watch.shelf.begun_anew += 1
    watch.source.close(int(watch.clock.at))
    await watch.shelf.write()
    assert watch.shelf.marks == mark


async def test_an_sli_whose_turn_does_not_come_misses_the_round() -> None:
    watch = following()
    watch.clock.at += 60
    watch.shelf.close(int(watch.clock.at))
    await watch.source._round(watch.clock.at)
    fault = watch.source._followed[SLI.key].fault
    assert fault is not None
    assert fault.reason == "missed"


async def test_an_answer_that_comes_after_its_sli_has_left_is_not_counted() -> None:
    watch = following()
    watch.clock.at += 60
    watch.shelf.close(int(watch.clock.at))
    inner = watch.source._reader.read

    def leaves(sli: PrometheusSLI, piece: Piece, now: float) -> object:
        watch.source.follow([])
        return inner(sli, piece, now)

    watch.source._reader.read = leaves  # type: ignore[method-assign,assignment]
    await watch.source._round(watch.clock.at + 30)
    await watch.shelf.write()
    assert watch.shelf.counts() == {}


async def test_a_fault_of_ours_is_told_and_stops_nothing(caplog: pytest.LogCaptureFixture) -> None:
    watch = following()

    def breaks(*_: object) -> None:
        raise ZeroDivisionError

    watch.source._reader.read = breaks  # type: ignore[method-assign,assignment]
    await watch.passes(60)
    fault = watch.source._followed[SLI.key].fault
    assert fault is not None
    assert fault.reason == "prober_fault"
    assert any(record.exc_info for record in caplog.records)


events = st.one_of(
    st.tuples(st.just("passes"), st.integers(1, 12)),
    st.tuples(st.just("fails"), st.integers(1, 12)),
    st.tuples(st.just("killed"), st.integers(0, 30)),
    st.tuples(st.just("asks and is killed"), st.integers(0, 30)),
    st.tuples(st.just("past"), st.integers(1, 3)),
)


@settings(max_examples=25)
@given(st.lists(events, max_size=20), st.integers(0, 5))
def test_whatever_fails_and_whoever_is_killed_every_event_is_counted_once(
    story: list[tuple[str, int]], seed: int
) -> None:
    asyncio.run(_lives_through(story, seed))


async def _lives_through(story: list[tuple[str, int]], seed: int) -> None:
    watch = Following(Remembered(traffic(-1200, 7200, seed)), SLI, NOW, keep_seconds=7200)
    for what, amount in story:
        match what:
            case "passes":
                await watch.passes(amount * SLOT)
            case "fails":
                watch.server.fault = ServerFault("connect_refused")
                await watch.passes(amount * SLOT)
                watch.server.fault = None
            case "killed":
                await watch.is_killed(amount * SLOT)
            case "asks and is killed":
                await watch.asks_and_is_killed(amount * SLOT)
            case "past":
                await watch.reads_the_past(amount)
    await watch.passes(120)
    await watch.reads_the_past()
    await watch.close_slot()
    until = int(watch.clock.at) - NOW - 60
    assert within(watch.shelf.counts(), -1100, until) == within(expected(watch, -1200, until), -1100, until)
