"""Where a probe or a destination connects to: URLs, and hosts with ports."""

import ipaddress
import re
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import BeforeValidator, GetCoreSchemaHandler, GetJsonSchemaHandler, WithJsonSchema
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from slo.config.wrong import shown, wrong


@dataclass(frozen=True, slots=True)
class HostPort:
    """A host, by name or address, and a port: `db.example:3306`, `[::1]:443`."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @classmethod
    def parse(cls, text: str) -> "HostPort":
        """Reads `HOST:PORT`; an IPv6 address stands in brackets. Raises ValueError."""
        match = re.match(r"(?:\[([0-9A-Fa-f:.%]+)\]|([^\s:/@\[\]]+)):([0-9]{1,5})\Z", text)
        if not match or not 0 < int(match[3]) < 65536:
            raise ValueError(f"{text!r} is no HOST:PORT")
        return cls(match[1] or match[2], int(match[3]))

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: object, _handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(_host_port)

    @classmethod
    def __get_pydantic_json_schema__(cls, _schema: CoreSchema, _handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {"type": "string", "pattern": r"^.+:[0-9]{1,5}$", "examples": ["db.example:3306", "[::1]:443"]}


def _host_port(value: object) -> HostPort:
    if isinstance(value, HostPort):
        return value
    try:
        return HostPort.parse(str(value))
    except ValueError:
        raise wrong(f"{shown(value)} is no HOST:PORT", "write it as db.example:3306 or [::1]:443") from None


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


def _network(value: object) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    if isinstance(value, ipaddress.IPv4Network | ipaddress.IPv6Network):
        return value
    try:
        return ipaddress.ip_network(str(value))
    except ValueError as error:
        raise wrong(f"{shown(value)} is no network: {error}", "write it as 10.0.0.0/8 or 2001:db8::/32") from None


Network = Annotated[
    ipaddress.IPv4Network | ipaddress.IPv6Network,
    BeforeValidator(_network),
    WithJsonSchema({"type": "string", "examples": ["10.0.0.0/8", "2001:db8::/32"]}),
]
"""A network of IP addresses."""


def _host_pattern(value: object) -> object:
    if isinstance(value, str) and re.fullmatch(r"(\*\.)?[^\s*/:@\[\]]+", value):
        return value.lower().rstrip(".")
    raise wrong(f"{shown(value)} is no name of a host", "write it as www.example.org, or *.example.org")


HostPattern = Annotated[
    str, BeforeValidator(_host_pattern), WithJsonSchema({"type": "string", "examples": ["*.example.org"]})
]
"""A name of a host, or all names below one."""
