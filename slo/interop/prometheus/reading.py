"""How an SLO is read from what was counted: its error ratio, its burn rate, and how much is known."""

from dataclasses import dataclass
from fractions import Fraction
from typing import Protocol

from slo.interop.prometheus.expressions import either, enclosed
from slo.interop.prometheus.series import BAD, KNOWN, TOTAL, WINDOW, Ledger


class Reading(Protocol):
    """Expressions over a window (seconds); each gives one value for the SLO, or for each of its scopes.

    Where `window` may be None it is every window that alerts look at, told apart by their label.
    """

    def ratio(self, window: int) -> str:
        """Bad events / all events; 0 where it is known that there were none."""

    def burn(self, window: int | None, budget: Fraction) -> str:
        """Error ratio / the share that may be bad; 0 where it is known that there were no events."""

    def known(self, window: int) -> str:
        """The seconds for which there is knowledge."""

    def bad(self, window: int) -> str:
        """The bad events."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LedgerReading:
    """An SLO that is read from its own ledger; `weighed` by the share of the window that is known, or not.

    `lengths` are the lengths in seconds of the windows that alerts look at.
    """

    ledger: Ledger
    lengths: str
    weighed: bool = True

    def ratio(self, window: int) -> str:
        total = self.ledger.entry(window, TOTAL)
        return either(f"{self.bad(window)} / ({total} > 0)", f"0 * {total}")

    def burn(self, window: int | None, budget: Fraction) -> str:
        """Multiplied before it is divided, so that whole numbers stay exact."""
        total, bad, known = (self.ledger.entry(window, entry) for entry in (TOTAL, BAD, KNOWN))
        times = f"{budget.denominator} * " if budget.denominator > 1 else ""
        per = f" / {budget.numerator}" if budget.numerator > 1 else ""
        if not self.weighed:
            burn = either(f"{times}{bad}\n/ ({total} > 0){per}", f"0 * {total}")
            return burn if window else f"{enclosed(burn)}\nand on ({WINDOW})\n{self.lengths}"
        share = f"{known} / {window}" if window else f"{known} / on ({WINDOW}) group_left () {self.lengths}"
        return either(f"{times}{bad}\n* clamp_max({share}, 1)\n/ ({total} > 0){per}", f"0 * {share}")

    def known(self, window: int) -> str:
        return self.ledger.entry(window, KNOWN)

    def bad(self, window: int) -> str:
        return self.ledger.entry(window, BAD)
