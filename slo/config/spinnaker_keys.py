"""Installations of Spinnaker that tell what happens in them."""

import re
from collections.abc import Mapping
from typing import Annotated

from pydantic import BeforeValidator, Field, WithJsonSchema

from slo.config.identity import LabelName, NamedKeys
from slo.config.token import Token
from slo.config.wrong import shown, wrong

_PATTERN = r"^[a-zA-Z0-9_.*-]+(:[a-zA-Z0-9_.*-]+)*$"


def _pattern(value: object) -> object:
    if not isinstance(value, str) or not re.fullmatch(_PATTERN, value):
        raise wrong(f"{shown(value)} is no type of events", "write it as orca:pipeline:complete, or as orca:stage:*")
    return value


EventPattern = Annotated[
    str,
    BeforeValidator(_pattern),
    WithJsonSchema({"type": "string", "pattern": _PATTERN, "examples": ["orca:stage:*"]}),
]
"""A type of events of Spinnaker; `*` stands for any characters."""


class SpinnakerKeys(NamedKeys):
    """A Spinnaker whose echo posts its events to `/webhooks/spinnaker/NAME`. Forwarders get those that have `spinnaker`
    in `logs`.
    """

    token: Token
    """What its echo shows, 16 characters or more: as a password of any user, or as `Authorization: Bearer`."""
    events: tuple[EventPattern, ...] = ("orca:pipeline:*", "orca:orchestration:*", "orca:stage:*")
    """Types of events that are taken, as `details.type` says them; `*` stands for any characters."""
    labels: Mapping[LabelName, str] = Field(default={})
    """Labels of its events, as `customer` and `environment`: forwarders choose by them."""
