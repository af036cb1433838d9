"""The engine: every SLO at one slot end, in one pass, and its figures on demand."""

from collections.abc import Collection, Iterable, Mapping, Sequence

from slo.core.alert import Alert, Evidence, FiringPair
from slo.core.exclusion import Exclusion
from slo.core.slo import SLO
from slo.core.status import SLOStatus
from slo.engine.alerts import AlertStates
from slo.engine.burn import grouped
from slo.engine.columns import Mean
from slo.engine.figures import status_of
from slo.engine.ledger import Ledger
from slo.engine.lost import LostData
from slo.engine.plan import Plan, windows_of
from slo.engine.snapshot import Means, Snapshot
from slo.engine.view import View

__all__ = ["Engine", "ledger_of", "windows_of"]


def ledger_of(slos: Sequence[SLO], *, slot_seconds: int, now: int, exclusions: Sequence[Exclusion] = ()) -> Ledger:
    """An empty ledger that has all that an engine over these SLOs reads."""
    plan = Plan(slos, exclusions)
    return Ledger(
        plan.names,
        windows_seconds=plan.windows_seconds,
        slot_seconds=slot_seconds,
        now=now,
        calendars=plan.calendars,
        moments=plan.moments,
        made=plan.made,
        all_of=plan.all_of,
    )


class Engine:
    """The SLOs over one ledger, and their alert states. An SLO goes by its key: see `SLO.key`.

    It is made of definitions, of which an SLO may have several; `slos` are those that are in force, by their keys.
    What `exclusions` cover counts for nothing.
    """

    def __init__(self, slos: Sequence[SLO], ledger: Ledger, *, exclusions: Sequence[Exclusion] = ()) -> None:
        self.ledger = ledger
        self.slos: Mapping[str, SLO] = {}
        self._plan = Plan(slos, exclusions)
        self._views: dict[str, View] = {}
        self._states: list[AlertStates] = []
        self._place: dict[str, tuple[AlertStates, int]] = {}
        self._lost = LostData((), ledger.column)
        self._take_force(ledger.now)

    def evaluate(self, *, at_fault: Collection[str] = ()) -> list[str]:
        """Move every alert to the ledger's `now`; the keys of the SLOs for which anything changed.

        `at_fault` are the SLIs of which nothing can be known because of their targets themselves.
        """
        changed: list[str] = []
        if self._next_change is not None and self.ledger.now > self._next_change:
            before = self.firing()
            self._take_force(self.ledger.now)
            after = self.firing()
            changed += [key for key, pairs in before.items() if after.get(key) != pairs]
        self._snapshot = Snapshot(self.ledger, self._means)
        for states in self._states:
            changed += [states.group.slos[member].key for member in states.step(self._snapshot)]
        changed += self._lost.step(self._snapshot, at_fault)
        return list(dict.fromkeys(changed))

    def firing(self) -> dict[str, frozenset[FiringPair]]:
        """The SLOs for which something fires, and what."""
        burning = {
            states.group.slos[member].key: states.pairs(member)
            for states in self._states
            for member in states.members_firing()
        }
        lost = self._lost.firing()
        return burning | {key: burning.get(key, frozenset()) | entry for key, entry in lost.items()}

    def restore(self, firing: Mapping[str, Iterable[FiringPair]], pending: Mapping[str, int]) -> None:
        """Take over the alert states from before a restart; SLOs that left are passed over."""
        for key, pairs in firing.items():
            if key in self._place:
                self._place[key][0].restore(key, pairs)
                self._lost.restore(key, pairs)
        for states in self._states:
            states.restore_pending(pending)

    def take_over(self, old: "Engine") -> None:
        """Go on where another engine is, over the same slots: after a change of the SLOs or of what is excluded."""
        self._lost.watched = old._lost.watched  # noqa: SLF001  # one of our own
        self.restore(old.firing(), old.pending())

    def pending(self) -> dict[str, int]:
        """What `restore` takes as `pending`: conditions with a `for` that hold, and since when."""
        return {key: since for states in self._states for key, since in states.pending().items()}

    def alert(self, key: str, *, reason: str = "", target: str = "", detail: str = "") -> Alert:
        """The state of one SLO with the evidence for it; the last three are of its last bad outcome."""
        status = self.status(key)
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
        return Alert(
            slo=status.slo.name,
            scope=status.slo.scope,
            at=status.at,
            firing=status.firing,
            labels=status.slo.labels,
            evidence=evidence,
            known=status.windows[0].covered_seconds > 0,
        )

    def status(self, key: str) -> SLOStatus:
        """The figures of one SLO at the ledger's `now`. Raises KeyError for a key that is not there."""
        view = self._views[key]
        if self._snapshot.now != self.ledger.now:
            self._snapshot = Snapshot(self.ledger, self._means)
        states, member = self._place[key]
        return status_of(view, self._snapshot, states.pairs(member) | self._lost.pairs(key))

    def totals(self) -> dict[str, tuple[int, int, int]]:
        """Good, bad and unknown events of every SLO since the ledger began, by key; as `SLOStatus.totals`."""
        totals = self.ledger.totals[:3].T
        rows = totals.tolist()
        found = {}
        for key, view in self._views.items():
            places = [self._snapshot.place(sli) for sli in view.counted_slis]
            good, bad, unknown = rows[places[0]] if len(places) == 1 else totals[places].sum(axis=0).tolist()
            found[key] = good, bad, unknown
        return found

    def _take_force(self, now: int) -> None:
        """Go by the definitions that count in the slot that ends at `now`; what fires goes on."""
        firing, pending = self.firing(), self.pending()
        views = self._plan.in_force(now)
        self._next_change = self._plan.changes_after(now)
        self._views = {view.slo.key: view for view in views}
        self.slos = {key: view.slo for key, view in self._views.items()}
        alerts = dict.fromkeys(reading.alert for view in views for reading in view.readings)
        self._means = Means([column for column in alerts if isinstance(column, Mean)], self.ledger.column)
        self._snapshot = Snapshot(self.ledger, self._means)
        self._states = [AlertStates(group) for group in grouped(views, self._means.place)]
        self._place = {
            slo.key: (states, member) for states in self._states for member, slo in enumerate(states.group.slos)
        }
        self._lost = LostData(views, self.ledger.column, watched=self._lost.watched)
        self.restore(firing, pending)
