"""Priorities: what the contract promises a response time for."""

from enum import StrEnum

from slo.core.policy import Severity

PRODUCTION = "production"


class Priority(StrEnum):
    """P0 is the most urgent; `rank` orders them, 0 first."""

    P0 = "P0"
    P1 = "P1"
    P2 = "P2"

    @property
    def rank(self) -> int:
        """0 for P0, 1 for P1, 2 for P2."""
        return int(self.value[1])


def priority_of(severity: Severity, environment: str) -> Priority:
    """The priority of an alert: a page in production is a P0; a page elsewhere or a ticket in production a P1."""
    production = environment == PRODUCTION
    if severity is Severity.PAGE:
        return Priority.P0 if production else Priority.P1
    return Priority.P1 if production else Priority.P2
