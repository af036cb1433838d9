"""JSON is equal as JSON is: by value, and true is not 1."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import JsonValue

from slo.net.json_body import JSONExpectation, same

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)


@given(VALUES, VALUES)
def test_equality_is_that_of_python_but_for_truth(left: JsonValue, right: JsonValue) -> None:
    assert same(left, left)
    assert same(left, right) == same(right, left)
    if "true" not in json.dumps([left, right]) and "false" not in json.dumps([left, right]):
        assert same(left, right) == (left == right)


@pytest.mark.parametrize(
    ("left", "right", "equal"),
    [
        (1, True, False),
        (0, False, False),
        ([1], [True], False),
        ({"a": 1}, {"a": True}, False),
        (1, 1.0, True),
        ("1", 1, False),
        (None, False, False),
        ({}, [], False),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, True),
    ],
)
def test_equality(left: JsonValue, right: JsonValue, *, equal: bool) -> None:
    assert same(left, right) == equal


@given(st.binary() | st.text().map(str.encode) | VALUES.map(json.dumps).map(str.encode))
def test_any_body_is_looked_at(body: bytes) -> None:
    assert JSONExpectation({"$..nothing": "such"}).mismatch(body) is not None


def test_a_mismatch_is_told_briefly() -> None:
    expected = JSONExpectation({"$.status": "UP", "$.name": "x"})
    assert expected.mismatch(b'{"status": "DOWN"}') == '$.status is "DOWN", not "UP"'
    assert expected.mismatch(b'{"status": "UP"}') == "there is no $.name"
    assert expected.mismatch(b"") == "the body is no JSON: Expecting value: line 1 column 1 (char 0)"
    assert len(expected.mismatch(json.dumps({"status": "x" * 1000}).encode()) or "") < 100
