"""Hosts without a port, or with one that need not be written, and IP addresses."""

import ipaddress
import re
from dataclasses import dataclass
from typing import Annotated, TypeAlias

from pydantic import BeforeValidator, GetCoreSchemaHandler, GetJsonSchemaHandler, WithJsonSchema
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from slo.config.addresses import HostPort
from slo.config.wrong import shown, wrong

_NAME = re.compile(r"[^\s:/@\[\]?#]+")


def _host_of(text: str) -> str:
    """A name, or an IPv6 address with or without its brackets. Raises ValueError."""
    if _NAME.fullmatch(text):
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
