"""What the configuration would refuse of an SLO that others take: the configuration itself is asked."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction

from slo.config.indicators import Indicator
from slo.config.nodes import Node, Place
from slo.config.refusals import INTERVALS_PER_WINDOW, SLOTS_PER_WINDOW, PairDraft, SLODraft, refuse
from slo.config.report import Report
from slo.config.schema import Root, ServerKeys
from slo.config.source import Source
from slo.config.types import LONGEST
from slo.core.calendar import CalendarWindow
from slo.core.policy import Pair
from slo.core.scaling import scaled_policy
from slo.core.slo import Window
from slo.errors import ConfigFault

SLOT = Root().slot
INTERVAL: timedelta = ServerKeys.model_fields["interval"].default
"""How often a server is asked unless its entry says so."""
SHORTEST = max(SLOTS_PER_WINDOW * SLOT, INTERVALS_PER_WINDOW * INTERVAL)
"""The shortest window that an SLO of such a server may be looked at through."""

SHORTEST_OF_COUNTERS = SLOTS_PER_WINDOW * SLOT
"""The same for an SLO of counters that nothing is known to scrape yet."""

_DIGITS = 15
"""How many digits a share may have behind the point."""


def share_text(share: Fraction) -> str:
    """The share as a percentage, exactly; empty where that takes more digits than the configuration reads."""
    units = share * 100 * 10**_DIGITS
    if units.denominator != 1:
        return ""
    return f"{Decimal(units.numerator).scaleb(-_DIGITS).normalize():f}%"


def rounded(share: Fraction) -> Fraction:
    """The nearest share that the configuration can hold."""
    return Fraction(round(share * 100 * 10**_DIGITS), 100 * 10**_DIGITS)


def nominal_length(window: Window) -> timedelta:
    """The length by which burn rates are reckoned."""
    return window.nominal_length if isinstance(window, CalendarWindow) else window


def default_policy(window: timedelta, *, shortest: timedelta = SHORTEST) -> tuple[Pair, ...]:
    """The pairs that the configuration gives to an SLO without a burn policy."""
    return scaled_policy(window, slot=SLOT, shortest=shortest)


class Fitting:
    """The place that an SLO has to fit into: its objective and window, fed by a server that is asked by default."""

    def __init__(self, *, objective: Fraction, window: Window, server: str) -> None:
        self.length = nominal_length(window)
        self._objective = objective
        self._draft = SLODraft(
            at=(),
            objective=objective,
            window=self.length,
            slot=SLOT,
            indicator=Indicator(
                interval=INTERVAL, rounds=f"queries of the server {server}", more_often=f"query {server}"
            ),
            pairs=(),
        )

    def refusal(self) -> ConfigFault | None:
        """What is refused of the objective and the window."""
        if self.length > LONGEST:
            return _fault("window", "is longer than ten years", "write less")
        if not self._objective:
            return _fault("objective", "is 0 %, which promises nothing", "write the share of good events, as 99.9")
        if self._objective == 1:
            return _fault("objective", "is 100 %, which leaves no error budget", "write what may really be promised")
        if not share_text(self._objective):
            return _fault("objective", f"has more than {_DIGITS} digits behind the point", "write fewer")
        return self._first_refusal()

    def pair_refusal(self, pair: Pair) -> ConfigFault | None:
        """What is refused of a pair."""
        if not 0 < pair.budget <= 1:
            return _fault("budget", "it is for no share of the budget", "write more than 0 % and up to 100 %")
        return self._first_refusal(pair)

    def _first_refusal(self, *pairs: Pair) -> ConfigFault | None:
        report = Report(Source(Node(Place(""), {}), whole=True), ())
        drafts = [PairDraft.of(pair, at=("burn_policy", index), policy="") for index, pair in enumerate(pairs)]
        refuse(replace(self._draft, pairs=drafts), report)
        return next(iter(report.faults()), None)


def _fault(path: str, problem: str, mend: str) -> ConfigFault:
    return ConfigFault(file="", line=0, column=0, path=path, problem=problem, mend=mend)
