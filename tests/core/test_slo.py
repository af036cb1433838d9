"""An SLO knows its budget and its windows."""

from datetime import timedelta
from fractions import Fraction

import pytest

from slo.core.policy import POLICIES
from slo.core.slo import SLO


def slo(objective: str = "0.999", policy: str = "google-30d", days: int = 30) -> SLO:
    return SLO(
        name="gate",
        objective=Fraction(objective),
        window=timedelta(days=days),
        sli="probe:gate",
        pairs=POLICIES.get(policy, ()),
    )


@pytest.mark.parametrize(
    ("objective", "budget"),
    [("0.999", Fraction(1, 1000)), ("0.9995", Fraction(1, 2000)), ("0.99999", Fraction(1, 10**5))],
)
def test_the_error_budget_is_exact(objective: str, budget: Fraction) -> None:
    assert slo(objective).error_budget == budget


@pytest.mark.parametrize(
    ("policy", "days", "hours"),
    [
        ("google-30d", 30, [1 / 12, 0.5, 1, 2, 6, 24, 72, 720]),
        ("pyrra-28d", 28, [1 / 12, 0.5, 1, 2, 6, 24, 96, 672]),
        ("datadog-7d", 7, [1 / 12, 0.5, 1, 2, 6, 24, 168]),
        ("none", 90, [2160]),
    ],
)
def test_the_windows_are_each_there_once_shortest_first(policy: str, days: int, hours: list[float]) -> None:
    assert [window / timedelta(hours=1) for window in slo(policy=policy, days=days).windows] == hours
