"""Which of many selectors match a series: found by what they have in common, without asking each of them."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias

from slo.core.matching import NUMERIC_LABELS, Matcher
from slo.core.selector import METRIC_NAME, Selector
from slo.core.sli import CountersSLI

_ANY = ""
"""Under which selectors are kept that ask for no one value: their metric, or the label that they are found by."""

Labels: TypeAlias = Mapping[str, str]
"""The labels of a series, `__name__` among them."""


class Selection:
    """Selectors by their places.

    Each is kept under its metric and, there, under the value of the label that tells it best from the others: of a
    thousand selectors with a service each, a series is compared with those of its own service.
    """

    def __init__(self, selectors: Sequence[Selector]) -> None:
        self.selectors = tuple(selectors)
        self._tables: dict[str, dict[str, dict[str, list[int]]]] = {}
        by_metric: defaultdict[str, list[int]] = defaultdict(list)
        for place, selector in enumerate(self.selectors):
            by_metric[selector.metric or _ANY].append(place)
        for metric, places in by_metric.items():
            self._tables[metric] = self._table(places)

    def matching(self, labels: Labels) -> list[int]:
        """The places of the selectors that match a series with these labels, `__name__` among them."""
        selectors = self.selectors
        return [place for place in self._candidates(labels) if selectors[place].matches(labels)]

    def any(self, labels: Labels) -> bool:
        """Whether one of them matches a series with these labels."""
        selectors = self.selectors
        return any(selectors[place].matches(labels) for place in self._candidates(labels))

    def _candidates(self, labels: Labels) -> Iterable[int]:
        for metric in dict.fromkeys((labels.get(METRIC_NAME, _ANY), _ANY)):
            for label, by_value in self._tables.get(metric, {}).items():
                yield from by_value.get(labels.get(label, ""), ())

    def _table(self, places: Sequence[int]) -> dict[str, dict[str, list[int]]]:
        """The selectors of one metric, by a label that they want to have one value, and that value."""
        values: defaultdict[str, set[str]] = defaultdict(set)
        for place in places:
            for matcher in _exact(self.selectors[place]):
                values[matcher.label].add(matcher.value)
        table: dict[str, dict[str, list[int]]] = {}
        for place in places:
            exact = _exact(self.selectors[place])
            best = max(exact, key=lambda matcher: len(values[matcher.label]), default=None)
            label, value = (best.label, best.value) if best else (_ANY, "")
            table.setdefault(label, {}).setdefault(value, []).append(place)
        return table


def _exact(selector: Selector) -> list[Matcher]:
    """The matchers that one spelling of a value fulfils, and no other."""
    return [m for m in selector.matchers if m.operator == "=" and m.label not in NUMERIC_LABELS]


class Wanted:
    """Whether a series counts for any of some SLIs."""

    def __init__(self, slis: Iterable[CountersSLI]) -> None:
        self._selection = Selection(tuple({selector for sli in slis for selector in (sli.total, sli.part)}))

    def __call__(self, labels: Labels) -> bool:
        return self._selection.any(labels)


def selection_of(slis: Iterable[CountersSLI]) -> Selection:
    """The selectors of SLIs: for each its total and its part."""
    return Selection([selector for sli in slis for selector in (sli.total, sli.part)])
