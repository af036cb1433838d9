"""Answers of MySQL, in whichever pieces they arrive, and whatever else is sent in their place."""

import contextlib
from collections.abc import Iterator
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slo.errors import Fault
from slo.net.mysql_answer import Answer, Refusal
from slo.net.sql import Result
from tests.net.mysql_wire import END, answer, column, sent, text

ROWS = st.lists(st.tuples(st.none() | st.text(max_size=300), st.none() | st.text(max_size=8)), max_size=6)


def pieces(data: bytes, cuts: list[int]) -> Iterator[bytes]:
    """The data in pieces."""
    places = sorted({cut % (len(data) + 1) for cut in cuts} | {0, len(data)})
    for begin, end in pairwise(places):
        yield data[begin:end]


def read(data: bytes, cuts: list[int], reading: Answer) -> bytes:
    """Let the answer be read as it arrives; what was not taken."""
    waiting = b""
    for piece in pieces(data, cuts):
        waiting += piece
        while len(waiting) >= reading.needs and reading.done is None:
            taken = reading.read(waiting)
            waiting = waiting[taken:]
            if not taken:
                break
    return waiting


@given(rows=ROWS, cuts=st.lists(st.integers(0, 10_000), max_size=8))
def test_pieces_make_no_difference(rows: list[tuple[str | None, str | None]], cuts: list[int]) -> None:
    reading = Answer(100)
    assert read(answer(*rows), cuts, reading) == b""
    assert reading.done == Result(columns=("name", "value"), rows=tuple(rows))


@given(rows=ROWS, later=ROWS)
def test_rows_that_are_known_are_the_same(
    rows: list[tuple[str | None, str | None]], later: list[tuple[str | None, str | None]]
) -> None:
    first = Answer(100)
    read(answer(*rows), [], first)
    second = Answer(100, first.read_rows)
    read(answer(*rows, *later), [], second)
    assert second.done == Result(columns=("name", "value"), rows=(*rows, *later))
    other = Answer(100, first.read_rows)
    if rows:
        with pytest.raises(Fault):
            read(answer(*rows, columns=("one",)), [], other)


def test_nothing_is_taken_after_the_end() -> None:
    reading = Answer(100)
    assert read(answer(("a", "1")) + b"more", [], reading) == b"more"


@pytest.mark.parametrize(
    ("packets", "number", "reason"),
    [
        ([b"\xff\x15\x04#28000no"], 1045, "auth_refused"),
        ([b"\xff\xcb\x04#42000no"], 1227, "query_refused"),
        ([b"\x01", column("one"), END, text("1"), b"\xff\xb1\x07#70100too slow"], 1969, "query_timeout"),
    ],
)
def test_a_refusal_may_come_first_or_in_the_middle(packets: list[bytes], number: int, reason: str) -> None:
    reading = Answer(100)
    read(sent(*packets), [], reading)
    assert isinstance(reading.done, Refusal)
    assert (reading.done.number, reading.done.fault.reason) == (number, reason)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (sent(b"\xfb/etc/passwd"), "data"),
        (sent(b""), "data"),
        (b"\x01\0\0\x07\0", "data"),
        (sent(b"\x01", column("one"), END, text("1") + b"\x05a"), "data"),
        (sent(b"\x01", column("one"), END, text("1") + text("2")), "data"),
        (sent(b"\x02", column("one"), column("two"), END, text("1")), "data"),
        (sent(b"\x01", b"\xfc", END), "data"),
        (answer(*[("a", "1")] * 4), "result"),
    ],
    ids=["a file of ours", "nothing", "another number", "too short", "too many", "too few", "no column", "rows"],
)
def test_what_is_no_answer_is_a_fault(data: bytes, reason: str) -> None:
    with pytest.raises(Fault) as raised:
        read(data, [], Answer(3))
    assert raised.value.reason == reason


@given(data=st.binary(max_size=200) | st.lists(st.binary(max_size=30), max_size=8).map(lambda all_: sent(*all_)))
def test_whatever_comes_is_an_answer_or_a_fault(data: bytes) -> None:
    with contextlib.suppress(Fault):
        read(data, [], Answer(100))
