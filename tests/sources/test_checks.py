"""Outcomes become counts, and each millisecond of knowledge is given to its slot once."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slo.core.counts import Counts
from slo.core.outcome import Outcome
from slo.core.protocols import Counter
from slo.core.reason import State
from slo.engine.ledger import Ledger
from slo.sources.checks import CheckSource, Fed, Watched

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
GOOD, BAD, UNKNOWN = State.GOOD, State.BAD, State.UNKNOWN
REASONS = {GOOD: "ok", BAD: "connect_refused", UNKNOWN: "missed"}


class Slots:
    """A counter that holds everything by SLI and slot, and refuses what no slot can hold."""

    def __init__(self, slot_seconds: int) -> None:
        self.slot_seconds = slot_seconds
        self.counts: defaultdict[str, dict[int, Counts]] = defaultdict(dict)

    def add(self, sli: str, slot_end: int, counts: Counts) -> None:
        assert slot_end % self.slot_seconds == 0
        after = self.counts[sli].get(slot_end, Counts()) + counts
        assert counts.covered_ms >= 0
        assert after.covered_ms <= self.slot_seconds * 1000
        self.counts[sli][slot_end] = after

    def covered(self, sli: str = "probe:a") -> dict[int, float]:
        """Covered seconds by slot end."""
        return {end: counts.covered_ms / 1000 for end, counts in sorted(self.counts[sli].items()) if counts.covered_ms}


def outcome(at: float, state: State = GOOD, check: str = "a") -> Outcome:
    return Outcome(
        check=check,
        target="",
        module="http",
        at=EPOCH + timedelta(seconds=at),
        state=state,
        reason=REASONS[state],
    )


def fed(check: str, *, latency_seconds: float | None = None) -> Fed:
    latency = f":{latency_seconds:g}" if latency_seconds else ""
    return Fed(check=check, sli=f"probe:{check}{latency}", latency_seconds=latency_seconds)


def watched(check: str, interval_seconds: float = 10, *, target: str = "", **labels: str) -> Watched:
    return Watched(check=check, target=target, interval_seconds=interval_seconds, labels=labels)


def source_of(slots: Counter, slis: Sequence[Fed], *, interval: float = 10, since: float = 0.0) -> CheckSource:
    """A source with one target for each check that is fed."""
    checks = CheckSource(slots, slot_seconds=10, slis=slis, since=since)
    checks.change(gone=[], watched=[watched(each.check, interval) for each in slis])
    return checks


def source(slots: Slots, *, interval: float, since: float = 0.0) -> CheckSource:
    checks = CheckSource(slots, slot_seconds=slots.slot_seconds, slis=[fed("a")], since=since)
    checks.change(gone=[], watched=[watched("a", interval)])
    return checks


Happening = tuple[float, State] | int
"""A round with the time of its completion, or the closing of a slot."""


@pytest.mark.parametrize(
    ("interval", "happenings", "covered"),
    [
        pytest.param(10, [(1004, GOOD)], {1010: 4}, id="the first observation covers its own slot from its start"),
        pytest.param(10, [(1004, GOOD), 1010], {1010: 10}, id="what follows it is known"),
        pytest.param(10, [(1004, GOOD), (1014, BAD)], {1010: 10, 1020: 4}, id="back to the one before it"),
        pytest.param(10, [(1004, GOOD), 1060], {1010: 10, 1020: 10, 1030: 9}, id="for 2.5 intervals"),
        pytest.param(
            10, [(1004, GOOD), 1020, 1060, (1064, GOOD)], {1010: 10, 1020: 10, 1030: 9, 1070: 4}, id="a gap is unknown"
        ),
        pytest.param(10, [(1004, GOOD), (1064, GOOD)], {1010: 10, 1020: 10, 1030: 9, 1070: 4}, id="closed or not"),
        pytest.param(10, [(1004, UNKNOWN), 1020], {}, id="an unknown round covers nothing"),
        pytest.param(10, [(1004, GOOD), (1014, UNKNOWN), 1060], {1010: 10, 1020: 4}, id="and ends what is known"),
        pytest.param(
            10, [(1004, UNKNOWN), 1010, (1014, GOOD)], {1010: 6, 1020: 4}, id="an observation covers back to it"
        ),
        pytest.param(10, [(1004, UNKNOWN), 1010, 1020, 1030, (1034, GOOD)], {1040: 4}, id="not over a gap"),
        pytest.param(
            10,
            [(1004, GOOD), (1014, UNKNOWN), (1024, UNKNOWN), (1034, GOOD), 1040],
            {1010: 10, 1020: 4, 1030: 6, 1040: 10},
            id="between two unknown rounds nothing is known",
        ),
        pytest.param(
            60,
            [(1004, GOOD), 1010, 1020, 1150, 1160],
            {1010: 10} | dict.fromkeys(range(1020, 1151, 10), 10) | {1160: 4},
            id="an interval longer than the slot",
        ),
        pytest.param(
            1, [(1004, GOOD), (1005, GOOD), (1006, GOOD), 1010], {1010: 8.5}, id="an interval shorter than the slot"
        ),
        pytest.param(10, [(1010, GOOD), (1020, GOOD)], {1010: 10, 1020: 10}, id="rounds that end with their slots"),
        pytest.param(0.1, [(1000.05, GOOD), (1000.15, BAD)], {1010: 0.15}, id="milliseconds"),
    ],
)
def test_what_is_known_of_each_slot(interval: float, happenings: list[Happening], covered: dict[int, float]) -> None:
    slots = Slots(10)
    checks = source(slots, interval=interval)
    for happening in happenings:
        if isinstance(happening, int):
            checks.close(happening)
        else:
            checks.observe(outcome(*happening))
    assert slots.covered() == covered


@pytest.mark.parametrize(
    ("at", "slot"), [(1000.0, 1000), (1000.000001, 1010), (1000.4, 1010), (1009.9996, 1010), (1010.0, 1010)]
)
@pytest.mark.parametrize(
    ("state", "counts"),
    [(GOOD, Counts(good=1)), (BAD, Counts(bad=1)), (UNKNOWN, Counts(unknown=1))],
)
def test_a_round_is_one_event_in_the_slot_that_holds_its_completion(
    at: float, slot: int, state: State, counts: Counts
) -> None:
    slots = Slots(10)
    source(slots, interval=10).observe(outcome(at, state))
    events = {
        end: (found.good, found.bad, found.unknown)
        for end, found in slots.counts["probe:a"].items()
        if found.total + found.unknown
    }
    assert events == {slot: (counts.good, counts.bad, counts.unknown)}


def test_nothing_is_known_of_the_time_before_the_engine_ran() -> None:
    slots = Slots(10)
    checks = source(slots, interval=10, since=1003)
    checks.observe(outcome(1004))
    checks.close(1010)
    assert slots.covered() == {1010: 7}


def test_a_round_that_comes_after_the_closing_of_its_slot_is_counted_there_and_covers_nothing_twice() -> None:
    slots = Slots(10)
    checks = source(slots, interval=10)
    checks.observe(outcome(1001))
    checks.close(1010)
    checks.observe(outcome(1009.99, BAD))
    checks.close(1020)
    assert slots.covered() == {1010: 10, 1020: 10}
    assert slots.counts["probe:a"][1010].bad == 1


def test_checks_that_feed_no_sli_are_passed_over() -> None:
    slots = Slots(10)
    checks = source(slots, interval=10)
    checks.observe(outcome(1004, check="another"))
    checks.close(1010)
    assert slots.counts == {}


def test_slis_do_not_touch_one_another() -> None:
    slots = Slots(10)
    slis = [Fed(check=f"check-{n}", sli=f"probe:{n}") for n in range(100)]
    checks = source_of(slots, slis)
    for number in range(100):
        checks.observe(outcome(1000 + (number + 1) / 10, check=f"check-{number}"))
    checks.close(1010)
    checks.observe(outcome(1011, UNKNOWN, check="check-7"))
    checks.close(1020)
    assert slots.covered("probe:7") == {1010: 10, 1020: 1}
    assert all(slots.covered(f"probe:{number}") == {1010: 10, 1020: 10} for number in range(100) if number != 7)


def test_a_round_counts_for_every_sli_that_its_check_feeds_and_is_bad_where_it_took_too_long() -> None:
    slots = Slots(10)
    checks = source_of(slots, [fed("a"), fed("a", latency_seconds=0.3)])
    rounds = [({"connect": 0.1, "processing": 0.2}, State.GOOD), ({"processing": 0.31}, State.GOOD), ({}, State.BAD)]
    for number, (phases, state) in enumerate(rounds):
        checks.observe(replace(outcome(1001 + 10 * number, state), phases=phases))
    assert [slots.counts[sli][1010 + 10 * n].good for sli in ("probe:a", "probe:a:0.3") for n in range(3)] == [
        *(1, 1, 0),
        *(1, 0, 0),
    ]


def test_what_is_known_of_an_sli_that_stays_is_kept_when_the_checks_are_replaced() -> None:
    slots = Slots(10)
    checks = source_of(slots, [fed("gone"), fed("a"), fed("b")])
    for check in ("gone", "a", "b"):
        checks.observe(outcome(1004, check=check))
    checks.replace([fed("new"), fed("b"), fed("a")])
    checks.change(gone=[("gone", "")], watched=[watched("new"), watched("a", 2)])
    checks.observe(outcome(1014, check="a"))
    checks.observe(outcome(1016, check="new"))
    checks.observe(outcome(1016, check="gone"))
    checks.close(1020)
    assert slots.covered("probe:gone") == {1010: 4}
    assert slots.covered("probe:a") == {1010: 10, 1020: 9}
    assert slots.covered("probe:b") == {1010: 10, 1020: 10}
    assert slots.covered("probe:new") == {1020: 10}


UNIT_MS = 50


@st.composite
def lives(draw: st.DrawFn) -> tuple[int, float, float, list[tuple[float, State]]]:
    """A slot length, an interval, a beginning, and the rounds of one check: times are multiples of the unit."""
    slot = draw(st.sampled_from([1, 2, 3, 10]))
    interval = draw(st.sampled_from([0.1, 0.5, 1.0, 1.7, 4.0, 15.0]))
    start = draw(st.integers(0, 40))
    pauses = draw(
        st.lists(
            st.tuples(
                st.integers(0, 8)
                | st.integers(0, 60)
                | st.integers(0, 1500)
                | st.sampled_from([round(interval * 20), round(interval * 50)]),
                st.sampled_from([GOOD, GOOD, BAD, UNKNOWN]),
            ),
            max_size=25,
        )
    )
    begin = 1000 + start * UNIT_MS / 1000
    rounds, at = [], round(begin * 1000)
    for pause, state in pauses:
        at += pause * UNIT_MS
        rounds.append((at / 1000, state))
    return slot, interval, begin, rounds


def known_units(slot: int, interval: float, begin: float, rounds: list[tuple[float, State]], end: int) -> set[int]:
    """The oracle: every unit of time (by its end) that there is knowledge of, said as the rules say it."""
    span = slot * 1000 // UNIT_MS
    horizon = round(interval * 2500) // UNIT_MS
    times = [round(at * 1000) // UNIT_MS for at, _ in rounds]
    earliest, latest = round(begin * 1000) // UNIT_MS, end * 1000 // UNIT_MS
    known: set[int] = set()
    for number, (at, (_, state)) in enumerate(zip(times, rounds, strict=True)):
        if state is UNKNOWN:
            continue
        before = times[number - 1] if number else None
        if before is not None and at - before <= horizon:
            since = before
        else:
            own_slot = (at - 1) // span * span
            since = own_slot if before is None else max(own_slot, before)
        after = times[number + 1] if number + 1 < len(times) else latest
        known.update(range(since + 1, min(at + horizon, after) + 1))
    return {unit for unit in known if earliest < unit <= latest}


@given(life=lives(), closed=st.sampled_from(["always", "sometimes", "at the end"]))
def test_coverage_is_what_the_rules_say_however_often_slots_are_closed(
    life: tuple[int, float, float, list[tuple[float, State]]], closed: str
) -> None:
    slot, interval, begin, rounds = life
    slots = Slots(slot)
    checks = source(slots, interval=interval, since=begin)
    next_end = int(begin) // slot * slot + slot
    for number, (at, state) in enumerate(rounds):
        while next_end < at:
            if closed == "always" or (closed == "sometimes" and (next_end // slot + number) % 3 == 0):
                checks.close(next_end)
            next_end += slot
        checks.observe(outcome(at, state))
    end = next_end + 50 * slot
    checks.close(end)

    known = known_units(slot, interval, begin, rounds, end)
    span = slot * 1000 // UNIT_MS
    expected: dict[int, float] = defaultdict(float)
    for unit in known:
        expected[-(-unit // span) * slot] += UNIT_MS
    assert slots.covered() == {slot_end: milliseconds / 1000 for slot_end, milliseconds in sorted(expected.items())}
    found = sum(slots.counts["probe:a"].values(), Counts())
    assert (found.good, found.bad, found.unknown) == tuple(
        [state for _, state in rounds].count(state) for state in (GOOD, BAD, UNKNOWN)
    )


@given(
    happenings=st.lists(
        st.tuples(st.floats(1000, 1100), st.sampled_from([GOOD, BAD, UNKNOWN])) | st.integers(100, 120), max_size=40
    ),
    interval=st.sampled_from([0.3, 1.0, 10.0, 60.0]),
)
def test_no_order_of_rounds_and_closings_covers_a_slot_more_than_once(
    happenings: list[tuple[float, State] | int], interval: float
) -> None:
    slots = Slots(10)
    checks = source(slots, interval=interval)
    for happening in happenings:
        if isinstance(happening, int):
            checks.close(happening * 10)
        else:
            checks.observe(outcome(*happening))
    events = sum(slots.counts["probe:a"].values(), Counts())
    assert events.total + events.unknown == sum(not isinstance(happening, int) for happening in happenings)


def test_the_engine_sees_full_coverage_of_a_check_that_runs_without_a_gap() -> None:
    ledger = Ledger(["probe:a"], windows_seconds=[60, 300], slot_seconds=10, now=1000)
    checks = source_of(ledger, [fed("a")], interval=7, since=1000)
    at = 1003.5
    for end in range(1010, 1310, 10):
        while at <= end:
            checks.observe(outcome(at, BAD if at < 1100 else GOOD))
            at += 7
        checks.close(end)
        ledger.close(end)
    minute = ledger.window(60)
    assert (int(minute.covered_ms[0]), int(minute.bad[0])) == (60_000, 0)
    assert int(ledger.totals[3, 0]) == 300_000
    assert int(ledger.window(300).bad[0]) == 14
