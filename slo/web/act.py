"""What a person does to an incident, as the API and the command line take it."""

import unicodedata
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import PydanticCustomError

_INVISIBLE = {"Cc", "Cf", "Cs", "Zl", "Zp"}
"""Categories of characters that a terminal or a page would obey instead of showing."""


def _visible(text: str) -> str:
    if any(unicodedata.category(character) in _INVISIBLE for character in text):
        raise PydanticCustomError("visible", "write one line without control characters")
    return text


Visible = AfterValidator(_visible)


class Act(BaseModel):
    """An act, by whom, and why. `via` is the way it came."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)

    action: Literal["acknowledge", "resolve"]
    by: Annotated[str, Field(min_length=1, max_length=200), Visible]
    why: Annotated[str, Field(max_length=1000), Visible] = ""
    via: Annotated[str, Field(min_length=1, max_length=50), Visible] = "api"


def faults_of(error: ValidationError) -> list[tuple[str, str]]:
    """Every fault as the path of its value and what is wrong; nothing of what was sent is repeated."""
    faults = error.errors(include_input=False, include_url=False)
    return [(".".join(str(part) for part in fault["loc"]), fault["msg"]) for fault in faults]
