"""Secrets: values that are never shown, written in place, taken from the environment or read from a file."""

import hmac
from dataclasses import dataclass
from pathlib import Path

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from slo.config.wrong import wrong

LIMIT_BYTES = 65_536
"""The largest file that is read as a secret; a certificate chain has a tenth of it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SecretFile:
    """Where the file of a `K_file` key lies. `beside` says that the key `K` was given as well, which is refused."""

    path: object
    folder: Path
    key: str
    beside: bool


class Secret:
    """A value that shows itself as `<secret>`; `reveal` is for the call that needs it."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The value itself: for the wire, never for a log, an error or a page."""
        return self._value

    def hidden_in(self, text: str) -> str:
        """A text of the other side, as it may be shown to people."""
        return text.replace(self._value, repr(self)) if self._value else text

    def __repr__(self) -> str:
        return "<secret>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and hmac.compare_digest(self._value.encode(), other._value.encode())

    def __hash__(self) -> int:
        return hash((Secret, self._value))

    def __reduce__(self) -> str:
        raise TypeError("a secret is not to be stored")

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: object, _handler: GetCoreSchemaHandler) -> CoreSchema:
        """A plain function: the value reaches no message of pydantic's own."""
        return core_schema.no_info_plain_validator_function(
            _validate, serialization=core_schema.plain_serializer_function_ser_schema(str)
        )

    @classmethod
    def __get_pydantic_json_schema__(cls, _schema: CoreSchema, _handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {"type": ["string", "integer"], "minLength": 1, "writeOnly": True}


def _validate(value: object) -> Secret:
    match value:
        case Secret():
            return value
        case SecretFile():
            return Secret(_read(value))
        case "":
            raise wrong("is empty", "give the secret, or read it with the key that ends in _file")
        case str():
            return Secret(str(value))
        case bool() | float() | None:
            raise wrong("is not a text", "write the secret in quotes")
        case int():
            return Secret(str(value))
    raise wrong("is not a single value", "write the secret in quotes")


def _read(file: SecretFile) -> str:
    """The secret in a file, without the line end after it."""
    if file.beside:
        raise wrong(f"is given twice, as {file.key} and as {file.key}_file", "leave one of them out")
    if not isinstance(file.path, str) or not file.path:
        raise wrong("is not the path of a file", "write the path of the file that holds the secret")
    path = file.folder / file.path
    try:
        content = b""
        found = path.is_file()
        if found:
            with path.open("rb") as stream:
                content = stream.read(LIMIT_BYTES + 1)
    except (OSError, ValueError) as error:
        raise wrong(f"{path} cannot be read: {_reason(error)}", "let this user read it") from None
    if not found:
        raise wrong(f"{path} is no file", "write the path of the file that holds the secret")
    try:
        text = content.decode().rstrip("\r\n")
    except UnicodeDecodeError:
        raise wrong(f"the file {path} is no text in UTF-8", "name the right file") from None
    if len(content) > LIMIT_BYTES:
        raise wrong(f"the file {path} is larger than a secret can be ({LIMIT_BYTES} bytes)", "name the right file")
    if not text:
        raise wrong(f"the file {path} is empty", "put the secret into it")
    return text


def _reason(error: Exception) -> str:
    return (error.strerror or "").lower() if isinstance(error, OSError) and error.strerror else str(error)
