"""Selectors of labels as Kubernetes writes them: `app=redis,tier in (a,b),!canary`.

Syntax: https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#label-selectors
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from slo.core.scanner import Scanner

LONGEST = 63
"""How many characters the name of a label, or its value, may have."""

_WORD = re.compile(r"[^\s=!(),<>#]+")
_OPERATOR = re.compile(r"==|=|!=")
_NOT, _COMMA, _OPENING, _CLOSING = (re.compile(symbol) for symbol in ("!(?!=)", ",", r"\(", r"\)"))
_SET = re.compile(r"(?:notin|in)(?![^\s=!(),<>#])")

_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_.-]*[A-Za-z0-9])?")
_PREFIX = re.compile(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*")
LONGEST_PREFIX = 253
"""How many the domain before the name may have."""

_EXAMPLE = "write it as app=redis,tier in (a,b),!canary"


@dataclass(frozen=True, kw_only=True, slots=True)
class Requirement:
    """What is asked of one label. `values` are those that it may have, or must not have where that is `negated`; None
    asks only whether it is there.
    """

    label: str
    values: frozenset[str] | None = None
    negated: bool = False

    def accepts(self, labels: Mapping[str, str]) -> bool:
        """Whether these labels are as is asked. One that is not there has none of the values that it must not have."""
        there = self.label in labels
        if self.values is not None:
            there = there and labels[self.label] in self.values
        return there != self.negated


@dataclass(frozen=True, kw_only=True, slots=True)
class LabelSelector:
    """All of its requirements have to be met; without any, everything is selected."""

    requirements: tuple[Requirement, ...] = ()

    def selects(self, labels: Mapping[str, str]) -> bool:
        """Whether something with these labels is selected."""
        return all(requirement.accepts(labels) for requirement in self.requirements)


def is_label(text: str) -> bool:
    """Whether a text is the key of a label: a name, after the domain of who made it up and a slash or without."""
    prefix, slash, name = text.rpartition("/")
    if slash and (len(prefix) > LONGEST_PREFIX or not _PREFIX.fullmatch(prefix)):
        return False
    return len(name) <= LONGEST and bool(_NAME.fullmatch(name))


def parse_label_selector(text: str) -> LabelSelector:
    """The selector that a text spells. Raises ValueError with the column (from 1) and what to write instead."""
    scanner = Scanner(text)
    if "#" in text:  # what comes behind it would be a comment to the scanner
        scanner.refuse(text.index("#"), "# stands in no selector", "leave it out")
    if not scanner.rest:
        scanner.refuse(0, "nothing is selected by", "leave the key out for all pods")
    requirements = [_requirement(scanner)]
    while scanner.rest:
        if not scanner.take(_COMMA):
            scanner.refuse(scanner.at, f"{scanner.rest[0]} does not belong there", "write a comma between requirements")
        requirements.append(_requirement(scanner))
    return LabelSelector(requirements=tuple(requirements))


def _requirement(scanner: Scanner) -> Requirement:
    absent = bool(scanner.take(_NOT))
    start, label = scanner.at, scanner.take(_WORD)
    if not label:
        scanner.refuse(start, "a label is missing", _EXAMPLE)
    if not is_label(label):
        scanner.refuse(start, f"{label!r} is no label of Kubernetes", "write it as app.kubernetes.io/name")
    if absent or scanner.rest[:1] in {"", ","}:
        return Requirement(label=label, negated=absent)
    at = scanner.at
    if operator := scanner.take(_OPERATOR):
        return Requirement(label=label, values=frozenset({_value(scanner)}), negated=operator == "!=")
    operator = scanner.take(_SET)
    if scanner.rest[:1] in {"<", ">"} and not operator:
        scanner.refuse(at, "numbers are not compared", "list the values, as in tier in (1,2)")
    if not operator:
        scanner.refuse(at, f"{_next(scanner)} is no operator", "write one of =, !=, in (...), notin (...)")
    return Requirement(label=label, values=_values(scanner), negated=operator == "notin")


def _values(scanner: Scanner) -> frozenset[str]:
    """The values in parentheses, an empty one among them where nothing stands between two commas."""
    if not scanner.take(_OPENING):
        scanner.refuse(scanner.at, "the values are missing", "write them in parentheses, as in tier in (a,b)")
    values = {_value(scanner)}
    while scanner.take(_COMMA):
        values.add(_value(scanner))
    if not scanner.take(_CLOSING):
        scanner.refuse(scanner.at, "the values do not end", "write commas between them, and ) behind the last")
    return frozenset(values)


def _value(scanner: Scanner) -> str:
    start, value = scanner.at, scanner.take(_WORD)
    if value and (len(value) > LONGEST or not _NAME.fullmatch(value)):
        mend = f"write up to {LONGEST} letters, digits, dots, dashes and underscores, without quotes"
        scanner.refuse(start, f"{value!r} is no value of a label", mend)
    return value


def _next(scanner: Scanner) -> str:
    return scanner.take(_WORD) or scanner.rest[0]
