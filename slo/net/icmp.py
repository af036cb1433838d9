"""ICMP packets: echo requests as they are sent, and what the answers to them say. RFC 792 and RFC 4443."""

import ipaddress
import struct
from dataclasses import dataclass
from typing import Literal, TypeAlias

from slo.config.hosts import IPAddress

HEADER_BYTES = 8

IPVersion: TypeAlias = Literal[4, 6]

ECHO_REQUEST = {4: 8, 6: 128}
ECHO_REPLY = {4: 0, 6: 129}
UNREACHABLE = {4: 3, 6: 1}
TOO_LARGE = 2
"""Of ICMPv6; IPv4 has a code of unreachable for it."""

TIME_EXCEEDED = {4: 11, 6: 3}

_FRAGMENTATION_NEEDED = 4
_ICMP = {4: 1, 6: 58}
_IPV6_HEADER_BYTES = 40

_UNREACHABLE_BY = {
    4: {
        0: "the network",
        1: "the host",
        2: "the protocol",
        3: "the port",
        9: "the network",
        10: "the host",
        13: "what is forbidden",
    },
    6: {0: "the network", 1: "what is forbidden", 3: "the host", 4: "the port"},
}
"""What cannot be reached, by the code; other codes are said by their number."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Echo:
    """The part that a request and its reply have in common."""

    identity: int
    sequence: int
    payload: bytes


@dataclass(frozen=True, kw_only=True, slots=True)
class Trouble:
    """An error that a router, or the target, sent about a request of ours to `target`: its reason and what it says."""

    identity: int
    sequence: int
    target: IPAddress
    reason: str
    detail: str


def echo_request(version: IPVersion, echo: Echo) -> bytes:
    """The packet. The checksum of IPv6 is the kernel's to make: it covers addresses that only it knows."""
    packet = struct.pack("!BBHHH", ECHO_REQUEST[version], 0, 0, echo.identity, echo.sequence) + echo.payload
    return packet if version == 6 else packet[:2] + struct.pack("!H", _checksum(packet)) + packet[4:]


def read_reply(version: IPVersion, packet: bytes) -> Echo | None:
    """The echo of a reply; None for any other packet."""
    if len(packet) < HEADER_BYTES or packet[0] != ECHO_REPLY[version] or packet[1] != 0:
        return None
    identity, sequence = struct.unpack_from("!HH", packet, 4)
    return Echo(identity=identity, sequence=sequence, payload=packet[HEADER_BYTES:])


def read_trouble(version: IPVersion, packet: bytes, sender: str) -> Trouble | None:
    """The error in a packet from `sender` that quotes a request; None for any other packet."""
    if len(packet) < HEADER_BYTES:
        return None
    quoted = packet[HEADER_BYTES:]
    found = _quoted_ipv4(quoted) if version == 4 else _quoted_ipv6(quoted)
    return trouble_of(version, packet[0], packet[1], sender, *found) if found else None


def trouble_of(
    version: IPVersion, kind: int, code: int, sender: str, target: IPAddress, request: bytes
) -> Trouble | None:
    """The error of a type and a code about this request, of which the end may be missing; None where it is none."""
    said = _meaning(version, kind, code)
    if said is None or len(request) < HEADER_BYTES or request[0] != ECHO_REQUEST[version]:
        return None
    identity, sequence = struct.unpack_from("!HH", request, 4)
    reason, what = said
    detail = f"{sender} says: {what}"
    return Trouble(identity=identity, sequence=sequence, target=target, reason=reason, detail=detail)


def _meaning(version: IPVersion, kind: int, code: int) -> tuple[str, str] | None:
    """Reason and sentence."""
    if (version, kind) == (6, TOO_LARGE) or (version, kind, code) == (4, UNREACHABLE[4], _FRAGMENTATION_NEEDED):
        return "echo_too_large", "the packet is too large for the next part of the way"
    if kind == UNREACHABLE[version]:
        return (
            "connect_unreachable",
            f"{_UNREACHABLE_BY[version].get(code, f'what code {code} stands for')} cannot be reached",
        )
    if kind == TIME_EXCEEDED[version] and code == 0:
        return "echo_ttl", "the packet has passed as many routers as it may"
    return None


def _quoted_ipv4(quoted: bytes) -> tuple[IPAddress, bytes] | None:
    """Where a quoted packet was going to, and the ICMP in it; None where that is not its beginning."""
    header = (quoted[0] & 0x0F) * 4 if quoted else 0
    if len(quoted) < header + HEADER_BYTES or header < 20 or quoted[9] != _ICMP[4]:
        return None
    if int.from_bytes(quoted[6:8]) & 0x1FFF:  # a later fragment
        return None
    return ipaddress.IPv4Address(quoted[16:20]), quoted[header:]


def _quoted_ipv6(quoted: bytes) -> tuple[IPAddress, bytes] | None:
    if len(quoted) < _IPV6_HEADER_BYTES + HEADER_BYTES or quoted[6] != _ICMP[6]:
        return None
    return ipaddress.IPv6Address(quoted[24:40]), quoted[_IPV6_HEADER_BYTES:]


def _checksum(packet: bytes) -> int:
    """The checksum of RFC 1071 over a packet whose own field is 0."""
    even = packet + b"\0" * (len(packet) % 2)
    total: int = sum(struct.unpack(f"!{len(even) // 2}H", even))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF
