"""The engine: every SLO at one slot end, in one pass, and its figures on demand."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime

from slo.core.alert import Alert, Evidence, FiringPair
from slo.core.deltas import BAD, GOOD, UNKNOWN
from slo.core.duration import duration_name
from slo.core.slo import SLO
from slo.core.status import BudgetFigures, SLOStatus, WindowFigures
from slo.engine.alerts import AlertStates
from slo.engine.burn import Weighted, grouped, weigh
from slo.engine.ledger import Ledger


def windows_of(slos: Iterable[SLO]) -> frozenset[int]:
    """Every window (seconds) that these SLOs are looked at through."""
    return frozenset(int(window.total_seconds()) for slo in slos for window in slo.windows)


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
        self._weighed_at = -1
        self._weighed: dict[int, Weighted] = {}

    def evaluate(self) -> list[str]:
        """Move every alert to the ledger's `now`; the names of the SLOs for which anything changed."""
        self._weighed, self._weighed_at = {}, self.ledger.now
        windows = {window: self._window(window) for window in self._alert_windows}
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
        slo = self.slos[name]
        column = self.ledger.column[slo.sli]
        windows = tuple(self._figures(slo, column, int(window.total_seconds())) for window in slo.windows)
        whole = next(figures for figures in windows if figures.seconds == slo.window.total_seconds())
        allowed = None
        if whole.good + whole.bad and whole.coverage:
            allowed = float(slo.error_budget) * (whole.good + whole.bad) / whole.coverage
        budget = BudgetFigures(
            window=whole.window,
            good=whole.good,
            bad=whole.bad,
            sli=whole.sli,
            remaining=None if allowed is None else 1 - whole.bad / allowed,
            allowed_events=allowed,
            coverage=whole.coverage,
        )
        states, member = self._place[name]
        firing = states.pairs(member)
        totals = self.ledger.totals[:, column]
        return SLOStatus(
            slo=slo,
            at=datetime.fromtimestamp(self.ledger.now, UTC),
            state=_state(firing, budget, windows[0]),
            windows=windows,
            budget=budget,
            maturity_seconds=whole.covered_seconds,
            totals={"good": int(totals[GOOD]), "bad": int(totals[BAD]), "unknown": int(totals[UNKNOWN])},
            firing=firing,
        )

    def _figures(self, slo: SLO, column: int, seconds: int) -> WindowFigures:
        window = self._window(seconds)
        good, bad, unknown, covered_ms = (
            int(counts[column])
            for counts in (window.counts.good, window.counts.bad, window.counts.unknown, window.counts.covered_ms)
        )
        known = bool(good + bad and covered_ms)
        return WindowFigures(
            window=duration_name(seconds),
            seconds=seconds,
            good=good,
            bad=bad,
            unknown=unknown,
            excluded=0,
            covered_seconds=covered_ms / 1000,
            coverage=covered_ms / window.counts.length_ms,
            sli=good / (good + bad) if known else None,
            burn_rate=float(window.errors[column]) / float(slo.error_budget) if known else None,
        )

    def _window(self, seconds: int) -> Weighted:
        if self._weighed_at != self.ledger.now:
            self._weighed, self._weighed_at = {}, self.ledger.now
        if seconds not in self._weighed:
            self._weighed[seconds] = weigh(self.ledger, seconds)
        return self._weighed[seconds]


def _state(firing: frozenset[FiringPair], budget: BudgetFigures, shortest: WindowFigures) -> str:
    if firing:
        return "burning"
    if not shortest.covered_seconds:
        return "no_data"
    return "overspent" if budget.remaining is not None and budget.remaining < 0 else "ok"
