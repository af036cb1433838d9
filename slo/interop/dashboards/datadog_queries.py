"""Measures as queries and formulas of Datadog, over what the forwarder `datadog` sends.

Counts of SLIs are counts there, without `_total`. Every other metric is a gauge under its own name, counters as well:
how fast these grow is worked out by functions, and a restart, which makes them fall, is left out. Source:
https://docs.datadoghq.com/dashboards/functions/rate/
"""

from collections.abc import Mapping
from dataclasses import dataclass

from slo.interop.dashboards.measures import Level, Measure, Rise, Share
from slo.interop.dashboards.slos import BAD, GOOD, UNKNOWN

COUNTS: Mapping[str, str] = {metric: metric.removesuffix("_total") for metric in (GOOD, BAD, UNKNOWN)}
"""What the forwarder calls the metrics that it sends as counts."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Queries by name, and the formula over them."""

    queries: Mapping[str, str]
    formula: str
    aggregator: str
    """How a table makes one value of many."""


def asked(measure: Measure, chosen: str, by: str, *, prefix: str = "") -> Asked:
    """The measure as queries and a formula. Raises TypeError for one that Datadog has no words for."""
    match measure:
        case Level(metric, worst):
            name = f"{prefix}level"
            return Asked({name: f"{worst}:{metric}{chosen}{by}"}, name, "last")
        case Rise(metric):
            name = f"{prefix}rise"
            if metric in COUNTS:
                return Asked({name: f"sum:{COUNTS[metric]}{chosen}{by}.as_rate()"}, name, "avg")
            return Asked({name: f"sum:{metric}{chosen}{by}"}, f"clamp_min(per_second({name}), 0)", "avg")
        case Share():
            return _share(measure, chosen, by, prefix)
        case _:
            raise TypeError(f"Datadog has no words for {measure}")


def _share(share: Share, chosen: str, by: str, prefix: str) -> Asked:
    queries: dict[str, str] = {}
    terms: dict[str, str] = {}
    for metric in share.metrics:
        counted = COUNTS.get(metric)
        name = prefix + (counted or metric).rpartition("_")[2]
        queries[name] = f"sum:{counted}{chosen}{by}.as_count()" if counted else f"sum:{metric}{chosen}{by}"
        terms[metric] = name if counted else f"monotonic_diff({name})"
    whole = " + ".join(terms[metric] for metric in share.whole)
    return Asked(queries, f"{terms[share.part]} / ({whole})", "sum")
