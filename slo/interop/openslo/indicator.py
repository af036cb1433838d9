"""Reads the SLIs of OpenSLO."""

from dataclasses import dataclass

from slo.core.sli import Part, PrometheusSLI
from slo.interop.indicator import sli_of, sli_of_ratio
from slo.interop.openslo.objects import Objects, read_description, read_metadata
from slo.interop.openslo.sources import Metric, Sources
from slo.interop.passage import NO_COUNTERPART, Passage
from slo.interop.promql import WINDOW

_PARTS: tuple[Part, ...] = ("good", "bad")


@dataclass(frozen=True, kw_only=True, slots=True)
class Indicator:
    """An SLI as it was read: `sli` is None where it has no counterpart. `of_threshold`: it is compared with values."""

    sli: PrometheusSLI | None = None
    of_threshold: bool = False


class Indicators:
    """Reads SLIs, inline or referred to."""

    def __init__(self, objects: Objects, sources: Sources) -> None:
        self._objects = objects
        self._sources = sources

    def read(self, around: Passage) -> Indicator:
        """The SLI of the spec of an SLO, or of an objective, that has `indicator` or `indicatorRef`."""
        if around.has("indicator") and around.has("indicatorRef"):
            around.tell("indicatorRef", "stands beside an indicator", "leave one of the two out")
            return Indicator()
        if around.has("indicator"):
            inline = around.below("indicator")
            inline.knows("metadata", "spec")
            return self.read_object(inline)
        found = self._objects.referred("SLI", around, "indicatorRef")
        return self.read_object(found) if found else Indicator()

    def read_object(self, top: Passage) -> Indicator:
        """An SLI with its metadata."""
        read_metadata(top)
        spec = top.below("spec", required=True)
        spec.knows("description", "thresholdMetric", "ratioMetric")
        read_description(spec)
        if spec.has("thresholdMetric") and spec.has("ratioMetric"):
            spec.tell("thresholdMetric", "stands beside a ratioMetric", "leave one of the two out")
        elif spec.has("thresholdMetric"):
            self._sources.read_metric(spec.below("thresholdMetric"))
            problem = f"{NO_COUNTERPART}: values that are compared with a threshold are no events that are counted"
            spec.note("thresholdMetric", problem, "count good events and all events, as ratioMetric")
            return Indicator(of_threshold=True)
        elif spec.has("ratioMetric"):
            return Indicator(sli=self._ratio(spec.below("ratioMetric")))
        elif spec.is_there:
            spec.tell("", "has no metric", "add `ratioMetric` or `thresholdMetric`")
        return Indicator()

    def _ratio(self, ratio: Passage) -> PrometheusSLI | None:
        ratio.knows("counter", "good", "bad", "total", "rawType", "raw")
        counter = ratio.truth("counter")
        parts: list[Part] = [part for part in _PARTS if ratio.has(part)]
        if ratio.has("raw"):
            return self._raw(ratio)
        if ratio.has("rawType"):
            ratio.note("rawType", "means nothing without raw", "leave it out")
        if not ratio.has("total"):
            ratio.tell("", "has neither total nor raw", "add `total`, what counts all events")
        elif len(parts) != 1:
            problem = "has good and bad" if parts else "has neither good nor bad"
            ratio.tell("", problem, "write one of them: the other is what remains of total")
        else:
            part, total = (self._sources.read_metric(ratio.below(key)) for key in (parts[0], "total"))
            return self._of_counts(ratio, parts[0], part, total, counter=counter)
        return None

    def _of_counts(
        self, ratio: Passage, part_is: Part, part: Metric | None, total: Metric | None, *, counter: bool
    ) -> PrometheusSLI | None:
        if part is None or total is None:
            return None
        if part.server != total.server:
            part.expression.spot.note(f"{NO_COUNTERPART}: total is of another source", "ask one source for both")
            return None
        sli = sli_of(part.expression, part_is, total.expression, server=part.server)
        if sli and not counter and f"[{WINDOW}]" not in sli.total:
            problem = f"{NO_COUNTERPART}: numbers that go up and down are no counts"
            ratio.note("counter", problem, "write `counter: true` if they only grow, or ask for an increase")
            return None
        return sli

    def _raw(self, ratio: Passage) -> PrometheusSLI | None:
        for key in ("total", *_PARTS):
            if ratio.has(key):
                ratio.tell(key, "stands beside raw", "leave one of the two out")
        sort = ratio.choice("rawType", ("success", "failure"), required=True)
        raw = self._sources.read_metric(ratio.below("raw"))
        if not raw or not sort:
            return None
        return sli_of_ratio(raw.expression, of_errors=sort == "failure", server=raw.server)
