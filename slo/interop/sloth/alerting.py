"""Reads what alerts for an SLO of Sloth."""

from dataclasses import replace
from datetime import timedelta

from slo.core.policy import Pair, Severity
from slo.interop.passage import Passage
from slo.interop.sloth.group import Group, Spelling, read_labels, read_texts

_NOT_AT_ALL = timedelta(0)
_TOLD = "routes and destinations say who is told, and the SLO's labels go with it"


def read_alerting(alerting: Passage, group: Group, *, waits: bool) -> tuple[Pair, ...]:
    """The pairs of the alerts that are not disabled. `waits`: their `for` is heeded."""
    spelling = group.spelling
    alerting.knows("name", "labels", "annotations", spelling.page, spelling.ticket)
    pairs: list[Pair] = []
    for key, severity in ((spelling.page, Severity.PAGE), (spelling.ticket, Severity.TICKET)):
        alert = alerting.below(key)
        alert.knows("disable", "labels", "annotations", *spelling.hold)
        hold = _hold(alert, waits=waits)
        if not alert.truth("disable"):
            pairs += [replace(pair, hold=hold) for pair in group.windows.pairs if pair.severity is severity]
        _lose_texts(alert, spelling)
    if pairs and alerting.text("name", required=True):
        alerting.lose("name", "incidents are named after the SLO")
    _lose_texts(alerting, spelling)
    return tuple(pairs)


def _hold(alert: Passage, *, waits: bool) -> timedelta:
    hold = alert.duration("for", positive=False) or _NOT_AT_ALL
    if hold and not waits:
        alert.note(
            "for", "is left out: Sloth reads over it without its plugin alert_for", "write `for` into burn_policy"
        )
        return _NOT_AT_ALL
    return hold


def _lose_texts(alert: Passage, spelling: Spelling) -> None:
    """Labels and annotations of alerts, which are checked all the same."""
    read_labels(alert.below("labels"), spelling)
    read_texts(alert.below("annotations"), spelling)
    alert.lose("labels", _TOLD)
    alert.lose("annotations", _TOLD)
