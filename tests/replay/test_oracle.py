"""The oracle gives the figures that were worked out by hand from docs/counting.md and the published policies."""

from collections.abc import Mapping, Sequence
from fractions import Fraction

import pytest

from tests.replay.oracle import DAY, HOUR, SECOND, Objective, Pair, replay, trailing_step
from tests.replay.oracle_counts import MINUTE, Indicator, Matching, Series, entries_of, targets_of

NEW_YEAR = 1_767_225_600_000
"""2026-01-01T00:00:00Z."""

SLOT = 10 * SECOND
FAILURES = Indicator(total=Matching(metric="requests_total"), part=Matching(metric="failures_total"))
GOOGLE_30D = (
    Pair(long=HOUR, short=5 * MINUTE, budget=Fraction(2, 100), severity="page"),
    Pair(long=6 * HOUR, short=30 * MINUTE, budget=Fraction(5, 100), severity="page"),
    Pair(long=DAY, short=2 * HOUR, budget=Fraction(10, 100), severity="ticket"),
    Pair(long=3 * DAY, short=6 * HOUR, budget=Fraction(10, 100), severity="ticket"),
)


def scraped(name: str, values: Sequence[float | None], *, every: int = 10, instance: str = "a", at: int = 0) -> Series:
    """A series whose values were scraped every so many seconds from `at` seconds after New Year on; None: missing."""
    times = (NEW_YEAR + (at + index * every) * SECOND for index in range(len(values)))
    samples = [(time, value) for time, value in zip(times, values, strict=True) if value is not None]
    return Series(labels={"__name__": name, "instance": instance}, samples=samples)


def ledger(*recording: Series, indicator: Indicator = FAILURES) -> list[tuple[int, ...]]:
    """(arrives, slot, good, bad, unknown, covered), a row for each of the first two; seconds since New Year."""
    rows: dict[tuple[int, int], list[int]] = {}
    for entry in entries_of(targets_of(recording), indicator, SLOT):
        row = rows.setdefault(((entry.arrives - NEW_YEAR) // SECOND, (entry.slot - NEW_YEAR) // SECOND), [0, 0, 0, 0])
        row[:] = [known + more for known, more in zip(row, entry[2:], strict=True)]
    return [(*key, *row) for key, row in sorted(rows.items())]


def test_increments_count_from_the_value_before_and_a_reset_from_zero() -> None:
    assert ledger(scraped("requests_total", [5, 7, 7.9, 3, float("nan"), 4])) == [
        (0, 0, 0, 0, 0, 10_000),
        (10, 10, 2, 0, 0, 10_000),
        (20, 20, 0, 0, 0, 10_000),
        (30, 30, 3, 0, 0, 10_000),
        (40, 40, 0, 0, 0, 10_000),
        (50, 50, 1, 0, 0, 10_000),
        (60, 60, 0, 0, 0, 10_000),
        (70, 70, 0, 0, 0, 10_000),
        (80, 80, 0, 0, 0, 5_000),
    ]


def test_a_failure_counter_is_born_at_its_first_failure() -> None:
    rows = ledger(scraped("requests_total", [5, 15, 25]), scraped("failures_total", [None, None, 4]))
    assert [row[2:4] for row in rows[:3]] == [(0, 0), (10, 0), (6, 4)]


def test_an_increase_over_a_gap_is_spread_and_comes_late() -> None:
    gap = [None] * 4
    rows = ledger(scraped("requests_total", [0, 0, 0, *gap, 13, 13]), scraped("failures_total", [0, 0, 0, *gap, 3, 3]))
    assert rows[3:] == [
        (30, 30, 0, 0, 0, 10_000),
        (40, 40, 0, 0, 0, 10_000),
        (50, 50, 0, 0, 0, 5_000),
        (70, 30, 2, 0, 0, 0),
        (70, 40, 2, 1, 0, 0),
        (70, 50, 2, 0, 0, 5_000),
        (70, 60, 2, 1, 0, 10_000),
        (70, 70, 2, 1, 0, 10_000),
        (80, 80, 0, 0, 0, 10_000),
        (90, 90, 0, 0, 0, 10_000),
        (100, 100, 0, 0, 0, 10_000),
        (110, 110, 0, 0, 0, 5_000),
    ]


def test_a_gap_with_a_reset_in_it_stays_unknown() -> None:
    rows = ledger(scraped("requests_total", [90, 90, 90, None, None, None, 8, 8]))
    assert rows[3:-2] == [
        (30, 30, 0, 0, 0, 10_000),
        (40, 40, 0, 0, 0, 10_000),
        (50, 50, 0, 0, 0, 5_000),
        (60, 30, 2, 0, 0, 0),
        (60, 40, 2, 0, 0, 0),
        (60, 50, 2, 0, 0, 0),
        (60, 60, 2, 0, 0, 10_000),
        (70, 70, 0, 0, 0, 10_000),
        (80, 80, 0, 0, 0, 10_000),
    ]


@pytest.mark.parametrize(
    ("total", "failed", "expected"),
    [
        ([0, 4, 10], [0, 6, 6], [(0, 4, 0), (4, 2, 0)]),  # carried, and made up for
        ([0, 4, 5, 9], [0, 6, 7, 7], [(0, 4, 0), (0, 0, 3), (4, 0, 0)]),  # still there: unknown, then forgotten
    ],
)
def test_failures_beyond_the_total_are_carried_one_slot(
    total: list[float], failed: list[float], expected: list[tuple[int, int, int]]
) -> None:
    rows = ledger(scraped("requests_total", total), scraped("failures_total", failed))
    assert [row[2:5] for row in rows[1 : len(total)]] == expected
    assert [row[5] for row in rows[1 : len(total)]] == [0 if unknown else 10_000 for _, _, unknown in expected]


def test_covered_time_is_shared_among_the_targets_that_are_there() -> None:
    first = scraped("requests_total", [1, 1, 1, 1, 1, 1, 1])
    second = scraped("requests_total", [1, 1], instance="b", at=13)
    covered = [10_000] * 5 + [5_000 + 4_000] + [10_000] * 3 + [5_000]
    # The second is there from the slot (10, 20], which it covers whole, until 23 + 25 seconds: in (40, 50] it knows 8.
    assert [row[5] for row in ledger(first, second)] == covered


def healthy_then_dead(healthy: int, dead: int) -> tuple[Series, Series]:
    """Ten requests a scrape, all of which fail from some scrape on."""
    total = [10.0 * index for index in range(healthy + dead + 1)]
    failed = [0.0] * (healthy + 1) + [10.0 * (index + 1) for index in range(dead)]
    return scraped("requests_total", total), scraped("failures_total", failed)


def slo(*pairs: Pair, objective: str = "0.999", window: int = 30 * DAY) -> Objective:
    return Objective(name="api", objective=Fraction(objective), window=window, indicator=FAILURES, pairs=pairs)


@pytest.mark.parametrize("healthy", [30, 60, 720])
def test_a_full_outage_pages_at_the_first_slot_end_after_51_84_seconds(healthy: int) -> None:
    told = replay(healthy_then_dead(healthy, 12), [slo(*GOOGLE_30D)], slot=SLOT, step=SLOT)
    pages = [one for one in told if one.get("severity") == "page"]
    began = healthy * 10
    burnt = Fraction(60, min(began + 60, 3600)) * Fraction(min(began + 70, 3600), 3600) * 1000
    assert pages == [
        {
            "event": "alert",
            "at": f"2026-01-01T{(began + 60) // 3600:02}:{(began + 60) // 60 % 60:02}:{(began + 60) % 60:02}Z",
            "slo": "api",
            "severity": "page",
            "state": "firing",
            "long": "1h",
            "short": "5m",
            "burn_long": burnt,
            "burn_short": pages[0]["burn_short"],
        }
    ]


def states(told: Sequence[Mapping[str, object]], severity: str) -> list[tuple[str, object]]:
    return [(str(one["at"])[11:19], one["state"]) for one in told if one.get("severity") == severity]


@pytest.mark.parametrize(("missing", "resolved"), [(range(0), "00:07:00"), (range(37, 60), "00:10:00")])
def test_a_pair_clears_only_where_its_short_window_knows_enough(missing: range, resolved: str) -> None:
    pair = Pair(long=10 * MINUTE, short=MINUTE, budget=Fraction(1, 2), severity="page")
    alert = slo(pair, objective="0.9", window=20 * MINUTE)  # at 5:50: 60 of 350 events x 360 of 600 s > 10 %
    total = [None if index in missing else 10.0 * index for index in range(100)]
    failed = [None if index in missing else min(max(10.0 * (index - 29), 0), 70) for index in range(100)]
    recording = (scraped("requests_total", total), scraped("failures_total", failed))
    assert states(replay(recording, [alert], slot=SLOT, step=SLOT), "page") == [
        ("00:05:50", "firing"),
        (resolved, "resolved"),
    ]


def test_a_page_below_its_minimum_is_a_ticket_until_it_is_reached() -> None:
    pair = Pair(long=10 * MINUTE, short=MINUTE, budget=Fraction(1, 2), severity="page", min_bad_events=75)
    told = replay(healthy_then_dead(30, 10), [slo(pair, objective="0.9", window=20 * MINUTE)], slot=SLOT, step=SLOT)
    assert states(told, "ticket") == [("00:06:00", "firing"), ("00:06:20", "resolved")]
    assert states(told, "page") == [("00:06:20", "firing")]


def test_a_pair_that_must_hold_fires_once_it_has() -> None:
    pair = Pair(long=10 * MINUTE, short=MINUTE, budget=Fraction(1, 2), severity="page", hold=20 * SECOND)
    told = replay(healthy_then_dead(30, 10), [slo(pair, objective="0.9", window=20 * MINUTE)], slot=SLOT, step=SLOT)
    assert states(told, "page") == [("00:06:20", "firing")]


@pytest.mark.parametrize(
    ("window", "slot", "step"),
    [
        (HOUR, SLOT, SLOT),
        (HOUR + 10 * MINUTE, SLOT, SLOT),
        (100 * MINUTE, 5 * SECOND, 15 * SECOND),
        (6 * HOUR, SLOT, MINUTE),
        (9 * HOUR, SLOT, MINUTE),  # 90 seconds would do, but whole minutes are to be had
        (9 * HOUR + 90 * SECOND, SLOT, 30 * SECOND),  # 90 seconds would do, but are more than a minute
        (DAY, SLOT, 4 * MINUTE),
        (3 * DAY, SLOT, 12 * MINUTE),
        (30 * DAY, SLOT, 2 * HOUR),
        (2 * HOUR, MINUTE, MINUTE),  # nothing less than a slot
    ],
)
def test_the_trailing_edge_of_a_window_moves_in_its_own_steps(window: int, slot: int, step: int) -> None:
    assert trailing_step(window, slot) == step
