"""What a dashboard is made of: sections of panels, and the labels by which a person chooses what they show."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum

from slo.interop.dashboards.measures import Band, Curve, Measure, Unit, Word, is_put_together

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

    @property
    def plain(self) -> "Panel":
        """The panel without the curves that only PromQL has words for."""
        return replace(self, curves=[curve for curve in self.curves if not is_put_together(curve.measure)])


def lines(
    title: str,
    text: str,
    measure: Measure,
    unit: Unit,
    *,
    label: str = "",
    by: Sequence[str] = (),
    bands: Sequence[Band] = (),
    width: int = HALF,
) -> Panel:
    """A panel of one curve over time, which is called as the panel if it has no `label`."""
    curve = Curve(label=label or title, measure=measure, unit=unit, bands=bands)
    return Panel(title=title, text=text, form=Form.LINES, by=by, curves=(curve,), width=width)


def states(
    title: str,
    text: str,
    measure: Measure,
    words: Mapping[int, Word],
    *,
    label: str = "",
    by: Sequence[str] = (),
    width: int = HALF,
) -> Panel:
    """A panel of one state over time."""
    curve = Curve(label=label or title, measure=measure, words=words)
    return Panel(title=title, text=text, form=Form.STATES, by=by, curves=(curve,), width=width)


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

    @property
    def plain(self) -> Sequence[Panel | Feed]:
        """Its panels for those who have no PromQL, as far as they show anything then."""
        plain = [panel if isinstance(panel, Feed) else panel.plain for panel in self.panels]
        return [panel for panel in plain if isinstance(panel, Feed) or panel.curves]


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
