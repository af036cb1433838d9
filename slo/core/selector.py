"""Series selectors as PromQL writes them: `http_requests_total{service="api",code=~"5.."}`.

Syntax: https://prometheus.io/docs/prometheus/latest/querying/basics/#time-series-selectors
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from slo.core.matching import LABEL, Matcher, fulfil, read_matcher
from slo.core.scanner import Scanner

METRIC_NAME = "__name__"
"""The label that holds the name of the metric."""

_WORDS = frozenset({"on", "ignoring", "group_left", "group_right", "bool", "atan2", "inf", "nan"})
"""What PromQL does not take for a metric where it stands before the braces, in small letters."""

_METRIC = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_OPENING, _CLOSING, _COMMA = re.compile("{"), re.compile("}"), re.compile(",")

_A_SELECTOR = "write a plain series selector; for expressions use sli: {prometheus: ...}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Selector:
    """The series of a metric whose labels fulfil every matcher. `metric` is "" where the matchers choose the name.

    Made by `parse_selector`, which sorts the matchers, so that two spellings of one selector are equal.
    """

    metric: str
    matchers: tuple[Matcher, ...]

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether a series with these labels, `__name__` among them, is selected."""
        if self.metric and self.metric != labels.get(METRIC_NAME):
            return False
        return fulfil(labels, self.matchers)

    def may_match(self, labels: Mapping[str, str]) -> bool:
        """Whether a series that has these labels, and others that are not known, may be selected."""
        return all(matcher.accepts(labels[matcher.label]) for matcher in self.matchers if matcher.label in labels)

    def includes(self, other: "Selector") -> bool:
        """Whether it is plain that whatever `other` selects is selected: that one has all matchers of this one."""
        return self.metric == other.metric and set(self.matchers) <= set(other.matchers)

    def with_label(self, label: str, value: str) -> "Selector":
        """The series of this selector whose label has this value; what is said of the label anyway is left out."""
        kept = (other for other in self._with_name() if other.label != label or not other.accepts(value))
        return _selector([*kept, Matcher(label=label, operator="=", value=value)])

    def _with_name(self) -> tuple[Matcher, ...]:
        """The matchers, with that of the metric's name."""
        return (_named(self.metric), *self.matchers) if self.metric else self.matchers

    def __str__(self) -> str:
        """The one spelling of this selector: matchers sorted, double quotes, no blanks."""
        bare = _METRIC.fullmatch(self.metric) and self.metric.lower() not in _WORDS
        matchers = ",".join(str(matcher) for matcher in (self.matchers if bare else self._with_name()))
        return f"{self.metric if bare else ''}{'{' + matchers + '}' if matchers else ''}"


def parse_selector(text: str) -> Selector:
    """The selector that `text` spells. Raises ValueError with the column (from 1) and what to write instead.

    As in PromQL, one matcher at least must refuse the empty value, so that no typo selects every series. Names in
    quotes, as of Prometheus 3, are read too.
    """
    scanner = Scanner(text)
    start = scanner.at
    metric = scanner.take(_METRIC)
    if metric.lower() in _WORDS:
        scanner.refuse(start, f"{metric} is a word of PromQL", f"write {{{_named(metric)}}}")
    matchers = [_named(metric)] if metric else []
    if scanner.take(_OPENING):
        matchers += _inside_braces(scanner, named=bool(metric))
    if scanner.rest:
        scanner.refuse(scanner.at, _unexpected(scanner.rest), _A_SELECTOR)
    if all(matcher.accepts("") for matcher in matchers):
        scanner.refuse(start, "every series is selected", 'name the metric, or write a matcher as in {service="api"}')
    return _selector(matchers)


def _inside_braces(scanner: Scanner, *, named: bool) -> list[Matcher]:
    """The matchers up to the closing brace, which is taken too. `named`: the metric's name stood before them."""
    matchers: list[Matcher] = []
    while not scanner.take(_CLOSING):
        start = scanner.at
        text = scanner.take_text()
        if text is not None and scanner.rest[:1] in {",", "}"}:
            matcher, is_name = _named(text), True
        else:
            matcher, is_name = read_matcher(scanner, start, scanner.take(LABEL) if text is None else text), False
        if matcher.label == METRIC_NAME and (named or (is_name and any(m.label == METRIC_NAME for m in matchers))):
            scanner.refuse(start, "the metric is named twice", "leave one of the names out")
        named = named or is_name
        matchers.append(matcher)
        if not scanner.take(_COMMA) and scanner.rest[:1] != "}":
            scanner.refuse(scanner.at, "the matchers go on without a comma", "write a comma, or close them with }")
    return matchers


def _unexpected(rest: str) -> str:
    """What is wrong with the text after a selector."""
    word = re.match(r"[a-zA-Z_]+|.", rest, re.DOTALL)
    match word[0].lower() if word else "":
        case "[":
            return "this is a range selector"
        case "(" | "by" | "without":
            return "this is a function call or an aggregate"
        case "offset" | "@" as modifier:
            return f"this has the modifier {modifier}"
        case other:
            return f"{other} does not belong to a selector"


def _selector(matchers: Iterable[Matcher]) -> Selector:
    """The selector of these matchers, which has a metric where there is one matcher for its name, and that says `=`."""
    ordered = sorted(set(matchers))
    names = [matcher for matcher in ordered if matcher.label == METRIC_NAME]
    if len(names) == 1 and names[0].operator == "=" and names[0].value:
        ordered.remove(names[0])
        return Selector(metric=names[0].value, matchers=tuple(ordered))
    return Selector(metric="", matchers=tuple(ordered))


def _named(metric: str) -> Matcher:
    return Matcher(label=METRIC_NAME, operator="=", value=metric)
