"""The series that the rules record for an SLO: their names, their labels, and how they are read.

Names and labels that Sloth has are Sloth's, so that its dashboards show these SLOs as well.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from slo.core.duration import duration_name
from slo.core.slo import SLO
from slo.interop.prometheus.expressions import aggregate, series

ID, SERVICE, NAME, WINDOW, SEVERITY = "sloth_id", "sloth_service", "sloth_slo", "sloth_window", "sloth_severity"
ENTRY = "entry"
TOTAL, BAD, KNOWN = "total", "bad", "known_seconds"

SEEN = "slo:sli_seen:timestamp_seconds"
OBJECTIVE = "slo:objective:ratio"
ERROR_BUDGET = "slo:error_budget:ratio"
PERIOD_DAYS = "slo:time_period:days"
CURRENT_BURN = "slo:current_burn_rate:ratio"
PERIOD_BURN = "slo:period_burn_rate:ratio"
REMAINING = "slo:period_error_budget_remaining:ratio"
INFO = "sloth_slo_info"


def ledger(window: int) -> str:
    """The metric of what was counted in a window (seconds): its entries are `total`, `bad` and `known_seconds`."""
    return f"slo:sli_ledger:sum{duration_name(window)}"


def error_ratio(window: int) -> str:
    """The metric of the share of bad events in a window (seconds)."""
    return f"slo:sli_error:ratio_rate{duration_name(window)}"


def lost_seconds(window: int) -> str:
    """The metric of how many seconds of full outage the bad events in a window (seconds) are worth."""
    return f"slo:sli_lost_seconds:sum{duration_name(window)}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Names:
    """The series of one SLO. `group_by` are labels that tell its scopes apart.

    What only the rules read (the ledger, `SEEN`) carries `sloth_id`, and no label that somebody could want to change:
    its history is the budget.
    """

    slo: str
    service: str
    labels: Mapping[str, str]
    group_by: tuple[str, ...] = ()

    @property
    def identity(self) -> dict[str, str]:
        """The label by which the rules know the SLO."""
        return {ID: self.slo}

    @property
    def described(self) -> dict[str, str]:
        """The labels of what is there for people: the SLO's own, and those that Sloth's dashboards choose by."""
        short = self.slo.removeprefix(f"{self.service}-")
        labels = {**self.labels, **self.identity, SERVICE: self.service, NAME: short}
        return {name: labels[name] for name in sorted(labels) if name not in self.group_by}

    @property
    def on(self) -> str:
        """How two vectors of the SLO are matched, whatever else is different in their labels."""
        return f"on ({', '.join(self.group_by)})"

    def mine(self, metric: str, **labels: str) -> str:
        """The series of a metric that are this SLO's."""
        return series(metric, {**self.identity, **labels})

    def entry(self, window: int, entry: str) -> str:
        """One entry of the ledger over a window (seconds), without the label that says which."""
        return self.combined("sum", self.mine(ledger(window), entry=entry))

    def combined(self, operator: str, vector: str) -> str:
        """One value for the SLO, or for each of its scopes."""
        return aggregate(operator, vector, by=self.group_by)


def names(slo: SLO) -> Names:
    """The names of the series of an SLO."""
    return Names(slo=slo.name, service=slo.labels.get("service") or slo.name, labels=slo.labels, group_by=slo.group_by)
