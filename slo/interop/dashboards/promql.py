"""Measures as PromQL. `$__rate_interval` and `$__range` are Grafana's: the time of a point, and the time shown."""

from collections.abc import Sequence

from slo.interop.dashboards.measures import (
    COVERAGE,
    FIRING,
    OBJECTIVE,
    REMAINING,
    Ago,
    Level,
    Measure,
    Rise,
    Share,
    Standing,
    Until,
)
from slo.interop.dashboards.panels import Variable


def selector(variables: Sequence[Variable]) -> str:
    """The labels as a person has chosen them; all of them match a series that has no such label."""
    return "{" + ",".join(f'{variable.label}=~"${variable.label}"' for variable in variables) + "}"


def expression(measure: Measure, chosen: str, by: Sequence[str], *, now: bool) -> str:
    """The measure of the series with the labels `chosen`. With `now` it is for a table: what counts is the time shown,
    and otherwise that of each point.
    """
    labels = f"by ({', '.join(by)})"
    match measure:
        case Level(metric, worst):
            return f"{worst} {labels} ({metric}{chosen})"
        case Rise(metric):
            return _rise(metric, chosen, labels, now=now)
        case Share(part, whole):
            parts = [_rise(metric, chosen, labels, now=now) for metric in whole]
            divisor = parts[0] if len(parts) == 1 else f"({' + '.join(parts)})"
            return f"{_rise(part, chosen, labels, now=now)} / {divisor}"
        case Ago(metric):
            return f"time() - min {labels} ({metric}{chosen} > 0)"
        case Until(metric):
            return f"min {labels} ({metric}{chosen}) - time()"
        case Standing():
            return _standing(chosen, labels)


def _rise(metric: str, chosen: str, labels: str, *, now: bool) -> str:
    span, function = ("$__range", "increase") if now else ("$__rate_interval", "rate")
    return f"sum {labels} ({function}({metric}{chosen}[{span}]))"


def _standing(chosen: str, labels: str) -> str:
    """The first that holds, as the watch itself decides. Of one that is no longer seen nothing is known."""
    firing, coverage = f"max {labels} ({FIRING}{chosen})", f"min {labels} ({COVERAGE}{chosen})"
    remaining = f"min {labels} ({REMAINING}{chosen})"
    seen = f"max {labels} (last_over_time({OBJECTIVE}{chosen}[$__range]))"
    return " or ".join(
        (
            f"2 + 0 * ({firing} > 0)",
            f"1 + 0 * ({coverage} == 0)",
            f"3 + 0 * ({remaining} < 0)",
            f"0 * {firing}",
            f"1 + 0 * {seen}",
        )
    )
