"""JSON in the bodies of responses, held against expectations by JSONPath (RFC 9535)."""

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, cast

from pydantic import JsonValue

if TYPE_CHECKING:
    from jsonpath_rfc9535 import JSONPathQuery

SHOWN_CHARACTERS = 60


class JSONExpectation:
    """What a body must hold: every node that a path leads to has the given value, and there is one.

    Without `shows_found` nothing of a body is told. Raises ValueError for what is no path.
    """

    def __init__(self, expected: Mapping[str, JsonValue], *, shows_found: bool = True) -> None:
        self._expected = [(path, compiled(path), value) for path, value in expected.items()]
        self._shows_found = shows_found

    def mismatch(self, body: bytes) -> str | None:
        """What about the body is not as expected, in a few words; None when everything is."""
        from jsonpath_rfc9535 import JSONPathError

        try:
            document = json.loads(body)
        except (ValueError, RecursionError) as error:
            return f"the body is no JSON: {_brief(str(error))}"
        for path, query, value in self._expected:
            try:
                found = cast(Sequence[JsonValue], query.find(document).values())
            except (JSONPathError, RecursionError) as error:
                return f"{path} cannot be looked up: {_brief(str(error))}"
            if not found:
                return f"there is no {path}"
            for each in found:
                if not same(each, value):
                    found_one = f"{_brief(json.dumps(each))}, " if self._shows_found else ""
                    return f"{path} is {found_one}not {_brief(json.dumps(value))}"
        return None


def text_at(query: "JSONPathQuery", body: bytes) -> str | None:
    """The one text, number or truth in a body that a path leads to, as text; None where there is none, or several."""
    from jsonpath_rfc9535 import JSONPathError

    try:
        found = cast(Sequence[JsonValue], query.find(json.loads(body)).values())
    except (ValueError, JSONPathError, RecursionError):
        return None
    if len(found) != 1 or found[0] is None or isinstance(found[0], list | dict):
        return None
    return found[0] if isinstance(found[0], str) else json.dumps(found[0])


def compiled(path: str) -> "JSONPathQuery":
    """A path made ready. Raises ValueError for what is none."""
    import jsonpath_rfc9535

    try:
        return jsonpath_rfc9535.compile(path)
    except (jsonpath_rfc9535.JSONPathError, RecursionError) as error:
        raise ValueError(str(error).partition(", line ")[0]) from None


def same(left: JsonValue, right: JsonValue) -> bool:
    """Whether two JSON values are equal: as in Python, except that true is not 1."""
    match left, right:
        case (bool(), _) | (_, bool()):
            return left is right
        case dict(), dict():
            return left.keys() == right.keys() and all(same(value, right[key]) for key, value in left.items())
        case list(), list():
            return len(left) == len(right) and all(map(same, left, right))
    return left == right


def _brief(text: str) -> str:
    return text if len(text) <= SHOWN_CHARACTERS else text[: SHOWN_CHARACTERS - 3] + "..."
