"""What a request carries: a body that is written down, or one that is read from a file as it is."""

from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, GetCoreSchemaHandler, GetJsonSchemaHandler, ValidationInfo, WithJsonSchema
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from slo.config.wrong import wrong

LIMIT_BYTES = 10_000_000
"""The largest body that is sent: each round sends it again."""


class Content:
    """Bytes to send, which show themselves as `<secret>`: a body may hold a password."""

    __slots__ = ("_content",)

    def __init__(self, content: bytes) -> None:
        self._content = content

    def reveal(self) -> bytes:
        """The bytes: for the wire alone."""
        return self._content

    def __repr__(self) -> str:
        return "<secret>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Content) and self._content == other._content

    def __hash__(self) -> int:
        return hash((Content, self._content))

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: object, _handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            _written, serialization=core_schema.plain_serializer_function_ser_schema(repr)
        )

    @classmethod
    def __get_pydantic_json_schema__(cls, _schema: CoreSchema, _handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {"type": "string", "minLength": 1, "writeOnly": True}


def _written(value: object) -> Content:
    if isinstance(value, Content):
        return value
    if not isinstance(value, str):
        raise wrong("is not a text", "write the body in quotes")
    if not value:
        raise wrong("is empty", "write a body, or leave it out")
    return Content(value.encode())


def _read(value: object, info: ValidationInfo) -> Any:
    """The content of a file; a relative path is relative to the folder of the configuration."""
    if isinstance(value, Content):
        return value
    if not isinstance(value, str) or not value:
        raise wrong("is not the path of a file", "write the path of the file that holds the body")
    path = (info.context["folder"] if info.context else Path()) / value
    if info.context:
        info.context["files"].add(path)
    try:
        with path.open("rb") as stream:
            content = stream.read(LIMIT_BYTES + 1)
    except (OSError, ValueError) as error:
        said = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise wrong(
            f"{path} cannot be read: {said.lower()}", "write the path of the file that holds the body"
        ) from None
    if len(content) > LIMIT_BYTES:
        raise wrong(f"the file {path} is larger than {LIMIT_BYTES} bytes", "name the right file")
    return Content(content)


ContentFile = Annotated[Content, BeforeValidator(_read), WithJsonSchema({"type": "string", "minLength": 1})]
"""The path of a file whose content is sent as it is."""
