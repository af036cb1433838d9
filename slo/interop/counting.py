"""PromQL of others, looked at for whether it counts: what a window counts must be the sum of what its parts count.

Sums, differences and multiples of rates, of increases or of counters are so, whatever the window. The engine asks for
them as they are written; it knows what a rate per second is. Of anything else that is done with a rate not even the
unit is known, and it is refused.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from slo.core.selector import parse_selector
from slo.core.sli import Part
from slo.interop.promql import WINDOW, NoExpression, Token, place, spelled, tokens, unwrapped

_PER_SECOND = frozenset({"rate", "irate", "deriv"})
_OVER_TIME = frozenset({"rate", "increase", "count_over_time", "sum_over_time"})
"""Functions of a range that count, `rate` per second."""

_AGGREGATORS = frozenset({"sum", "max", "min", "avg"})
"""Those that grow with what they are made of. The largest of the same counter, seen several times, is that counter."""


class Uncountable(ValueError):
    """The expression cannot be made to count, for the reason that the message gives."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Count:
    """An expression that counts events: over `[{{.window}}]`, or else counters.

    `was` is the fixed range that stood in place of the window, empty where there was none. `adds_up` tells that it is
    made of sums alone; of anything else that is not known.
    """

    text: str
    over_window: bool
    was: str = ""
    adds_up: bool = True


def counted(text: str) -> Count:
    """The expression as the engine can count by it. Raises NoExpression or Uncountable."""
    expression = spelled(text)
    if expression.count(WINDOW) != sum(token.sort == "window" for token in tokens(expression)):
        raise Uncountable("has the window in a text or a comment")
    sums = _Sums(expression)
    try:
        sums.read()
    except _NoSum:
        return _as_it_stands(expression)
    return sums.count()


def split_ratio(text: str) -> tuple[Part, str, str] | None:
    """The part that is bad, or good, and the total of an expression for an error ratio; None where it is not plain.

    Plain are `bad / total` and `1 - good / total`, in parentheses or not. Raises NoExpression.
    """
    expression = spelled(text)
    found = unwrapped(tokens(expression))
    part: Part = "bad"
    if [token.text for token in found[:2]] == ["1", "-"]:
        found, part = unwrapped(found[2:]), "good"
    above, below = _split(found, "/")
    if not above or not below:
        return None
    return part, expression[above[0].at : above[-1].end], expression[below[0].at : below[-1].end]


def remainder(text: str, total: str) -> str:
    """What is taken off the total, where `text` is `total - x`; empty for anything else. Raises NoExpression."""
    expression = spelled(text)
    whole, off = _split(unwrapped(tokens(expression)), "-")
    same = [[token.text for token in unwrapped(each)] for each in (whole, tokens(spelled(total)))]
    return expression[off[0].at : off[-1].end] if off and same[0] == same[1] else ""


def _split(found: Sequence[Token], sign: str) -> tuple[Sequence[Token], Sequence[Token]]:
    """What stands on both sides of an operator, where it is the only one that is in no brackets; nothing otherwise."""
    operators = [index for index, token in enumerate(found) if token.is_operator and token.depth == found[0].depth]
    if len(operators) != 1 or found[operators[0]].text != sign:
        return (), ()
    return found[: operators[0]], found[operators[0] + 1 :]


def _as_it_stands(expression: str) -> Count:
    """An expression that is more than sums, without any rate in it."""
    found = tokens(expression)
    for token, following in pairwise(found):
        if token.text in _PER_SECOND and following.text == "(":
            raise Uncountable(f"does more with {token.text}() than add it up, so that its unit is not known")
    windows = [index for index, token in enumerate(found) if token.sort == "window"]
    if any((found[index - 1].text, found[index + 1].text) != ("[", "]") for index in windows):
        raise Uncountable(f"has a window that is not plainly [{WINDOW}], as that of a subquery")
    if not windows and any(token.text == "[" for token in found):
        raise Uncountable(f"looks at a fixed range, which is neither a counter nor an increase over [{WINDOW}]")
    if not any(token.sort == "word" for token in found):
        raise Uncountable("counts nothing")
    return Count(text=expression, over_window=bool(windows), adds_up=False)


class _NoSum(Exception):
    """The expression is more than sums."""


class _Sums:
    """Reads an expression that is made of sums. What it does not know ends it with _NoSum."""

    def __init__(self, expression: str) -> None:
        self._expression = expression
        self._tokens = tokens(expression)
        self._at = 0
        self._functions: list[Token] = []
        self._ranges: list[Token] = []
        self._counters = 0

    def read(self) -> None:
        """Read the whole expression."""
        self._sum()
        if self._at < len(self._tokens):
            raise _NoSum

    def count(self) -> Count:
        """What was read, over the window in place of a fixed range. Raises Uncountable where it is a mixture."""
        names = {token.text for token in self._functions}
        ranges = {token.text for token in self._ranges}
        if not self._functions and not self._counters:
            raise Uncountable("counts nothing")
        if (self._functions and self._counters) or ("rate" in names and len(names) > 1):
            raise Uncountable("adds up rates, counts and counters, of which it may have one sort only")
        if len(ranges) > 1:
            raise Uncountable(f"looks at several ranges: {', '.join(sorted(ranges))}")
        text = self._expression
        for token in reversed(self._ranges):
            text = text[: token.at] + WINDOW + text[token.end :]
        was = next(iter(ranges - {WINDOW}), "")
        return Count(text=text, over_window=bool(self._functions), was=was)

    def _sum(self) -> None:
        self._product()
        while sign := self._take("+", "-", "or"):
            if sign == "or" and self._take("on", "ignoring"):
                self._labels()
            self._product()

    def _product(self) -> None:
        if self._take_sort("number"):
            self._expect("*")
        self._unit()
        while self._take("*", "/"):
            self._expect_sort("number")

    def _unit(self) -> None:
        word, following = self._text(0), self._text(1)
        if self._take("("):
            self._sum()
            self._expect(")")
        elif word.lower() in _AGGREGATORS and following.lower() in {"(", "by", "without"}:
            self._aggregate()
        elif word == "vector" and following == "(":
            for text in ("vector", "(", "0", ")"):
                self._expect(text)
        elif word in _OVER_TIME and following == "(":
            self._over_time()
        elif following == "(":
            raise _NoSum
        else:
            self._selector()
            self._counters += 1

    def _aggregate(self) -> None:
        self._at += 1
        before = self._take("by", "without")
        if before:
            self._labels()
        self._expect("(")
        self._sum()
        self._expect(")")
        if not before and self._take("by", "without"):
            self._labels()

    def _over_time(self) -> None:
        self._functions.append(self._tokens[self._at])
        self._at += 1
        self._expect("(")
        self._selector()
        self._expect("[")
        if not self._take_sort("window"):
            self._expect_sort("duration")
        self._ranges.append(self._tokens[self._at - 1])
        self._expect("]")
        if self._take("offset"):
            self._expect_sort("duration")
        self._expect(")")

    def _selector(self) -> None:
        start = self._at
        self._take_sort("word")
        if self._take("{"):
            while not self._take("}"):
                self._at += 1
        if start == self._at:
            raise _NoSum
        begin, end = self._tokens[start].at, self._tokens[self._at - 1].end
        try:
            parse_selector(self._expression[begin:end])
        except ValueError as error:
            raise NoExpression(f"has no selector at {place(self._expression, begin)}: {error}") from None

    def _labels(self) -> None:
        self._expect("(")
        while not self._take(")"):
            self._expect_sort("word")
            self._take(",")

    def _text(self, ahead: int) -> str:
        """The text of the token so many ahead; empty behind the last, and for one in quotes."""
        index = self._at + ahead
        return self._tokens[index].text if index < len(self._tokens) and self._tokens[index].sort != "text" else ""

    def _take(self, *texts: str) -> str:
        """The next token in small letters, if it is one of these."""
        text = self._text(0).lower()
        self._at += text in texts
        return text if text in texts else ""

    def _take_sort(self, sort: str) -> bool:
        taken = self._at < len(self._tokens) and self._tokens[self._at].sort == sort
        self._at += taken
        return taken

    def _expect(self, text: str) -> None:
        if not self._take(text):
            raise _NoSum

    def _expect_sort(self, sort: str) -> None:
        if not self._take_sort(sort):
            raise _NoSum
