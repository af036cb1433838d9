"""Regular expressions: RE2, so that no expression and no hostile body can take a probe's time away."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from slo.config.wrong import shown, wrong

RE2_FORMAT = "re2"
"""What the schema of a regular expression has as its format."""


@dataclass(frozen=True, slots=True, eq=False)
class Pattern:
    """A regular expression in the syntax of RE2, compiled: it takes time linear in what it searches.

    Made by `Pattern.compile`, which raises ValueError with the reason that RE2 gives.
    """

    text: str
    search: Callable[[str | bytes], Any]
    """The first match anywhere, as of the module `re`, or None. Bytes are searched as UTF-8."""
    groups: int
    """How many groups it has."""

    @classmethod
    def compile(cls, text: str) -> "Pattern":
        """The expression, compiled by RE2, which is loaded only here."""
        import re2

        options = re2.Options()
        options.log_errors = False
        try:
            compiled = re2.compile(text, options)
        except re2.error as error:
            reason = error.args[0] if error.args else "unknown"
            raise ValueError(reason.decode(errors="replace") if isinstance(reason, bytes) else str(reason)) from None
        return cls(text, compiled.search, compiled.groups)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Pattern) and self.text == other.text

    def __hash__(self) -> int:
        return hash((Pattern, self.text))

    def __repr__(self) -> str:
        return f"Pattern({self.text!r})"

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: object, _handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            _pattern, serialization=core_schema.plain_serializer_function_ser_schema(_text)
        )

    @classmethod
    def __get_pydantic_json_schema__(cls, _schema: CoreSchema, _handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {"type": "string", "format": RE2_FORMAT}


def _text(pattern: Any) -> str:
    return str(pattern.text)


def _pattern(value: object) -> Pattern:
    if isinstance(value, Pattern):
        return value
    if not isinstance(value, str):
        raise wrong(f"{shown(value)} is not a text", "write the regular expression in quotes")
    try:
        return Pattern.compile(value)
    except ValueError as error:
        raise wrong(
            f"is no regular expression of RE2: {error}",
            "mend it; RE2 has no look-around and no back-references",
        ) from None
