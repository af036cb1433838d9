"""What has to be understood of the PromQL that counts events: its window, its unit, and the counters in it.

An expression counts either by what its value grows by (counters) or, with `[{{.window}}]`, by its value (an increase).
Where it is no more than the sum of a selector's counters, it need not be evaluated at all: what these grew by can be
counted from their samples, exactly.
"""

import re

from slo.core.duration import duration_name
from slo.core.selector import Selector, parse_selector

WINDOW_VARIABLE = "[{{.window}}]"

_WINDOW = re.compile(r"\[\s*\{\{\s*\.window\s*\}\}\s*\]")
_RATE = re.compile(r"\bi?rate\s*\(", re.IGNORECASE)
_INCREASE = re.compile(r"\bincrease\s*\(", re.IGNORECASE)

_GROUPED = r"(?:by|without)\s*\([^()]*\)"
_WRAPPERS = (
    re.compile(r"\((.*)\)", re.DOTALL),
    re.compile(rf"sum\s*\((.*)\)\s*{_GROUPED}", re.DOTALL | re.IGNORECASE),
    re.compile(rf"sum\s*(?:{_GROUPED}\s*)?\((.*)\)", re.DOTALL | re.IGNORECASE),
)
_GROWTH = re.compile(rf"(?:rate|increase)\s*\((.*){_WINDOW.pattern}\s*\)", re.DOTALL | re.IGNORECASE)
_OR_ZERO = re.compile(r"(.*\S)\s+or\s+(?:on\s*\(\s*\)\s*)?vector\s*\(\s*0\s*\)", re.DOTALL | re.IGNORECASE)


def has_window(expression: str) -> bool:
    """Whether it is an increase over the window that we fill in."""
    return _WINDOW.search(expression) is not None


def with_window(expression: str, seconds: int) -> str:
    """The expression over a window of so many seconds."""
    return _WINDOW.sub(f"[{duration_name(seconds)}]", expression)


def is_per_second(expression: str) -> bool:
    """Whether its value is in events per second: it is made of rates."""
    return _RATE.search(expression) is not None


def mixes_units(expression: str) -> bool:
    """Whether it is made of rates and of increases, so that its value has no unit."""
    return is_per_second(expression) and _INCREASE.search(expression) is not None


def summed_counters(expression: str) -> Selector | None:
    """The selector of which the expression is the sum, or the sum of its rates or increases; None for any other.

    `or vector(0)` makes no difference: where there are no series, they grew by nothing.
    """
    inside = expression.strip()
    if zero := _OR_ZERO.fullmatch(inside):
        return summed_counters(zero[1])
    for wrapper in _WRAPPERS:
        if wrapped := wrapper.fullmatch(inside):
            return summed_counters(wrapped[1])
    if growth := _GROWTH.fullmatch(inside):
        inside = growth[1]
    try:
        return parse_selector(inside)
    except ValueError:
        return None
