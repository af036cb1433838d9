"""Whether the configuration takes a value, and what it says where it does not."""

from typing import Any

from pydantic import TypeAdapter, ValidationError

from slo.config.identity import LabelName, Name
from slo.config.moments import Zone
from slo.config.urls import HTTPURL
from slo.config.wording import Sentence, in_words

NAME: TypeAdapter[Any] = TypeAdapter(Name)
LABEL: TypeAdapter[Any] = TypeAdapter(LabelName)
ADDRESS: TypeAdapter[Any] = TypeAdapter(HTTPURL)
ZONE: TypeAdapter[Any] = TypeAdapter(Zone)


def refusal(value: str, sort: TypeAdapter[Any]) -> Sentence | None:
    """Problem and mend of a value that is no such one; None where it is."""
    try:
        sort.validate_python(value)
    except ValidationError as error:
        return in_words(error.errors(include_url=False)[0], value)
    return None
