"""Names to addresses, by the machine's own resolver and hosts file, off the event loop's way."""

import asyncio
import ipaddress
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal, TypeAlias

from slo.config.hosts import HostPort, IPAddress
from slo.errors import Fault

if TYPE_CHECKING:
    import aiodns

IPProtocol: TypeAlias = Literal["ip4", "ip6"]

QUERY_SECONDS = 1.0
"""How long one server is waited for before the next is asked: a dead first server must leave time for the second."""

TRIES = 3

_FAMILIES = MappingProxyType({"ip4": socket.AF_INET, "ip6": socket.AF_INET6})

# Codes of c-ares, by what they say about the name. All others are about our own resolver.
_NO_DATA = 1
_SERVER_FAILURE = 3
_NOT_FOUND = 4
_BAD_NAME = 8


def meant_by(host: str) -> IPAddress | None:
    """The address that a host is, for whoever takes all spellings of one: 2852039166, 0xa9fea9fe, 169.254.169.254.;
    None for a name.
    """
    host = host.rstrip(".")
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        pass
    try:
        return ipaddress.IPv4Address(socket.inet_aton(host))
    except (OSError, UnicodeError):
        return None


@dataclass(frozen=True, kw_only=True, slots=True)
class Services:
    """What SRV records lead to, and for how long that is good; None where nobody says."""

    found: tuple[HostPort, ...] = ()
    ttl_seconds: int | None = None


class Resolver:
    """Asks c-ares, which honours /etc/hosts, /etc/resolv.conf and its changes.

    An answer is asked for again when its TTL has passed, which is c-ares' own doing: no later than a user's machine
    would, and a thousand rounds a second on one name do not flood the servers. Failures of servers are never kept.
    """

    def __init__(self, nameservers: Sequence[str] | None = None) -> None:
        """`nameservers`, as ADDRESS or ADDRESS:PORT, replace those of the machine."""
        import aiodns  # here: loading it takes long, and must not be part of the first round

        self._nameservers = nameservers
        self._channel: aiodns.DNSResolver | None = None

    async def resolve(self, host: str, *, prefer: IPProtocol, fallback: bool) -> tuple[IPAddress, ...]:
        """At most one address of each protocol, the preferred one first; with `fallback`, the other one may follow.

        An address needs no resolving and stands for itself. Raises Fault.
        """
        try:
            return (ipaddress.ip_address(host),)
        except ValueError:
            family = socket.AF_UNSPEC if fallback else _FAMILIES[prefer]
        found: dict[int, IPAddress] = {}
        for address in await self._ask(host, family):
            found.setdefault(address.version, address)
        order = (6, 4) if prefer == "ip6" else (4, 6)
        return tuple(found[version] for version in order if version in found)

    async def services(self, name: str) -> Services:
        """The hosts and ports of the SRV records of a name, none where it has none or is none. Raises Fault."""
        import pycares
        from aiodns.error import DNSError

        try:
            result = await self._resolver().query_dns(name, "SRV")
        except DNSError as error:
            if error.args[0] in {_NO_DATA, _NOT_FOUND}:
                return Services()
            raise _fault_of(error, name) from None
        except UnicodeError:
            raise Fault("dns_nxdomain", detail=f"{name}: no name can be written like that") from None
        found = [
            (HostPort(record.data.target.rstrip("."), record.data.port), record.ttl)
            for record in result.answer
            if isinstance(record.data, pycares.SRVRecordData)
        ]
        ttl_seconds = min((ttl for _, ttl in found), default=None)
        return Services(found=tuple(service for service, _ in found), ttl_seconds=ttl_seconds)

    async def _ask(self, host: str, family: socket.AddressFamily) -> list[IPAddress]:
        from aiodns.error import DNSError

        try:
            answer = await self._resolver().getaddrinfo(host, family=family, type=socket.SOCK_STREAM)
        except DNSError as error:
            raise _fault_of(error, host) from None
        except UnicodeError:  # what IDNA says of a label
            raise Fault("dns_nxdomain", detail=f"{host}: no name can be written like that") from None
        return [ipaddress.ip_address(node.addr[0].decode("ascii")) for node in answer.nodes]

    def _resolver(self) -> "aiodns.DNSResolver":
        import aiodns

        loop = asyncio.get_running_loop()
        if self._channel is None or self._channel.loop is not loop:
            self._channel = aiodns.DNSResolver(self._nameservers, loop, timeout=QUERY_SECONDS, tries=TRIES)
        return self._channel

    async def close(self) -> None:
        """Give the resolver's sockets and thread back."""
        if self._channel is not None:
            await self._channel.close()
            self._channel = None


def _fault_of(error: "aiodns.error.DNSError", host: str) -> Fault:
    code = error.args[0]
    detail = f"{host}: {error.args[-1]}"
    if code == _NOT_FOUND:
        return Fault("dns_nxdomain", detail=detail)
    if code == _NO_DATA:
        return Fault("dns_no_address", detail=detail)
    if code == _SERVER_FAILURE:
        return Fault("dns_servfail", detail=detail)
    if code == _BAD_NAME:
        return Fault("dns_nxdomain", detail=f"{host}: no name can be written like that")
    return Fault("resolver_down", detail=detail)
