"""Exclusions cover the whole slots that lie within them, whoever made them and however they overlap."""

import itertools
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slo.core.exclusion import Exclusion, Once, excluded_seconds, excluded_spans, matches, occurrences
from slo.core.recurrence import Recurrence
from tests.core.minutes import DAY, HOUR, MINUTE, seconds

MIDNIGHT = seconds("2026-11-01")
CREATED = datetime(2026, 10, 1, tzinfo=UTC)


def exclusion(
    when: Once | Recurrence, *, slos: tuple[str, ...] = (), labels: Mapping[str, str] | None = None
) -> Exclusion:
    return Exclusion(
        name="upgrade",
        reason="a new version of the database",
        author="on-call",
        created_at=CREATED,
        when=when,
        slos=slos,
        labels=labels or {},
    )


def once(start: int, end: int) -> Exclusion:
    """An exclusion between two seconds, counted from MIDNIGHT."""
    return exclusion(Once(start=at(MIDNIGHT + start), end=at(MIDNIGHT + end)))


def weekly(start: str, duration: timedelta, zone: str = "UTC") -> Exclusion:
    local = datetime.fromisoformat(start)
    return exclusion(Recurrence(rule="FREQ=WEEKLY", zone=zone, start=local, duration=duration))


def at(unix: int) -> datetime:
    return datetime.fromtimestamp(unix, UTC)


def from_midnight(spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    return [(start - MIDNIGHT, end - MIDNIGHT) for start, end in spans]


# Whole slots


@pytest.mark.parametrize(
    ("intervals", "spans"),
    [
        ([], []),
        ([(100, 200)], [(100, 200)]),
        ([(101, 200)], [(110, 200)]),
        ([(100, 209)], [(100, 200)]),
        ([(101, 109)], []),
        ([(101, 119)], []),
        ([(99, 111)], [(100, 110)]),
        # apart
        ([(300, 400), (100, 200)], [(100, 200), (300, 400)]),
        ([(100, 200), (210, 300)], [(100, 200), (210, 300)]),
        # within the same slot they stay apart, and the slot counts
        ([(100, 204), (205, 300)], [(100, 200), (210, 300)]),
        # where they touch or overlap they are one, also within a slot
        ([(100, 200), (200, 300)], [(100, 300)]),
        ([(100, 205), (205, 300)], [(100, 300)]),
        ([(100, 206), (204, 300)], [(100, 300)]),
        ([(0, 5), (5, 10)], [(0, 10)]),
        ([(0, 4), (3, 7), (7, 12)], [(0, 10)]),
        # one within another
        ([(100, 400), (200, 300)], [(100, 400)]),
        ([(100, 400), (100, 400)], [(100, 400)]),
        # over the edges of what is asked for
        ([(-500, 25)], [(-100, 20)]),
        ([(990, 5000)], [(990, 1000)]),
        ([(-500, 5000)], [(-100, 1000)]),
        ([(-500, -100), (1000, 5000)], []),
    ],
)
def test_exclusions_cover_the_whole_slots_within_them(
    intervals: list[tuple[int, int]], spans: list[tuple[int, int]]
) -> None:
    exclusions = [once(start, end) for start, end in intervals]
    found = excluded_spans(exclusions, MIDNIGHT - 100, MIDNIGHT + 1000, unit_seconds=10)
    assert from_midnight(found) == spans


@pytest.mark.parametrize(
    ("unit", "span"), [(1, (61, 299)), (10, (70, 290)), (30, (90, 270)), (60, (120, 240)), (3600, None)]
)
def test_the_slots_are_as_long_as_is_asked(unit: int, span: tuple[int, int] | None) -> None:
    found = excluded_spans([once(61, 299)], MIDNIGHT, MIDNIGHT + HOUR, unit_seconds=unit)
    assert from_midnight(found) == ([span] if span else [])


def test_a_slot_that_is_asked_for_in_part_is_not_covered() -> None:
    found = excluded_spans([once(0, 1000)], MIDNIGHT + 5, MIDNIGHT + 45, unit_seconds=10)
    assert from_midnight(found) == [(10, 40)]


def test_what_recurs_is_covered_each_time_and_joins_what_does_not() -> None:
    sundays = weekly("2026-10-04T02:00", timedelta(hours=1), "Europe/London")  # 01:00 UTC until 2026-10-25
    single = exclusion(Once(start=at(seconds("2026-10-18T02:00")), end=at(seconds("2026-10-18T02:30:05"))))
    found = excluded_spans([single, sundays], seconds("2026-10-10"), seconds("2026-11-02"), unit_seconds=10)
    assert [(at(start).isoformat(), at(end).isoformat()) for start, end in found] == [
        ("2026-10-11T01:00:00+00:00", "2026-10-11T02:00:00+00:00"),
        ("2026-10-18T01:00:00+00:00", "2026-10-18T02:30:00+00:00"),
        ("2026-10-25T02:00:00+00:00", "2026-10-25T03:00:00+00:00"),
        ("2026-11-01T02:00:00+00:00", "2026-11-01T03:00:00+00:00"),
    ]


def test_what_recurs_before_the_last_has_ended_is_one_span() -> None:
    always = weekly("2026-01-04T00:00", timedelta(days=8))
    assert from_midnight(excluded_spans([always], MIDNIGHT, MIDNIGHT + 30 * DAY, unit_seconds=10)) == [(0, 30 * DAY)]


@pytest.mark.parametrize(
    ("begin", "end", "there"),
    [(0, 100, False), (0, 101, True), (150, 160, True), (199, 300, True), (200, 300, False), (99, 201, True)],
)
def test_an_occurrence_is_there_where_it_has_a_part(begin: int, end: int, *, there: bool) -> None:
    found = list(occurrences(once(100, 200), MIDNIGHT + begin, MIDNIGHT + end))
    assert from_midnight(found) == ([(100, 200)] if there else [])


INTERVALS = st.tuples(st.integers(-50, 400), st.integers(1, 120)).map(lambda pair: (pair[0], pair[0] + pair[1]))
UNITS = st.sampled_from([1, 5, 10, 12, 60])


@given(st.lists(INTERVALS, max_size=8), UNITS, st.integers(0, 100), st.integers(1, 400))
def test_a_slot_is_excluded_exactly_if_every_second_of_it_is(
    intervals: list[tuple[int, int]], unit: int, begin: int, length: int
) -> None:
    end = begin + length
    exclusions = [once(*interval) for interval in intervals]
    spans = from_midnight(excluded_spans(exclusions, MIDNIGHT + begin, MIDNIGHT + end, unit_seconds=unit))
    seconds_out = {second for start, stop in intervals for second in range(start, stop)} & set(range(begin, end))
    whole = {slot for slot in range(-2 * unit, 600, unit) if seconds_out.issuperset(range(slot, slot + unit))}
    assert {slot for start, stop in spans for slot in range(start, stop, unit)} == whole
    assert all(start < stop and start % unit == stop % unit == 0 for start, stop in spans)
    assert all(stop < following for (_, stop), (following, _) in itertools.pairwise(spans))


@given(
    st.lists(st.tuples(st.integers(0, 7 * DAY), st.integers(1, 9 * DAY)), min_size=1, max_size=3),
    st.sampled_from(["UTC", "Europe/London", "Australia/Lord_Howe", "America/Santiago"]),
    st.sampled_from([10, 60]),
)
def test_what_recurs_covers_the_same_slots_as_its_occurrences_one_by_one(
    weeks: list[tuple[int, int]], zone: str, unit: int
) -> None:
    begin, end = seconds("2026-03-01"), seconds("2026-05-01")
    recurring = [
        weekly(
            (datetime.fromisoformat("2026-01-01") + timedelta(seconds=later)).isoformat(),
            timedelta(seconds=lasts),
            zone,
        )
        for later, lasts in weeks
    ]
    apart = [
        exclusion(Once(start=at(start), end=at(stop)))
        for what in recurring
        for start, stop in occurrences(what, seconds("2026-01-01"), end)
    ]
    spans = excluded_spans(recurring, begin, end, unit_seconds=unit)
    assert spans == excluded_spans(apart, begin, end, unit_seconds=unit)


# Sums


SPANS = ((0, 10), (20, 30), (50, 100))


@pytest.mark.parametrize(
    ("start", "end", "excluded"),
    [
        (-100, 200, 70),
        (0, 100, 70),
        (0, 10, 10),
        (10, 20, 0),
        (5, 25, 10),
        (60, 70, 10),
        (30, 50, 0),
        (40, 60, 10),
        (90, 200, 10),
        (100, 200, 0),
        (-10, 0, 0),
        (60, 60, 0),
    ],
)
def test_excluded_seconds_are_those_of_the_spans_within(start: int, end: int, excluded: int) -> None:
    assert excluded_seconds(SPANS, start, end) == excluded
    assert excluded_seconds((), start, end) == 0


@given(st.lists(INTERVALS, max_size=8), st.integers(-60, 600), st.integers(0, 600))
def test_excluded_seconds_are_as_many_as_can_be_counted(
    intervals: list[tuple[int, int]], start: int, length: int
) -> None:
    exclusions = [once(*interval) for interval in intervals]
    spans = from_midnight(excluded_spans(exclusions, MIDNIGHT - HOUR, MIDNIGHT + HOUR, unit_seconds=10))
    counted = sum(any(first <= second < last for first, last in spans) for second in range(start, start + length))
    assert excluded_seconds(spans, start, start + length) == counted


# For whom


@pytest.mark.parametrize(
    ("slos", "labels", "excluded"),
    [
        ((), {}, True),
        (("gate",), {}, True),
        (("deck", "gate"), {}, True),
        (("deck",), {}, False),
        (("gat", "gate-2", "GATE"), {}, False),
        ((), {"customer": "acme"}, True),
        ((), {"customer": "acme", "environment": "production"}, True),
        ((), {"customer": "acme", "environment": "staging"}, False),
        ((), {"region": "eu"}, False),
        ((), {"region": ""}, False),
        (("gate",), {"customer": "acme"}, True),
        (("gate",), {"customer": "other"}, False),
        (("deck",), {"customer": "acme"}, False),
    ],
)
def test_an_exclusion_is_for_the_slos_that_it_names_with_its_labels(
    slos: tuple[str, ...], labels: dict[str, str], *, excluded: bool
) -> None:
    what = exclusion(Once(start=at(0), end=at(MINUTE)), slos=slos, labels=labels)
    assert matches(what, "gate", {"customer": "acme", "environment": "production"}) is excluded


# What is refused


NAIVE = datetime.fromisoformat("2026-11-01T02:00")


@pytest.mark.parametrize(
    ("start", "end", "problem"),
    [
        (NAIVE, at(MIDNIGHT), "start has no offset; write it with one, such as Z for UTC"),
        (at(MIDNIGHT), NAIVE, "end has no offset; write it with one, such as Z for UTC"),
        (at(MIDNIGHT), at(MIDNIGHT), r"end is not after start; write a time after 2026-11-01 00:00:00\+00:00"),
        (at(MIDNIGHT), at(MIDNIGHT - 1), "end is not after start"),
        (at(MIDNIGHT).replace(microsecond=1), at(MIDNIGHT + 1), r"start cannot be .*000001.*; write whole seconds"),
        (at(MIDNIGHT), at(MIDNIGHT + 1).replace(microsecond=1), r"end cannot be .*000001.*; write whole seconds"),
    ],
)
def test_what_is_no_interval_is_refused_with_the_mend(start: datetime, end: datetime, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        Once(start=start, end=end)


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"name": ""}, "name is empty; write what people may call it by"),
        ({"reason": " "}, "reason is empty; write why this time does not count"),
        ({"author": ""}, "author is empty; write who says so"),
        ({"created_at": NAIVE}, "created_at has no offset; write it with one, such as Z for UTC"),
    ],
)
def test_an_exclusion_that_nobody_answers_for_is_refused(changed: dict[str, object], problem: str) -> None:
    given = {"name": "upgrade", "reason": "a new version", "author": "on-call", "created_at": CREATED}
    with pytest.raises(ValueError, match=problem):
        Exclusion(when=Once(start=at(0), end=at(1)), **given | changed)  # type: ignore[arg-type]
