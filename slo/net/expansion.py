"""Texts with places for the groups of a match: `${1}`, `$1` and `${name}`, as `Regexp.Expand` of Go fills them in."""

import re
from typing import Any

_PLACE = re.compile(r"\$(?:(?P<dollar>\$)|\{(?P<braced>\w+)\}|(?P<bare>\w+))")
_NUMBER = re.compile(r"(?:0|[1-9][0-9]{0,8})\Z")


def expanded(template: str, match: Any) -> str:  # a match of RE2's
    """The template, filled in. A name is as long as it can be: `$1st` is the group `1st`; `$$` is a dollar.

    A group that did not take part in the match, or that there is none of, is empty.
    """

    def fill(place: re.Match[str]) -> str:
        if place["dollar"]:
            return "$"
        return _group(match, place["braced"] or place["bare"])

    return _PLACE.sub(fill, template)


def _group(match: Any, name: str) -> str:
    number = int(name) if _NUMBER.match(name) else match.re.groupindex.get(name, -1)
    return (match.group(number) or "") if 0 <= number <= match.re.groups else ""
