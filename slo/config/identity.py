"""What entries and labels may be called."""

import re
from typing import Annotated

from pydantic import BeforeValidator, WithJsonSchema

from slo.config.section import Section
from slo.config.wrong import shown, wrong

NAME_PATTERN = r"^[A-Za-z0-9]([A-Za-z0-9._-]{0,98}[A-Za-z0-9])?$"
LABEL_PATTERN = r"^[a-zA-Z_][a-zA-Z0-9_]*$"
RESERVED_LABELS = ("slo", "window", "severity")


def _name(value: object) -> object:
    if isinstance(value, str) and not re.fullmatch(NAME_PATTERN, value):
        raise wrong(f"{shown(value)} is no name", "write up to 100 letters, digits, dots, dashes and underscores")
    return value


def label_name(value: object) -> object:
    """The value, which is the name of a label."""
    if not isinstance(value, str) or not re.fullmatch(LABEL_PATTERN, value):
        raise wrong(
            f"{shown(value)} is no label name of Prometheus", "write letters, digits and underscores, as in service"
        )
    return value


def _label(value: object) -> object:
    label_name(value)
    if value in RESERVED_LABELS:
        raise wrong(f"the label {value} is set by the watch itself", "give yours another name")
    if str(value).startswith("__"):
        raise wrong(f"the label {value} begins with __, which Prometheus keeps for itself", "give it another name")
    return value


Name = Annotated[str, BeforeValidator(_name), WithJsonSchema({"type": "string", "pattern": NAME_PATTERN})]
"""What entries are called: it goes into addresses, metrics and messages as it is."""

LabelName = Annotated[str, BeforeValidator(_label), WithJsonSchema({"type": "string", "pattern": LABEL_PATTERN})]
"""A label of Prometheus that is not one of the watch's own."""


class NamedKeys(Section):
    """What every entry of a list has."""

    name: Name
    """What the entry is called, for others to refer to."""
