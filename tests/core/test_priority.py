"""Priorities follow from severity and environment."""

import pytest

from slo.core.policy import Severity
from slo.core.priority import Priority, priority_of


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
    assert priority_of(severity, environment) is priority


def test_priorities_are_ordered_by_rank_most_urgent_first() -> None:
    assert [priority.rank for priority in Priority] == [0, 1, 2]
