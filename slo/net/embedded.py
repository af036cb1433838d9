"""Addresses of IPv4 inside those of IPv6: in the end another one may be connected to than the one that is written."""

import ipaddress
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address

from slo.config.hosts import IPAddress

_LAST_BITS = tuple(
    ipaddress.IPv6Network(network)
    for network in (
        "::ffff:0:0/96",  # IPv4-mapped, RFC 4291: sockets of IPv6 speak IPv4 with it
        "::ffff:0:0:0/96",  # IPv4-translated, RFC 2765
        "::/96",  # IPv4-compatible, RFC 4291
        "64:ff9b::/96",  # NAT64, RFC 6052
    )
)
"""Where the last 32 bits are the address of IPv4."""

_OF_IPV6 = frozenset({IPv6Address("::"), IPv6Address("::1")})
"""Nobody and this machine: among the IPv4-compatible ones, and none of them."""

_LOCAL_NAT64 = ipaddress.IPv6Network("64:ff9b:1::/48")
"""NAT64 of a network's own, RFC 8215. Only its gateway knows how long its prefix is, so where the address stands."""

_NOBODY = ipaddress.IPv4Network("0.0.0.0/8")
"""What zeros read as, where they only fill up an address."""

_ISATAP = frozenset({0x0000_5EFE, 0x0200_5EFE})
"""What stands before the address of IPv4 in an interface identifier of ISATAP, RFC 5214."""


def embedded(address: IPAddress) -> frozenset[IPv4Address]:
    """The addresses of IPv4 that an address of IPv6 may lead to, by every convention; none for most."""
    return frozenset(_embedded(address) if isinstance(address, IPv6Address) else ())


def _embedded(address: IPv6Address) -> Iterator[IPv4Address]:
    number = int(address)
    plain = IPv6Address(number)  # without its zone
    if plain not in _OF_IPV6 and any(plain in network for network in _LAST_BITS):
        yield _last_bits(number)
    if plain in _LOCAL_NAT64:
        yield from (each for each in map(IPv4Address, _readings(number)) if each not in _NOBODY)
    if plain.sixtofour is not None:
        yield plain.sixtofour
    if plain.teredo is not None:
        yield from plain.teredo  # the server, and the client behind it
    if number >> 32 & 0xFFFF_FFFF in _ISATAP:
        yield _last_bits(number)


def _last_bits(number: int) -> IPv4Address:
    return IPv4Address(number & 0xFFFF_FFFF)


def _readings(number: int) -> Iterator[int]:
    """The four places after prefixes of 48, 56, 64 and 96 bits; bits 64 to 71 are left out, RFC 6052, 2.2."""
    without = (number >> 64 << 56) | (number & (1 << 56) - 1)
    for prefix in (48, 56, 64):
        yield without >> 120 - prefix - 32 & 0xFFFF_FFFF
    yield number & 0xFFFF_FFFF
