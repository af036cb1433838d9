"""Reads one section: its values, or its faults and whatever values can be had beside them."""

import functools
from collections.abc import Collection, Iterator, Mapping
from copy import copy
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar, cast, get_args

from pydantic import ValidationError, WithJsonSchema, create_model
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from slo.config.report import Location, Report
from slo.config.section import FILE_SUFFIX, Section
from slo.config.wording import in_words

S = TypeVar("S", bound=Section)
S_co = TypeVar("S_co", bound=Section, covariant=True)


@dataclass(frozen=True, slots=True)
class Reading(Generic[S_co]):
    """A section as far as it could be read: the fields in `invalid` have no meaning in `values`."""

    values: S_co
    invalid: frozenset[str] = frozenset()

    def has(self, *fields: str) -> bool:
        """Whether all these fields could be read."""
        return self.invalid.isdisjoint(fields)


class Reader:
    """Validates sections and tells a report what is wrong with them. `folder` is where relative paths begin.

    `files` are those that secrets and contents were read from.
    """

    def __init__(self, report: Report, folder: Path) -> None:
        self.files: set[Path] = set()
        self._report = report
        self._context = {"folder": folder, "files": self.files}

    def check(self, model: type[S], data: object, location: Location, *, beside: Collection[str] = ()) -> S | None:
        """The section at a location, None where it has faults. `beside` are known keys that are read elsewhere."""
        found = self._check(model, data, location, beside)
        return found if isinstance(found, model) else None

    def read(self, model: type[S], data: object, location: Location, *, beside: Collection[str] = ()) -> Reading[S]:
        """The section at a location with whatever can be read of it."""
        found = self._check(model, data, location, beside)
        if isinstance(found, model):
            return Reading(found)
        lenient = _lenient(model)
        if not isinstance(data, Mapping) or () in found:
            return Reading(cast("S", lenient()), frozenset(model.model_fields))
        tops = {str(loc[0]) for loc in found}
        invalid = frozenset(name for name, field in model.model_fields.items() if (field.alias or name) in tops)
        faulty = {spelling for top in tops for spelling in _spellings(model, top)}
        rest = {key: value for key, value in data.items() if key in keys_of(model) - faulty}
        return Reading(cast("S", lenient.model_validate(rest, context=self._context)), invalid)

    def _check(
        self, model: type[S], data: object, location: Location, beside: Collection[str]
    ) -> S | list[tuple[int | str, ...]]:
        try:
            return model.model_validate(data, context=self._context)
        except ValidationError as error:
            errors = error.errors(include_url=False)
        for found in errors:
            if found["type"] != "too_short" or not _has_faulty_items(found, errors):
                self._tell(found, model, location, beside)
        return [found["loc"] for found in errors]

    def _tell(self, error: ErrorDetails, model: type[Section], location: Location, beside: Collection[str]) -> None:
        """One error of pydantic's, at the value it is about: its `loc` is followed as far as the data goes."""
        loc = error["loc"]
        report = self._report
        if error["type"] == "extra_forbidden":
            *around, key = loc
            known = keys_of(*_sections_at(model, around))
            report.unknown(report.existing(location, around), str(key), {*known, *(beside if not around else ())})
        elif error["type"] == "missing":
            *around, key = loc
            mend = next((_addition(section, str(key)) for section in _sections_at(model, around)), "add it")
            report.missing(report.existing(location, around), str(key), mend)
        else:
            there = report.existing(location, loc)
            problem, mend = in_words(error, report.written(there))
            report.tell(there, problem, mend, of_key=loc[-1:] == ("[key]",))


def _has_faulty_items(error: ErrorDetails, errors: list[ErrorDetails]) -> bool:
    """Whether a list is too short only because items of it have faults of their own."""
    loc = error["loc"]
    return any(other["loc"][: len(loc)] == loc != other["loc"] for other in errors)


def keys_of(*models: type[Section]) -> set[str]:
    """The keys that sections know, the `_file` twins of secrets included."""
    return {
        key
        for model in models
        for name, field in model.model_fields.items()
        for key in _spellings(model, field.alias or name)
    }


def _spellings(model: type[Section], key: str) -> tuple[str, ...]:
    return (key, key + FILE_SUFFIX) if key in model.secret_keys else (key,)


def _sections_at(model: type[Section], loc: Collection[str | int]) -> list[type[Section]]:
    """The sections that may stand where `loc` leads to inside `model`."""
    models = [model]
    for part in loc:
        fields = [
            field for section in models for name, field in section.model_fields.items() if (field.alias or name) == part
        ]
        if fields:
            models = [section for field in fields for section in _sections_in(field.annotation)]
    return models


def _sections_in(annotation: Any) -> Iterator[type[Section]]:
    if isinstance(annotation, type) and issubclass(annotation, Section):
        yield annotation
    for argument in get_args(annotation):
        yield from _sections_in(argument)


def _addition(section: type[Section], key: str) -> str:
    """What to add for a key that is missing, with an example as its field or the type of the field gives it."""
    if key in section.secret_keys:
        return f"add it, or {key}{FILE_SUFFIX} with the path of a file that holds it"
    for name, field in section.model_fields.items():
        if (field.alias or name) == key:
            schemas = [data.json_schema or {} for data in reversed(field.metadata) if isinstance(data, WithJsonSchema)]
            examples = [
                *(field.examples or ()),
                *(example for schema in schemas for example in schema.get("examples", [])),
            ]
            return f"add `{key}: {examples[0]}`" if examples else "add it"
    return "add it"


@functools.cache
def _lenient(model: type[Section]) -> type[Section]:
    """The same fields, and none required: for what can be read of a section with faults."""
    fields: dict[str, Any] = {name: (field.annotation, _optional(field)) for name, field in model.model_fields.items()}
    return create_model(model.__name__, __base__=Section, **fields)


def _optional(field: FieldInfo) -> FieldInfo:
    if not field.is_required():
        return field
    optional = copy(field)
    optional.default = None
    return optional
