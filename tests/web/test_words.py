"""Figures in words."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slo.web.words import age, burn, contract_words, maturity, percent, spent_in


@pytest.mark.parametrize(
    ("ratio", "digits", "text"),
    [
        (1.0, 3, "100 %"),
        (0.0, 3, "0 %"),
        (0.999, 3, "99.9 %"),
        (0.9995, 3, "99.95 %"),
        (0.999_999_9, 3, "99.999 %"),
        (0.636, 1, "63.6 %"),
        (-9.4, 1, "-940 %"),
        (-0.000_1, 1, "-0.1 %"),
        (None, 3, "no data"),
    ],
)
def test_a_ratio_reads_as_a_percentage_rounded_down(ratio: float | None, digits: int, text: str) -> None:
    assert percent(ratio, digits=digits) == text


@pytest.mark.parametrize(
    ("own", "text"),
    [
        ({}, "the usual one (1f3a9c2b41d0): P0 1h, P1 1 business day; business days of UTC"),
        (
            {"customer": "acme", "title": "Acme", "agreement": "MSA 4"},
            "that of Acme (1f3a9c2b41d0): P0 1h, P1 1 business day; business days of UTC, by MSA 4",
        ),
        (
            {"customer": "acme", "digest": None},
            (
                "that of acme: P0 1h, P1 1 business day; business days of UTC"
                " (it was opened before contracts went on record: this is the first that did)"
            ),
        ),
    ],
)
def test_a_contract_reads_as_what_it_promises_and_whether_it_was_on_record(own: dict[str, str], text: str) -> None:
    document = {
        "digest": "1f3a9c2b41d0" + 52 * "0",
        "customer": None,
        "title": None,
        "agreement": None,
        "response": {"P0": "1h", "P1": "1 business day"},
        "business_days": "business_hours",
        "zone": "UTC",
    }
    assert contract_words(document | own) == text


@given(bad=st.integers(1, 10**6), total=st.integers(1, 10**9))
def test_an_sli_with_a_bad_event_never_reads_100_percent(bad: int, total: int) -> None:
    assert percent((total - min(bad, total)) / total) != "100 %"


@given(st.floats(-1e6, -1e-9))
def test_an_overspent_budget_never_reads_as_nothing_left(remaining: float) -> None:
    assert percent(remaining, digits=1).startswith("-")


@given(st.integers(0, 100_000))
def test_whole_steps_are_not_rounded_to_the_step_below(thousandths: int) -> None:
    assert float(percent(thousandths / 100_000).removesuffix(" %")) * 1000 == pytest.approx(thousandths, abs=1e-6)


@pytest.mark.parametrize(
    ("rate", "text"),
    [(0.0, "0x"), (0.004, "0x"), (1.0, "1x"), (14.4, "14.4x"), (1.25, "1.25x"), (1000.4, "1000x"), (None, "no data")],
)
def test_a_burn_rate_reads_as_a_multiple(rate: float | None, text: str) -> None:
    assert burn(rate) == text


@pytest.mark.parametrize(
    ("known_seconds", "window_seconds", "text"),
    [
        (6.25 * 86_400, 30 * 86_400, "6.2 of 30 days"),
        (30 * 86_400, 30 * 86_400, "30 days"),
        (30 * 86_400 - 1, 30 * 86_400, "29.9 of 30 days"),
        (0, 3600, "0.0 of 60 minutes"),
        (1800, 2 * 3600, "0.5 of 2 hours"),
        (5, 60, "5.0 of 60 seconds"),
    ],
)
def test_maturity_is_in_the_unit_of_the_window(known_seconds: float, window_seconds: float, text: str) -> None:
    assert maturity(known_seconds, window_seconds) == text


@pytest.mark.parametrize(
    ("minutes", "text"),
    [(0, "just now"), (-5, "just now"), (3, "3 min"), (125, "2 h 5 min"), (97 * 60, "4 d 1 h")],
)
def test_an_age_reads_in_two_units_at_most(minutes: int, text: str) -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    assert age(now - timedelta(minutes=minutes), now) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, ""),
        (-5, ""),
        (0, ""),
        (1, "spent in 1 min"),
        (61, "spent in 2 min"),
        (11_100, "spent in 3 h 5 min"),
        (90_000, "spent in 1 d 1 h"),
    ],
)
def test_a_budget_that_will_be_spent_reads_as_how_long_it_lasts(seconds: int | None, text: str) -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    assert spent_in(None if seconds is None else now + timedelta(seconds=seconds), now) == text
