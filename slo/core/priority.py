"""Priorities: what the contract promises a response time for, and what they follow from.

Source: the contract. P0 is a production instance that is severely impacted without a workaround, and any security
issue; every other issue of production is P1. Elsewhere, what blocks promotion to production is P1, the rest P2.
"""

from dataclasses import dataclass
from enum import StrEnum

from slo.core.policy import Severity


class Priority(StrEnum):
    """P0 is the most urgent; `rank` orders them, 0 first."""

    P0 = "P0"
    P1 = "P1"
    P2 = "P2"

    @property
    def rank(self) -> int:
        """0 for P0, 1 for P1, 2 for P2."""
        return int(self.value[1])


class EnvironmentClass(StrEnum):
    """What the contract takes an environment for."""

    PRODUCTION = "production"
    NON_PRODUCTION = "non-production"

    @classmethod
    def of(cls, environment: str) -> "EnvironmentClass":
        """The class of an environment that no contract describes: only `production` is one."""
        return cls.PRODUCTION if environment == cls.PRODUCTION.value else cls.NON_PRODUCTION


class Impact(StrEnum):
    """How bad it is for those who use the service."""

    SEVERE = "severe"
    """It cannot be used, or hardly."""
    PARTIAL = "partial"
    """Something does not work that is not critical, and partly blocks use."""
    BLOCKS_PROMOTION = "blocks_promotion"
    """What is ready cannot be promoted to production."""
    MINOR = "minor"
    """Neither critical nor pressing."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Circumstances:
    """What the priority of an incident follows from. `workaround` is whether one exists."""

    environment: EnvironmentClass
    impact: Impact
    workaround: bool = False
    security: bool = False


def priority_in(circumstances: Circumstances) -> Priority:
    """The priority that the contract gives to an issue in these circumstances."""
    severe = circumstances.impact is Impact.SEVERE
    if circumstances.security:
        return Priority.P0
    if circumstances.environment is EnvironmentClass.PRODUCTION:
        return Priority.P0 if severe and not circumstances.workaround else Priority.P1
    return Priority.P1 if severe or circumstances.impact is Impact.BLOCKS_PROMOTION else Priority.P2


def circumstances_of(severity: Severity, environment: EnvironmentClass) -> Circumstances:
    """What an alert of that severity says about its environment: a page is severe, a ticket is partial."""
    impact = Impact.SEVERE if severity is Severity.PAGE else Impact.PARTIAL
    return Circumstances(environment=environment, impact=impact)
