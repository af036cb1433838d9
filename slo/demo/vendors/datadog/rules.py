"""What Datadog takes of any request: keys, compression, JSON of the right shape; and how it says what it does not take.

Source: https://docs.datadoghq.com/api/latest/.
"""

import json
import zlib
from collections.abc import Mapping
from typing import Any

import cramjam
from aiohttp import web

_WINDOWS = {"gzip": 16 + zlib.MAX_WBITS, "deflate": zlib.MAX_WBITS}

IDENTITY, ZSTD = "identity", "zstd1"
"""What metrics may not say of a body that is not compressed, and what logs may not be compressed with."""


class Refusal(Exception):
    """A request that is not taken; carries its answer."""

    def __init__(self, status: int, *errors: str) -> None:
        super().__init__(status, *errors)
        self.response = web.json_response({"errors": list(errors)}, status=status)


def decompressed(request: web.Request, body: bytes, most_bytes: int, *more: str) -> bytes:
    """A body as it was before it was compressed, with deflate, gzip or what `more` says. Raises Refusal, where it was
    larger as well.
    """
    encoding = request.headers.get("Content-Encoding", "")
    try:
        if encoding in _WINDOWS:
            inflating = zlib.decompressobj(_WINDOWS[encoding])
            body = inflating.decompress(body, most_bytes + 1)
            if len(body) <= most_bytes and not inflating.eof:
                raise Refusal(400, "Bad Request: the body is cut short")
        elif encoding == ZSTD and ZSTD in more:
            body = bytes(cramjam.zstd.decompress(body))
        elif encoding and not (encoding == IDENTITY and IDENTITY in more):
            raise Refusal(415, f"Unsupported Content-Encoding {encoding!r}")
    except (zlib.error, cramjam.DecompressionError):
        raise Refusal(400, f"Bad Request: the body is not {encoding}") from None
    if len(body) > most_bytes:
        raise Refusal(413, "Payload too large")
    return body


def parsed(request: web.Request, body: bytes) -> Any:
    """The JSON of a request. Raises Refusal."""
    if request.content_type != "application/json":
        raise Refusal(415, "Unsupported Media Type")
    try:
        return json.loads(body, parse_constant=_no_number)
    except ValueError:
        raise Refusal(400, "Bad Request: the body is no JSON") from None


def checked(value: object, what: str, fields: Mapping[str, type | tuple[type, ...]], *needed: str) -> dict[str, Any]:
    """An object with these fields, and no other. Raises Refusal."""
    if not isinstance(value, dict):
        raise Refusal(400, f"{what} is no object")
    for name, each in value.items():
        if name not in fields:
            raise Refusal(400, f"{what} has no field {name!r}")
        if not isinstance(each, fields[name]) or (isinstance(each, bool) and fields[name] is not bool):
            raise Refusal(400, f"{what}: {name!r} has the wrong type")
    for name in needed:
        if value.get(name) in (None, "", []):
            raise Refusal(400, f"{what} needs {name!r}")
    return value


def texts(values: object, what: str) -> list[str]:
    """A list of texts. Raises Refusal."""
    if not isinstance(values, list) or not all(isinstance(each, str) for each in values):
        raise Refusal(400, f"{what} must be a list of strings")
    return values


def _no_number(name: str) -> float:
    raise ValueError(f"{name} is no JSON")
