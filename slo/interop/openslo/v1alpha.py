"""Reads the SLOs of openslo/v1alpha, whose metrics stand in their objectives."""

from collections.abc import Iterator
from datetime import timedelta

from slo.config.wrong import shown
from slo.core.budgeting import Budgeting, Method
from slo.core.sli import PrometheusSLI
from slo.interop.documents import Notes
from slo.interop.imported import Entry
from slo.interop.indicator import Expression, sli_of
from slo.interop.openslo.objective import METHODS, OPERATORS, Objective, read_share, read_slice_target
from slo.interop.openslo.promise import Promise
from slo.interop.openslo.windows import read_alpha_window
from slo.interop.passage import NO_COUNTERPART, Passage, Spot
from slo.interop.promql import WINDOW

_METHODS = ("Occurrences", "Timeslices")
_SOURCES = frozenset({"prometheus", "sloth"})
"""The sources whose queries are PromQL; `sloth` is what Sloth calls its own."""

_SLICE = timedelta(minutes=5)


class AlphaSLOs:
    """Reads SLOs of v1alpha; their expressions are asked of one server."""

    def __init__(self, server: str, notes: Notes) -> None:
        self._server = server
        self._notes = notes

    def read(self, top: Passage) -> Iterator[Entry]:
        """The entries of an object: one for each objective."""
        count = len(self._notes)
        spec = top.below("spec", required=True)
        spec.knows("timeWindows", "budgetingMethod", "description", "indicator", "service", "objectives")
        windows = spec.items("timeWindows", required=True)
        if len(windows) > 1:
            spec.tell("timeWindows", f"has {len(windows)} items", "write one")
        promise = Promise.read(top, read_alpha_window(windows[0]) if windows else None, _METHODS, None)
        items = spec.items("objectives", required=True)
        has_ratios = any(item.has("ratioMetrics") for item in items)
        if has_ratios and spec.has("indicator"):
            spec.tell("indicator", "stands beside ratioMetrics of the objectives", "leave one of the two out")
        elif spec.has("indicator"):
            _read_threshold(spec.below("indicator"))
        elif items and not has_ratios:
            spec.tell("", "has no metric", "add `ratioMetrics` to the objectives, or `indicator`")
        shared = self._notes.since(count)
        for number, item in enumerate(items, start=1):
            before = len(self._notes)
            objective = _objective(item, promise.method)
            alone = len(items) == 1
            name = promise.name if alone else f"{promise.name}-{number}"
            slo = promise.slo(name, objective, self._sli(item.below("ratioMetrics")), pairs=None)
            notes = (*shared, *self._notes.since(before))
            yield Entry(origin=(top if alone else item).place, name=name, slo=slo, notes=notes)

    def _sli(self, ratio: Passage) -> PrometheusSLI | None:
        ratio.knows("good", "total", "incremental", "counter")
        counter = any([ratio.truth("incremental"), ratio.truth("counter")])
        good, total = (_expression(ratio.below(key, required=True)) for key in ("good", "total"))
        if good is None or total is None:
            return None
        sli = sli_of(good, "good", total, server=self._server)
        if sli and not counter and f"[{WINDOW}]" not in sli.total:
            problem = f"{NO_COUNTERPART}: numbers that go up and down are no counts"
            ratio.note("", problem, "write `incremental: true` if they only grow")
            return None
        return sli


def _objective(item: Passage, method: str) -> Objective:
    item.knows("displayName", "value", "op", "ratioMetrics", "target", "timeSliceTarget")
    is_ratio = item.has("ratioMetrics")
    item.choice("op", OPERATORS, required=not is_ratio)
    item.number("value", required=not is_ratio)
    if is_ratio:
        item.lose("op", "it is for a thresholdMetric")
        item.lose("value", "it is for a thresholdMetric")
    target = read_share(item, "target", whole=1)
    title = item.text("displayName", longest=1050)
    return Objective(passage=item, title=title, target=target, budgeting=_budgeting(item, method))


def _budgeting(item: Passage, method: str) -> Budgeting | None:
    if METHODS.get(method) is not Method.TIMESLICES:
        item.lose("timeSliceTarget", "take budgetingMethod Timeslices, or leave it out")
        return Budgeting() if method else None
    target = read_slice_target(item)
    item.note("", "does not say how long its slices are: they are of 5m", "see `slice` in budgeting")
    return Budgeting(method=Method.TIMESLICES, slice=_SLICE, target=target) if target else None


def _read_threshold(indicator: Passage) -> None:
    indicator.knows("thresholdMetric")
    _expression(indicator.below("thresholdMetric", required=True))
    problem = f"{NO_COUNTERPART}: values that are compared with a threshold are no events that are counted"
    indicator.note("thresholdMetric", problem, "count good events and all events, as ratioMetrics")


def _expression(metric: Passage) -> Expression | None:
    """The query of a metric; None where it has no counterpart."""
    metric.knows("source", "queryType", "query")
    source, sort = metric.text("source", required=True), metric.text("queryType", required=True)
    query = metric.text("query", required=True)
    for key, value in (("source", source), ("queryType", sort)):
        if value and not value.isalpha():
            metric.tell(key, f"{shown(value)} is more than letters", "write one word of letters")
    if not source or not sort or not query:
        return None
    if source.lower() not in _SOURCES or sort.lower() != "promql":
        what = f"{shown(sort)} of {shown(source)} is no PromQL"
        metric.note("queryType", f"{NO_COUNTERPART}: {what}", "export its metrics to a server of Prometheus")
        return None
    return Expression(spot=Spot(metric, "query"), text=query, must_be=False)
