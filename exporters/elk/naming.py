"""What data streams and indices are called.

Rules for names: https://www.elastic.co/docs/reference/ecs/ecs-data_stream and those of the API that creates indices.
"""

import re
from datetime import UTC, datetime
from functools import lru_cache
from typing import Annotated

from pydantic import BeforeValidator, WithJsonSchema

from slo.config.wrong import shown, wrong

OWN = "watchkeep."
"""How the datasets begin that are ours: by that the template finds its data streams."""

DATASET_CHARACTERS = 100

_NAMESPACE = r"^[a-z0-9][a-z0-9_.]{0,99}$"
_INDEX = r"^[a-z0-9](?:[a-z0-9_.-]|%[YmdGVj])*$"
_NOT_OF_DATASETS = re.compile(r"[^a-z0-9_.]")
_DIRECTIVE = re.compile(r"%[YmdGVj]")
_MOST_INDEX_CHARACTERS = 200


def _namespace(value: object) -> object:
    if not isinstance(value, str) or not re.fullmatch(_NAMESPACE, value):
        raise wrong(
            f"{shown(value)} is no namespace of data streams",
            "write up to 100 small letters, digits, underscores and dots, as in acme",
        )
    return value


def _index(value: object) -> object:
    if not isinstance(value, str) or not re.fullmatch(_INDEX, value) or len(value) > _MOST_INDEX_CHARACTERS:
        raise wrong(
            f"{shown(value)} is no name of an index",
            "write small letters, digits, dots, dashes, underscores, and %Y, %m, %d, %G, %V or %j for the time of a "
            "document, as in watchkeep-%Y.%m",
        )
    return value


Namespace = Annotated[
    str, BeforeValidator(_namespace), WithJsonSchema({"type": "string", "pattern": _NAMESPACE, "examples": ["acme"]})
]
"""The last part of the name of a data stream: whose it is, or of what environment."""

IndexName = Annotated[
    str,
    BeforeValidator(_index),
    WithJsonSchema({"type": "string", "pattern": _INDEX, "examples": ["watchkeep-%Y.%m"]}),
]
"""The name of an index, which may follow the time of a document (UTC) as `strftime` writes it."""


@lru_cache(maxsize=1000)
def own_dataset(dataset: str) -> str:
    """A dataset as the middle of the name of a data stream: one of ours, whatever it is of."""
    name = _NOT_OF_DATASETS.sub("_", dataset.lower())
    return (name if name.startswith(OWN) else OWN + name)[:DATASET_CHARACTERS]


def index_at(name: str, at: datetime) -> str:
    """The index for a document of that time."""
    return at.astimezone(UTC).strftime(name) if "%" in name else name


def index_pattern(name: str) -> str:
    """What all indices match that a name may become."""
    return _DIRECTIVE.sub("*", name)


def template_name(name: str) -> str:
    """What the template of such indices is called."""
    return OWN.rstrip(".") + "-" + _DIRECTIVE.sub("x", name)
