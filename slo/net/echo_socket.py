"""A socket of the kernel for ICMP echoes: an unprivileged one where that is permitted, else a raw one."""

import errno
import ipaddress
import os
import secrets
import socket
import struct
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from slo.config.hosts import IPAddress
from slo.errors import Fault
from slo.net.connectivity import socket_name
from slo.net.icmp import (
    ECHO_REPLY,
    TIME_EXCEEDED,
    TOO_LARGE,
    UNREACHABLE,
    Echo,
    IPVersion,
    Trouble,
    echo_request,
    read_reply,
    read_trouble,
    trouble_of,
)
from slo.net.socket_faults import fault_of, source_of

# Not in Python's module; from Linux' include/uapi/linux/in.h, in6.h, icmp.h, icmpv6.h and errqueue.h.
_IP_MTU_DISCOVER = 10
_IP_PMTUDISC_PROBE = 3
_IP_RECVERR = 11
_IP_RECVTTL = 12
_IPV6_RECVERR = 25
_SOL_RAW = 255
_ICMP_FILTER = 1
_ICMP6_FILTER = 1
_EXTENDED_ERROR = struct.Struct("=IBBBxII")  # number, origin, type, code, two more
_FROM_OTHERS = frozenset({2, 3})  # SO_EE_ORIGIN_ICMP, SO_EE_ORIGIN_ICMP6

_HOP_LIMITS = frozenset({(socket.IPPROTO_IP, socket.IP_TTL), (socket.IPPROTO_IPV6, socket.IPV6_HOPLIMIT)})
_ERRORS = frozenset({(socket.IPPROTO_IP, _IP_RECVERR), (socket.IPPROTO_IPV6, _IPV6_RECVERR)})

_LARGEST = 65_535
_ANCILLARY_BYTES = 256
_BUFFER_BYTES = 4_000_000
_AT_ONCE = 100
"""How many packets are read before others have their turn."""

_PROTOCOLS = {4: socket.IPPROTO_ICMP, 6: socket.IPPROTO_ICMPV6}
_FAMILIES = {4: socket.AF_INET, 6: socket.AF_INET6}
_NO_SUCH_SOCKET = frozenset({errno.EACCES, errno.EPERM, errno.EAFNOSUPPORT, errno.EPROTONOSUPPORT})


Ancillary: TypeAlias = tuple[int, int, bytes]


@dataclass(frozen=True, kw_only=True, slots=True)
class Way:
    """How echo requests are sent. `dont_fragment` is of IPv4 alone: no router takes a packet of IPv6 apart."""

    version: IPVersion
    source: IPAddress | None = None
    dont_fragment: bool = False
    ttl: int = 64


@dataclass(frozen=True, kw_only=True, slots=True)
class Reply:
    """A reply, from whom, and the hop limit (IPv6) or TTL (IPv4) that it came with, where the kernel says it."""

    sender: IPAddress
    echo: Echo
    hop_limit: int | None


class EchoSocket:
    """Sends requests of one way, and hears replies and errors, all by `identity`.

    The kernel gives an unprivileged socket its identity, puts it into every request, and hands out only what comes back
    with it; a raw socket hears everything of ICMP, and has one of its own making.
    """

    def __init__(self, way: Way) -> None:
        """Raises Fault."""
        anywhere = ipaddress.ip_address("0.0.0.0" if way.version == 4 else "::")  # noqa: S104 - it is where to send from
        local = source_of(anywhere, way.source) or (str(anywhere), 0)
        self._version = way.version
        self._socket, self._raw = _open(way.version)
        try:
            self._prepare(way)
            self._socket.bind(local)
        except OSError as error:
            self._socket.close()
            raise fault_of(error, f"ICMP over IPv{way.version}", source=way.source) from error
        self.identity = secrets.randbelow(1 << 16) if self._raw else self._socket.getsockname()[1]

    def _prepare(self, way: Way) -> None:
        setting = self._socket.setsockopt
        setting(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER_BYTES)
        if way.version == 4:
            setting(socket.IPPROTO_IP, socket.IP_TTL, way.ttl)
            setting(socket.IPPROTO_IP, _IP_RECVTTL, 1)
            if way.dont_fragment:
                setting(socket.IPPROTO_IP, _IP_MTU_DISCOVER, _IP_PMTUDISC_PROBE)
        else:
            setting(socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS, way.ttl)
            setting(socket.IPPROTO_IPV6, socket.IPV6_RECVHOPLIMIT, 1)
        if self._raw:
            self._filter()
        elif way.version == 4:
            setting(socket.IPPROTO_IP, _IP_RECVERR, 1)
        else:
            setting(socket.IPPROTO_IPV6, _IPV6_RECVERR, 1)

    def _filter(self) -> None:
        """Hear only what may be an answer: on a busy machine, and of ourselves, there is much else."""
        version = self._version
        wanted = {ECHO_REPLY[version], UNREACHABLE[version], TIME_EXCEEDED[version]}
        if version == 4:
            mask = ~sum(1 << kind for kind in wanted) & 0xFFFFFFFF
            self._socket.setsockopt(_SOL_RAW, _ICMP_FILTER, struct.pack("=I", mask))
        else:
            words = [0xFFFFFFFF] * 8
            for kind in wanted | {TOO_LARGE}:
                words[kind >> 5] &= ~(1 << (kind & 31))
            self._socket.setsockopt(socket.IPPROTO_ICMPV6, _ICMP6_FILTER, struct.pack("=8I", *words))

    def fileno(self) -> int:
        """For the selector."""
        return self._socket.fileno()

    def close(self) -> None:
        """Give the socket back."""
        self._socket.close()

    def send(self, address: IPAddress, sequence: int, payload: bytes) -> list[Trouble]:
        """Send a request. Returns the errors of other requests that were met on the way. Raises Fault.

        The kernel tells of such an error at whatever call comes next, which then sends nothing.
        """
        packet = echo_request(self._version, Echo(identity=self.identity, sequence=sequence, payload=payload))
        met: list[Trouble] = []
        while True:
            try:
                self._socket.sendto(packet, socket_name(address, 0))
            except OSError as error:
                if error.errno == errno.EMSGSIZE:
                    detail = f"{len(payload)} bytes do not leave this machine in one piece"
                    raise Fault("echo_too_large", detail=detail) from error
                foreign = list(self._troubles())
                met += foreign
                if not foreign or len(met) > _AT_ONCE:
                    raise fault_of(error, str(address)) from error
            else:
                return met

    def heard(self) -> Iterator[Reply | Trouble]:
        """What has arrived and may be an answer to a request of ours; not all at once where there is much."""
        for _ in range(_AT_ONCE):
            try:
                data, ancillary, _, sender = self._socket.recvmsg(_LARGEST, _ANCILLARY_BYTES)
            except OSError:  # nothing is there, or an error that belongs to a request, and waits in the other queue
                break
            if found := self._read(data, ancillary, _address_of(sender)):
                yield found
        yield from self._troubles()

    def _read(self, data: bytes, ancillary: Sequence[Ancillary], sender: IPAddress) -> Reply | Trouble | None:
        if self._raw and self._version == 4 and data:  # it has its IP header on
            data = data[(data[0] & 0x0F) * 4 :]
        echo = read_reply(self._version, data)
        if echo is None:
            return read_trouble(self._version, data, str(sender))
        limits = [
            int.from_bytes(value, sys.byteorder) for level, kind, value in ancillary if (level, kind) in _HOP_LIMITS
        ]
        return Reply(sender=sender, echo=echo, hop_limit=limits[0] if limits else None)

    def _troubles(self) -> Iterator[Trouble]:
        """The errors that the kernel keeps for an unprivileged socket, each with the request that it is about."""
        for _ in range(_AT_ONCE):
            try:
                request, ancillary, _, target = self._socket.recvmsg(_LARGEST, _ANCILLARY_BYTES, socket.MSG_ERRQUEUE)
            except OSError:
                return
            for level, kind, value in ancillary:
                if (level, kind) in _ERRORS and len(value) >= _EXTENDED_ERROR.size:
                    _, origin, type_, code, _, _ = _EXTENDED_ERROR.unpack_from(value)
                    offender = self._offender(value[_EXTENDED_ERROR.size :])
                    found = trouble_of(self._version, type_, code, offender, _address_of(target), request)
                    if origin in _FROM_OTHERS and found is not None:
                        yield found

    def _offender(self, structure: bytes) -> str:
        """Who sent an error: a sockaddr of C."""
        start, size = (4, 4) if self._version == 4 else (8, 16)
        packed = structure[start : start + size]
        return str(ipaddress.ip_address(packed)) if len(packed) == size else "somebody"


def _address_of(name: tuple[Any, ...]) -> IPAddress:
    return ipaddress.ip_address(name[0].partition("%")[0])


def _open(version: IPVersion) -> tuple[socket.socket, bool]:
    """A socket, and whether it is a raw one. Raises Fault."""
    for kind in (socket.SOCK_DGRAM, socket.SOCK_RAW):
        try:
            opened = socket.socket(_FAMILIES[version], kind | socket.SOCK_NONBLOCK, _PROTOCOLS[version])
        except OSError as error:
            if error.errno not in _NO_SUCH_SOCKET:
                raise fault_of(error, f"ICMP over IPv{version}") from error
        else:
            return opened, kind == socket.SOCK_RAW
    mend = f"let net.ipv4.ping_group_range take in the group {os.getegid()}, or give the process CAP_NET_RAW"
    raise Fault("no_icmp_socket", detail=f"over IPv{version}: {mend}")
