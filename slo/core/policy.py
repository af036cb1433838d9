"""Burn policies: which burn rates page and which open a ticket.

Source: the SRE workbook of Google, chapter "Alerting on SLOs": a pair of windows fires when a share of the budget is
spent within the long window and the short window shows that it is still being spent. The factor of a pair is
budget share x SLO window / long window, kept exact.
"""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from fractions import Fraction
from types import MappingProxyType

KNOWN_TO_CLEAR = Fraction(4, 5)
"""The coverage of its short window from which on a pair that fired may clear: lost data never resolves."""


class Severity(StrEnum):
    """What an alert asks for: a person now, or a person in working hours."""

    PAGE = "page"
    TICKET = "ticket"


@dataclass(frozen=True, kw_only=True, slots=True)
class Pair:
    """A long and a short window, the budget share that may be spent in the long one, and what follows.

    `min_bad_events` of the long window must be reached for a page; below it the page is a ticket. `hold` is how long
    the condition must be true ("for" in configuration).
    """

    long: timedelta
    short: timedelta
    budget: Fraction
    severity: Severity
    min_bad_events: int = 0
    hold: timedelta = timedelta(0)

    def factor(self, window: timedelta) -> Fraction:
        """The burn rate above which this pair fires, for an SLO over `window`."""
        return self.budget * Fraction(window // timedelta(seconds=1), self.long // timedelta(seconds=1))


def _pair(
    long: timedelta, short: timedelta, budget: Fraction, severity: Severity, hold: timedelta | None = None
) -> Pair:
    return Pair(long=long, short=short, budget=budget, severity=severity, hold=hold or timedelta(0))


_M, _H, _D = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
_PAGE, _TICKET = Severity.PAGE, Severity.TICKET

_GOOGLE = (
    _pair(1 * _H, 5 * _M, Fraction(2, 100), _PAGE),
    _pair(6 * _H, 30 * _M, Fraction(5, 100), _PAGE),
    _pair(1 * _D, 2 * _H, Fraction(10, 100), _TICKET),
    _pair(3 * _D, 6 * _H, Fraction(10, 100), _TICKET),
)

POLICIES: MappingProxyType[str, tuple[Pair, ...]] = MappingProxyType(
    {
        "google-30d": _GOOGLE,
        "google-28d": _GOOGLE,
        "pyrra-28d": (
            _pair(1 * _H, 5 * _M, Fraction(14, 28 * 24), _PAGE, 2 * _M),
            _pair(6 * _H, 30 * _M, Fraction(7 * 6, 28 * 24), _PAGE, 15 * _M),
            _pair(1 * _D, 2 * _H, Fraction(2, 28), _TICKET, 1 * _H),
            _pair(4 * _D, 6 * _H, Fraction(4, 28), _TICKET, 3 * _H),
        ),
        "datadog-7d": (
            _pair(1 * _H, 5 * _M, Fraction(10, 100), _PAGE),
            _pair(6 * _H, 30 * _M, Fraction(20, 100), _PAGE),
            _pair(1 * _D, 2 * _H, Fraction(40, 100), _TICKET),
        ),
        "datadog-90d": (
            _pair(1 * _H, 5 * _M, Fraction(1, 100), _PAGE),
            _pair(6 * _H, 30 * _M, Fraction(3, 100), _PAGE),
            _pair(1 * _D, 2 * _H, Fraction(5, 100), _TICKET),
        ),
    }
)
"""The named policies. The budget shares give the published factors when the SLO's window is the one in the name."""
