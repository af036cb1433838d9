"""What a dashboard is made of: sections of panels, and the labels by which a person chooses what they show."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from slo.interop.dashboards.measures import Curve

WHOLE, HALF, THIRD = 24, 12, 8
"""The widths of panels, in 24ths of the page."""


class Form(Enum):
    """How a panel shows its curves."""

    TABLE = "table"
    """As they are now: one row for each combination of labels, one column for each curve."""
    LINES = "lines"
    """Over time: one line for each curve and combination of labels."""
    STATES = "states"
    """Over time: words, one strip for each combination of labels."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Panel:
    """Curves of metrics. `by` are the labels that tell the series apart that are shown."""

    title: str
    text: str
    form: Form
    by: Sequence[str]
    curves: Sequence[Curve]
    width: int = HALF

    @property
    def metrics(self) -> Sequence[str]:
        """The metrics that it shows, each once."""
        return tuple(dict.fromkeys(metric for curve in self.curves for metric in curve.measure.metrics))


@dataclass(frozen=True, kw_only=True, slots=True)
class Feed:
    """What happened, newest first: for those that logs are forwarded to."""

    title: str
    text: str
    datasets: Sequence[str]
    width: int = WHOLE


@dataclass(frozen=True, kw_only=True, slots=True)
class Section:
    """Panels under a heading."""

    title: str
    panels: Sequence[Panel | Feed]


class Where(Enum):
    """Where telemetry carries a label."""

    EVERYWHERE = "everywhere"
    METRICS = "metrics"
    """Not in logs."""
    SCRAPES = "scrapes"
    """Only where a Prometheus scrapes."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Variable:
    """A label by whose values a person chooses what is shown; `metric` is one that has them all."""

    label: str
    title: str
    metric: str
    where: Where = Where.EVERYWHERE


@dataclass(frozen=True, kw_only=True, slots=True)
class Dashboard:
    """A page of sections. `name` is what the command calls it."""

    name: str
    title: str
    text: str
    variables: Sequence[Variable]
    sections: Sequence[Section]
