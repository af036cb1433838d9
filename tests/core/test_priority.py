"""Priorities follow from the circumstances: the environment's class, the impact, a workaround, security."""

import pytest

from slo.core.policy import Severity
from slo.core.priority import (
    Circumstances,
    EnvironmentClass,
    Impact,
    Priority,
    circumstances_of,
    priority_in,
)

PRODUCTION, ELSEWHERE = EnvironmentClass.PRODUCTION, EnvironmentClass.NON_PRODUCTION


@pytest.mark.parametrize(
    ("environment", "impact", "workaround", "priority"),
    [
        (PRODUCTION, Impact.SEVERE, False, Priority.P0),
        (PRODUCTION, Impact.SEVERE, True, Priority.P1),
        (PRODUCTION, Impact.PARTIAL, False, Priority.P1),
        (PRODUCTION, Impact.PARTIAL, True, Priority.P1),
        (PRODUCTION, Impact.BLOCKS_PROMOTION, False, Priority.P1),
        (PRODUCTION, Impact.MINOR, True, Priority.P1),
        (ELSEWHERE, Impact.SEVERE, False, Priority.P1),
        (ELSEWHERE, Impact.BLOCKS_PROMOTION, False, Priority.P1),
        (ELSEWHERE, Impact.BLOCKS_PROMOTION, True, Priority.P1),
        (ELSEWHERE, Impact.PARTIAL, False, Priority.P2),
        (ELSEWHERE, Impact.MINOR, True, Priority.P2),
    ],
)
def test_the_contract_gives_each_circumstance_its_priority(
    environment: EnvironmentClass, impact: Impact, *, workaround: bool, priority: Priority
) -> None:
    assert priority_in(Circumstances(environment=environment, impact=impact, workaround=workaround)) is priority


@pytest.mark.parametrize("environment", EnvironmentClass)
@pytest.mark.parametrize("impact", Impact)
@pytest.mark.parametrize("workaround", [False, True])
def test_security_is_a_p0_everywhere(environment: EnvironmentClass, impact: Impact, *, workaround: bool) -> None:
    issue = Circumstances(environment=environment, impact=impact, workaround=workaround, security=True)
    assert priority_in(issue) is Priority.P0


@pytest.mark.parametrize(
    ("severity", "environment", "priority"),
    [
        (Severity.PAGE, "production", Priority.P0),
        (Severity.PAGE, "staging", Priority.P1),
        (Severity.PAGE, "", Priority.P1),
        (Severity.TICKET, "production", Priority.P1),
        (Severity.TICKET, "staging", Priority.P2),
        (Severity.TICKET, "", Priority.P2),
        (Severity.PAGE, "Production", Priority.P1),
        (Severity.PAGE, "non-production", Priority.P1),
    ],
)
def test_a_page_in_production_is_a_p0_and_everything_else_less(
    severity: Severity, environment: str, priority: Priority
) -> None:
    assert priority_in(circumstances_of(severity, EnvironmentClass.of(environment))) is priority


def test_priorities_are_ordered_by_rank_most_urgent_first() -> None:
    assert [priority.rank for priority in Priority] == [0, 1, 2]
