"""Sections: mappings of the configuration with known keys. Kinds build their `Config` on them.

Values are taken as they are written: a text is no number and 1 is no true. A list becomes a tuple, so that what was
loaded cannot change. Every key that is a `Secret` has a twin with `_file` behind its name, which reads it from a file,
unless the section has a key of that name of its own.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar, get_args

from pydantic import BaseModel, ConfigDict, GetJsonSchemaHandler, ValidationInfo, model_validator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from slo.config.secret import Secret, SecretFile

FILE_SUFFIX = "_file"


class Empty:
    """What a key has in a file that writes nothing behind it; no type takes it."""


EMPTY = Empty()


class Section(BaseModel):
    """A mapping with known keys. A text under a field describes it, in `watchkeep schema` and in docs/config.md.

    Validation takes the context `{"folder": Path, "files": set[Path]}`: what relative paths of `_file` keys are
    relative to, and where the files are noted that were read.
    """

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        strict=True,
        allow_inf_nan=False,
        hide_input_in_errors=True,
        use_attribute_docstrings=True,
    )

    secret_keys: ClassVar[tuple[str, ...]] = ()

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: object) -> None:
        super().__pydantic_init_subclass__(**kwargs)
        cls.secret_keys = tuple(
            field.alias or name
            for name, field in cls.model_fields.items()
            if (field.annotation is Secret or Secret in get_args(field.annotation))
            and name + FILE_SUFFIX not in cls.model_fields
        )

    @model_validator(mode="before")
    @classmethod
    def _as_written(cls, data: object, info: ValidationInfo) -> object:
        """Lists become tuples, and `_file` keys the files of their twins. A key of a file with no value is no None."""
        if not isinstance(data, Mapping):
            return data
        taken = {key: tuple(value) if isinstance(value, list) else value for key, value in data.items()}
        if info.context:
            taken = {key: EMPTY if value is None else value for key, value in taken.items()}
        for key in cls.secret_keys:
            if key + FILE_SUFFIX in taken:
                path = taken.pop(key + FILE_SUFFIX)
                folder = info.context["folder"] if info.context else Path()
                if info.context and isinstance(path, str):
                    info.context["files"].add(folder / path)
                taken[key] = SecretFile(path=path, folder=folder, key=key, beside=key in taken)
        return taken

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """The schema of the section with the twins in it: one of the two is required where the secret is."""
        described = handler.resolve_ref_schema(handler(schema))
        described["properties"] = _with_twins(described.get("properties", {}), cls.secret_keys)
        required = described.get("required", [])
        for key in cls.secret_keys:
            twin = key + FILE_SUFFIX
            if key in required:
                required.remove(key)
                one: JsonSchemaValue = {"oneOf": [{"required": [key]}, {"required": [twin]}]}
            else:
                one = {"not": {"required": [key, twin]}}
            described.setdefault("allOf", []).append(one)
        if not required:
            described.pop("required", None)
        return described


def _with_twins(properties: JsonSchemaValue, secret_keys: tuple[str, ...]) -> JsonSchemaValue:
    """The properties with the twin of each secret behind it."""
    both: JsonSchemaValue = {}
    for key, schema in properties.items():
        both[key] = schema
        if key in secret_keys:
            description = f"The path of a file that holds `{key}`."
            both[key + FILE_SUFFIX] = {"type": "string", "minLength": 1, "description": description}
    return both


class KindConfig(Section):
    """What the `Config` of a kind inherits from. The keys that every entry has are not in it."""
