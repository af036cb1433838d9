"""Answers of a server as series of numbers. Whatever is not what the API promises is a fault, and never a count.

The API: https://prometheus.io/docs/prometheus/latest/querying/api/
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from slo.errors import ServerFault
from slo.sources.increments import Floats, Ints
from slo.sources.prometheus.reasons import shortened

Labels = tuple[tuple[str, str], ...]
"""The labels of a series, sorted by name."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Series:
    """One series: its times (Unix milliseconds, ascending) and its values, NaN and infinities among them."""

    labels: Labels
    times_ms: Ints
    values: Floats

    def within(self, after_ms: int, until_ms: int) -> "Series":
        """Its samples after a time, up to another."""
        inside = (self.times_ms > after_ms) & (self.times_ms <= until_ms)
        return Series(labels=self.labels, times_ms=self.times_ms[inside], values=self.values[inside])


def checked(document: object) -> dict[str, Any]:
    """The document of an answer that is whole and holds a vector or a matrix. Raises ServerFault.

    Thanos, Mimir and Prometheus say in `warnings` that data is missing, VictoriaMetrics in `isPartial`. What is missing
    may be the bad events, so nothing of such an answer is used.
    """
    if not isinstance(document, dict) or document.get("status") != "success":
        raise ServerFault("not_prometheus", "no document with the status `success`")
    if warnings := document.get("warnings"):
        raise ServerFault("partial", shortened(str(warnings[0] if isinstance(warnings, list) else warnings)))
    if document.get("isPartial"):
        raise ServerFault("partial", "isPartial is set")
    data = document.get("data")
    if not isinstance(data, dict) or not isinstance(data.get("result"), list):
        raise ServerFault("not_prometheus", "no result in it")
    kind = data.get("resultType")
    if kind not in {"vector", "matrix"}:
        raise ServerFault("no_counts", shortened(f"a {kind}, not a vector"))
    return document


def series_of(result: object) -> list[Series]:
    """The series in the `result` of an instant query or a range query. Raises ServerFault."""
    try:
        return [_series(each) for each in result]  # type: ignore[attr-defined]
    except (AttributeError, KeyError, TypeError, ValueError, OverflowError) as error:
        raise ServerFault("not_prometheus", f"a series that is none: {shortened(str(error))}") from error


def _series(entry: Mapping[str, Any]) -> Series:
    if "histogram" in entry or "histograms" in entry:
        raise ServerFault("no_counts", "native histograms: write histogram_count(...) around them")
    samples = [entry["value"]] if "value" in entry else entry["values"]
    pairs = np.array([(float(at), float(value)) for at, value in samples], np.float64).reshape(-1, 2)
    times_ms = np.round(pairs[:, 0] * 1000)
    if not np.isfinite(times_ms).all() or (np.diff(times_ms) <= 0).any():
        raise ValueError("times that do not ascend")
    labels = tuple(sorted((str(name), str(value)) for name, value in entry["metric"].items()))
    return Series(labels=labels, times_ms=times_ms.astype(np.int64), values=pairs[:, 1])
