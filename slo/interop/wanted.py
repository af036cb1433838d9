"""SLOs as their files have them, made to fit into a configuration of ours."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from fractions import Fraction
from typing import Literal

from slo.core.budgeting import Budgeting
from slo.core.calendar import CalendarWindow
from slo.core.duration import duration_name
from slo.core.policy import Pair, Severity
from slo.core.sli import PrometheusSLI, Weighted
from slo.core.slo import SLO, Window
from slo.interop import values
from slo.interop.fitting import Fitting, default_policy
from slo.interop.passage import NO_COUNTERPART, Spot


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """An SLO as its file has it, and where what does not fit of it is written.

    `pairs` are those that alert, None where nothing is said about alerts. Where none of them fits, it opens the tickets
    of `otherwise`: an SLO here has an alert, and whoever was not called before is not called by an import.
    """

    name: str
    objective: Fraction
    window: Window
    sli: PrometheusSLI | Weighted
    server: str
    pairs: Sequence[Pair] | None
    otherwise: Sequence[Pair]
    labels: Mapping[str, str]
    description: str
    spots: Mapping[Literal["name", "objective", "window", "alerts"], Spot]
    budgeting: Budgeting = field(default_factory=Budgeting)

    def fitted(self) -> SLO | None:
        """The SLO as the configuration takes it; None where it does not, which is noted."""
        fitting = Fitting(objective=self.objective, window=self.window, server=self.server)
        refusal = fitting.refusal()
        misnamed = values.refusal(self.name, values.NAME)
        if misnamed:
            problem, mend = misnamed
            self.spots["name"].note(f"{NO_COUNTERPART}: {problem}", mend)
        elif refusal:
            key: Literal["objective", "window"] = "objective" if refusal.path == "objective" else "window"
            self.spots[key].note(f"{NO_COUNTERPART}: it {refusal.problem}", refusal.mend)
        else:
            pairs = self._pairs(fitting)
            if pairs:
                return self._slo(fitting.length, pairs)
            mend = "promise more, or over a longer window"
            self.spots["alerts"].note(f"{NO_COUNTERPART}: no alert can be had for such an SLO", mend)
        return None

    def _slo(self, length: timedelta, pairs: tuple[Pair, ...]) -> SLO:
        return SLO(
            name=self.name,
            objective=self.objective,
            window=length,
            calendar=self.window if isinstance(self.window, CalendarWindow) else None,
            sli=self.sli.key,
            definition=self.sli,
            pairs=pairs,
            labels=self.labels,
            description=self.description,
            budgeting=self.budgeting,
        )

    def _pairs(self, fitting: Fitting) -> tuple[Pair, ...]:
        """The pairs that fit, each with windows and severity of its own; the others are noted."""
        kept: dict[object, Pair] = {}
        for pair in default_policy(fitting.length) if self.pairs is None else self.pairs:
            identity = (pair.long, pair.short, pair.severity)
            refusal = fitting.pair_refusal(pair)
            windows = "/".join(duration_name(window.total_seconds()) for window in (pair.long, pair.short))
            if refusal:
                problem = refusal.problem.removeprefix(f"the pair {windows} ")
                self.spots["alerts"].note(f"the pair {windows} is left out: {problem}", refusal.mend)
            elif identity in kept:
                problem = f"the pair {windows} is left out: another one of these windows has its severity too"
                self.spots["alerts"].note(problem, "leave one of them out")
            else:
                kept[identity] = pair
        if kept:
            return tuple(kept.values())
        tickets = tuple(p for p in self.otherwise if p.severity is Severity.TICKET and not fitting.pair_refusal(p))
        if tickets:
            self.spots["alerts"].note("alerts nobody, which no SLO here does: it opens tickets", "see its burn_policy")
        return tickets
