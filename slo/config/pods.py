"""Which pods are meant: their namespaces, and selectors of their labels."""

import re
from typing import Annotated

from pydantic import AfterValidator, WithJsonSchema

from slo.config.wrong import shown, wrong
from slo.core.label_selector import parse_label_selector

EVERYWHERE = "*"

_NAMESPACE = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")


def _namespace(value: str) -> str:
    if value != EVERYWHERE and not _NAMESPACE.fullmatch(value):
        raise wrong(f"{shown(value)} is no namespace", 'write its name, or ["*"] alone for all of them')
    return value


def _selector(value: str) -> str:
    try:
        parse_label_selector(value)
    except ValueError as error:
        problem, _, mend = str(error).rpartition("; ")
        raise wrong(problem, mend) from None
    return value


def refuse_more_than_all(namespaces: tuple[str, ...]) -> None:
    """Refuse namespaces beside all of them."""
    if EVERYWHERE in namespaces and len(namespaces) > 1:
        raise wrong('names namespaces beside "*", which are all of them', "keep one of the two")


Namespace = Annotated[str, AfterValidator(_namespace)]
"""The name of a namespace, or `*` for all of them."""

PodSelectorText = Annotated[
    str, AfterValidator(_selector), WithJsonSchema({"type": "string", "examples": ["app=redis,tier in (a,b),!canary"]})
]
"""A selector of labels as Kubernetes writes it."""
