"""Requests with places for values that are only known later: `{{name}}` in their URL, headers and body.

A value never changes what is asked beyond its place: it is quoted in a URL and in a form, and escaped in JSON.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from urllib.parse import quote, quote_plus

from slo.net.request import Request
from slo.net.url import URL

_PLACE = re.compile(r"\{\{([^{}]*)\}\}")
_QUOTED_PLACE = re.compile(r"%7B%7B([A-Za-z0-9_]+)%7D%7D")
"""As it stands in a URL that was parsed."""

Values = Mapping[str, str]
"""The values by their names."""


def names_in(text: str) -> Iterator[str]:
    """What stands in the places of a text, names or not."""
    return (match[1] for match in _PLACE.finditer(text))


def filled(request: Request, values: Values) -> Request:
    """The request with the values in their places. The origin that it is for has no places."""
    put = partial(_put, values)
    headers = {
        name: put(value) if isinstance(value, str) else tuple(map(put, value))
        for name, value in request.headers.items()
    }
    return replace(request, url=_filled_url(request.url, values), headers=headers, body=_filled_body(request, values))


def forms(value: str) -> frozenset[str]:
    """Every form in which a value is put into a request."""
    return frozenset({value, _in_url(value), quote_plus(value), _in_json(value)})


def _filled_url(url: URL, values: Values) -> URL:
    quoted = {name: _in_url(value) for name, value in values.items()}
    return replace(url, resource=_QUOTED_PLACE.sub(lambda match: quoted.get(match[1], match[0]), url.resource))


def _filled_body(request: Request, values: Values) -> bytes:
    try:
        text = request.body.decode()
    except UnicodeDecodeError:
        return request.body
    kind = _content_type(request)
    if kind == "application/x-www-form-urlencoded":
        values = {name: quote_plus(value) for name, value in values.items()}
    elif kind == "application/json" or kind.endswith("+json"):
        values = {name: _in_json(value) for name, value in values.items()}
    return _put(values, text).encode()


def _content_type(request: Request) -> str:
    value = next((value for name, value in request.headers.items() if name.lower() == "content-type"), "")
    return (value if isinstance(value, str) else value[0]).partition(";")[0].strip().lower()


def _put(values: Values, text: str) -> str:
    return _PLACE.sub(lambda match: values.get(match[1], match[0]), text)


def _in_url(value: str) -> str:
    return quote(value, safe="")


def _in_json(value: str) -> str:
    return json.dumps(value)[1:-1]
