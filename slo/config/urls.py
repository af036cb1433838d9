"""URLs: where a probe or a destination connects to, and what of one may be shown."""

import re
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import BeforeValidator, WithJsonSchema

from slo.config.wrong import shown, wrong

_CREDENTIALS = re.compile(r"((?:[^/?#@]*//)?)([^/?#]*)@")
"""Whatever stands before an `@` where a host should be, also where the rest is no URL."""


def parted(url: str) -> tuple[str, str | None]:
    """A URL without its user and password, and these as they are written; None where it has none."""
    match = _CREDENTIALS.match(url)
    return (match[1] + url[match.end() :], match[2]) if match else (url, None)


def presentable(url: str) -> str:
    """What may be shown of a URL that cannot be read: nothing before its last `@`, which may be of a password."""
    before, at, rest = url.rpartition("@")
    return f"...@{rest}" if at else before + rest


def _http_url(value: object) -> object:
    return _url(value, "http", "https")


def _websocket_url(value: object) -> object:
    return _url(value, "ws", "wss")


def _url(value: object, plain: str, secure: str) -> object:
    """An absolute URL of one of two schemes."""
    if not isinstance(value, str):
        return value
    mend = f"write it as {secure}://host.example:8443/path"
    try:
        parts = urlsplit(value)
        port = parts.port
    except ValueError as error:
        raise wrong(f"is no URL: {str(error).lower()}", mend) from None
    if _CREDENTIALS.match(value):
        raise wrong("holds credentials, and URLs are shown", "give them in keys of their own")
    if parts.scheme not in {plain, secure} or not parts.hostname or port == 0:
        raise wrong(f"{shown(value)} is no URL of {plain} or {secure} with a host", mend)
    if re.search(r"[\x00-\x20\x7f]", value):
        raise wrong("is no URL: it holds a space or a control character", "write them as %20 and the like")
    return value


HTTPURL = Annotated[
    str,
    BeforeValidator(_http_url),
    WithJsonSchema({"type": "string", "pattern": "^https?://[^/?#]+", "examples": ["https://host.example/path"]}),
]
"""A URL of http or https, absolute and without credentials; it stays a text."""

WebSocketURL = Annotated[
    str,
    BeforeValidator(_websocket_url),
    WithJsonSchema({"type": "string", "pattern": "^wss?://[^/?#]+", "examples": ["wss://host.example/path"]}),
]
"""A URL of ws or wss, absolute and without credentials; it stays a text."""
