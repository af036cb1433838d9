"""Rows of the ledger come back as they were written, or not at all."""

import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from slo.core.deltas import Block
from slo.store.codec import by_hour, decode, encode, hour_of, merged
from tests.store.making import HOUR, START, Spans, block, by_minute, spans

SLOTS = (1, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30, 60)
COUNTS = st.one_of(
    st.just(0),
    st.integers(0, 3),
    st.sampled_from([2**8 - 1, 2**8, 2**16 - 1, 2**16, 2**32 - 1, 2**32, 2**63 - 1]),
)


@st.composite
def blocks(draw: st.DrawFn, *, hours: int = 1, counts: st.SearchStrategy[int] = COUNTS) -> Block:
    seconds = draw(st.sampled_from(SLOTS))
    places = draw(st.lists(st.integers(1, hours * HOUR // seconds), min_size=1, max_size=5))
    names = draw(st.lists(st.sampled_from([f"probe:{n}" for n in range(4)]), min_size=1, unique=True))
    cells = 4 * len(places) * len(names)
    values = draw(st.lists(counts, min_size=cells, max_size=cells))
    return Block(
        ends=START + seconds * np.array(places, np.int64),
        seconds=seconds,
        names=tuple(names),
        counts=np.array(values, np.int64).reshape(4, len(places), len(names)),
    )


@given(blocks())
def test_a_block_comes_back_as_it_was(original: Block) -> None:
    hour = START + HOUR
    body = encode(original, hour)
    back = decode(body, hour=hour, seconds=original.seconds, spans=len(original.ends), names=original.names)
    assert back.ends.tolist() == original.ends.tolist()
    assert back.counts.dtype == np.int64
    assert back.counts.tolist() == original.counts.tolist()
    assert (back.seconds, back.names) == (original.seconds, original.names)


@given(blocks(), st.data())
def test_a_body_that_is_cut_or_of_another_shape_is_refused(original: Block, data: st.DataObject) -> None:
    hour, count = START + HOUR, len(original.ends)
    body = encode(original, hour)
    inner = zlib.decompress(body)
    others = [
        (body[: data.draw(st.integers(0, len(body) - 1))], count),
        (zlib.compress(inner[: data.draw(st.integers(0, len(inner) - 1))]), count),
        (zlib.compress(b"\x03" + inner[1:]), count),
        (body, count + 1),
    ]
    for changed, told in others:
        with pytest.raises(ValueError, match=r"decompress|bytes, which are not"):
            decode(changed, hour=hour, seconds=original.seconds, spans=told, names=original.names)


@given(blocks(hours=4))
def test_the_parts_of_a_block_by_hour_are_the_block(original: Block) -> None:
    parts = list(by_hour(original))
    assert [hour for hour, _ in parts] == sorted({hour_of(end) for end in original.ends.tolist()})
    for hour, part in parts:
        assert all(hour - HOUR < end <= hour for end in part.ends.tolist())
    assert spans(part for _, part in parts) == spans([original])


@given(st.lists(blocks(counts=st.integers(0, 2**40)), min_size=1, max_size=4))
def test_merged_blocks_are_their_sum_by_minute(originals: list[Block]) -> None:
    together = merged(originals, 60)
    expected: Spans = {}
    for each in originals:
        for (end, seconds, name), counts in spans([each]).items():
            before = expected.get((end, seconds, name), (0, 0, 0, 0))
            expected[end, seconds, name] = tuple(a + b for a, b in zip(before, counts, strict=True))
    assert len(set(together.ends.tolist())) == len(together.ends)
    assert {(end, name): counts for (end, _, name), counts in spans([together]).items()} == by_minute(expected)


def test_the_columns_of_the_newest_block_lead() -> None:
    older, newer = block([START + 10], ["a", "b", "c"]), block([START + 20], ["c", "a"])
    assert merged([older, newer], 60).names == ("c", "a", "b")


def test_what_is_zero_takes_no_space() -> None:
    idle = block([START + 60 * minute for minute in range(1, 61)], [f"probe:{n}" for n in range(1000)], seconds=60)
    assert len(encode(idle, START + HOUR)) < 4000


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        (block([START + 10], ["a"], good=-1), "negative"),
        (block([START + 10], ["a", "a"]), "twice"),
        (block([START + 7], ["a"], seconds=7), "divide a minute"),
        (block([START + 120], ["a"], seconds=120), "divide a minute"),
        (block([START + 5], ["a"], seconds=10), "end where they must"),
        (Block(ends=np.array([START + 10]), seconds=10, names=("a",), counts=np.zeros((4, 2, 1), np.int64)), "shape"),
    ],
)
def test_what_the_ledger_cannot_hold_is_refused(wrong: Block, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        list(by_hour(wrong))


def test_an_empty_block_has_no_parts() -> None:
    assert list(by_hour(block([], ["a"]))) == list(by_hour(block([START], []))) == []
