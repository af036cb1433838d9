"""What the configuration would refuse of an SLO that others take: the configuration itself is asked."""

from collections.abc import Sequence
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
from slo.core.duration import duration_name
from slo.core.policy import Pair, Severity
from slo.core.scaling import scaled_policy
from slo.core.slo import Window
from slo.errors import ConfigFault
from slo.interop.passage import NO_COUNTERPART, Passage

SLOT = Root().slot
INTERVAL: timedelta = ServerKeys.model_fields["interval"].default
"""How often a server is asked unless its entry says so."""

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


def default_policy(window: timedelta) -> tuple[Pair, ...]:
    """The pairs that the configuration gives to an SLO without a burn policy."""
    return scaled_policy(window, slot=SLOT, shortest=max(SLOTS_PER_WINDOW * SLOT, INTERVALS_PER_WINDOW * INTERVAL))


class Fitting:
    """The place that an SLO has to fit into: its objective and window, fed by a server that is asked by default."""

    def __init__(self, *, objective: Fraction, window: Window, server: str) -> None:
        self._length = window.nominal_length if isinstance(window, CalendarWindow) else window
        self._objective = objective
        self._draft = SLODraft(
            at=(),
            objective=objective,
            window=self._length,
            slot=SLOT,
            indicator=Indicator(
                interval=INTERVAL, rounds=f"queries of the server {server}", more_often=f"query {server}"
            ),
            pairs=(),
        )

    def refusal(self) -> ConfigFault | None:
        """What is refused of the objective and the window."""
        if self._length > LONGEST:
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
            return _fault("budget", "is no share of the whole budget", "write more than 0 % and up to 100 %")
        return self._first_refusal(pair)

    def default_pairs(self) -> tuple[Pair, ...]:
        """The pairs of an SLO that says nothing about alerts, without those that can never fire."""
        return tuple(pair for pair in default_policy(self._length) if not self.pair_refusal(pair))

    def _first_refusal(self, *pairs: Pair) -> ConfigFault | None:
        report = Report(Source(Node(Place(""), {}), whole=True), ())
        drafts = [PairDraft.of(pair, at=("burn_policy", index), policy="") for index, pair in enumerate(pairs)]
        refuse(replace(self._draft, pairs=drafts), report)
        return next(iter(report.faults()), None)


def fitted_pairs(
    pairs: Sequence[Pair], passage: Passage, key: str, *, fitting: Fitting, otherwise: Sequence[Pair]
) -> tuple[Pair, ...]:
    """The pairs that fit, of those that `key` asks for. Where none is left, an SLO opens the tickets of `otherwise`.

    An SLO here has an alert, and whoever was not called before is not called by an import. Empty where none fits.
    """
    kept = []
    for pair in pairs:
        refusal = fitting.pair_refusal(pair)
        if refusal:
            windows = "/".join(duration_name(window.total_seconds()) for window in (pair.long, pair.short))
            passage.note(key, f"the pair {windows} is left out: {refusal.problem}", refusal.mend)
        else:
            kept.append(pair)
    if kept:
        return tuple(kept)
    tickets = tuple(p for p in otherwise if p.severity is Severity.TICKET and not fitting.pair_refusal(p))
    if tickets:
        passage.note(key, "leaves no alert, without which there is no SLO here: it opens tickets", "mend burn_policy")
    else:
        passage.note(
            key, f"{NO_COUNTERPART}: no alert can be had for such an SLO", "promise more, or over a longer window"
        )
    return tickets


def _fault(path: str, problem: str, mend: str) -> ConfigFault:
    return ConfigFault(file="", line=0, column=0, path=path, problem=problem, mend=mend)
