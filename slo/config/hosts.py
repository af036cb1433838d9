"""Hosts, with a port, without one, or with one that need not be written; IP addresses and networks of them."""

import ipaddress
import re
from dataclasses import dataclass
from typing import Annotated, TypeAlias

from pydantic import BeforeValidator, GetCoreSchemaHandler, GetJsonSchemaHandler, WithJsonSchema
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from slo.config.wrong import shown, wrong

_NAME = r"[^\s:/@\[\]?#*]+"


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
        match = re.match(rf"(?:\[([0-9A-Fa-f:.%]+)\]|({_NAME})):([0-9]{{1,5}})\Z", text)
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
        if "@" in str(value):
            mend = "write HOST:PORT alone, and the login under `username` and `password`"
            raise wrong("holds a login, and targets are shown", mend) from None
        raise wrong(f"{shown(value)} is no HOST:PORT", "write it as db.example:3306 or [::1]:443") from None


def is_loopback(host: str) -> bool:
    """Whether this host is loopback: the name `localhost`, or an address of it. Other names are never."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _host_of(text: str) -> str:
    """A name, or an IPv6 address with or without its brackets. Raises ValueError."""
    if re.fullmatch(_NAME, text):
        return text
    inside = text[1:-1] if text.startswith("[") and text.endswith("]") else text
    return str(ipaddress.IPv6Address(inside))


def _host(value: object) -> object:
    try:
        return _host_of(str(value))
    except ValueError:
        raise wrong(f"{shown(value)} is no host", "write it as www.example.org, 192.0.2.1 or 2001:db8::1") from None


Host = Annotated[
    str, BeforeValidator(_host), WithJsonSchema({"type": "string", "examples": ["www.example.org", "2001:db8::1"]})
]
"""A host, by name or address, without a port."""


@dataclass(frozen=True, slots=True)
class HostMaybePort:
    """A host, by name or address, and a port where it is not the usual one: `ns.example`, `[::1]:5353`."""

    host: str
    port: int | None

    def __str__(self) -> str:
        return self.host if self.port is None else str(HostPort(self.host, self.port))

    @classmethod
    def parse(cls, text: str) -> "HostMaybePort":
        """Reads `HOST` or `HOST:PORT`. Raises ValueError."""
        try:
            return cls(_host_of(text), None)
        except ValueError:
            both = HostPort.parse(text)
            return cls(both.host, both.port)

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: object, _handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(_host_maybe_port)

    @classmethod
    def __get_pydantic_json_schema__(cls, _schema: CoreSchema, _handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {"type": "string", "examples": ["192.0.2.53", "ns.example:5353"]}


def _host_maybe_port(value: object) -> HostMaybePort:
    if isinstance(value, HostMaybePort):
        return value
    try:
        return HostMaybePort.parse(str(value))
    except ValueError:
        raise wrong(f"{shown(value)} is no host, with or without a port", "write ns.example or [::1]:53") from None


IPAddress: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address


def _address(value: object) -> IPAddress:
    if isinstance(value, IPAddress):
        return value
    try:
        return ipaddress.ip_address(str(value))
    except ValueError:
        raise wrong(f"{shown(value)} is no IP address", "write it as 192.0.2.1 or 2001:db8::1") from None


Address = Annotated[
    IPAddress, BeforeValidator(_address), WithJsonSchema({"type": "string", "examples": ["192.0.2.1", "2001:db8::1"]})
]
"""An IP address."""


IPNetwork: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network


def _network(value: object) -> IPNetwork:
    if isinstance(value, IPNetwork):
        return value
    try:
        return ipaddress.ip_network(str(value))
    except ValueError as error:
        raise wrong(f"{shown(value)} is no network: {error}", "write it as 10.0.0.0/8 or 2001:db8::/32") from None


Network = Annotated[
    IPNetwork,
    BeforeValidator(_network),
    WithJsonSchema({"type": "string", "examples": ["10.0.0.0/8", "2001:db8::/32"]}),
]
"""A network of IP addresses."""


def _host_pattern(value: object) -> object:
    if isinstance(value, str) and re.fullmatch(rf"(\*\.)?{_NAME}", value):
        return value.lower().rstrip(".")
    raise wrong(f"{shown(value)} is no name of a host", "write it as www.example.org, or *.example.org")


HostPattern = Annotated[
    str, BeforeValidator(_host_pattern), WithJsonSchema({"type": "string", "examples": ["*.example.org"]})
]
"""A name of a host, or all names below one."""
