"""Reads the SLOs of openslo/v1: one here for each of their objectives, and one more for a composite."""

from collections.abc import Iterator, Sequence
from fractions import Fraction

from slo.core.budgeting import Budgeting, Method
from slo.core.sli import PrometheusSLI, Weighted
from slo.core.slo import SLO
from slo.interop.documents import Notes
from slo.interop.fitting import rounded
from slo.interop.imported import Entry
from slo.interop.openslo.alerting import Policies
from slo.interop.openslo.indicator import Indicator, Indicators
from slo.interop.openslo.objective import METHODS, OPERATORS, Objective, read_objective
from slo.interop.openslo.promise import Promise
from slo.interop.openslo.windows import read_window
from slo.interop.passage import NO_COUNTERPART, Passage

_MOST_WEIGHT = 1_000_000


class SLOs:
    """Reads SLOs whose indicators and policies may stand elsewhere."""

    def __init__(self, indicators: Indicators, policies: Policies, notes: Notes) -> None:
        self._indicators = indicators
        self._policies = policies
        self._notes = notes

    def read(self, top: Passage) -> Iterator[Entry]:
        """The entries of an object."""
        count = len(self._notes)
        spec = top.below("spec", required=True)
        spec.knows(
            *("description", "service", "indicator", "indicatorRef", "timeWindow", "budgetingMethod"),
            *("objectives", "alertPolicies"),
        )
        windows = spec.items("timeWindow", required=True)
        if len(windows) > 1:
            spec.tell("timeWindow", f"has {len(windows)} items", "write one")
        window = read_window(windows[0]) if windows else None
        promise = Promise.read(top, window, tuple(METHODS), self._policies.read(spec))
        items = spec.items("objectives", required=True)
        is_composite = any(item.has("indicator") or item.has("indicatorRef") for item in items)
        is_simple = spec.has("indicator") or spec.has("indicatorRef")
        if is_composite and is_simple:
            spec.tell("", "has an indicator, and its objectives have some too", "leave one of them out")
        elif is_composite:
            yield from self._composite(promise, spec, items, count)
        elif is_simple:
            yield from self._simple(promise, spec, items, count)
        elif spec.is_there:
            spec.tell("", "has no indicator", "add `indicator`, or `indicatorRef` with the name of an SLI")

    def _simple(self, promise: Promise, spec: Passage, items: Sequence[Passage], count: int) -> Iterator[Entry]:
        """An SLO for each objective. What was noted since `count` is about all of them."""
        indicator = self._indicators.read(spec)
        if indicator.of_threshold and len(items) > 1:
            spec.tell("objectives", f"has {len(items)} items", "write one, as it is for a thresholdMetric")
        shared = self._notes.since(count)
        for number, item in enumerate(items, start=1):
            before = len(self._notes)
            objective = read_objective(item, promise.method)
            _read_comparison(item, indicator)
            item.lose("compositeWeight", "it is for objectives with an indicator of their own")
            alone = len(items) == 1
            name = promise.name if alone else f"{promise.name}-{number}"
            slo = promise.slo(name, objective, indicator.sli, pairs=promise.pairs())
            notes = (*shared, *self._notes.since(before))
            yield Entry(origin=(promise.top if alone else item).place, name=name, slo=slo, notes=notes)

    def _composite(self, promise: Promise, spec: Passage, items: Sequence[Passage], count: int) -> Iterator[Entry]:
        """An SLO for each part, which opens tickets, and the one that weighs them, which alerts."""
        shared = self._notes.since(count)
        parts: list[tuple[Fraction, SLO]] = []
        for number, item in enumerate(items, start=1):
            before = len(self._notes)
            objective = read_objective(item, promise.method)
            if not objective.has_indicator:
                item.tell("", "has no indicator, which other objectives have", "add `indicator`, or `indicatorRef`")
            indicator = self._indicators.read(item) if objective.has_indicator else Indicator()
            _read_comparison(item, indicator)
            weight = _weight(item)
            name = f"{promise.name}-{number}"
            slo = promise.slo(name, objective, indicator.sli, pairs=promise.tickets())
            if slo and weight:
                parts.append((weight, slo))
            yield Entry(origin=item.place, name=name, slo=slo, notes=self._notes.since(before))
        before = len(self._notes)
        whole = None
        if len(parts) == len(items):
            whole = _whole(promise, spec, parts)
        else:
            spec.note("objectives", f"{NO_COUNTERPART} as a whole, since a part has none", "see there")
        notes = (*shared, *self._notes.since(before))
        yield Entry(origin=promise.top.place, name=promise.name, slo=whole, notes=notes)


def _whole(promise: Promise, spec: Passage, parts: Sequence[tuple[Fraction, SLO]]) -> SLO | None:
    """The composite of its parts with their weights."""
    target = sum(weight * part.objective for weight, part in parts) / sum(weight for weight, _ in parts)
    if {part.objective for _, part in parts} != {target}:
        spec.note(
            "objectives", "promise together the weighted mean of their targets", "mend the objective of the whole"
        )
    if METHODS.get(promise.method) is not Method.OCCURRENCES:
        spec.note("budgetingMethod", "is that of the parts: their weighted mean goes by events", "see budgeting")
    spec.note("objectives", "open tickets of their own, besides what alerts for all of them", "see burn_policy")
    objective = Objective(passage=spec, title="", target=rounded(Fraction(target)), budgeting=Budgeting())
    weighted = Weighted(weights=tuple((part.name, weight) for weight, part in parts))
    definition = parts[0][1].definition
    server = definition.server if isinstance(definition, PrometheusSLI) else ""
    return promise.slo(promise.name, objective, weighted, pairs=promise.pairs(), server=server)


def _weight(item: Passage) -> Fraction | None:
    """The weight of a part, 1 unless it says so; None where it is refused, or has no counterpart."""
    if not item.has("compositeWeight"):
        return Fraction(1)
    weight = item.number("compositeWeight")
    if weight is not None and weight <= 0:
        item.tell("compositeWeight", "is not above 0", "write a number above 0")
        return None
    if weight is not None and weight > _MOST_WEIGHT:
        item.note("compositeWeight", f"{NO_COUNTERPART}: it is above {_MOST_WEIGHT}", "divide all weights by a number")
        return None
    return weight


def _read_comparison(item: Passage, indicator: Indicator) -> None:
    """What values are compared with: required for a threshold, and of no meaning for a ratio."""
    item.choice("op", OPERATORS, required=indicator.of_threshold)
    item.number("value", required=indicator.of_threshold)
    if not indicator.of_threshold:
        item.lose("op", "it is for a thresholdMetric")
        item.lose("value", "it is for a thresholdMetric")
