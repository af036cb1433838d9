"""Scrapes as they come: nothing is lost or doubled by restarts, reloads, and series that come and go."""

import math
import random
from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slo.sources import live_target
from slo.sources.endpoint import Endpoint
from slo.sources.scraped import ALL, NAMES, NUMBERS, obsolete
from tests.sources.lives import SLOT, Life, Values, an_sli, total

NAN = math.nan
TOTAL, BAD = "requests_total", "errors_total"
DAY = 86_400

# Restarts

SERIES = (TOTAL, 'requests_total{code="500"}', BAD)
Scrapes = list[tuple[int, str, dict[str, float]]]
"""When (milliseconds), of which target, and what it says."""


@st.composite
def histories(draw: st.DrawFn) -> tuple[Scrapes, list[tuple[int, int]]]:
    """The scrapes of two targets, and the times (seconds) at which the watch is killed and started again."""
    value = st.one_of(st.integers(0, 30), st.just(NAN))
    scrapes = [
        (at_ms, target, {series: draw(value) for series in SERIES})
        for target in ("one", "two")
        for at_ms in sorted(draw(st.sets(st.integers(1, 300_000), max_size=16)))
    ]
    edges = sorted(draw(st.sets(st.integers(5, 295), max_size=6)))
    restarts = list(zip(edges[::2], edges[1::2], strict=False))
    return sorted(scrapes, key=lambda scrape: scrape[0]), restarts


def lived(scrapes: Scrapes, restarts: list[tuple[int, int]]) -> Life:
    """A life with these scrapes and restarts, each slot closed when it is over."""
    slis = {"all": an_sli(), "ok": an_sli('requests_total{code=""}')}
    life = Life(slis, targets={"one": 15.0, "two": 30.0})
    waiting, ends = list(scrapes), iter([*restarts, (10**9, 0)])
    killed, started = next(ends)
    for end in range(SLOT, 400, SLOT):
        if end > killed and end - SLOT < started:
            if end <= started:
                continue
            life.start(started)
            killed, started = next(ends)
        while waiting and waiting[0][0] <= end * 1000:
            at_ms, target, values = waiting.pop(0)
            life.scrape(at_ms, values, target=target)
        life.close(end)
    return life


def seen(scrapes: Scrapes, restarts: list[tuple[int, int]]) -> Scrapes:
    """The scrapes that are counted: those while the watch is down are not there, nor those of a slot that it did not
    close before it was killed.
    """

    def lost(at_ms: int) -> bool:
        return any(killed // SLOT * SLOT * 1000 < at_ms <= started * 1000 for killed, started in restarts)

    return [scrape for scrape in scrapes if not lost(scrape[0])]


@given(history=histories())
def test_a_watch_that_was_killed_counts_what_one_counts_that_saw_the_same_scrapes(
    history: tuple[Scrapes, list[tuple[int, int]]],
) -> None:
    scrapes, restarts = history
    counted = seen(scrapes, restarts)
    killed, whole = lived(counted, restarts), lived(counted, [])
    assert killed.everything() == whole.everything()
    assert [excess.slot_end for excess in killed.excesses] == [excess.slot_end for excess in whole.excesses]


@given(seed=st.integers(0, 2**32))
@settings(max_examples=15)
def test_kills_at_any_time_lose_no_increment_and_count_none_twice(seed: int) -> None:
    chance = random.Random(seed)
    life = Life()
    requests = errors = 1_000
    life.scrape(5_000, {TOTAL: requests, BAD: errors})
    life.close(10)
    now = 10
    while now < 3_000:
        for end in range(now + SLOT, now + chance.randint(1, 12) * SLOT + 1, SLOT):
            more = chance.randint(0, 50)
            requests, errors = requests + more, errors + chance.randint(0, more)
            life.scrape(end * 1000 - chance.randint(0, 9_999), {TOTAL: requests, BAD: errors})
            life.close(end)
            now = end
        life.scrape(now * 1000 + 1, {TOTAL: requests, BAD: errors})  # seen, and killed before the slot is over
        now += chance.randint(0, 40) * SLOT
        life.start(now)
    life.scrape(now * 1000 + 5_000, {TOTAL: requests, BAD: errors})
    life.close(now + SLOT)
    assert total(life.events().values()) == (requests - errors, errors - 1_000)


def test_the_time_of_a_restart_is_known_afterwards_also_where_it_was_long() -> None:
    life = Life()
    life.scrape(5_000, {TOTAL: 100})
    life.close(10)
    life.start(600)
    life.scrape(605_000, {TOTAL: 220, BAD: 60})
    life.close(610)
    assert life.events() == dict.fromkeys(range(2 * SLOT, 611, SLOT), (1, 1))
    assert life.covered() == dict.fromkeys(range(SLOT, 611, SLOT), SLOT * 1000)


def test_the_time_of_a_restart_in_which_a_counter_was_reset_is_not_known() -> None:
    life = Life()
    life.scrape(5_000, {TOTAL: 100})
    life.close(10)
    life.start(600)
    life.scrape(605_000, {TOTAL: 7})
    life.close(610)
    assert total(life.events().values()) == (7, 0)
    assert sum(life.covered().values()) == 10_000 + 32_500 + 10_000


def test_a_target_that_was_not_scraped_for_more_than_a_day_begins_anew() -> None:
    life = Life()
    life.scrape(5_000, {TOTAL: 100})
    life.close(10)
    life.start(DAY)
    life.scrape(DAY * 1000 + 5_000, {TOTAL: 186, BAD: 86})
    life.close(DAY + SLOT)
    assert total(life.events().values()) == (0, 86)
    away = 2 * DAY + 2 * SLOT
    life.start(away)
    life.scrape(away * 1000 + 5_000, {TOTAL: 999, BAD: 999})
    life.close(away + SLOT)
    life.scrape(away * 1000 + 15_000, {TOTAL: 1_000, BAD: 999})
    life.close(away + 2 * SLOT)
    assert total(life.events().values()) == (1, 86)


def test_a_machine_that_stood_still_is_caught_up_with_slot_by_slot() -> None:
    still, moving = Life(), Life()
    for life in (still, moving):
        life.scrape(5_000, {TOTAL: 0, BAD: 0})
        life.scrape(20_000, {TOTAL: 5, BAD: 1})
        life.scrape(20_001, {TOTAL: 6, BAD: 1})
        life.scrape(305_000, {TOTAL: 93, BAD: 30})
    still.close(310)
    for end in range(SLOT, 311, SLOT):
        moving.close(end)
    assert still.everything() == moving.everything()


def test_what_was_scraped_behind_the_slot_that_is_closed_waits_for_its_own() -> None:
    life = Life()
    life.scrape(5_000, {TOTAL: 100})
    life.scrape(10_000, {TOTAL: 101})
    life.scrape(10_001, {TOTAL: 103})
    life.close(10)
    assert life.events() == {10: (1, 0)}
    life.close(20)
    assert life.events() == {10: (1, 0), 20: (2, 0)}


def test_a_second_scrape_at_the_same_time_is_passed_over_and_what_it_saw_is_not_lost() -> None:
    life = Life()
    for at_ms, value in [(5_000, 100), (5_000, 103), (4_000, 104), (6_000, 110)]:
        life.scrape(at_ms, {TOTAL: value})
    life.close(10)
    assert life.events() == {10: (10, 0)}


def test_what_unknown_targets_say_is_passed_over() -> None:
    life = Life()
    life.scrape(5_000, {TOTAL: 100}, target="another")
    life.close(10)
    assert life.everything() == {}


# Late scrapes


@st.composite
def deliveries(draw: st.DrawFn) -> tuple[Scrapes, list[int]]:
    """Scrapes whose part never exceeds its total, and when each of them comes (milliseconds): in order, some late."""
    chance = random.Random(draw(st.integers(0, 2**32)))
    scrapes: Scrapes = []
    comes: list[int] = []
    for target in ("one", "two"):
        requests, errors, arrived = 100, 10, 0
        for turn in range(1, 41):
            at_ms = turn * 15_000 + chance.randint(-3_000, 3_000)
            more = chance.randint(0, 9)
            requests, errors = requests + more, errors + chance.randint(0, more)
            if chance.random() < 0.03:
                requests = errors = chance.randint(0, 5)
            if turn > 1 and chance.random() < 0.15:
                continue
            late_ms = chance.choice([0, 0, 0, chance.randint(0, 8_000), chance.randint(0, 200_000)]) if turn > 1 else 0
            arrived = max(arrived, at_ms + late_ms)
            scrapes.append((at_ms, target, {TOTAL: requests, BAD: errors}))
            comes.append(arrived)
    return scrapes, comes


def delivered(scrapes: Scrapes, comes: list[int]) -> Life:
    """A life in which scrapes come at these times (milliseconds)."""
    life = Life(targets={"one": 15.0, "two": 30.0})
    waiting = sorted(zip(comes, scrapes, strict=True), key=lambda each: each[0])
    for end in range(SLOT, 1_000, SLOT):
        while waiting and waiting[0][0] <= end * 1000:
            _, (at_ms, target, values) = waiting.pop(0)
            life.scrape(at_ms, values, target=target)
        life.close(end)
    return life


@given(late=deliveries())
@settings(max_examples=30)
def test_scrapes_that_come_late_count_as_if_they_had_come_in_time(late: tuple[Scrapes, list[int]]) -> None:
    scrapes, comes = late
    in_time = delivered(scrapes, [at_ms for at_ms, _, _ in scrapes])
    assert delivered(scrapes, comes).everything() == in_time.everything()


def test_what_a_killed_watch_had_counted_is_not_counted_again_when_it_is_delivered_once_more() -> None:
    life = Life()
    for turn in range(1, 5):
        life.scrape(turn * 10_000, {TOTAL: 100 + turn})
    life.close(40)
    life.start(80)
    for turn in range(1, 9):
        life.scrape(turn * 10_000, {TOTAL: 100 + turn})
    life.close(90)
    assert life.events() == dict.fromkeys(range(20, 81, 10), (1, 0))
    assert life.covered() == dict.fromkeys(range(10, 91, 10), 10_000)


def test_what_comes_more_than_a_day_late_is_passed_over() -> None:
    life = Life()
    life.scrape(5_000, {TOTAL: 100})
    life.close(10)
    life.close(DAY + 30)
    life.scrape(25_000, {TOTAL: 150})
    life.scrape(35_000, {TOTAL: 160})
    life.close(DAY + 40)
    assert total(life.events().values()) == (60, 0), "the first of them is only missing"
    assert max(life.events()) == 40


def test_a_part_that_exceeds_its_total_is_carried_on_among_late_scrapes() -> None:
    in_time, late = Life(), Life()
    scrapes: list[tuple[int, Values]] = [
        (5_000, {TOTAL: 100, BAD: 10}),
        (15_000, {TOTAL: 101, BAD: 13}),
        (25_000, {TOTAL: 110, BAD: 13}),
    ]
    for at_ms, values in scrapes:
        in_time.scrape(at_ms, values)
        in_time.close(-(-at_ms // 10_000) * 10)
    in_time.close(100)
    late.scrape(*scrapes[0])
    late.close(90)
    for scrape in scrapes[1:]:
        late.scrape(*scrape)
    late.close(100)
    assert late.everything() == in_time.everything()


def test_a_target_that_is_heard_of_late_takes_part_where_nobody_else_was() -> None:
    life = Life(targets={"t": 15.0, "other": 15.0})
    for turn in range(1, 4):
        life.scrape(turn * 10_000, {TOTAL: turn})
    life.close(30)
    life.reload(life.followed, {"other": 15.0})
    life.close(120)
    for turn in range(2, 13):
        life.scrape(turn * 10_000, {TOTAL: turn}, target="other")
    life.close(130)
    assert total(life.events().values()) == (2 + 10, 0)
    assert life.covered() == dict.fromkeys(range(10, 131, 10), 10_000)


# Targets that come and go


@given(seed=st.integers(0, 2**32))
@settings(max_examples=30)
def test_no_time_is_known_twice_and_no_event_lost_however_targets_come_go_and_are_late(seed: int) -> None:
    chance = random.Random(seed)
    life = Life(targets={"t0": 15.0})
    counts, before, grown = {"t0": 100}, dict[str, int](), 0
    spool: list[tuple[int, str, int]] = []
    for end in range(SLOT, 1_200, SLOT):
        for name in list(life.targets):
            if chance.random() < 0.03 and len(life.targets) > 1:
                spool = [each for each in spool if each[1] != name]
                life.counters.leave([name], since_ms=chance.choice([end * 1000, (end - 60) * 1000]))
                life.targets = {other: seconds for other, seconds in life.targets.items() if other != name}
        if chance.random() < 0.05:
            name = f"t{len(counts)}"
            counts[name] = 100
            life.targets = {**life.targets, name: 15.0}
            life.counters.add({name: Endpoint(interval_seconds=15.0)})
        for name in life.targets:
            if chance.random() < 0.7:
                counts[name] += chance.randint(0, 5)
                spool.append((end * 1000 - chance.randint(0, 9_999), name, counts[name]))
        if chance.random() < 0.6:
            first = {name for name in life.targets if life.counters.scraped_until(name) < 0}
            for at_ms, name, value in spool:
                life.scrape(at_ms, {TOTAL: value}, target=name)
                seen = 0 if name in first else value - before[name]
                grown += seen
                before[name] = value
                first.discard(name)
            spool = []
        life.close(end)
    assert total(life.events().values()) == (grown, 0)
    assert max(life.covered().values()) <= SLOT * 1000


def test_a_target_that_is_gone_counts_what_waits_and_shares_what_comes_late() -> None:
    life = Life(targets={"one": 15.0, "two": 15.0})
    for turn in range(1, 5):
        for target in ("one", "two"):
            life.scrape(turn * 10_000 - 1, {TOTAL: turn}, target=target)
        life.close(turn * 10)
    life.scrape(41_000, {TOTAL: 9}, target="two")
    life.counters.leave(["two"], since_ms=42_000)
    life.scrape(43_000, {TOTAL: 99}, target="two")
    life.close(200)
    life.scrape(195_000, {TOTAL: 20}, target="one")
    life.close(210)
    assert total(life.events().values()) == (3 + 3 + 5 + 16, 0)
    assert life.covered() == dict.fromkeys(range(10, 211, 10), 10_000)
    assert life.counters.targets == ("one",)
    assert life.marks.keys() == {ALL, NAMES + "one", NUMBERS + "one"}


# Watermarks


@pytest.mark.parametrize(
    "damage",
    [
        {NUMBERS + "t": b""},
        {NUMBERS + "t": b"\0" * 80},
        {NAMES + "t": b"{}"},
        {NAMES + "t": b"[]"},
        {NAMES + "t": b"\xff"},
        {NAMES + "t": b'{"identity":"","series":[{"__name__":"requests_total"}],"slis":["a"],"looked_for":["a"]}'},
        {NAMES + "t": None},
        {NUMBERS + "t": None},
    ],
    ids=["empty", "zeros", "no names", "a list", "no text", "other names", "names gone", "numbers gone"],
)
def test_a_damaged_watermark_is_said_and_its_target_begins_anew(
    damage: Mapping[str, bytes | None], caplog: pytest.LogCaptureFixture
) -> None:
    life = Life(targets={"t": 15.0, "other": 15.0})
    for target in ("t", "other"):
        life.scrape(5_000, {TOTAL: 100, BAD: 10}, target=target)
    life.close(10)
    life.marks = {name: mark for name, mark in {**life.marks, **damage}.items() if mark is not None}
    life.start(20)
    assert [record.__dict__["scrape"] for record in caplog.records] == ["t"]
    for target in ("t", "other"):
        life.scrape(25_000, {TOTAL: 150, BAD: 10}, target=target)
    life.close(30)
    assert total(life.events().values()) == (50, 0)


@pytest.mark.parametrize("mark", [None, b"", b"[]", b"{}", b'{"closed_ms":"x","carried":{}}'])
def test_without_the_mark_of_all_targets_they_begin_anew(mark: bytes | None, caplog: pytest.LogCaptureFixture) -> None:
    life = Life()
    life.scrape(5_000, {TOTAL: 100})
    life.close(10)
    life.marks = {name: other for name, other in {**life.marks, ALL: mark}.items() if other is not None}
    life.start(20)
    life.scrape(25_000, {TOTAL: 150})
    life.close(30)
    assert [record.message for record in caplog.records] == ["the watermarks are damaged, all targets begin anew"]
    assert life.events() == {}


def test_an_excess_is_carried_over_a_restart_once() -> None:
    life = Life()
    life.scrape(5_000, {TOTAL: 100, BAD: 10})
    life.scrape(6_000, {TOTAL: 101, BAD: 13})
    life.close(10)
    life.start(10)
    life.scrape(16_000, {TOTAL: 110, BAD: 13})
    life.close(20)
    assert life.events() == {10: (0, 1), 20: (7, 2)}
    life.reload(life.followed)
    life.scrape(26_000, {TOTAL: 120, BAD: 13})
    life.close(30)
    assert life.events()[30] == (10, 0)


def test_names_are_written_again_only_when_they_change_and_numbers_with_each_scrape() -> None:
    life = Life()
    life.scrape(5_000, {TOTAL: 100})
    life.close(10)
    assert set(dict(life.counters.watermarks(whole=False))) == {ALL}
    life.scrape(15_000, {TOTAL: 101})
    life.counters.take_in("t", 20_000)
    before = dict(life.marks)
    life.close(20)
    assert before[NAMES + "t"] == life.marks[NAMES + "t"]
    assert before[NUMBERS + "t"] != life.marks[NUMBERS + "t"]
    assert set(dict(life.counters.watermarks(whole=True))) == {NAMES + "t", NUMBERS + "t", ALL}


def test_marks_of_targets_that_left_are_obsolete() -> None:
    marks = dict.fromkeys([ALL, NAMES + "t", NUMBERS + "t", NAMES + "gone", NUMBERS + "gone"], b"")
    assert obsolete(marks, {"t": 15.0, "new": 15.0}) == {NAMES + "gone", NUMBERS + "gone"}


# Other configurations

ONLY = {"a": an_sli()}
BOTH = {"a": an_sli(), "b": an_sli("jobs_total", "jobs_failed_total")}
JOBS, FAILED = "jobs_total", "jobs_failed_total"


@pytest.mark.parametrize("restart", [True, False], ids=["restarted", "reloaded"])
@pytest.mark.parametrize(("total", "bad"), [(TOTAL, BAD), (f'{TOTAL}{{zone="b"}}', f'{BAD}{{zone="b"}}')])
def test_a_target_with_another_identity_begins_with_a_baseline(total: str, bad: str, *, restart: bool) -> None:
    life = Life()
    life.scrape(5_000, {TOTAL: 100, BAD: 10})
    life.scrape(9_000, {TOTAL: 103, BAD: 11})
    life.close(10)
    life.scrape(11_000, {TOTAL: 104, BAD: 11})
    life.identity = "elsewhere"
    if restart:
        life.start(10)
    else:
        life.reload(life.followed)
    life.scrape(15_000, {total: 9_000, bad: 500})
    life.close(20)
    life.scrape(25_000, {total: 9_008, bad: 502})
    life.close(30)
    life.start(30)
    life.scrape(35_000, {total: 9_010, bad: 502})
    life.close(40)
    assert life.events() == {10: (2, 1), 30: (6, 2), 40: (2, 0)}


@pytest.mark.parametrize("restart", [True, False], ids=["restarted", "reloaded"])
def test_an_sli_that_is_added_begins_with_a_baseline_and_the_others_go_on(*, restart: bool) -> None:
    life = Life(ONLY)
    life.scrape(5_000, {TOTAL: 100, BAD: 0})
    life.close(10)
    if restart:
        life.followed = BOTH
        life.start(10)
    else:
        life.reload(BOTH)
    life.scrape(15_000, {TOTAL: 103, BAD: 1, JOBS: 900})
    life.close(20)
    life.scrape(25_000, {TOTAL: 103, BAD: 1, JOBS: 905, FAILED: 2})
    life.close(30)
    assert life.events("a") == {20: (2, 1)}
    assert life.events("b") == {30: (3, 2)}, "a failure counter is born at its first failure"
    assert life.covered("b") == {20: 10_000, 30: 10_000}


def test_a_scrape_that_was_made_before_a_reload_says_nothing_of_the_new_sli() -> None:
    life = Life(ONLY)
    life.scrape(5_000, {TOTAL: 100})
    life.close(10)
    life.scrape(12_000, {TOTAL: 101})
    life.reload(BOTH)
    life.scrape(18_000, {TOTAL: 102, JOBS: 900})
    life.close(20)
    life.scrape(25_000, {TOTAL: 102, JOBS: 901})
    life.close(30)
    assert (life.events("a"), life.events("b")) == ({20: (2, 0)}, {30: (1, 0)})


@pytest.mark.parametrize("first", [None, -1.0], ids=["missing", "no count"])
def test_a_series_without_a_count_at_the_first_scrape_counts_from_nothing(first: float | None) -> None:
    life = Life(ONLY)
    life.scrape(5_000, {TOTAL: 100, BAD: first} if first is not None else {TOTAL: 100})
    life.scrape(15_000, {TOTAL: 103, BAD: 2})
    life.close(20)
    assert life.events() == {20: (1, 2)}


def test_an_sli_that_is_removed_and_comes_back_begins_with_a_baseline() -> None:
    life = Life(BOTH)
    life.scrape(5_000, {TOTAL: 100, JOBS: 10})
    life.close(10)
    life.reload(ONLY)
    life.scrape(15_000, {TOTAL: 101, JOBS: 500})
    life.close(20)
    life.reload(BOTH)
    life.scrape(25_000, {TOTAL: 102, JOBS: 900})
    life.close(30)
    life.scrape(35_000, {TOTAL: 103, JOBS: 901})
    life.close(40)
    assert (life.events("a"), life.events("b")) == ({20: (1, 0), 30: (1, 0), 40: (1, 0)}, {40: (1, 0)})


def test_a_series_that_another_sli_followed_is_no_baseline_for_a_new_one() -> None:
    life = Life({"all": an_sli()})
    life.scrape(5_000, {TOTAL: 100, 'requests_total{code="500"}': 5})
    life.close(10)
    life.reload({"all": an_sli(), "ok": an_sli('requests_total{code=""}')})
    life.scrape(15_000, {TOTAL: 103, 'requests_total{code="500"}': 6, 'requests_total{code="404"}': 2})
    life.close(20)
    assert (life.events("all"), life.events("ok")) == ({20: (6, 0)}, {20: (3, 0)})


def test_a_target_that_is_added_begins_with_a_baseline_and_one_that_leaves_counts_no_longer() -> None:
    life = Life(targets={"one": 15.0})
    life.scrape(5_000, {TOTAL: 100}, target="one")
    life.close(10)
    life.reload(ONLY, {"two": 15.0, "one": 30.0})
    life.scrape(15_000, {TOTAL: 101}, target="one")
    life.scrape(15_000, {TOTAL: 500}, target="two")
    life.close(20)
    life.reload(ONLY, {"two": 15.0})
    life.scrape(25_000, {TOTAL: 999}, target="one")
    life.scrape(25_000, {TOTAL: 502}, target="two")
    life.close(30)
    assert life.events() == {20: (1, 0), 30: (2, 0)}
    assert life.covered() == {10: 10_000, 20: 10_000, 30: 10_000}


def test_what_waits_is_counted_after_a_reload() -> None:
    life = Life()
    life.scrape(5_000, {TOTAL: 100})
    life.close(10)
    life.scrape(12_000, {TOTAL: 105})
    life.reload({"a": an_sli()})
    life.close(20)
    assert life.events() == {20: (5, 0)}


# Series that come and go


def test_a_series_that_vanishes_is_remembered_over_a_restart_and_not_counted_again() -> None:
    life = Life()
    life.scrape(5_000, {TOTAL: 100, 'requests_total{pod="b"}': 50})
    life.close(10)
    life.scrape(15_000, {TOTAL: 101})
    life.close(20)
    life.start(20)
    life.scrape(25_000, {TOTAL: 102, 'requests_total{pod="b"}': 53})
    life.close(30)
    assert life.events() == {20: (1, 0), 30: (4, 0)}


def test_a_series_that_was_missing_for_a_day_is_forgotten() -> None:
    life = Life(targets={"t": 3_600.0})
    pod = 'requests_total{pod="old"}'
    life.scrape(5_000, {TOTAL: 100, pod: 50})
    for hour in range(1, 26):
        life.scrape(hour * 3_600_000, {TOTAL: 100})
        life.close(hour * 3_600)
        assert len(list(life.counters.series)) == (2 if hour <= 24 else 1)
    life.start(26 * 3_600)
    assert len(list(life.counters.series)) == 1


def test_a_target_with_ever_new_series_takes_no_more_memory_than_it_may(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_target, "MOST_SERIES", 20)
    life = Life()
    for turn in range(1, 30):
        values: dict[str, float] = {f'requests_total{{user="{turn}-{user}"}}': 1 for user in range(8)}
        life.scrape(turn * 10_000, {TOTAL: 100 + turn, **values})
        life.close(turn * 10)
        assert len(list(life.counters.series)) <= 20
    assert life.events()[290] == (9, 0), "the series that go on are those that are kept"
    life.scrape(300_000, {f'requests_total{{user="{user}"}}': 1 for user in range(30)})
    life.close(300)
    assert len(list(life.counters.series)) == 30, "and those of the last scrape, however many they are"


def test_labels_may_be_other_objects_each_time() -> None:
    life = Life()
    for turn in range(1, 200):
        life.scrape(turn * 10_000, {TOTAL: 100 + turn, 'requests_total{code="500"}': turn})
    life.close(2_000)
    assert (len(list(life.counters.series)), total(life.events().values())) == (2, (396, 0))


def test_an_sli_is_observed_where_its_series_are() -> None:
    life = Life(BOTH, targets={"one": 15.0, "two": 20.0})
    life.scrape(5_000, {TOTAL: 100}, target="one")
    life.scrape(7_000, {TOTAL: 100, JOBS: 1}, target="two")
    life.close(10)
    life.scrape(15_000, {TOTAL: 100}, target="one")
    life.scrape(16_000, {JOBS: 1}, target="two")
    life.close(20)
    assert (life.counters.feeding("a"), life.counters.feeding("b")) == (["one", "two"], ["two"])
    assert list(life.counters.observations()) == [("a", 15_000, 57_000), ("b", 16_000, 66_000)]
