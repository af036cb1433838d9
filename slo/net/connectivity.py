"""Whether this machine has a way to an address: our own network gone is no fault of a target."""

import errno
import fcntl
import ipaddress
import socket
import struct
from collections.abc import Iterator
from pathlib import Path

from slo.config.hosts import IPAddress

_DISCARD_PORT = 9
_SIOCGIFFLAGS = 0x8913
_SIOCGIFADDR = 0x8915
_IFF_LOOPBACK = 0x8
_IFF_RUNNING = 0x40
_IPV6_ADDRESSES = Path("/proc/net/if_inet6")


class Connectivity:
    """Asks the kernel, without sending a packet. It cannot see a network that is broken beyond the first cable."""

    def up(self) -> bool:
        """Whether any interface but the loopback has its carrier and an address that others can answer to."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
            return any(
                _flags(asking, interface) & (_IFF_RUNNING | _IFF_LOOPBACK) == _IFF_RUNNING
                for interface, address in _interfaces(asking)
                if not address.is_link_local
            )

    def routed(self, address: IPAddress) -> bool:
        """Whether there is a route to `address`."""
        return _source_for(address) is not None

    def reaches(self, address: IPAddress) -> bool:
        """Whether there is a route to `address`, over an interface that has its carrier."""
        source = _source_for(address)
        if source is None or source == address:
            return source is not None
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
            for interface, own in _interfaces(asking):
                if own == source:
                    return bool(_flags(asking, interface) & _IFF_RUNNING)
        return True  # a second address of an interface: there is a route, and no more can be told


def socket_name(address: IPAddress, port: int) -> tuple[str, int] | tuple[str, int, int, int]:
    """An address as sockets take it: a link-local one has its interface apart. Raises OSError for no interface."""
    if isinstance(address, ipaddress.IPv4Address):
        return str(address), port
    return str(address).partition("%")[0], port, 0, _interface(address.scope_id or "0")


def _interface(zone: str) -> int:
    """The number of an interface, by its number or name."""
    try:
        return int(zone) if zone.isdecimal() else socket.if_nametoindex(zone)
    except OSError:  # which has no number of its own
        raise OSError(errno.ENODEV, f"there is no interface {zone}") from None


def _source_for(address: IPAddress) -> IPAddress | None:
    """The address that packets to `address` would come from; None without a route. Connecting UDP sends nothing."""
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as asking:
            asking.connect(socket_name(address, _DISCARD_PORT))
            return ipaddress.ip_address(asking.getsockname()[0].partition("%")[0])
    except OSError:
        return None


def _interfaces(asking: socket.socket) -> Iterator[tuple[str, IPAddress]]:
    """Every interface with its first IPv4 address and its IPv6 addresses."""
    for _, name in socket.if_nameindex():
        try:
            answer = fcntl.ioctl(asking, _SIOCGIFADDR, struct.pack("16sH14x", name.encode(), socket.AF_INET))
        except OSError:  # it has no IPv4 address
            continue
        yield name, ipaddress.IPv4Address(answer[20:24])
    try:
        rows = _IPV6_ADDRESSES.read_text(encoding="ascii").splitlines()
    except OSError:  # a kernel without IPv6
        return
    for row in rows:
        packed, _, _, _, _, name = row.split()
        yield name, ipaddress.IPv6Address(bytes.fromhex(packed))


def _flags(asking: socket.socket, interface: str) -> int:
    """The flags of an interface (IFF_*); none where it is just gone."""
    try:
        answer = fcntl.ioctl(asking, _SIOCGIFFLAGS, struct.pack("16sH14x", interface.encode(), 0))
    except OSError:
        return 0
    flags: int = struct.unpack("16sH14x", answer)[1]
    return flags
