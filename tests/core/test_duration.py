"""Durations are read as Prometheus writes them, and named as people do."""

import re
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slo.core.duration import DURATION_PATTERN, duration_name, parse_duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0),
        ("0s", 0),
        ("5m", 300),
        ("05m", 300),
        ("1h30m", 5400),
        ("90m", 5400),
        ("500ms", 0.5),
        ("1s500ms", 1.5),
        ("1m5ms", 60.005),
        ("30d", 30 * 86_400),
        ("4w", 28 * 86_400),
        ("1y", 365 * 86_400),
        ("1y1w1d1h1m1s1ms", 373 * 86_400 + 3661.001),
    ],
)
def test_a_duration_is_read(text: str, seconds: float) -> None:
    assert parse_duration(text) == timedelta(seconds=seconds)
    assert text == "0" or re.search(DURATION_PATTERN, text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "5",
        "00",
        "m",
        "5 m",
        " 5m",
        "5m\n",
        "-5m",
        "+5m",
        "1.5h",
        "5M",
        "1D",
        "5min",
        "30m1h",
        "1m1m",
        "٣m",
        "1e3s",
    ],
)
def test_what_is_no_duration_is_refused_with_what_it_was(text: str) -> None:
    with pytest.raises(ValueError, match=re.escape(f"{text!r} is no duration")):
        parse_duration(text)


@pytest.mark.parametrize("text", ["999999999y", "999999999w999999999d"])
def test_a_duration_beyond_what_time_can_hold_is_refused_as_such(text: str) -> None:
    with pytest.raises(ValueError, match="is too long a time"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("seconds", "name"),
    [
        (0, "0s"),
        (0.0004, "0s"),
        (-0.0004, "0s"),
        (0.25, "250ms"),
        (59.9996, "1m"),
        (90, "1m30s"),
        (3600, "1h"),
        (86_400 + 1, "1d1s"),
        (28 * 86_400, "28d"),
        (400 * 86_400, "400d"),
        (-90, "-1m30s"),
    ],
)
def test_a_duration_is_named(seconds: float, name: str) -> None:
    assert duration_name(seconds) == name


@given(st.integers(0, 10**14))
def test_a_name_is_read_as_what_it_names(milliseconds: int) -> None:
    assert parse_duration(duration_name(milliseconds / 1000)) == timedelta(milliseconds=milliseconds)
