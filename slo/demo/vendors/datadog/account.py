"""What an account at Datadog holds: points, logs, SLOs and corrections. A fold over what was taken.

Of the points of a series with the same time the last stays. A series is its metric, its tags and its host.
"""

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from slo.demo.vendors.datadog.intake import date_of, is_current, is_recent

Effect = dict[str, Any]
Series = tuple[str, str, tuple[str, ...]]
"""A metric, a host (empty without one), tags in order."""

COUNT = 1


class Account:
    """The state. `discarded` is what was taken and not kept, since it was too old or too far ahead."""

    def __init__(self) -> None:
        self.points: dict[Series, dict[int, float]] = defaultdict(dict)
        self.types: dict[str, int] = {}
        self.logs: list[dict[str, Any]] = []
        self.slos: dict[str, dict[str, Any]] = {}
        self.corrections: dict[str, dict[str, Any]] = {}
        self.on_dashboards: set[str] = set()
        self.discarded: list[dict[str, Any]] = []

    def apply(self, effect: Effect) -> None:
        """Take an effect in."""
        match effect["do"]:
            case "series":
                for series in effect["series"]:
                    self._take(series, effect["at"])
            case "logs":
                for log in effect["logs"]:
                    kept = is_recent(date_of(log, effect["at"]), effect["at"])
                    (self.logs if kept else self.discarded).append(log)
            case "slo":
                self.slos[effect["slo"]["id"]] = effect["slo"]
            case "show_slo":
                self.on_dashboards.add(effect["id"])
            case "delete_slo":
                del self.slos[effect["id"]]
                of_slo = [key for key, each in self.corrections.items() if each.get("slo_id") == effect["id"]]
                for key in of_slo:
                    del self.corrections[key]
            case "correction":
                self.corrections[effect["id"]] = effect["attributes"]
            case "delete_correction":
                del self.corrections[effect["id"]]

    def sum(self, metric: str, *tags: str) -> float:
        """The sum of all points of a metric over the series that have these tags."""
        return sum(sum(points.values()) for _, points in self.series(metric, *tags))

    def series(self, metric: str, *tags: str) -> Iterator[tuple[Series, dict[int, float]]]:
        """The series of a metric that have these tags, with their points by time."""
        for series, points in self.points.items():
            if series[0] == metric and set(tags) <= set(series[2]):
                yield series, points

    def _take(self, series: dict[str, Any], now: float) -> None:
        hosts = [each["name"] for each in series.get("resources", []) if each["type"] == "host"]
        key = series["metric"], hosts[0] if hosts else "", tuple(sorted(set(series.get("tags", []))))
        self.types.setdefault(series["metric"], series.get("type", 0))
        for point in series["points"]:
            if is_current(point["timestamp"], now):
                self.points[key][point["timestamp"]] = point["value"]
            else:
                self.discarded.append({"metric": series["metric"], **point})
