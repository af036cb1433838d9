"""Alerts name their pairs as people do, and are as urgent as the most urgent of them."""

from datetime import UTC, datetime

import pytest

from slo.core.alert import Alert, Evidence, FiringPair, worst
from slo.core.policy import Severity

PAGE = FiringPair(severity=Severity.PAGE, long="1h", short="5m")
TICKET = FiringPair(severity=Severity.TICKET, long="1d", short="2h")
DEMOTED = FiringPair(severity=Severity.TICKET, long="1h", short="5m")


@pytest.mark.parametrize(
    ("firing", "severity"),
    [
        ([], None),
        ([PAGE], Severity.PAGE),
        ([TICKET], Severity.TICKET),
        ([TICKET, PAGE], Severity.PAGE),
        ([DEMOTED, TICKET], Severity.TICKET),
        ([DEMOTED, PAGE], Severity.PAGE),
    ],
)
def test_an_alert_is_as_urgent_as_the_most_urgent_pair(firing: list[FiringPair], severity: Severity | None) -> None:
    evidence = Evidence(objective=0.999, window="30d", sli=None, remaining=None, coverage=0.0)
    alert = Alert(slo="gate", at=datetime.fromtimestamp(0, UTC), firing=frozenset(firing), labels={}, evidence=evidence)
    assert worst(frozenset(firing)) is severity
    assert alert.severity is severity


def test_a_pair_is_named_by_its_windows() -> None:
    assert PAGE.name == "1h/5m"


def test_a_demoted_page_is_another_pair_than_the_page() -> None:
    assert len({PAGE, DEMOTED, FiringPair(severity=Severity.PAGE, long="1h", short="5m")}) == 2
