"""One line of an exposition, in Prometheus text 0.0.4 or OpenMetrics 1.0: metadata, or a series with its value.

What is refused and what passes follows the parsers of Prometheus (`model/textparse`), because that is what exporters
are tried with, and not the letter of the formats:

- Text: blanks may stand between all tokens and none need to, commas between labels may be missing, the value of a
  label may hold raw line ends, and what begins with # is a comment unless it says HELP or TYPE.
- OpenMetrics: one space before a number and none elsewhere, no comments, no empty lines.
- Both: names in quotes are read, as of Prometheus 3. A backslash stands for itself unless it escapes a backslash, a
  quote or an n. A label without a value is none. A label that comes twice is refused, also where a value is empty.
"""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import NoReturn, TypeAlias

from slo.core.selector import METRIC_NAME
from slo.errors import ParseError

Labels: TypeAlias = dict[str, str]
"""The labels of a series. The name of its metric is the first, `__name__`."""

_LABEL = rb"[a-zA-Z_][a-zA-Z0-9_]*"
_METRIC = re.compile(rb"[a-zA-Z_:][a-zA-Z0-9_:]*")
_QUOTED = rb'"([^\\"]*(?:\\.[^\\"]*)*)"'
_QUOTED_ON_ONE_LINE = rb'"([^\\"\n]*(?:\\.[^\\"\n]*)*)"'
_FAMILY = re.compile(_QUOTED_ON_ONE_LINE)
_ESCAPE = re.compile(rb'\\([\\"n])')
_IN_NUMBERS = b"0123456789.eE+-"
_NOT_FINITE = re.compile(rb"[+-]?inf(?:inity)?|nan", re.IGNORECASE)
_SECONDS = re.compile(rb"(-?)([0-9]{1,15})(?:\.([0-9]*))?")
_FARTHEST_SECONDS = 9e15
"""Its milliseconds fit into 64 bits."""

_SHOWN_BYTES = 30


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Format:
    """How the lines of a format are written. Every pattern reaches to where the next token begins.

    `label` has the groups name, quoted name, value; the name of the metric inside the braces matches `inner_name`.
    """

    types: frozenset[str]
    metadata: re.Pattern[bytes]
    opening: re.Pattern[bytes]
    label: re.Pattern[bytes]
    inner_name: re.Pattern[bytes]
    value: re.Pattern[bytes]
    timestamp: re.Pattern[bytes]
    exemplar: re.Pattern[bytes]
    end: re.Pattern[bytes]
    has_comments: bool
    milliseconds: bool
    """Timestamps are whole milliseconds; otherwise seconds, with decimals."""


_NEVER = re.compile(rb"(?!)")

TEXT = Format(
    types=frozenset({"counter", "gauge", "histogram", "summary", "untyped"}),
    metadata=re.compile(rb"[ \t]*#[ \t]+(HELP|TYPE)[ \t]+"),
    opening=re.compile(rb"[ \t]*\{[ \t]*"),
    label=re.compile(rb"(?:(%b)|%b)[ \t]*=[ \t]*%b[ \t]*(?:,[ \t]*)?" % (_LABEL, _QUOTED, _QUOTED)),
    inner_name=re.compile(rb"%b[ \t]*(?:,[ \t]*|(?=\}))" % _QUOTED),
    value=re.compile(rb"[ \t]*([^{ \t\n]+)"),
    timestamp=re.compile(rb"[ \t]*([0-9]+)"),
    exemplar=_NEVER,
    end=re.compile(rb"[ \t]*\Z"),
    has_comments=True,
    milliseconds=True,
)
"""Prometheus text 0.0.4."""

OPENMETRICS = Format(
    types=frozenset({"counter", "gauge", "histogram", "gaugehistogram", "summary", "info", "stateset", "unknown"}),
    metadata=re.compile(rb"# (HELP|TYPE|UNIT) "),
    opening=re.compile(rb"\{"),
    label=re.compile(rb"(?:(%b)|%b)=%b(?:,|(?=\}))" % (_LABEL, _QUOTED_ON_ONE_LINE, _QUOTED_ON_ONE_LINE)),
    inner_name=re.compile(rb"%b(?:,|(?=\}))" % _QUOTED_ON_ONE_LINE),
    value=re.compile(rb" ([^ \n]+)"),
    timestamp=re.compile(rb" ([^ \n]+)"),
    exemplar=re.compile(rb" # \{"),
    end=re.compile(rb"\Z"),
    has_comments=False,
    milliseconds=False,
)
"""OpenMetrics 1.0."""


class Line:
    """One line, without its end, and how far it was read. Whatever is wrong with it raises ParseError."""

    def __init__(self, content: bytes, number: int, form: Format, *, at: int = 0) -> None:
        self._content = content
        self._number = number
        self._form = form
        self._at = at

    @property
    def at(self) -> int:
        """How many bytes were read."""
        return self._at

    def metadata(self) -> tuple[str, str] | None:
        """The family and its type where the line says that; None where it says HELP or UNIT, or is a comment."""
        keyword = self._take(self._form.metadata)
        if not keyword:
            if self._form.has_comments:
                return None
            self.refuse("expected # HELP, # TYPE, # UNIT or # EOF", "leave comments and blanks out of OpenMetrics")
        name = self._take(_METRIC) or self._take(_FAMILY)
        if not name:
            self.refuse(f"expected the name of a metric after {keyword[1].decode()}, found {self._found()}")
        family = self._text(name[name.re.groups])
        rest = self._content[self._at :]
        if not rest.startswith(b" ") and not self._form.has_comments:
            self.refuse(f"expected a space and a text, found {self._found()}")
        text = self._text(rest[1:])
        match keyword[1]:
            case b"TYPE":
                if text not in self._form.types:
                    self.refuse(f"{text!r} is no type", f"write one of {', '.join(sorted(self._form.types))}")
                return family, text
            case b"UNIT":
                if text and not family.endswith(f"_{text}"):
                    self.refuse(f"the unit {text} is not what the name {family} ends with", f"write {family}_{text}")
        return None

    def series(self) -> Labels:
        """The labels of the series that the line begins with."""
        name = self._take(_METRIC)
        labels = {METRIC_NAME: name[0].decode()} if name else {}
        if self._take(self._form.opening):
            for label, value in self._labels(labels):
                if label in labels:
                    self.refuse(f"the label {label} comes twice", "leave one out")
                labels[label] = value
        if not labels.get(METRIC_NAME):
            self.refuse(f"expected the name of a metric, found {self._found()}")
        return {label: value for label, value in labels.items() if value}

    def reading(self) -> tuple[float, int | None]:
        """The value after the series, and its timestamp in milliseconds if it has one. Reads to the end."""
        value = self._number_of(self._take(self._form.value), "a value")
        timestamp = None
        exemplar = self._take(self._form.exemplar)
        if not exemplar and (match := self._take(self._form.timestamp)):
            timestamp = self._milliseconds(match)
            exemplar = self._take(self._form.exemplar)
        if exemplar:
            self._exemplar()
        if not self._take(self._form.end):
            self.refuse(f"expected the end of the line, found {self._found()}")
        return value, timestamp

    def _labels(self, known: Labels) -> Iterator[tuple[str, str]]:
        """The labels up to the closing brace, which is read too; among them a name that stands between them."""
        content, match = self._content, self._form.label.match
        while not content.startswith(b"}", self._at):
            if label := match(content, self._at):
                self._at = label.end()
                plain, quoted, value = label.groups()
                yield (plain.decode() if plain else self._text(quoted)), self._text(value)
            elif METRIC_NAME not in known and (name := self._take(self._form.inner_name)):
                yield METRIC_NAME, self._text(name[1])
            else:
                self.refuse(f'expected a label as in a="b" or the closing brace, found {self._found()}')
        self._at += 1

    def _exemplar(self) -> None:
        """Read the rest of an exemplar, which nobody asks for: its labels, value and timestamp."""
        for _ in self._labels({METRIC_NAME: ""}):
            pass
        self._number_of(self._take(self._form.value), "the value of the exemplar")
        if (match := self._take(self._form.timestamp)) and not math.isfinite(self._number_of(match, "a timestamp")):
            self._refuse_token(match, "a timestamp")

    def _number_of(self, match: re.Match[bytes] | None, what: str) -> float:
        if not match:
            self.refuse(f"expected {what}, found {self._found()}")
        number = number_of(match[1])
        if number is None:
            self._refuse_token(match, what)
        return number

    def _milliseconds(self, match: re.Match[bytes]) -> int:
        """A timestamp in milliseconds. Finer decimals than that are cut off."""
        if self._form.milliseconds:
            timestamp = int(match[1]) if len(match[1]) <= 18 else None
        else:
            timestamp = milliseconds_of(match[1])
        if timestamp is None:
            self._refuse_token(match, "a timestamp")
        return timestamp

    def _refuse_token(self, match: re.Match[bytes], what: str) -> NoReturn:
        self._at = match.start(1)
        mend = "end lines with LF alone" if match[1].endswith(b"\r") else ""
        self.refuse(f"expected {what}, found {self._found()}", mend)

    def _take(self, pattern: re.Pattern[bytes]) -> re.Match[bytes] | None:
        match = pattern.match(self._content, self._at)
        if match:
            self._at = match.end()
        return match

    def _text(self, raw: bytes) -> str:
        """A text that was just read, without its escapes."""
        if b"\\" in raw:
            raw = _ESCAPE.sub(lambda escape: b"\n" if escape[1] == b"n" else escape[1], raw)
        try:
            return raw.decode()
        except UnicodeDecodeError:
            self.refuse("the text is not UTF-8", "write it in UTF-8")

    def _found(self) -> str:
        rest = self._content[self._at :]
        if not rest:
            return "the end of the line"
        return repr(rest[:_SHOWN_BYTES].decode(errors="replace")) + ("..." if len(rest) > _SHOWN_BYTES else "")

    def refuse(self, problem: str, mend: str = "") -> NoReturn:
        """Raise ParseError about the place that was read to."""
        column = len(self._content[: self._at].decode(errors="replace")) + 1
        raise ParseError(self._number, column, problem, mend)


def number_of(token: bytes) -> float | None:
    """The number that a token spells; None where Prometheus knows none: `1_000`, `-NaN`, `0x10`, `1e999`."""
    if token.strip(_IN_NUMBERS):
        return float(token) if _NOT_FINITE.fullmatch(token) else None
    try:
        number = float(token)
    except ValueError:
        return None
    return None if math.isinf(number) else number


def milliseconds_of(token: bytes) -> int | None:
    """The milliseconds of a time in Unix seconds, exact, with finer decimals cut off; None where it is none."""
    if plain := _SECONDS.fullmatch(token):
        sign, seconds, decimals = plain.groups(b"")
        milliseconds = int(seconds) * 1000 + int(decimals[:3].ljust(3, b"0"))
        return -milliseconds if sign else milliseconds
    number = number_of(token)
    if number is None or not abs(number) < _FARTHEST_SECONDS:
        return None
    return int(Decimal(token.decode()) * 1000) if number else 0
