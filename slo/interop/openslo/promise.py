"""What the SLOs that come of one object of OpenSLO share, whatever its version."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from slo.core.policy import Pair, Severity
from slo.core.sli import PrometheusSLI, Weighted
from slo.core.slo import SLO, Window
from slo.interop.fitting import default_policy, nominal_length
from slo.interop.labels import with_service
from slo.interop.openslo.alerting import Condition
from slo.interop.openslo.objective import Objective
from slo.interop.openslo.objects import read_description, read_metadata
from slo.interop.passage import Passage, Spot
from slo.interop.wanted import Wanted


@dataclass(frozen=True, kw_only=True, slots=True)
class Promise:
    """An object as far as its objectives share it. `window` is None where it is refused, or has no counterpart.

    `method` is the budgeting method, empty where it is refused. `conditions` are what alerts, None where nothing is
    said about alerts.
    """

    top: Passage
    name: str
    title: str
    labels: Mapping[str, str]
    window: Window | None
    method: str
    conditions: Sequence[Condition] | None

    @classmethod
    def read(
        cls, top: Passage, window: Window | None, methods: Collection[str], conditions: Sequence[Condition] | None
    ) -> "Promise":
        """What all objects have, of one whose window and conditions were read."""
        metadata = read_metadata(top, shows=True)
        spec = top.below("spec")
        service = spec.text("service", required=True)
        description = read_description(spec, shows=True)
        if description:
            top.below("metadata").lose("displayName", "the description is what people see")
        return cls(
            top=top,
            name=metadata.name,
            title=description or metadata.title,
            labels=with_service(top.below("metadata").below("labels"), metadata.labels, service),
            window=window,
            method=spec.choice("budgetingMethod", methods, required=True),
            conditions=conditions,
        )

    def pairs(self) -> Sequence[Pair] | None:
        """The pairs that alert, None where nothing is said about alerts."""
        if self.conditions is None or self.window is None:
            return None
        return [condition.pair(nominal_length(self.window)) for condition in self.conditions]

    def tickets(self) -> Sequence[Pair]:
        """The pairs that open tickets by default."""
        pairs = default_policy(nominal_length(self.window)) if self.window else ()
        return [pair for pair in pairs if pair.severity is Severity.TICKET]

    def slo(
        self,
        name: str,
        objective: Objective,
        sli: PrometheusSLI | Weighted | None,
        *,
        pairs: Sequence[Pair] | None,
        server: str = "",
    ) -> SLO | None:
        """The SLO of an objective; None where something of it is missing, or does not fit.

        `pairs` are what alerts, None where nothing is said about alerts. `server` is the one that feeds a composite.
        """
        if self.window is None or objective.target is None or objective.budgeting is None or sli is None:
            return None
        promised = Spot(objective.passage)
        return Wanted(
            name=name,
            objective=objective.target,
            window=self.window,
            sli=sli,
            server=sli.server if isinstance(sli, PrometheusSLI) else server,
            pairs=pairs,
            otherwise=self.tickets(),
            labels=self.labels,
            description=": ".join(text for text in (objective.title, self.title) if text),
            budgeting=objective.budgeting,
            spots={
                "name": Spot(self.top.below("metadata"), "name"),
                "window": Spot(self.top.below("spec")),
                "objective": promised,
                "alerts": promised,
            },
        ).fitted()
