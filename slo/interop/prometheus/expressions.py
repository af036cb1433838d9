"""PromQL as text: small pieces, each of which reads like what it makes."""

import textwrap
from collections.abc import Iterable, Mapping
from fractions import Fraction

from slo.core.duration import duration_name
from slo.core.matching import Matcher
from slo.core.selector import Selector

MILLISECOND = 0.001


def series(metric: str, labels: Mapping[str, str]) -> str:
    """The series of a metric that have these labels: `slo:objective:ratio{sloth_id="api"}`."""
    matchers = tuple(Matcher(label=label, operator="=", value=value) for label, value in labels.items())
    return str(Selector(metric=metric, matchers=matchers))


def samples(vector: str, seconds: int) -> str:
    """The samples of a window, such that windows that follow one another share none.

    Up to Prometheus 2 a range includes a sample that is exactly as old as the range is long, later ones leave it out. A
    range that is a millisecond shorter means the same to both.
    """
    return f"{vector}[{duration_name(seconds - MILLISECOND)}]"


def newest(vector: str, *, within: int, ago: int) -> str:
    """The newest sample that was there so many seconds ago, and was then no older than `within` seconds."""
    return f"last_over_time({vector}[{duration_name(within)}] offset {duration_name(ago)})"


def labelled(vector: str, label: str, value: str) -> str:
    """The vector with a label in addition."""
    return f'label_replace({vector}, "{label}", "{value}", "", "")'


def aggregate(operator: str, vector: str, *, by: Iterable[str]) -> str:
    """`sum(...)`, or `sum by (cluster) (...)` where there are labels to keep."""
    kept = ", ".join(by)
    return (f"{operator} by ({kept}) " if kept else operator) + enclosed(vector)


def enclosed(expression: str) -> str:
    """The expression in parentheses, on lines of its own where it has several."""
    return f"(\n{textwrap.indent(expression, '  ')}\n)" if "\n" in expression else f"({expression})"


def either(*alternatives: str) -> str:
    """What any of them gives; where several give it, the first."""
    return "\nor\n".join(alternatives)


def both(*conditions: str) -> str:
    """What the first gives where every other one gives something too."""
    return "\nand\n".join(conditions)


def number(value: Fraction) -> str:
    """The shortest decimal that is read as the float nearest to it: `14.4`, `0.001`."""
    return repr(float(value)).removesuffix(".0")


def rounded(value: Fraction) -> str:
    """A number for people: `2.083`."""
    return f"{float(value):.4g}"
