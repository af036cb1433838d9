"""Alerts: what the engine, or somebody else, says of one SLO at one slot end, with the evidence for it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from slo.core.policy import Severity


class Cause(StrEnum):
    """What an alert is about."""

    BURN = "burn"
    """The budget burns too fast."""
    LOST_DATA = "lost_data"
    """The SLI had data and has none, so that nothing can burn."""
    ALERT = "alert"
    """An alert of somebody else's says so."""
    UNDELIVERED = "undelivered"
    """What people are to be told does not get through to a destination."""


@dataclass(frozen=True, kw_only=True, slots=True, order=True)
class FiringPair:
    """A pair of windows that fires, named as people write it (`1h`, `5m`), with the severity it fires at.

    The severity of a page that has not reached its `min_bad_events` is `ticket`. Only a burn has windows; what
    somebody else reports has the name of the `alert`.
    """

    severity: Severity
    long: str = ""
    short: str = ""
    cause: Cause = Cause.BURN
    alert: str = ""

    @property
    def name(self) -> str:
        """`1h/5m`, or what else is the matter."""
        match self.cause:
            case Cause.BURN:
                return f"{self.long}/{self.short}"
            case Cause.LOST_DATA:
                return "SLI lost its data"
            case Cause.ALERT:
                return f"alert {self.alert}"
            case Cause.UNDELIVERED:
                return "messages do not get through"


@dataclass(frozen=True, kw_only=True, slots=True)
class Report:
    """What an alert of somebody else's says, in its own words, each on one line.

    `source_url` is where it comes from, `runbook_url` what to do about it; both are empty or begin with http.
    """

    summary: str
    description: str = ""
    source_url: str = ""
    runbook_url: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Evidence:
    """The figures behind an alert at the time it was made; None where there was nothing to divide by.

    Empty where there are none: an alert of others, or an incident that a person opened. `burn_rates` maps a window to
    its burn rate. `reason` and `target` are of the last bad outcome, where the SLI comes from checks. `report` is there
    where others report something more urgent than the figures do.
    """

    objective: float | None = None
    window: str = ""
    sli: float | None = None
    remaining: float | None = None
    coverage: float | None = None
    burn_rates: Mapping[str, float | None] = field(default_factory=dict)
    reason: str = ""
    target: str = ""
    detail: str = ""
    report: Report | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Alert:
    """The state of one SLO at `at`: which pairs fire (none: nothing does) and why.

    `known` is whether anything is known of its shortest window, be it that there were no events.
    """

    slo: str
    scope: str = ""
    at: datetime
    firing: frozenset[FiringPair]
    labels: Mapping[str, str]
    evidence: Evidence
    known: bool = True

    @property
    def severity(self) -> Severity | None:
        """The most urgent severity that fires."""
        return worst(self.firing)


def worst(firing: frozenset[FiringPair]) -> Severity | None:
    """The most urgent severity among pairs; None where there are none."""
    severities = {pair.severity for pair in firing}
    return next((severity for severity in (Severity.PAGE, Severity.TICKET) if severity in severities), None)
