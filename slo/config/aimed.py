"""Configurations of kinds that have one target, and can be given another one."""

import functools
from collections.abc import Mapping
from copy import copy
from typing import Any, ClassVar, Self

from pydantic import TypeAdapter, create_model

from slo.config.section import FILE_SUFFIX, KindConfig


class OneTarget(KindConfig):
    """The configuration of a probe. The key named by `target_key` holds the target."""

    target_key: ClassVar[str] = "target"

    @classmethod
    def of(cls, target: str) -> Self:
        """The usual probe of a target. Raises pydantic's ValidationError."""
        return cls.model_validate({cls.target_key: target})

    def aimed_at(self, target: str) -> Self:
        """The same probe of another target. Raises pydantic's ValidationError."""
        return self.model_copy(update={self.target_key: _target_type(type(self)).validate_python(target)})


@functools.cache
def untargeted(model: type[OneTarget]) -> type[OneTarget]:
    """The same keys, and none of them the target: what many targets have in common."""
    field = copy(model.model_fields[model.target_key])
    field.default = None
    keys: dict[str, Any] = {model.target_key: (field.annotation, field)}
    return create_model(model.__name__, __base__=model, __doc__=model.__doc__, **keys)


def overridden(model: type[KindConfig], common: Mapping[str, object], own: Mapping[str, object]) -> dict[str, object]:
    """The keys that many have in common, with those of one of them in their place, whole.

    A secret takes the place of its `_file` twin, and the other way round.
    """
    replaced = {spelling for key in own for spelling in _spellings(model, key)}
    return {**{key: value for key, value in common.items() if key not in replaced}, **own}


def _spellings(model: type[KindConfig], key: str) -> tuple[str, ...]:
    secret = key.removesuffix(FILE_SUFFIX)
    return (secret, secret + FILE_SUFFIX) if secret in model.secret_keys else (key,)


@functools.cache
def _target_type(model: type[OneTarget]) -> TypeAdapter[Any]:
    field = model.model_fields[model.target_key]
    return TypeAdapter(field.rebuild_annotation())
