"""Watermarks: a target is what it was, as far as it is still wanted."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from slo.sources.increments import NEVER
from slo.sources.selection import selection_of
from slo.sources.stay import FOREVER
from slo.sources.targets import Target
from slo.sources.watermarks import Names, decode, encode
from tests.sources.lives import an_sli

SLIS = {"a": an_sli(), "b": an_sli("jobs_total", "jobs_failed_total")}
COUNTS = st.integers(0, 2**53)
TIMES = st.integers(0, 2**45)
LABELS = st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=3)


def a_target(slis: int = 2) -> Target:
    return Target(selection_of(SLIS.values()), slis=slis, interval_ms=15_000, slot_ms=10_000)


@st.composite
def targets(draw: st.DrawFn) -> tuple[Target, np.ndarray]:
    """A target in any state, and when its series were there last."""
    target = a_target()
    series = draw(st.lists(LABELS, max_size=5))
    target.follow(series)
    target.increments.scraped_ms = draw(st.one_of(st.just(NEVER), TIMES))
    target.increments.last = np.array([draw(st.one_of(st.just(NEVER), COUNTS)) for _ in series], np.int64)
    target.increments.seen = np.array([draw(st.booleans()) for _ in series], np.bool_)
    for state in (target.decided_ms, target.until_ms):
        state[:] = [draw(TIMES) for _ in SLIS]
    target.stay.first_ms[:] = [draw(st.one_of(st.just(FOREVER), TIMES)) for _ in SLIS]
    target.observed_last[:] = [draw(st.booleans()) for _ in SLIS]
    return target, np.array([draw(TIMES) for _ in series], np.int64)


@given(state=targets(), looked_for=st.sets(st.text(max_size=3), max_size=3))
def test_a_target_is_what_it_was(state: tuple[Target, np.ndarray], looked_for: set[str]) -> None:
    target, last_ms = state
    names = Names(identity="t", series=target.members.labels, slis=tuple(SLIS), looked_for=looked_for).encoded()
    mark = decode(names, encode(target, names, last_ms))
    again = a_target()
    mark.restore(again)
    mark.restore_slis(again, tuple(SLIS), closed_ms=0)
    assert again.members.labels == target.members.labels
    assert (set(mark.names.looked_for), mark.last_ms.tolist()) == (looked_for, last_ms.tolist())
    assert again.increments.scraped_ms == target.increments.scraped_ms
    for name in ("last", "seen"):
        assert getattr(again.increments, name).tolist() == getattr(target.increments, name).tolist()
    for name in ("decided_ms", "until_ms", "observed_last"):
        assert getattr(again, name).tolist() == getattr(target, name).tolist()
    assert again.stay.first_ms.tolist() == target.stay.first_ms.tolist()


def test_slis_go_by_their_keys_and_new_ones_know_nothing() -> None:
    target = a_target()
    target.decided_ms[:], target.until_ms[:], target.stay.first_ms[:] = [10, 20], [30, 40], [1, 2]
    names = Names(identity="t", series=(), slis=("a", "b"), looked_for=()).encoded()
    mark = decode(names, encode(target, names, np.zeros(0, np.int64)))
    again = a_target(3)
    mark.restore_slis(again, ("new", "b", "a"), closed_ms=0)
    assert again.decided_ms.tolist() == [0, 20, 10]
    assert again.stay.first_ms.tolist() == [FOREVER, 2, 1]


@pytest.mark.parametrize(("closed_ms", "decided"), [(0, 10), (25, 25), (1_000, 30)])
def test_what_closings_gave_out_after_the_last_scrape_is_given_out(closed_ms: int, decided: int) -> None:
    target = a_target()
    target.decided_ms[:], target.until_ms[:] = 10, 30
    names = Names(identity="t", series=(), slis=("a",), looked_for=()).encoded()
    again = a_target()
    mark = decode(names, encode(a_target(1), names, np.zeros(0, np.int64)))
    assert mark.known == {"a": [0, 0, 0, FOREVER]}
    both = Names(identity="t", series=(), slis=("a", "b"), looked_for=()).encoded()
    decode(both, encode(target, both, np.zeros(0, np.int64))).restore_slis(again, ("a", "b"), closed_ms)
    assert again.decided_ms.tolist() == [decided, decided]


def test_numbers_of_other_names_are_refused() -> None:
    names, others = (Names(identity="t", series=(), slis=(key,), looked_for=()).encoded() for key in ("a", "b"))
    numbers = encode(a_target(1), names, np.zeros(0, np.int64))
    with pytest.raises(ValueError, match="belong to other names"):
        decode(others, numbers)
    with pytest.raises(ValueError, match="belong to other names"):
        decode(names, numbers + b"\0" * 8)
