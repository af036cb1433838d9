"""Vantage points look at one target: their rounds are joined, each is counted once, in whatever order they come."""

from collections import defaultdict
from collections.abc import Sequence
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slo.core.reason import State
from slo.sources.quorum import REMEMBERED, Decided, Quorum

GOOD, BAD, UNKNOWN = State.GOOD, State.BAD, State.UNKNOWN
LETTERS = {"g": GOOD, "b": BAD, "u": UNKNOWN}
NAMES = "abcde"


def joined(letters: str, quorum: int) -> Quorum:
    return Quorum(NAMES[: len(letters)], quorum=quorum, patience_seconds=10)


def play(letters: str, quorum: int, order: Sequence[int] = ()) -> State | None:
    """What one round comes to, of which these vantage points saw that (`-`: nothing), when all have had their time."""
    rounds = joined(letters, quorum)
    found = [
        rounds.add(7, NAMES[index], LETTERS[letters[index]], at=index, arrived=100)
        for index in order or range(len(letters))
        if letters[index] != "-"
    ]
    found += rounds.close(110)
    decided = [each for each in found if each]
    assert len(decided) <= 1
    return decided[0].state if decided else None


@pytest.mark.parametrize(
    ("letters", "quorum", "state"),
    [
        ("ggg", 2, GOOD),
        ("ggb", 2, GOOD),
        ("gbb", 2, BAD),
        ("bbb", 2, BAD),
        ("gbu", 2, UNKNOWN),  # the third could have made it either
        ("gb-", 2, UNKNOWN),
        ("gu-", 2, UNKNOWN),
        ("bb-", 2, BAD),
        ("gg-", 2, GOOD),
        ("uuu", 2, UNKNOWN),
        ("---", 2, None),  # a round that nobody reports is none: no events are invented
        ("gbb", 1, GOOD),
        ("bbu", 1, UNKNOWN),
        ("bbb", 1, BAD),
        ("ggb", 3, BAD),
        ("ggu", 3, UNKNOWN),
        ("g", 1, GOOD),
        ("b", 1, BAD),
        ("u", 1, UNKNOWN),
    ],
)
def test_what_a_round_comes_to(letters: str, quorum: int, state: State | None) -> None:
    for order in permutations(range(len(letters))):
        assert play(letters, quorum, order) is state


def test_a_round_is_decided_as_soon_as_nothing_can_change_it() -> None:
    rounds = joined("ggg", 2)
    assert rounds.add(7, "a", GOOD, at=5, arrived=5) is None
    assert rounds.add(7, "b", GOOD, at=6, arrived=6) == Decided(number=7, state=GOOD, at=6)
    assert rounds.add(7, "c", BAD, at=7, arrived=7) is None
    assert list(rounds.close(1000)) == []


def test_who_is_missing_is_waited_for_so_long_and_then_unknown() -> None:
    rounds = joined("ggg", 2)
    rounds.add(8, "a", GOOD, at=15, arrived=15)
    rounds.add(7, "a", GOOD, at=5, arrived=15.5)
    assert list(rounds.close(24.9)) == []
    assert list(rounds.close(25.5)) == [
        Decided(number=7, state=UNKNOWN, at=5),
        Decided(number=8, state=UNKNOWN, at=15),
    ]
    assert rounds.add(7, "b", GOOD, at=6, arrived=26) is None, "what comes later is passed over"


def test_what_one_vantage_point_says_twice_is_said_once() -> None:
    rounds = joined("gg", 2)
    assert [rounds.add(7, "a", state, at=5, arrived=5) for state in (GOOD, GOOD, BAD)] == [None, None, None]
    assert rounds.add(7, "b", GOOD, at=6, arrived=6) == Decided(number=7, state=GOOD, at=6)


def test_a_stranger_has_no_say() -> None:
    rounds = joined("g", 1)
    assert rounds.add(7, "z", BAD, at=5, arrived=5) is None
    assert list(rounds.close(1000)) == []


@pytest.mark.parametrize("quorum", [0, 4])
def test_a_quorum_that_nothing_can_reach_is_refused(quorum: int) -> None:
    with pytest.raises(ValueError, match=f"{quorum} of 3 vantage points"):
        joined("ggg", quorum)


def test_what_was_decided_is_remembered_for_so_many_rounds_and_what_is_older_is_not_counted() -> None:
    rounds = joined("g", 1)
    newest = REMEMBERED + 10
    assert rounds.add(newest, "a", GOOD, at=0, arrived=0)
    assert rounds.add(newest - REMEMBERED + 1, "a", GOOD, at=0, arrived=0)
    assert rounds.add(newest - REMEMBERED, "a", GOOD, at=0, arrived=0) is None
    assert rounds.add(10**18, "a", GOOD, at=0, arrived=0), "a leap takes no memory"


Report = tuple[int, str, State]
"""A round, who looked, and what was seen."""


@st.composite
def histories(draw: st.DrawFn) -> tuple[int, int, list[tuple[Report, float]]]:
    """How many vantage points and which quorum; their reports, and when each comes: late, twice, in any order."""
    count = draw(st.integers(1, 4))
    quorum = draw(st.integers(1, count))
    reports = [
        (number, name, draw(st.sampled_from(State)))
        for number in range(draw(st.integers(1, 8)))
        for name in NAMES[:count]
        if draw(st.booleans())
    ]
    again = draw(st.lists(st.sampled_from(reports), max_size=8)) if reports else []
    arrivals = [(report, draw(st.floats(0, 100))) for report in reports + again]
    return count, quorum, sorted(arrivals, key=lambda arrival: arrival[1])


@given(histories())
def test_every_round_is_counted_once_as_the_oracle_says(
    history: tuple[int, int, list[tuple[Report, float]]],
) -> None:
    """The oracle has all that came of a round within its time, and asks the words of the definition."""
    count, quorum, arrivals = history
    rounds = Quorum(NAMES[:count], quorum=quorum, patience_seconds=30)
    found: defaultdict[int, list[State]] = defaultdict(list)
    for (number, name, state), arrived in arrivals:
        for decided in rounds.close(arrived):
            found[decided.number].append(decided.state)
        if this := rounds.add(number, name, state, at=arrived, arrived=arrived):
            found[this.number].append(this.state)
    for decided in rounds.close(1000):
        found[decided.number].append(decided.state)

    heard: defaultdict[int, dict[str, State]] = defaultdict(dict)
    begun: dict[int, float] = {}
    for (number, name, state), arrived in arrivals:
        if arrived < begun.setdefault(number, arrived) + 30:
            heard[number].setdefault(name, state)
    assert found == {number: [_oracle(list(states.values()), count, quorum)] for number, states in heard.items()}


def _oracle(states: list[State], count: int, quorum: int) -> State:
    if states.count(GOOD) >= quorum:
        return GOOD
    could_still_be_good = count - states.count(BAD)
    return BAD if could_still_be_good < quorum else UNKNOWN
