"""The tokens of PromQL and of the window in Sloth's templates: enough to see what an expression is made of."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

WINDOW = "{{.window}}"
"""The variable for a window that the engine fills in, as it spells it."""

_TEMPLATE = re.compile(r"\{\{ *\.window *\}\}")
_TOKEN = re.compile(
    r"""
    (?P<blank>\s+|\#[^\n]*)
  | (?P<text>`[^`]*`|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*')
  | (?P<window>\{\{\.window\}\})
  | (?P<number>(?:0x[0-9a-fA-F]+|(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)(?![a-zA-Z0-9_.]))
  | (?P<duration>(?:[0-9]+(?:ms|[smhdwy]))+)
  | (?P<word>[a-zA-Z_:][a-zA-Z0-9_:]*)
  | (?P<sign>=~|!~|!=|==|<=|>=|[-+*/%^=<>(){}\[\],:@])
    """,
    re.VERBOSE | re.ASCII,
)
_DEEPEST = 50
"""How deep brackets may lie in one another."""

_CLOSING = {"(": ")", "[": "]", "{": "}"}
_OPERATORS = {
    "sign": {"+", "-", "*", "/", "%", "^", "<", ">", "==", "!=", "<=", ">=", "@"},
    "word": {"or", "and", "unless", "on", "ignoring", "group_left", "group_right", "bool", "offset", "atan2"},
}


class NoExpression(ValueError):
    """The text is no PromQL."""


@dataclass(frozen=True, slots=True)
class Token:
    """One token: `sort` is the name of its group above, `at` where it begins, `depth` how many brackets it lies in."""

    sort: str
    text: str
    at: int
    depth: int

    @property
    def end(self) -> int:
        """Where it has ended."""
        return self.at + len(self.text)

    @property
    def is_operator(self) -> bool:
        """Whether it joins or modifies expressions."""
        return self.text.lower() in _OPERATORS.get(self.sort, ())


def spelled(text: str) -> str:
    """The expression with the window as the engine spells it. Raises NoExpression where it is none at first sight."""
    expression = _TEMPLATE.sub(WINDOW, text.strip())
    if not tokens(expression):
        raise NoExpression("is empty")
    return expression if "`" in expression else "\n".join(line.rstrip() for line in expression.splitlines())


def tokens(expression: str) -> list[Token]:
    """The tokens of an expression, without blanks and comments, its brackets in pairs. Raises NoExpression."""
    found: list[Token] = []
    open_: list[Token] = []
    at = 0
    while at < len(expression):
        match = _TOKEN.match(expression, at)
        if match is None:
            raise NoExpression(f"has {expression[at]!r} at {place(expression, at)}, where PromQL has none")
        if match["sign"] in _CLOSING.values() and (not open_ or _CLOSING[open_.pop().text] != match[0]):
            raise NoExpression(f"has a {match[0]} at {place(expression, at)} that closes nothing")
        token = Token(match.lastgroup or "", match[0], at, len(open_))
        at = match.end()
        if token.sort == "blank":
            continue
        if token.text == "{" and found and found[-1].text == "{" and found[-1].end == token.at:
            raise NoExpression(f"has a template other than {WINDOW} at {place(expression, found[-1].at)}")
        found.append(token)
        if match["sign"] in _CLOSING:
            open_.append(token)
        if len(open_) > _DEEPEST:
            raise NoExpression(f"has more than {_DEEPEST} brackets in one another at {place(expression, token.at)}")
    if open_:
        raise NoExpression(f"has a {open_[-1].text} at {place(expression, open_[-1].at)} that is not closed")
    return found


def place(expression: str, at: int) -> str:
    """A position in an expression, in words."""
    line = expression.count("\n", 0, at) + 1
    column = at - expression.rfind("\n", 0, at)
    return f"column {column}" if line == 1 else f"line {line}, column {column}"


def unwrapped(found: Sequence[Token]) -> Sequence[Token]:
    """The tokens without parentheses around the whole."""
    while len(found) > 2 and found[0].text == "(" and all(token.depth > found[0].depth for token in found[1:-1]):
        found = found[1:-1]
    return found
