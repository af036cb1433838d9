"""What rounds tell of the time of a target follows from the set of them, in whatever order they come."""

import json
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slo.sources.stretches import MOST_GONE, SILENT_MS, Stretches

SLOT = 10_000
HORIZON = 25_000

Round = tuple[int, bool]
"""When it was complete, in milliseconds, and whether it was an observation."""


def stretches(*rounds: Round, gone: tuple[int, ...] = ()) -> Stretches:
    made = Stretches(horizon_ms=HORIZON, slot_ms=SLOT)
    for at, observed in rounds:
        made.add(at, observed=observed)
    for at in gone:
        made.leave(at)
    return made


def known(made: Stretches, slots: int = 8) -> list[int | None]:
    """How many seconds are known of each of the first slots; None where the target takes no part."""
    covered = [made.covered_ms(end * SLOT) for end in range(1, slots + 1)]
    return [None if each is None else each // 1000 for each in covered]


G, U = True, False


@pytest.mark.parametrize(
    ("rounds", "gone", "seconds"),
    [
        ([], [], [None] * 8),
        ([(12, G)], [], [None, 10, 10, 7, 0, 0, 0, 0]),
        ([(12, U)], [], [None, 0, 0, 0, 0, 0, 0, 0]),
        ([(12, G), (22, G), (32, G)], [], [None, 10, 10, 10, 10, 7, 0, 0]),
        ([(12, G), (22, U), (32, G)], [], [None, 10, 10, 10, 10, 7, 0, 0]),
        ([(12, G), (22, U)], [], [None, 10, 2, 0, 0, 0, 0, 0]),
        ([(12, U), (22, G)], [], [None, 8, 10, 10, 7, 0, 0, 0]),
        ([(12, U), (22, U), (32, G)], [], [None, 0, 8, 10, 10, 7, 0, 0]),
        ([(12, G), (65, G)], [], [None, 10, 10, 7, 0, 0, 10, 10]),
        ([(12, G), (65, U)], [], [None, 10, 10, 7, 0, 0, 0, 0]),
        ([(12, G)], [15], [None, 10, None, None, None, None, None, None]),
        ([(12, G)], [20], [None, 10, None, None, None, None, None, None]),
        ([(12, G)], [21], [None, 10, 10, None, None, None, None, None]),
        ([(12, G), (65, G)], [15], [None, 10, None, None, None, None, 10, 10]),
        ([(12, G), (33, G)], [15], [None, 10, 10, 10, 10, 8, 0, 0]),  # somebody else had it by then
        ([(12, G), (33, U)], [15], [None, 10, 10, 3, 0, 0, 0, 0]),
        ([(20, G)], [], [None, 10, 10, 10, 5, 0, 0, 0]),
    ],
)
def test_what_is_known_of_each_slot(rounds: list[Round], gone: list[int], seconds: list[int | None]) -> None:
    for order in permutations((at * 1000, observed) for at, observed in rounds):
        assert known(stretches(*order, gone=tuple(at * 1000 for at in gone))) == seconds


def test_a_target_that_is_watched_without_a_gap_is_one_stretch_however_long() -> None:
    made = stretches(*((number * 10_000, G) for number in range(1, 5000)))
    assert made.state == [[(10_000, 49_990_000, True)], []]


def test_a_target_that_is_silent_for_an_hour_leaves() -> None:
    made = stretches((5_000, G))
    assert made.leaves == 5_000 + SILENT_MS
    last = -(-made.leaves // SLOT) * SLOT
    assert (made.covered_ms(last), made.covered_ms(last + SLOT)) == (0, None)
    made.add(2 * SILENT_MS, observed=True)
    assert (made.covered_ms(last), made.covered_ms(last + SLOT)) == (0, None)


def test_what_is_old_is_forgotten_and_nothing_changes_after_it() -> None:
    rounds = [(12_000, G), (22_000, U), (95_000, G), (150_000, U), (220_000, G)]
    whole, short = stretches(*rounds, gone=(30_000,)), stretches(*rounds, gone=(30_000,))
    short.forget(100_000)
    assert known(short, 40)[10:] == known(whole, 40)[10:]
    assert len(str(short.state)) < len(str(whole.state))


def test_who_says_gone_again_and_again_takes_no_memory() -> None:
    made = stretches((12_000, G))
    for at in range(20_000, 400_000, 1000):
        made.leave(at)
    assert len(made.state[1]) <= MOST_GONE  # type: ignore[arg-type]


histories = st.lists(st.tuples(st.integers(1, 60).map(lambda each: each * 2500), st.booleans()), max_size=8)


@given(histories, st.lists(st.integers(1, 160).map(lambda each: each * 1000), max_size=2), st.randoms())
def test_no_order_and_no_restart_changes_what_is_known(rounds: list[Round], gone: list[int], chance: object) -> None:
    in_order = stretches(*sorted(rounds), gone=tuple(gone))
    mixed = rounds + rounds[:2]
    chance.shuffle(mixed)  # type: ignore[attr-defined]
    other = Stretches(horizon_ms=HORIZON, slot_ms=SLOT)
    for at, observed in mixed:
        other.add(at, observed=observed)
        again = Stretches(horizon_ms=HORIZON, slot_ms=SLOT)
        again.restore(*json.loads(json.dumps(other.state)))
        other = again
    for at in gone:
        other.leave(at)
    assert known(other, 25) == known(in_order, 25)
    for covered in known(other, 25):
        assert covered is None or 0 <= covered <= 10
