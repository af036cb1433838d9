"""An SLI of several targets counts the rounds of all, and knows of each slot what its targets know on average."""

from collections import defaultdict
from dataclasses import dataclass, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slo.core.counts import Counts
from slo.core.outcome import Outcome
from slo.core.reason import State
from slo.sources.checks import CheckSource, Fed, Watched
from tests.sources.test_checks import BAD, GOOD, UNIT_MS, UNKNOWN, Slots, known_units, outcome

SHARED = Fed(sli="probe:a", check="a", shared=True)


def round_of(target: str, at: float, state: State = GOOD) -> Outcome:
    return replace(outcome(at, state), target=target)


def target(name: str, interval_seconds: float = 10, **labels: str) -> Watched:
    return Watched(check="a", target=name, interval_seconds=interval_seconds, labels=labels)


def source(slots: Slots, *targets: Watched, slis: tuple[Fed, ...] = (SHARED,), since: float = 1000) -> CheckSource:
    checks = CheckSource(slots, slot_seconds=slots.slot_seconds, slis=slis, since=since)
    checks.change(gone=[], watched=targets)
    return checks


def test_rounds_of_all_targets_are_counted() -> None:
    slots = Slots(10)
    checks = source(slots, target("one"), target("two"))
    for name, state in (("one", GOOD), ("two", BAD), ("two", UNKNOWN), ("three", GOOD)):
        checks.observe(round_of(name, 1004, state))
    checks.close(1010)
    counts = slots.counts["probe:a"][1010]
    assert (counts.good, counts.bad, counts.unknown) == (1, 1, 1)


def test_a_target_that_says_nothing_takes_its_share_of_the_knowledge() -> None:
    slots = Slots(10)
    checks = source(slots, *(target(str(number)) for number in range(4)))
    for number in range(3):
        checks.observe(round_of(str(number), 1004))
    checks.observe(round_of("3", 1004, UNKNOWN))
    checks.close(1010)
    assert slots.covered() == {1010: 7.5}


def test_a_target_takes_part_from_the_slot_of_its_first_round() -> None:
    slots = Slots(10)
    checks = source(slots, target("one"))
    checks.observe(round_of("one", 1004))
    checks.close(1010)
    checks.change(gone=[], watched=[target("two")])
    checks.observe(round_of("one", 1014))
    checks.close(1020)
    checks.observe(round_of("one", 1024))
    checks.observe(round_of("two", 1029, UNKNOWN))
    checks.close(1030)
    assert slots.covered() == {1010: 10, 1020: 10, 1030: 5}


def test_what_is_taken_away_is_known_to_the_end_of_the_slot_and_not_missed_afterwards() -> None:
    slots = Slots(10)
    checks = source(slots, target("one"), target("two"))
    for name in ("one", "two"):
        checks.observe(round_of(name, 1004))
    checks.close(1010)
    checks.change(gone=[("a", "two"), ("a", "unheard")], watched=[])
    checks.observe(round_of("one", 1014))
    checks.observe(round_of("two", 1015))
    checks.close(1020)
    checks.close(1030)
    assert slots.covered() == {1010: 10, 1020: 10, 1030: 10}
    assert slots.counts["probe:a"][1020].good == 1


def test_when_all_targets_are_gone_nothing_is_known() -> None:
    slots = Slots(10)
    checks = source(slots, target("one"))
    checks.observe(round_of("one", 1004))
    checks.change(gone=[("a", "one")], watched=[])
    for end in (1010, 1020, 1030):
        checks.close(end)
    assert slots.covered() == {1010: 10}


def test_knowledge_that_comes_late_counts_among_those_who_took_part_then() -> None:
    slots = Slots(10)
    checks = source(slots, target("one", 20), target("two", 20))
    checks.observe(round_of("one", 1004, UNKNOWN))
    checks.observe(round_of("two", 1004))
    checks.close(1010)
    checks.close(1020)
    assert slots.covered() == {1010: 5, 1020: 5}
    checks.change(gone=[("a", "two")], watched=[])
    checks.observe(round_of("one", 1024))
    assert slots.covered() == {1010: 8, 1020: 10}
    checks.close(1030)
    assert slots.covered() == {1010: 8, 1020: 10, 1030: 10}


def test_labels_say_which_slis_a_target_feeds() -> None:
    slots = Slots(10)
    slis = tuple(Fed(sli=region, check="a", shared=True, only=(("region", region),)) for region in ("eu", "us"))
    checks = source(slots, target("one", region="eu"), target("two", region="us"), target("three"), slis=slis)
    assert [checks.fed_by(("a", name)) for name in ("one", "two", "three", "four")] == [["eu"], ["us"], [], ()]
    checks.change(gone=[], watched=[target("one", region="us")])
    checks.observe(round_of("one", 1004))
    assert slots.counts["us"][1010].good == 1
    assert "eu" not in slots.counts


def test_the_target_itself_is_a_label() -> None:
    slots = Slots(10)
    checks = source(slots, target("one"), slis=(Fed(sli="one", check="a", shared=True, only=(("target", "one"),)),))
    checks.observe(round_of("one", 1004))
    assert slots.counts["one"][1010].good == 1


@pytest.mark.parametrize("shared_first", [True, False])
def test_an_sli_that_gets_several_targets_or_one_only_begins_anew_with_the_next_slot(
    shared_first: bool,  # noqa: FBT001 - a column of the table
) -> None:
    slots = Slots(10)
    before, after = replace(SHARED, shared=shared_first), replace(SHARED, shared=not shared_first)
    checks = source(slots, target("one"), slis=(before,))
    checks.observe(round_of("one", 1002))
    checks.replace([after])
    checks.observe(round_of("one", 1008))
    for end, at in ((1010, 1018), (1020, 1028), (1030, 1038)):
        checks.close(end)
        checks.observe(round_of("one", at))
    assert slots.covered()[1030] == 10
    assert sum(counts.good for counts in slots.counts["probe:a"].values()) == 5


def test_a_watch_that_ends_and_begins_again_in_one_slot_knows_no_more_of_it_than_there_was() -> None:
    slots = Slots(10)
    checks = source(slots, target("one"), target("two"))
    for name in ("one", "two"):
        checks.observe(round_of(name, 1004))
    checks.finish()
    assert slots.covered() == {1010: 4}
    again = source(slots, target("one"), since=1006)
    again.observe(round_of("one", 1007))
    again.close(1010)
    assert slots.covered() == {1010: 8}


@dataclass(frozen=True)
class Life:
    """One target from its coming to its going, in seconds; None where it stays. Rounds are times with states."""

    interval: float
    rounds: tuple[tuple[float, State], ...]
    gone: float | None


BEGIN = 1000.0


@st.composite
def lives(draw: st.DrawFn) -> Life:
    interval = draw(st.sampled_from([0.5, 1.0, 4.0, 15.0]))
    at = round(BEGIN * 1000) + draw(st.integers(1, 800)) * UNIT_MS
    rounds = []
    pauses = st.integers(1, 60) | st.sampled_from([round(interval * 20), round(interval * 50), 1500])
    for pause in draw(st.lists(pauses, max_size=12)):
        rounds.append((at / 1000, draw(st.sampled_from([GOOD, GOOD, BAD, UNKNOWN]))))
        at += pause * UNIT_MS
    return Life(interval, tuple(rounds), draw(st.sampled_from([None, at / 1000])))


@given(members=st.lists(lives(), max_size=5), slot=st.sampled_from([1, 2, 10]))
def test_coverage_is_the_mean_of_those_who_take_part_whoever_comes_and_goes(members: list[Life], slot: int) -> None:
    slots = Slots(slot)
    checks = CheckSource(slots, slot_seconds=slot, slis=[SHARED], since=BEGIN)
    happenings: list[tuple[float, int, State | None]] = []
    for number, life in enumerate(members):
        checks.change(gone=[], watched=[target(str(number), life.interval)])
        happenings += [(at, number, state) for at, state in life.rounds]
        happenings += [] if life.gone is None else [(life.gone, number, None)]
    next_end = int(BEGIN) + slot
    for at, number, state in sorted(happenings, key=lambda happening: happening[:2]):
        while next_end < at:
            checks.close(next_end)
            next_end += slot
        if state is None:
            checks.change(gone=[("a", str(number))], watched=[])
        else:
            checks.observe(round_of(str(number), at, state))
    last = next_end + 50 * slot
    for end in range(next_end, last + 1, slot):
        checks.close(end)

    span = slot * 1000 // UNIT_MS
    known_ms: dict[int, int] = defaultdict(int)
    taking_part: dict[int, int] = defaultdict(int)
    for life in members:
        if not life.rounds:
            continue
        leaves = last if life.gone is None else -int(-life.gone // slot) * slot
        for unit in known_units(slot, life.interval, BEGIN, list(life.rounds), leaves):
            known_ms[-(-unit // span) * slot] += UNIT_MS
        for end in range(-int(-life.rounds[0][0] // slot) * slot, leaves + 1, slot):
            taking_part[end] += 1
    expected = {end: known // taking_part[end] / 1000 for end, known in sorted(known_ms.items())}
    assert slots.covered() == {end: seconds for end, seconds in expected.items() if seconds}
    found = sum(slots.counts["probe:a"].values(), Counts())
    states = [state for life in members for _, state in life.rounds]
    assert (found.good, found.bad, found.unknown) == tuple(states.count(state) for state in (GOOD, BAD, UNKNOWN))


@given(
    happenings=st.lists(
        st.tuples(st.integers(1000, 1100), st.integers(0, 3), st.sampled_from([GOOD, BAD, UNKNOWN, "gone", "there"]))
        | st.integers(100, 120),
        max_size=60,
    )
)
def test_no_order_of_anything_covers_a_slot_more_than_once(
    happenings: list[tuple[int, int, State | str] | int],
) -> None:
    checks = source(Slots(10), *(target(str(number)) for number in range(4)))
    for happening in happenings:
        match happening:
            case int(end):
                checks.close(end * 10)
            case (_, number, "gone"):
                checks.change(gone=[("a", str(number))], watched=[])
            case (_, number, "there"):
                checks.change(gone=[], watched=[target(str(number))])
            case (at, number, State() as state):
                checks.observe(round_of(str(number), at, state))
