"""Metrics that a service exposes itself: which of them are served on, and between which bounds they must be."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from pydantic import model_validator

from exporters.service.reading import Answer
from slo.config.section import Section
from slo.config.types import SelectorText, wrong
from slo.core.outcome import Finding
from slo.core.sample import Sample
from slo.core.selector import METRIC_NAME
from slo.errors import ParseError
from slo.exposition.parse import SeriesCache, parse

MOST_TOLD = 10
"""How many values out of their bounds are named."""

STALE = timedelta(minutes=5)
"""As old as a sample with a time of its own may be: Prometheus looks no further back."""

OURS = "watchkeep_"
"""What the names of the watch's own metrics begin with."""


class Bound(Section):
    """A series, and the values that are good."""

    series: SelectorText
    """The series, as `queue_message_lag_seconds` or `hikaricp_connections_pending{pool="main"}`. Each of them is held
    against the bounds; where there is none, nothing is known."""

    at_least: float | None = None
    """The lowest good value."""

    at_most: float | None = None
    """The highest good value."""

    @model_validator(mode="after")
    def _bounded(self) -> "Bound":
        if self.at_least is None and self.at_most is None:
            raise wrong("has no bounds", "write at_least, at_most or both")
        if self.at_least is not None and self.at_most is not None and self.at_least > self.at_most:
            raise wrong("can never be met: at_least is more than at_most", "write the lower one under at_least")
        return self

    def meets(self, value: float) -> bool:
        """Whether a value is good; NaN never is."""
        low, high = self.at_least, self.at_most
        return (low is None or value >= low) and (high is None or value <= high) and not math.isnan(value)

    def __str__(self) -> str:
        parts = [
            f"{words} {bound:g}"
            for words, bound in (("at least", self.at_least), ("at most", self.at_most))
            if bound is not None
        ]
        return " and ".join(parts)


class MetricsKeys(Section):
    """Metrics in Prometheus's text format, or in that of OpenMetrics."""

    keep: tuple[SelectorText, ...] = ()
    """The series to serve on, as `{__name__=~"queue_.+"}`. Default: all."""

    expect: tuple[Bound, ...] = ()
    """Series that must be there, and between which bounds."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Metrics:
    """The samples that are kept; the values that are out of their bounds, in words, and what was not there at all.

    `count` is that of the samples which are kept or have bounds.
    """

    kept: Sequence[Sample]
    outside: tuple[str, ...]
    missing: tuple[str, ...]
    count: int

    def verdict(self) -> tuple[str, str]:
        """Bad where a value is out of its bounds; a series that is gone leaves nothing known of it."""
        if self.outside:
            return "value", "; ".join(self.outside)
        if self.missing:
            return "health_untold", f"there is no series {' and no '.join(self.missing)}"
        if not self.count:
            return "health_untold", "it has no metrics, or none to keep"
        return "ok", ""

    def findings(self) -> Iterator[Finding]:
        """How many samples there were."""
        yield Finding(name="samples", text=f"{self.count}, of which {len(self.kept)} are kept")

    def samples(self) -> Iterator[Sample]:
        """Those that are kept."""
        yield from self.kept


class MetricsReading:
    """Reads the answers of one target. Series that it had before are found again by how they are written."""

    accept = "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=0.1"
    statuses = frozenset({200})

    def __init__(self, keys: MetricsKeys) -> None:
        self._keep = keys.keep
        self._expect = keys.expect
        self._cache = SeriesCache(self._is_wanted)
        self._plain: dict[int, tuple[Mapping[str, str], Mapping[str, str]]] = {}

    def read(self, answer: Answer) -> Metrics:
        """Its samples. Raises ValueError, in words, where Prometheus would refuse it, or it contradicts itself."""
        try:
            exposition = parse(answer.body, answer.content_type, self._cache)
        except ParseError as error:
            raise ValueError(f"the body is no metrics: {error}") from None
        if exposition.contradicted:  # Prometheus takes the first value, which may be the better one
            raise ValueError(f"the series {exposition.contradicted} has two values")
        oldest = (answer.at - STALE).timestamp() * 1000
        plain, self._plain = self._plain, {}
        kept: dict[int, tuple[float, Sample]] = {}
        held = [False] * len(self._expect)
        outside: list[str] = []
        count = 0
        for name, labels, value, timestamp in exposition.samples:
            if timestamp is not None and timestamp < oldest:
                continue
            count += 1
            for index, bound in enumerate(self._expect):
                if bound.series.matches(labels):
                    held[index] = True
                    if not bound.meets(value):
                        outside.append(f"{name} is {value:g}, not {bound}")
            if self._is_kept(labels):
                # By identity, which the cache keeps: the labels are there as long as what is made of them.
                known = plain.get(id(labels))
                if known is None or known[0] is not labels:
                    known = labels, {key: each for key, each in labels.items() if key != METRIC_NAME}
                self._plain[id(labels)] = known
                at = math.inf if timestamp is None else timestamp
                if id(labels) not in kept or kept[id(labels)][0] <= at:
                    kept[id(labels)] = at, Sample(name, value, known[1])
        return Metrics(
            kept=[sample for _, sample in kept.values()],
            outside=tuple(outside[:MOST_TOLD]),
            missing=tuple(str(bound.series) for bound, found in zip(self._expect, held, strict=True) if not found),
            count=count,
        )

    def _is_wanted(self, labels: Mapping[str, str]) -> bool:
        return self._is_kept(labels) or any(bound.series.matches(labels) for bound in self._expect)

    def _is_kept(self, labels: Mapping[str, str]) -> bool:
        if labels[METRIC_NAME].startswith(OURS):
            return False
        return not self._keep or any(selector.matches(labels) for selector in self._keep)
