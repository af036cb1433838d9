"""Burn policies have the factors that their sources publish, exactly."""

from datetime import timedelta
from fractions import Fraction

import pytest

from slo.core.duration import duration_name, parse_duration
from slo.core.policy import POLICIES, Pair, Severity

MINUTE = timedelta(minutes=1)

PUBLISHED = {
    "google-30d": "page 1h/5m 14.4, page 6h/30m 6, ticket 1d/2h 3, ticket 3d/6h 1",
    "google-28d": "page 1h/5m 13.44, page 6h/30m 5.6, ticket 1d/2h 2.8, ticket 3d/6h 14/15",
    "pyrra-28d": "page 1h/5m 14 for 2m, page 6h/30m 7 for 15m, ticket 1d/2h 2 for 1h, ticket 4d/6h 1 for 3h",
    "datadog-7d": "page 1h/5m 16.8, page 6h/30m 5.6, ticket 1d/2h 2.8",
    "datadog-90d": "page 1h/5m 21.6, page 6h/30m 10.8, ticket 1d/2h 4.5",
}


def window_of(policy: str) -> timedelta:
    """The SLO window that a policy is named after."""
    return parse_duration(policy.rpartition("-")[2])


def written(pair: Pair, window: timedelta) -> str:
    """A pair as the table above has it."""
    long, short, hold = (duration_name(length.total_seconds()) for length in (pair.long, pair.short, pair.hold))
    factor = pair.factor(window)
    number = str(factor) if factor.denominator % 3 == 0 else f"{float(factor):g}"
    return f"{pair.severity} {long}/{short} {number}" + (f" for {hold}" if pair.hold else "")


def test_every_policy_is_published() -> None:
    assert set(POLICIES) == set(PUBLISHED)


@pytest.mark.parametrize("policy", POLICIES)
def test_a_policy_is_what_its_source_says(policy: str) -> None:
    window = window_of(policy)
    assert ", ".join(written(pair, window) for pair in POLICIES[policy]) == PUBLISHED[policy]


def test_a_factor_is_exact() -> None:
    page, _, _, ticket = POLICIES["google-28d"]
    assert page.factor(timedelta(days=28)) == Fraction(1344, 100)
    assert ticket.factor(timedelta(days=28)) == Fraction(14, 15)


@pytest.mark.parametrize("policy", POLICIES)
def test_short_windows_are_a_twelfth_of_the_long_ones_or_little_less(policy: str) -> None:
    for pair in POLICIES[policy]:
        assert 12 <= pair.long / pair.short <= 16


@pytest.mark.parametrize("policy", POLICIES)
def test_every_pair_of_a_policy_can_fire_at_99_9_percent_and_the_faster_ones_page(policy: str) -> None:
    pairs = POLICIES[policy]
    factors = [pair.factor(window_of(policy)) for pair in pairs]
    assert factors == sorted(factors, reverse=True)
    assert max(factors) < 1000
    assert [pair.severity for pair in pairs] == sorted((pair.severity for pair in pairs), key=list(Severity).index)


def test_the_same_share_of_the_budget_of_a_longer_window_is_a_higher_factor() -> None:
    pair = Pair(long=60 * MINUTE, short=5 * MINUTE, budget=Fraction(2, 100), severity=Severity.PAGE)
    assert [pair.factor(timedelta(days=days)) for days in (7, 28, 30, 90)] == [
        Fraction("3.36"),
        Fraction("13.44"),
        Fraction("14.4"),
        Fraction("43.2"),
    ]


def test_the_policies_are_not_for_changing() -> None:
    with pytest.raises(TypeError):
        POLICIES["google-30d"] = ()  # type: ignore[index]
