"""Sloth's catalogue of alert windows: the files with `kind: AlertWindows`, and what it takes without any."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from types import MappingProxyType

from slo.core.duration import duration_name
from slo.core.policy import POLICIES, Pair, Severity
from slo.errors import UsageError
from slo.interop.documents import Document
from slo.interop.passage import Passage

_BUILT_IN = MappingProxyType({timedelta(days=days): POLICIES[f"google-{days}d"] for days in (28, 30)})
_SEVERITIES = {"page": Severity.PAGE, "ticket": Severity.TICKET}


@dataclass(frozen=True, kw_only=True, slots=True)
class AlertWindows:
    """The period that SLOs are promised over, and the pairs that alert."""

    period: timedelta
    pairs: tuple[Pair, ...]


DEFAULT_WINDOWS = AlertWindows(period=timedelta(days=30), pairs=POLICIES["google-30d"])
"""What Sloth takes unless it is told something else."""


def chosen_windows(files: Sequence[AlertWindows], period: timedelta | None) -> AlertWindows:
    """The windows of a period: of the files if there are any, as with Sloth, or else its own. Raises UsageError.

    Without a period it is that of the only file, or Sloth's default of 30 days.
    """
    known: Mapping[timedelta, tuple[Pair, ...]] = {file.period: file.pairs for file in files} or _BUILT_IN
    wanted = period or (files[0].period if len(files) == 1 else DEFAULT_WINDOWS.period)
    if wanted not in known:
        periods = ", ".join(duration_name(each.total_seconds()) for each in sorted(known))
        raise UsageError(
            f"there are no alert windows for a period of {duration_name(wanted.total_seconds())}: "
            f"give --period one of {periods}, or a file with `kind: AlertWindows` for it"
        )
    return AlertWindows(period=wanted, pairs=known[wanted])


def read_windows(document: Document) -> AlertWindows | None:
    """The windows that a document describes; None where it cannot be read, which has been told."""
    top = Passage(document)
    top.knows("apiVersion", "kind", "metadata", "spec")
    spec = top.below("spec", required=True)
    spec.knows("sloPeriod", "page", "ticket")
    period = spec.duration("sloPeriod", required=True)
    pairs = []
    for name, severity in _SEVERITIES.items():
        alert = spec.below(name, required=True)
        alert.knows("quick", "slow")
        pairs += [_pair(alert.below(speed, required=True), severity) for speed in ("quick", "slow")]
    whole = tuple(pair for pair in pairs if pair)
    return AlertWindows(period=period, pairs=whole) if period and len(whole) == len(pairs) else None


def _pair(window: Passage, severity: Severity) -> Pair | None:
    window.knows("errorBudgetPercent", "shortWindow", "longWindow")
    budget = window.number("errorBudgetPercent", required=True)
    short = window.duration("shortWindow", required=True)
    long = window.duration("longWindow", required=True)
    if budget == 0:
        window.tell("errorBudgetPercent", "is 0 %, so that it would always fire", "write the share of the budget, as 2")
    if not budget or not short or not long:
        return None
    return Pair(long=long, short=short, budget=budget / 100, severity=severity)
