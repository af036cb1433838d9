"""Expressions in CEL, the Common Expression Language, over the JSON of a body: https://cel.dev."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from slo.config.wrong import shown, wrong

if TYPE_CHECKING:
    import cel

ROOT = "body"
"""What an expression calls the document."""


@dataclass(frozen=True, slots=True, eq=False)
class CELExpression:
    """An expression, compiled. Made by `compile`, which raises ValueError with what is wrong with it."""

    text: str
    _program: "cel.Program"

    @classmethod
    def compile(cls, text: str) -> "CELExpression":
        """The expression, compiled by a library that is loaded only here."""
        import cel

        try:
            program = cel.compile(text)
        except ValueError as error:
            raise ValueError(str(error).partition("ERROR: ")[2].partition("\n")[0] or "it cannot be read") from None
        try:
            program.execute({ROOT: {}})
        except RuntimeError as error:  # a name or a function that there is none of; what a document lacks is no fault
            raise ValueError(f"{str(error).partition('.')[0].lower()}; the document is {ROOT!r}") from None
        except Exception:  # noqa: BLE001, S110 - the library raises whatever Python has for what a document lacks
            pass
        return cls(text, program)

    def holds(self, document: object) -> bool:
        """What the expression says of a document. Raises ValueError where it says neither true nor false."""
        try:
            said = self._program.execute({ROOT: document})
        except Exception as error:  # noqa: BLE001 - the library raises whatever Python has for what went wrong
            raise ValueError(f"{type(error).__name__}: {error}") from None
        if not isinstance(said, bool):
            raise ValueError("it is neither true nor false")
        return said

    def __eq__(self, other: object) -> bool:
        return isinstance(other, CELExpression) and self.text == other.text

    def __hash__(self) -> int:
        return hash((CELExpression, self.text))

    def __repr__(self) -> str:
        return f"CELExpression({self.text!r})"

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: object, _handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            _expression, serialization=core_schema.plain_serializer_function_ser_schema(_text)
        )

    @classmethod
    def __get_pydantic_json_schema__(cls, _schema: CoreSchema, _handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {"type": "string", "minLength": 1}


def _text(expression: Any) -> str:
    return str(expression.text)


def _expression(value: object) -> CELExpression:
    if isinstance(value, CELExpression):
        return value
    if not isinstance(value, str):
        raise wrong(f"{shown(value)} is not a text", "write the expression in quotes")
    try:
        return CELExpression.compile(value)
    except ValueError as error:
        raise wrong(f"is no expression of CEL: {error}", "write it as body.status == 'UP'") from None
