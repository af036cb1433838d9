"""How an SLO is read from what was counted: its error ratio, the time that was lost, and how much is known."""

from dataclasses import dataclass
from typing import Protocol

from slo.interop.prometheus.expressions import either
from slo.interop.prometheus.series import BAD, KNOWN, TOTAL, Ledger


class Reading(Protocol):
    """Expressions over a window (seconds); each gives one value for the SLO, or for each of its scopes."""

    def ratio(self, window: int) -> str:
        """Bad events / all events; 0 where it is known that there were none."""

    def lost(self, window: int) -> str:
        """How many seconds of full outage the bad events are worth; nothing where there were no events."""

    def known(self, window: int) -> str:
        """The seconds for which there is knowledge."""

    def bad(self, window: int) -> str:
        """The bad events."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LedgerReading:
    """An SLO that is read from its own ledger; `weighed` by the share of the window that is known, or not."""

    ledger: Ledger
    weighed: bool = True

    def ratio(self, window: int) -> str:
        total = self.ledger.entry(window, TOTAL)
        return either(f"{self.bad(window)} / ({total} > 0)", f"0 * {total}")

    def lost(self, window: int) -> str:
        """Multiplied before it is divided, so that whole numbers stay exact."""
        seconds = f"clamp_max({self.known(window)}, {window})" if self.weighed else f"{window}"
        return f"{self.bad(window)} * {seconds}\n/ ({self.ledger.entry(window, TOTAL)} > 0)"

    def known(self, window: int) -> str:
        return self.ledger.entry(window, KNOWN)

    def bad(self, window: int) -> str:
        return self.ledger.entry(window, BAD)
