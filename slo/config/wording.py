"""What pydantic finds, in sentences: what is wrong with the value, and what to write instead."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, TypeAlias

from pydantic_core import ErrorDetails, ValidationError

from slo.config.section import Empty
from slo.config.wrong import WRONG, shown
from slo.core.duration import duration_name

Sentence: TypeAlias = tuple[str, str]
"""Problem and mend."""

_A_MAPPING = "write keys and values under it"
_A_LIST = "write a list: [a, b], or one `- ` line an item"
_MENDS = {
    "string_type": "write {quoted}",
    "int_type": "write a whole number",
    "int_from_float": "write a whole number",
    "float_type": "write a number",
    "finite_number": "write a finite number",
    "bool_type": "write true or false",
    "dict_type": _A_MAPPING,
    "mapping_type": _A_MAPPING,
    "model_type": _A_MAPPING,
    "model_attributes_type": _A_MAPPING,
    "list_type": _A_LIST,
    "tuple_type": _A_LIST,
    "greater_than": "write more than {gt}",
    "greater_than_equal": "write {ge} or more",
    "less_than": "write less than {lt}",
    "less_than_equal": "write {le} or less",
    "multiple_of": "write a multiple of {multiple_of}",
    "literal_error": "write {expected}",
    "enum": "write {expected}",
    "string_pattern_mismatch": "write what matches {pattern}",
    "string_too_short": "write at least {min_length} characters",
    "string_too_long": "write at most {max_length} characters",
    "too_short": "write at least {min_length}",
    "too_long": "write at most {max_length}",
}


def all_in_words(error: Exception, written: str) -> str:
    """Why `written` is refused, without what pydantic would quote of it."""
    if isinstance(error, ValidationError):
        return "; ".join(in_words(each, written)[0] for each in error.errors(include_url=False))
    return str(error)


def in_words(error: ErrorDetails, written: str) -> Sentence:
    """The sentence for an error; `written` is the scalar as it stands in the file, empty for anything else."""
    context = error.get("ctx", {})
    kind = error["type"]
    if error["input"] is None or isinstance(error["input"], Empty):
        return "is empty", "write a value after the colon"
    if kind == WRONG:
        return context["problem"], context["mend"]
    if kind == "value_error":
        return str(context["error"]), ""
    mend = _MENDS.get(kind)
    if mend is None:
        return f"is {described(error['input'], written)}: {error['msg']}", ""
    return f"is {described(error['input'], written)}", mend.format_map(
        _spelt(context) | {"quoted": f'"{written}"' if written else "a text"}
    )


def described(value: object, written: str) -> str:
    """A value as a fault calls it: `the number 5`; `written` is how it is spelt."""
    match value:
        case bool():
            return f"the truth value {written}"
        case int() | float():
            return f"the number {written}"
        case str():
            return f"the text {shown(value)}" if value else "an empty text"
        case dict():
            return "a mapping"
        case list() | tuple():
            return "a list" if value else "an empty list"
    return "a value of another kind"


def _spelt(context: Mapping[str, Any]) -> dict[str, str]:
    return {
        key: duration_name(value.total_seconds()) if isinstance(value, timedelta) else str(value)
        for key, value in context.items()
    }
