"""What is asked next after what happened: no gap, no step back in time, no haste."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemonset.api_client import APIFault
from daemonset.course import LONGEST_WAIT_SECONDS, STEADY_SECONDS, Course
from slo.errors import Fault

EXPIRED = APIFault("expired", status=410)
TOO_NEW = APIFault("server_error", status=504, after_seconds=1.0)
FIRST = {"resourceVersion": "0", "limit": "500"}
NEWEST = {"limit": "500"}

FAULTS = st.sampled_from(
    [
        EXPIRED,
        TOO_NEW,
        APIFault("server_error", status=500),
        APIFault("rate_limited", status=429, after_seconds=1e9),
        APIFault("auth_refused", status=401),
        APIFault("permission", status=403),
        APIFault("status", status=404),
        APIFault("reset"),
        Fault("malformed"),
        Fault("too_large"),
        Fault("silent"),
        Fault("timeout"),
    ]
)


def not_older(version: str) -> dict[str, str]:
    return {"resourceVersion": version, "resourceVersionMatch": "NotOlderThan"}


def following(version: str = "5") -> Course:
    """One that has a LIST."""
    course = Course(lambda: 0.0)
    course.listed(version)
    return course


def test_the_first_list_comes_from_the_cache() -> None:
    assert Course(lambda: 0.0).to_list() == FIRST


def test_pages_are_asked_for_by_their_token_alone() -> None:
    assert Course(lambda: 0.0).to_list("next") == {"limit": "500", "continue": "next"}


def test_a_watch_is_asked_for_from_what_was_seen_last() -> None:
    course = following()
    course.version = "9"
    assert course.to_watch(300) == {
        "watch": "true",
        "resourceVersion": "9",
        "allowWatchBookmarks": "true",
        "timeoutSeconds": "300",
    }


@pytest.mark.parametrize(
    ("reason", "lists"),
    [
        ("expired", True),
        ("malformed", True),
        ("too_large", True),
        ("error_event", True),
        ("status", True),
        ("reset", False),
        ("silent", False),
        ("overdue", False),
        ("timeout", False),
        ("server_error", False),
        ("rate_limited", False),
        ("auth_refused", False),
        ("permission", False),
        ("token", False),
    ],
)
def test_there_is_another_list_only_where_the_watch_cannot_go_on(reason: str, *, lists: bool) -> None:
    course = following()
    course.failed(Fault(reason), 0.0)
    assert course.listing is lists


@pytest.mark.parametrize(
    ("seen", "faults", "query"),
    [
        ("9", [EXPIRED], not_older("9")),
        ("5", [EXPIRED], NEWEST),
        ("9", [Fault("malformed")], not_older("9")),
        ("9", [Fault("malformed"), TOO_NEW], NEWEST),
        ("9", [EXPIRED, EXPIRED], NEWEST),
        ("9", [EXPIRED, APIFault("status", status=400)], NEWEST),
        ("9", [EXPIRED, APIFault("server_error", status=500)], not_older("9")),
        ("9", [EXPIRED, Fault("reset")], not_older("9")),
        ("9", [EXPIRED, APIFault("permission", status=403)], not_older("9")),
    ],
)
def test_a_list_is_no_older_than_what_was_seen(seen: str, faults: list[Fault], query: dict[str, str]) -> None:
    course = following("5")
    course.version = seen
    for fault in faults:
        course.failed(fault, 0.0)
    assert course.to_list() == query
    course.listed("10")
    course.version = "12"
    course.failed(EXPIRED, 0.0)
    assert course.to_list() == not_older("12")


@given(st.lists(st.tuples(FAULTS, st.floats(0, 1000)), min_size=1, max_size=40), st.floats(0, 1, exclude_max=True))
def test_after_a_fault_there_is_a_pause_and_never_a_long_one(faults: list[tuple[Fault, float]], jitter: float) -> None:
    course = Course(lambda: jitter)
    course.listed("5")
    for fault, lived_seconds in faults:
        wait = course.failed(fault, lived_seconds)
        asked = isinstance(fault, APIFault) and fault.after_seconds is not None
        assert 0.5 <= wait <= (LONGEST_WAIT_SECONDS * 1.1 if asked else LONGEST_WAIT_SECONDS)


@pytest.mark.parametrize(("longest", "asked", "waited"), [(30, 3600, 30), (30, 3, 3), (5, 3600, 5), (5, 0, 1)])
def test_a_server_may_not_have_us_deaf_for_long(longest: float, asked: float, waited: float) -> None:
    course = Course(lambda: 0.0, longest_asked_seconds=longest)
    course.listed("5")
    assert course.failed(APIFault("rate_limited", status=429, after_seconds=asked), 0.0) == waited


def test_pauses_are_short_again_after_a_watch_that_lived() -> None:
    course = following()
    assert [course.failed(Fault("reset"), 0.0) for _ in range(7)] == [1, 2, 4, 8, 16, 30, 30]
    assert course.failed(Fault("reset"), STEADY_SECONDS) == 1


def test_a_watch_that_ends_at_once_again_and_again_is_not_begun_in_haste() -> None:
    course = following()
    assert [course.ended(0.1) for _ in range(4)] == [1, 2, 4, 8]
    assert course.ended(STEADY_SECONDS) < 1
