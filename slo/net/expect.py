"""What a response over HTTP must be to be good: the keys, and what of a response does not meet them."""

import json
from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, JsonValue, WithJsonSchema, field_validator, model_validator

from slo.config.cel import CELExpression
from slo.config.tls import number_as_written
from slo.config.types import Pattern, PositiveDuration, Section, wrong
from slo.net.http1 import Response
from slo.net.json_body import SHOWN_CHARACTERS, JSONExpectation


def _status(value: object) -> object:
    """A status code or a class of them, as text."""
    text = str(value) if type(value) in {int, str} else ""
    if len(text) == 3 and text.isascii() and text[0] in "12345" and (text[1:] == "xx" or text[1:].isdecimal()):
        return text
    raise wrong(f"{value!r} is no status code", "write codes as 200, and classes as 2xx")


StatusCodes = Annotated[
    str,
    BeforeValidator(_status),
    WithJsonSchema(
        {"anyOf": [{"type": "integer", "minimum": 100, "maximum": 599}, {"type": "string", "pattern": "^[1-5]xx$"}]}
    ),
]
"""A status code, `200`, or all codes of a class, `2xx`."""


def _version(value: object) -> object:
    value = str(value) if type(value) is int else number_as_written(value)
    return "2" if value == "2.0" else value


HTTPVersion = Annotated[
    Literal["1.0", "1.1", "2"],
    BeforeValidator(_version),
    WithJsonSchema({"enum": ["1.0", "1.1", "2", "2.0", 1.0, 1.1, 2, 2.0]}),
]

_PATTERN_SCHEMA = {"type": "string", "format": "re2"}


def _several(value: object) -> object:
    return tuple(value) if isinstance(value, list | tuple) else (value,)


Patterns = Annotated[
    tuple[Pattern, ...],
    BeforeValidator(_several),
    WithJsonSchema({"anyOf": [_PATTERN_SCHEMA, {"type": "array", "items": _PATTERN_SCHEMA}]}),
]
"""One expression, or a list of them."""


class HeaderRule(Section):
    """What a header must be: one of its lines matches, or none does."""

    matches: Pattern | None = None
    """An expression that one of the header's lines must match somewhere."""

    matches_not: Pattern | None = None
    """An expression that none of the header's lines must match anywhere."""

    allow_missing: bool = False
    """Whether a response without the header is good."""

    @model_validator(mode="after")
    def _says_something(self) -> "HeaderRule":
        if self.matches is None and self.matches_not is None:
            raise wrong("says nothing about the header", "write matches, or matches_not")
        return self

    def unmet_by(self, name: str, lines: list[bytes]) -> str:
        """What about the header's lines is not as it must be, empty where nothing is."""
        if not lines:
            return "" if self.allow_missing else f"there is no {name}"
        if self.matches_not and any(self.matches_not.search(line) for line in lines):
            return f"{name} matches {self.matches_not.text!r}"
        if self.matches and not any(self.matches.search(line) for line in lines):
            return f"{name} does not match {self.matches.text!r}"
        return ""


def _rules(value: object) -> object:
    """One rule or a list; an expression alone is what a line must match."""
    rules = value if isinstance(value, list | tuple) else (value,)
    return tuple({"matches": rule} if isinstance(rule, str | Pattern) else rule for rule in rules)


_RULE_SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        name: {**({"type": "boolean"} if name == "allow_missing" else _PATTERN_SCHEMA), "description": key.description}
        for name, key in HeaderRule.model_fields.items()
    },
    "anyOf": [{"required": ["matches"]}, {"required": ["matches_not"]}],
}
_ONE_SCHEMA = {"anyOf": [_PATTERN_SCHEMA, _RULE_SCHEMA]}

HeaderRules = Annotated[
    tuple[HeaderRule, ...],
    BeforeValidator(_rules),
    WithJsonSchema({"anyOf": [_PATTERN_SCHEMA, _RULE_SCHEMA, {"type": "array", "items": _ONE_SCHEMA}]}),
]
"""What a header must be: an expression that it must match, a rule, or a list of both."""


class Expect(Section):
    """What a response must be to be good."""

    status: tuple[StatusCodes, ...] = Field(default=("2xx",), min_length=1)
    """The status codes that are good, and classes of them as 2xx."""

    http_version: tuple[HTTPVersion, ...] = ()
    """The versions of HTTP that are good; any where none is named."""

    over_tls: bool | None = None
    """Whether the last response must have come over TLS (true), or must not have (false)."""

    headers: dict[str, HeaderRules] = Field(default={})
    """For each of these headers an expression that one of its lines must match somewhere, or rules with `matches`,
    `matches_not` and `allow_missing`."""

    body: Patterns = ()
    """An expression that the body must match somewhere, or several, all of which it must match."""

    body_not: Patterns = ()
    """An expression that the body must not match anywhere, or several, none of which it may match."""

    json_: dict[str, JsonValue] = Field(default={}, alias="json")
    """For each of these JSONPaths the value that it must lead to."""

    cel: CELExpression | None = None
    """An expression in CEL that must be true; the body, a JSON object, is called `body` in it."""

    cel_not: CELExpression | None = None
    """An expression in CEL that must be false."""

    latency: PositiveDuration | None = None
    """An answer that takes longer, all phases together, is bad however right it is."""

    @field_validator("json_")
    @classmethod
    def _paths(cls, value: dict[str, JsonValue]) -> dict[str, JsonValue]:
        for path in value:
            try:
                JSONExpectation({path: None})
            except ValueError as error:
                raise wrong(f"{path!r} is no JSONPath: {error}", "write it as $.status, see RFC 9535") from None
        return value


class Expectation:
    """An `Expect` made ready. What is not met is told as reason and detail, the most telling first.

    Without `shows_found` the details show nothing of a body.
    """

    __slots__ = ("_expect", "_json", "_shows_found", "reads_body")

    def __init__(self, expect: Expect, *, shows_found: bool = True) -> None:
        self._expect = expect
        self._shows_found = shows_found
        self._json = JSONExpectation(expect.json_, shows_found=shows_found) if expect.json_ else None
        self.reads_body = bool(expect.body or expect.body_not or expect.json_ or expect.cel or expect.cel_not)
        """Whether the body has to be kept to be looked at."""

    def unmet_by_head(self, response: Response) -> Iterator[tuple[str, str]]:
        """What the status and the headers are not."""
        expect, code = self._expect, str(response.status)
        if code not in expect.status and f"{code[0]}xx" not in expect.status:
            yield "status", f"{code}, not {' or '.join(expect.status)}"
        for name, rules in expect.headers.items():
            lines = response.lines(name)
            for rule in rules:
                if unmet := rule.unmet_by(name, lines):
                    yield "header", unmet

    def unmet_by_body(self, body: bytes) -> Iterator[tuple[str, str]]:
        """What the body is not; this may take a while, as the body is long."""
        expect = self._expect
        for pattern in expect.body_not:
            if pattern.search(body):
                yield "body", f"it matches {pattern.text!r}"
        for pattern in expect.body:
            if not pattern.search(body):
                yield "body", f"it does not match {pattern.text!r}"
        if self._json and (mismatch := self._json.mismatch(body)):
            yield "json", mismatch
        if (expect.cel or expect.cel_not) and (mismatch := self._unmet_cel(body)):
            yield "cel", mismatch

    def _unmet_cel(self, body: bytes) -> str:
        """What the JSON of the body is not by the expressions in CEL, empty where it is."""
        try:
            document = json.loads(body, parse_int=float)  # as the numbers of the blackbox exporter are
        except (ValueError, RecursionError):
            return "the body is no JSON"
        if not isinstance(document, dict):
            return "the body is no JSON object"
        for expression, wanted in ((self._expect.cel_not, False), (self._expect.cel, True)):
            try:
                if expression is not None and expression.holds(document) is not wanted:
                    return f"{expression.text!r} is {'false' if wanted else 'true'}"
            except ValueError as error:
                why = str(error)[:SHOWN_CHARACTERS] if self._shows_found else "it says nothing of this body"
                return f"{expression.text if expression else ''!r}: {why}"
        return ""

    def unmet_by_way(self, response: Response, *, secure: bool, seconds: float) -> Iterator[tuple[str, str]]:
        """What the way on which the response came is not; it took `seconds`."""
        expect = self._expect
        if expect.http_version and response.version not in expect.http_version:
            yield "http_version", f"{response.version}, not {' or '.join(expect.http_version)}"
        if expect.over_tls is not None and expect.over_tls is not secure:
            yield "scheme", "it came over TLS" if secure else "it came without TLS"
        if expect.latency and seconds > expect.latency.total_seconds():
            yield "latency", f"{seconds:.3f} s, more than {expect.latency.total_seconds():g} s"
