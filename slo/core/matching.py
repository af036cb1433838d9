"""Matchers of labels as Prometheus and Alertmanager write them: `service="gate"`, `!=`, `=~` and `!~`.

Syntax: https://prometheus.io/docs/alerting/latest/configuration/#matcher
"""

import functools
import json
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from slo.core.scanner import Scanner

NUMERIC_LABELS = frozenset({"le", "quantile"})
"""Labels whose values are numbers, which clients and versions of Prometheus spell differently."""

Operator: TypeAlias = Literal["=", "!=", "=~", "!~"]

LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
"""The name of a label that needs no quotes."""

_OPERATORS: Mapping[str, Operator] = {"=": "=", "!=": "!=", "=~": "=~", "!~": "!~"}
_OPERATOR = re.compile(r"[=!]~|!?=")
_BARE = re.compile(r"""[^\s{}!=~,\\"'`#]+""")
_NUMBER = re.compile(r"[+-]?(?:inf(?:inity)?|(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:e[+-]?[0-9]+)?)", re.IGNORECASE | re.ASCII)


@dataclass(frozen=True, kw_only=True, slots=True, order=True)
class Matcher:
    """One condition on a label. Raises ValueError where `value` should be a regular expression of RE2 and is none."""

    label: str
    operator: Operator
    value: str

    def __post_init__(self) -> None:
        if self.operator in {"=~", "!~"}:
            _full_match(self.value)

    def accepts(self, value: str) -> bool:
        """Whether the label may have this value; a label that is missing has the value "".

        Regular expressions must match the whole value, as in Prometheus, and `.` matches every character, as in
        Prometheus 3. `=` and `!=` compare the numbers of `le` and `quantile` as numbers: "0.3", "0.30" and "3e-1" are
        one bound, and what most clients write as "1" is "1.0" in Prometheus 3.
        """
        match self.operator:
            case "=":
                return self._equals(value)
            case "!=":
                return not self._equals(value)
            case "=~":
                return _full_match(self.value)(value)
            case "!~":
                return not _full_match(self.value)(value)

    @property
    def number(self) -> float | None:
        """The number that is compared with, where values are compared as numbers."""
        return _number(self.value) if self.label in NUMERIC_LABELS and self.operator in {"=", "!="} else None

    def _equals(self, value: str) -> bool:
        return value == self.value or (self.number is not None and self.number == _number(value))

    def __str__(self) -> str:
        label = self.label if LABEL.fullmatch(self.label) else _quoted(self.label)
        return f"{label}{self.operator}{_quoted(self.value)}"


def parse_matcher(text: str) -> Matcher:
    """The matcher that `text` spells. Raises ValueError with the column (from 1) and what to write instead.

    As in Alertmanager, a value of plain characters needs no quotes: `service=gate`, `severity=~page|ticket`.
    """
    scanner = Scanner(text)
    matcher = read_matcher(scanner, scanner.at, scanner.take(LABEL), bare=True)
    if scanner.rest:
        mend = "write one matcher in each item of the list, and its value in quotes"
        scanner.refuse(scanner.at, f"{scanner.rest[:20]!r} does not belong to a matcher", mend)
    return matcher


def read_matcher(scanner: Scanner, start: int, label: str, *, bare: bool = False) -> Matcher:
    """The matcher for a label that was taken, and stood at `start`. `bare`: its value needs no quotes."""
    if not label:
        scanner.refuse(start, "no name of a label", 'write matchers as in {service="api",code=~"5.."}')
    operator = scanner.take(_OPERATOR)
    if not operator:
        scanner.refuse(scanner.at, f"no operator after {label}", f'write {label}="...", or one of !=, =~ and !~')
    value = scanner.take_text()
    if value is None and bare:
        value = scanner.take(_BARE) or None
    if value is None:
        scanner.refuse(scanner.at, f"no text after {label}{operator}", f'write it in quotes: {label}{operator}"..."')
    try:
        return Matcher(label=label, operator=_OPERATORS[operator], value=value)
    except ValueError as error:
        scanner.refuse(start, str(error), "mend the expression; RE2 has no look-around and no back-references")


def fulfil(labels: Mapping[str, str], matchers: Iterable[Matcher]) -> bool:
    """Whether labels fulfil every matcher."""
    return all(matcher.accepts(labels.get(matcher.label, "")) for matcher in matchers)


def is_for(labels: Mapping[str, str], matchers: Collection[Matcher]) -> bool:
    """Whether what has these labels is theirs whom the matchers select. What lacks a label that is matched is nobody's,
    `!=` or not.
    """
    return all(labels.get(matcher.label) for matcher in matchers) and fulfil(labels, matchers)


def _number(text: str) -> float | None:
    return float(text) if _NUMBER.fullmatch(text) else None


def _quoted(text: str) -> str:
    """The text in double quotes. The escapes of JSON are escapes of PromQL too, which cannot hold U+FFFD unescaped."""
    return json.dumps(text, ensure_ascii=False).replace("\ufffd", r"\ufffd")


@functools.lru_cache(1024)
def _full_match(expression: str) -> Callable[[str], bool]:
    """Tells whether a regular expression matches a whole text. Raises ValueError with the reason that RE2 gives."""
    import re2

    options = re2.Options()
    options.log_errors = False
    options.dot_nl = True
    try:
        compiled = re2.compile(expression, options)
    except re2.error as error:
        reason = error.args[0] if error.args else b"unknown"
        text = reason.decode(errors="replace") if isinstance(reason, bytes) else str(reason)
        raise ValueError(f"{expression!r} is no regular expression of RE2: {text}") from None
    # Labels have few values, and the same ones in one series after another.
    return functools.lru_cache(128)(lambda text: compiled.fullmatch(text) is not None)
