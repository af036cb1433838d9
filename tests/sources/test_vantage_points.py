"""Outcomes of several vantage points become counts: each round once, whatever comes twice, late or out of order."""

from collections import Counter
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from slo.core.counts import Counts
from slo.core.outcome import Outcome
from slo.core.reason import State
from slo.sources.checks import CheckSource, Watched
from tests.sources.test_checks import BAD, GOOD, UNKNOWN, Slots, fed, outcome, watched

INTERVAL = 10
FIRST = 100
"""The number of the first round, which is due at 1000 s."""


def seen(number: int, name: str, state: State, *, after: float = 0.1) -> Outcome:
    """What a vantage point saw of a round, complete so long after it was due."""
    at = 1000 + (number - FIRST) * INTERVAL + after
    return replace(outcome(at, state), vantage_point=name, number=number)


def looked_at_from(*names: str, quorum: int = 2) -> Watched:
    return replace(watched("a", INTERVAL), vantage_points=names, quorum=quorum)


def source_of(slots: Slots, target: Watched, *, latency_seconds: float | None = None) -> CheckSource:
    source = CheckSource(slots, slot_seconds=10, slis=[fed("a", latency_seconds=latency_seconds)])
    source.change(gone=(), watched=[target])
    return source


def events(slots: Slots, sli: str = "probe:a") -> dict[int, tuple[int, int, int]]:
    """Good, bad and unknown by slot end."""
    found = {end: (c.good, c.bad, c.unknown) for end, c in sorted(slots.counts[sli].items())}
    return {end: counts for end, counts in found.items() if any(counts)}


def test_a_round_is_one_event_complete_when_it_was_decided() -> None:
    slots = Slots(10)
    source = source_of(slots, looked_at_from("x", "y", "z"))
    source.observe(seen(100, "x", GOOD, after=1))
    assert events(slots) == {}
    source.observe(seen(100, "y", GOOD, after=2))
    source.observe(seen(100, "z", BAD, after=3))
    assert events(slots) == {1010: (1, 0, 0)}
    assert slots.covered() == {1010: 2}


def test_who_says_nothing_within_an_interval_is_unknown() -> None:
    slots = Slots(10)
    source = source_of(slots, looked_at_from("x", "y"))
    source.observe(seen(100, "x", GOOD, after=1))
    source.close(1010)
    assert events(slots) == {}
    source.close(1020)
    assert events(slots) == {1010: (0, 0, 1)}
    source.observe(seen(100, "y", GOOD, after=2), arrived=1021)
    assert events(slots) == {1010: (0, 0, 1)}


def test_an_sli_of_latency_wants_enough_vantage_points_that_are_fast_enough() -> None:
    slots = Slots(10)
    source = source_of(slots, looked_at_from("x", "y", "z"), latency_seconds=0.3)
    for name, seconds in (("x", 0.1), ("y", 0.4), ("z", 0.5)):
        source.observe(replace(seen(100, name, GOOD), phases={"processing": seconds}))
    assert events(slots, "probe:a:0.3") == {1010: (0, 1, 0)}


def test_extra_rounds_are_no_events_whoever_looks() -> None:
    slots = Slots(10)
    source = source_of(slots, looked_at_from("x", quorum=1))
    source.observe(seen(100, "x", BAD))
    source.observe(replace(seen(100, "x", GOOD, after=2), extra=True))
    assert events(slots) == {1010: (0, 1, 0)}


def test_a_round_that_comes_after_a_later_one_counts_in_its_own_slot_and_covers_nothing() -> None:
    slots = Slots(10)
    source = source_of(slots, looked_at_from("x", quorum=1))
    source.observe(seen(102, "x", GOOD, after=4))
    source.close(1030)
    source.observe(seen(100, "x", BAD, after=4), arrived=1031)
    source.observe(seen(101, "x", UNKNOWN, after=4), arrived=1032)
    source.observe(seen(103, "x", GOOD, after=4))
    assert events(slots) == {1010: (0, 1, 0), 1020: (0, 0, 1), 1030: (1, 0, 0), 1040: (1, 0, 0)}
    assert slots.covered() == {1030: 10, 1040: 4}


def test_other_vantage_points_join_anew_and_what_is_known_is_kept() -> None:
    slots = Slots(10)
    source = source_of(slots, looked_at_from("x", "y"))
    for name in ("x", "y"):
        source.observe(seen(100, name, GOOD, after=5))
    source.change(gone=(), watched=[looked_at_from("x", "z")])
    for name in ("x", "y", "z"):
        source.observe(seen(101, name, GOOD, after=5))
    assert events(slots) == {1010: (1, 0, 0), 1020: (1, 0, 0)}
    assert slots.covered() == {1010: 10, 1020: 5}


@st.composite
def reports(draw: st.DrawFn) -> tuple[int, int, list[tuple[Outcome, float]]]:
    """How many look, and the quorum; what they say, and when each of it comes: in any order, and some of it twice."""
    count = draw(st.integers(1, 3))
    outcomes = [
        seen(number, name, draw(st.sampled_from(State)), after=draw(st.floats(0, 4)))
        for number in range(FIRST, FIRST + draw(st.integers(1, 6)))
        for name in "xyz"[:count]
    ]
    again = draw(st.lists(st.sampled_from(outcomes), max_size=6))
    end = 1000 + 6 * INTERVAL
    arrivals = [(each, draw(st.floats(each.at.timestamp(), end))) for each in outcomes + again]
    return count, draw(st.integers(1, count)), sorted(arrivals, key=lambda arrival: arrival[1])


@given(reports())
def test_every_round_is_counted_once_in_whatever_order_its_parts_come(
    told: tuple[int, int, list[tuple[Outcome, float]]],
) -> None:
    """The oracle waits for all that comes of a round within its time, and counts what that means."""
    count, quorum, arrivals = told
    slots = Slots(10)
    source = source_of(slots, looked_at_from(*"xyz"[:count], quorum=quorum))
    closed = 1000
    for each, arrived in arrivals:
        while closed + 10 <= arrived:
            closed += 10
            source.close(closed)
        source.observe(each, arrived=arrived)
    for end in range(closed + 10, 1200, 10):
        source.close(end)

    heard: dict[int, dict[str, State]] = {}
    over: dict[int, float] = {}
    for each, arrived in arrivals:
        until = over.setdefault(each.number, -(-(arrived + INTERVAL) // 10) * 10)
        if arrived < until:
            heard.setdefault(each.number, {}).setdefault(each.vantage_point, each.state)
    expected = Counter(_oracle(list(states.values()), count, quorum) for states in heard.values())
    total = sum(slots.counts["probe:a"].values(), Counts())
    assert (total.good, total.bad, total.unknown) == (expected[GOOD], expected[BAD], expected[UNKNOWN])
    assert total.good + total.bad + total.unknown == len({each.number for each, _ in arrivals})


def _oracle(states: list[State], count: int, quorum: int) -> State:
    if states.count(GOOD) >= quorum:
        return GOOD
    return BAD if count - states.count(BAD) < quorum else UNKNOWN
