"""Datagrams over UDP, to and from one peer."""

import asyncio
import socket
from types import TracebackType
from typing import Self

from slo.config.hosts import IPAddress
from slo.net.connectivity import socket_name
from slo.net.socket_faults import fault_of, source_of

_LARGEST = 65_535


class Datagrams:
    """A socket that is connected to one peer, for the length of a `with`.

    What others send is dropped by the kernel, which also tells when nothing listens at the peer's port.
    """

    def __init__(self, address: IPAddress, port: int, *, source: IPAddress | None = None) -> None:
        """Sends nothing. Raises Fault."""
        self._place = f"{address} port {port}"
        local = source_of(address, source)
        family = socket.AF_INET if address.version == 4 else socket.AF_INET6
        try:
            self._socket = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        except OSError as error:
            raise fault_of(error, self._place) from error
        try:
            if local is not None:
                self._socket.bind(local)
            self._socket.connect(socket_name(address, port))
        except OSError as error:
            self._socket.close()
            raise fault_of(error, self._place, source=source) from error

    def send(self, data: bytes) -> None:
        """Send one datagram. Raises Fault."""
        try:
            self._socket.send(data)
        except OSError as error:
            raise fault_of(error, self._place) from error

    async def receive(self) -> bytes:
        """The next datagram. Raises Fault."""
        await asyncio.sleep(0)  # where more is waiting than can be read, nothing else would ever run
        try:
            return await asyncio.get_running_loop().sock_recv(self._socket, _LARGEST)
        except OSError as error:
            raise fault_of(error, self._place) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._socket.close()
