"""Series selectors as PromQL writes them: `http_requests_total{service="api",code=~"5.."}`.

Syntax: https://prometheus.io/docs/prometheus/latest/querying/basics/#time-series-selectors
"""

import functools
import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, NoReturn, TypeAlias

METRIC_NAME = "__name__"
"""The label that holds the name of the metric."""

NUMERIC_LABELS = frozenset({"le", "quantile"})
"""Labels whose values are numbers, which clients and versions of Prometheus spell differently."""

Operator: TypeAlias = Literal["=", "!=", "=~", "!~"]

_OPERATORS: Mapping[str, Operator] = {"=": "=", "!=": "!=", "=~": "=~", "!~": "!~"}
_WORDS = frozenset({"on", "ignoring", "group_left", "group_right", "bool", "atan2", "inf", "nan"})
"""What PromQL does not take for a metric where it stands before the braces, in small letters."""

_BLANK = re.compile(r"(?:[ \t\r\n]+|#[^\r\n]*)*")
_METRIC = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_OPERATOR = re.compile(r"[=!]~|!?=")
_OPENING, _CLOSING, _COMMA = re.compile("{"), re.compile("}"), re.compile(",")
_TEXT = re.compile(r"""`[^`]*`|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'""")
_ESCAPE = re.compile(r"""\\(?:([0-7]{3})|x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([abfnrtv\\"']))""")
_CONTROLS = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_NUMBER = re.compile(r"[+-]?(?:inf(?:inity)?|(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:e[+-]?[0-9]+)?)", re.IGNORECASE | re.ASCII)

_A_SELECTOR = "write a plain series selector; for expressions use sli: {prometheus: ...}"


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
        label = self.label if _LABEL.fullmatch(self.label) else _quoted(self.label)
        return f"{label}{self.operator}{_quoted(self.value)}"


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
        return all(matcher.accepts(labels.get(matcher.label, "")) for matcher in self.matchers)

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
    scanner = _Scanner(text)
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


def _inside_braces(scanner: "_Scanner", *, named: bool) -> list[Matcher]:
    """The matchers up to the closing brace, which is taken too. `named`: the metric's name stood before them."""
    matchers: list[Matcher] = []
    while not scanner.take(_CLOSING):
        start = scanner.at
        text = scanner.take_text()
        if text is not None and scanner.rest[:1] in {",", "}"}:
            matcher, is_name = _named(text), True
        else:
            matcher, is_name = _matcher(scanner, start, scanner.take(_LABEL) if text is None else text), False
        if matcher.label == METRIC_NAME and (named or (is_name and any(m.label == METRIC_NAME for m in matchers))):
            scanner.refuse(start, "the metric is named twice", "leave one of the names out")
        named = named or is_name
        matchers.append(matcher)
        if not scanner.take(_COMMA) and scanner.rest[:1] != "}":
            scanner.refuse(scanner.at, "the matchers go on without a comma", "write a comma, or close them with }")
    return matchers


def _matcher(scanner: "_Scanner", start: int, label: str) -> Matcher:
    """The matcher for a label that was taken, and stood at `start`."""
    if not label:
        scanner.refuse(start, "no name of a label", 'write matchers as in {service="api",code=~"5.."}')
    operator = scanner.take(_OPERATOR)
    if not operator:
        scanner.refuse(scanner.at, f"no operator after {label}", f'write {label}="...", or one of !=, =~ and !~')
    value = scanner.take_text()
    if value is None:
        scanner.refuse(scanner.at, f"no text after {label}{operator}", f'write it in quotes: {label}{operator}"..."')
    try:
        return Matcher(label=label, operator=_OPERATORS[operator], value=value)
    except ValueError as error:
        scanner.refuse(start, str(error), "mend the expression; RE2 has no look-around and no back-references")


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


class _Scanner:
    """A text, and how far it was read. The blanks and comments around what is taken are skipped."""

    def __init__(self, text: str) -> None:
        self._text = text
        self.at = 0
        self._go_to(0)

    @property
    def rest(self) -> str:
        """What was not read yet."""
        return self._text[self.at :]

    def take(self, pattern: re.Pattern[str]) -> str:
        """What comes next, if it is of the pattern; otherwise "", and nothing is taken."""
        match = pattern.match(self._text, self.at)
        if not match:
            return ""
        self._go_to(match.end())
        return match[0]

    def take_text(self) -> str | None:
        """What the quotes that come next hold; None, and nothing is taken, where there are none."""
        start, quote = self.at, self.rest[:1]
        literal = self.take(_TEXT)
        if literal:
            return literal[1:-1] if quote == "`" else self._unescaped(literal, start)
        if quote and quote in "\"'`":
            self.refuse(start, "a text without an end", f"close it with {quote}")
        return None

    def _unescaped(self, literal: str, start: int) -> str:
        """What a literal in single or double quotes holds, which stood at `start`."""
        parts: list[bytes] = []
        at = 1
        while (slash := literal.find("\\", at)) >= 0:
            escape = _ESCAPE.match(literal, slash)
            held = _escaped(escape, literal[0]) if escape else None
            if not escape or held is None:
                self.refuse(start + slash, f"{literal[slash : slash + 2]} is no escape", r"write \\ for a backslash")
            parts += [literal[at:slash].encode(), held]
            at = escape.end()
        try:
            return b"".join([*parts, literal[at:-1].encode()]).decode()
        except UnicodeDecodeError:
            self.refuse(start, "the bytes are not UTF-8", r"write the character itself, or its number as in \u00e9")

    def _go_to(self, at: int) -> None:
        blank = _BLANK.match(self._text, at)
        self.at = blank.end() if blank else at

    def refuse(self, at: int, problem: str, mend: str) -> NoReturn:
        """Raise ValueError about what stands at a position of the text."""
        raise ValueError(f"column {at + 1}: {problem}; {mend}")


def _escaped(escape: re.Match[str], quote: str) -> bytes | None:
    """What an escape stands for; None where it is none between these quotes."""
    octal, byte, short, long, character = escape.groups()
    if octal or byte:
        number = int(octal, 8) if octal else int(byte, 16)
        return bytes([number]) if number < 256 else None
    if short or long:
        number = int(short or long, 16)
        return chr(number).encode() if number < 0x110000 and not 0xD800 <= number < 0xE000 else None
    if character in "\"'" and character != quote:
        return None
    return _CONTROLS.get(character, character).encode()
