"""The engine: every SLO at one slot end, in one pass, and its figures on demand."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta

from slo.core.alert import Alert, Evidence, FiringPair
from slo.core.calendar import CalendarWindow
from slo.core.slo import SLO
from slo.core.status import SLOStatus
from slo.engine.alerts import AlertStates
from slo.engine.burn import Snapshot, grouped
from slo.engine.figures import status_of
from slo.engine.ledger import Ledger


def windows_of(slos: Iterable[SLO]) -> frozenset[int]:
    """Every rolling window (seconds) that these SLOs are looked at through."""
    return frozenset(
        int(window.total_seconds())
        for slo in slos
        for window in (*slo.windows, *slo.more_windows)
        if isinstance(window, timedelta)
    )


def calendars_of(slos: Iterable[SLO]) -> frozenset[CalendarWindow]:
    """Every calendar window that these SLOs have."""
    return frozenset(window for slo in slos for window in slo.budget_windows if isinstance(window, CalendarWindow))


def ledger_of(slos: Sequence[SLO], *, slot_seconds: int, now: int) -> Ledger:
    """An empty ledger that has all that these SLOs are looked at through."""
    return Ledger(
        tuple(dict.fromkeys(slo.sli for slo in slos)),
        windows_seconds=windows_of(slos),
        slot_seconds=slot_seconds,
        now=now,
        calendars=calendars_of(slos),
    )


class Engine:
    """The SLOs over one ledger, and their alert states."""

    def __init__(self, slos: Sequence[SLO], ledger: Ledger) -> None:
        self.slos = {slo.name: slo for slo in slos}
        self.ledger = ledger
        self._states = [AlertStates(group) for group in grouped(slos, ledger.column)]
        self._place = {
            slo.name: (states, member) for states in self._states for member, slo in enumerate(states.group.slos)
        }
        self._alert_windows = sorted({w for s in self._states for c in s.group.conditions for w in (c.long, c.short)})
        self._snapshot = Snapshot(ledger)

    def evaluate(self) -> list[str]:
        """Move every alert to the ledger's `now`; the names of the SLOs for which anything changed."""
        snapshot = self._snapshot = Snapshot(self.ledger)
        windows = {window: snapshot.window(window) for window in self._alert_windows}
        return [
            states.group.slos[member].name
            for states in self._states
            for member in states.step(self.ledger.now, windows)
        ]

    def firing(self) -> dict[str, frozenset[FiringPair]]:
        """The SLOs for which something fires, and what."""
        return {
            states.group.slos[member].name: states.pairs(member)
            for states in self._states
            for member in states.members_firing()
        }

    def restore(self, firing: Mapping[str, Iterable[FiringPair]], pending: Mapping[str, int]) -> None:
        """Take over the alert states from before a restart; SLOs that left are passed over."""
        for slo, pairs in firing.items():
            if slo in self._place:
                self._place[slo][0].restore(slo, pairs)
        for states in self._states:
            states.restore_pending(pending)

    def pending(self) -> dict[str, int]:
        """What `restore` takes as `pending`: conditions with a `for` that hold, and since when."""
        return {key: since for states in self._states for key, since in states.pending().items()}

    def alert(self, name: str, *, reason: str = "", target: str = "", detail: str = "") -> Alert:
        """The state of one SLO with the evidence for it; the last three are of its last bad outcome."""
        status = self.status(name)
        evidence = Evidence(
            objective=float(status.slo.objective),
            window=status.budget.window,
            sli=status.budget.sli,
            remaining=status.budget.remaining,
            coverage=status.budget.coverage,
            burn_rates={figures.window: figures.burn_rate for figures in status.windows},
            reason=reason,
            target=target,
            detail=detail,
        )
        return Alert(slo=name, at=status.at, firing=status.firing, labels=status.slo.labels, evidence=evidence)

    def status(self, name: str) -> SLOStatus:
        """The figures of one SLO at the ledger's `now`. Raises KeyError for a name that is not there."""
        if self._snapshot.now != self.ledger.now:
            self._snapshot = Snapshot(self.ledger)
        states, member = self._place[name]
        return status_of(self.slos[name], self._snapshot, states.pairs(member))
