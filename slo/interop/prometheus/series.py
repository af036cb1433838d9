"""The series that the rules record for an SLO: their names, their labels, and how they are read.

Names and labels that Sloth has are Sloth's, so that its dashboards show these SLOs as well.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from slo.core.duration import duration_name
from slo.core.slo import SLO
from slo.interop.prometheus.expressions import aggregate, series

ID, SERVICE, NAME, WINDOW, SEVERITY = "sloth_id", "sloth_service", "sloth_slo", "sloth_window", "sloth_severity"
LONG, SHORT = "long_window", "short_window"
ENTRY, PIECE, METRIC = "entry", "piece", "counted_metric"
TOTAL, BAD, PART, KNOWN = "total", "bad", "part", "known_seconds"

SEEN = "slo:sli_seen:timestamp_seconds"
FOLLOWED = "slo:sli_followed:timestamp_seconds"
VALUE = "slo:sli_counter:value"
LENGTH = "slo:sli_window:seconds"
BURN = "slo:burn_rate:ratio"
BURNING = "slo:sli_burning:bool"
OBJECTIVE = "slo:objective:ratio"
ERROR_BUDGET = "slo:error_budget:ratio"
PERIOD_DAYS = "slo:time_period:days"
CURRENT_BURN = "slo:current_burn_rate:ratio"
PERIOD_BURN = "slo:period_burn_rate:ratio"
REMAINING = "slo:period_error_budget_remaining:ratio"
INFO = "sloth_slo_info"

RESERVED = frozenset(
    {*(ID, SERVICE, NAME, WINDOW, SEVERITY, LONG, SHORT, ENTRY, PIECE), "severity", "alertname", "alertstate"}
)
"""Labels that the rules set, so that series cannot be grouped by them."""


def error_ratio(window: int) -> str:
    """The metric of the share of bad events in a window (seconds)."""
    return f"slo:sli_error:ratio_rate{duration_name(window)}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Names:
    """The series of one SLO. `group_by` are labels that tell its scopes apart.

    What only the rules read carries `sloth_id`, and no label that somebody could want to change: its history is the
    budget.
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

    def burn(self, window: int) -> str:
        """The burn rate over a window (seconds) that alerts look at."""
        return self.combined("sum", self.mine(BURN, **{WINDOW: duration_name(window)}))

    def combined(self, operator: str, vector: str) -> str:
        """One value for the SLO, or for each of its scopes, without any other label."""
        return aggregate(operator, vector, by=self.group_by)


@dataclass(frozen=True, kw_only=True, slots=True)
class Ledger:
    """What is counted of an SLO: its entries are `total`, `bad` and `known_seconds`, in steps and in windows.

    `unit` says what is counted: events, or slices of time.
    """

    names: Names
    unit: str = "events"

    @property
    def metric(self) -> str:
        """The metric of all entries over all windows; a step is the shortest of them."""
        return f"slo:sli_{self.unit}:sum"

    def labels(self, window: int, **labels: str) -> dict[str, str]:
        """The labels of what was counted in a window (seconds)."""
        return {**self.names.identity, **labels, WINDOW: duration_name(window)}

    def series(self, window: int, **labels: str) -> str:
        """The entries over a window (seconds)."""
        return series(self.metric, self.labels(window, **labels))

    def entry(self, window: int | None, entry: str) -> str:
        """One entry over a window (seconds), or over each: then the label of the window tells them apart."""
        if window is None:
            return aggregate("sum", self.names.mine(self.metric, entry=entry), by=(WINDOW, *self.names.group_by))
        return self.names.combined("sum", self.series(window, entry=entry))


def names(slo: SLO) -> Names:
    """The names of the series of an SLO."""
    return Names(slo=slo.name, service=slo.labels.get("service") or slo.name, labels=slo.labels, group_by=slo.group_by)
