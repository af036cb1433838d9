"""One connection over TCP, plain or with TLS, for somebody who is called back with what arrives.

TLS runs here, over memory, rather than in the event loop: that tells connecting from shaking hands, and leaves us the
certificate of a handshake that failed.
"""

import asyncio
import contextlib
import socket
import ssl
from typing import Protocol, cast

from slo.config.hosts import IPAddress
from slo.errors import Fault
from slo.net.certificate import Handshake, handshake_of
from slo.net.socket_faults import fault_of, fault_of_socket, source_of
from slo.net.tls import handshake_fault

READ_BYTES = 65_536
PIECE_BYTES = 16_384
"""How much of what arrives is taken in one turn of the event loop, which reads a quarter of a megabyte at a time."""

LINGER_SECONDS = 1.0
"""How long the last bytes of ours may take to leave before the connection is cut."""


class Receiver(Protocol):
    """Who is told what arrives on a connection. Neither call may raise."""

    def received(self, data: bytes) -> bool | None:
        """Bytes arrived, decrypted.

        True where there is still work to do with them: before any others, none (b"") are told in another turn of the
        event loop, again and again until there is not.
        """

    def closed(self, error: Exception | None) -> None:
        """No more will arrive: the other side closed (no error), or the connection broke."""


class Connection(asyncio.Protocol):
    """Made by `connect`. Its owner calls `close` or `abort` in the end; the latter may be called at any time."""

    __slots__ = ("_busy", "_ended", "_incoming", "_loop", "_outgoing", "_receiver", "_shaken", "_tls", "_transport")

    def __init__(self, receiver: Receiver, loop: asyncio.AbstractEventLoop, *, secure: bool) -> None:
        """With `secure`, what arrives before `start_tls` is part of the handshake, and never reaches the receiver."""
        self._receiver = receiver
        self._loop = loop
        self._busy = False
        self._ended = False
        self._transport: asyncio.Transport | None = None
        self._incoming = ssl.MemoryBIO() if secure else None
        self._outgoing = ssl.MemoryBIO() if secure else None
        self._tls: ssl.SSLObject | None = None
        self._shaken: asyncio.Future[Fault | None] | None = None

    async def start_tls(self, context: ssl.SSLContext, server_name: str | None) -> None:
        """Shake hands. Raises Fault; `handshake` tells of the other side in either case."""
        self._incoming = self._incoming or ssl.MemoryBIO()
        self._outgoing = self._outgoing or ssl.MemoryBIO()
        try:
            self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=server_name)
        except ValueError:  # a UnicodeError too
            raise Fault("tls_hostname", detail=f"no certificate can be for {server_name!r}") from None
        self._shaken = self._loop.create_future()
        if self._ended:
            raise Fault("tls_reset", detail="closed before the handshake")
        self._shake(self._tls, self._shaken)
        if fault := await self._shaken:
            raise fault

    @property
    def handshake(self) -> Handshake | None:
        """What the TLS handshake showed; None before one."""
        if self._tls is None or self._shaken is None:
            return None
        succeeded = self._shaken.done() and not self._shaken.cancelled() and self._shaken.result() is None
        return handshake_of(self._tls, trusted=succeeded and self._tls.context.verify_mode is ssl.CERT_REQUIRED)

    @property
    def protocol(self) -> str:
        """The protocol that was agreed on in the TLS handshake, of those that were offered; empty without one."""
        return (self._tls.selected_alpn_protocol() or "") if self._tls is not None else ""

    def write(self, data: bytes) -> None:
        """Send bytes, in the background; an error arrives at the receiver."""
        if self._transport is None or self._ended:
            return
        if self._tls is None:
            self._transport.write(data)
            return
        try:
            self._tls.write(data)
        except ssl.SSLError as error:
            self._end(handshake_fault(error))
        self._flush()

    def take_leave(self) -> None:
        """Tell the other side, over TLS, that we have said all, and go on hearing what it says until it closes."""
        if self._tls is not None and not self._ended:
            with contextlib.suppress(ssl.SSLError, ValueError):  # it wants the other side's goodbye, which comes later
                self._tls.unwrap()
            self._flush()

    def close(self) -> None:
        """End the connection politely, without waiting for the other side."""
        if self._transport is None:
            return
        self.take_leave()
        self._ended = True
        self._transport.close()
        if self._transport.get_write_buffer_size():
            self._loop.call_later(LINGER_SECONDS, self._transport.abort)

    def abort(self) -> None:
        """Cut the connection; what was not sent yet is lost."""
        self._ended = True
        if self._transport is not None:
            self._transport.abort()

    # What the event loop calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        transport = self._transport
        if transport is None:
            return
        self._take(data[:PIECE_BYTES])
        if (self._busy or len(data) > PIECE_BYTES) and not self._ended and not transport.is_closing():
            transport.pause_reading()
            self._loop.call_soon(self._take_in_turn, transport, data, PIECE_BYTES)

    def _take_in_turn(self, transport: asyncio.Transport, data: bytes, begin: int) -> None:
        """Take what is more than one piece one by one, with all others in between, and only then read on.

        While the receiver is busy with a piece it gets no other.
        """
        if self._busy:
            self._take_on()
        else:
            end = begin + PIECE_BYTES
            self._take(data[begin:end])
            begin = end
        if self._ended or transport.is_closing():
            return
        if self._busy or begin < len(data):
            self._loop.call_soon(self._take_in_turn, transport, data, begin)
        else:
            with contextlib.suppress(RuntimeError):  # uvloop's word where connecting was cancelled meanwhile
                transport.resume_reading()

    def _take(self, data: bytes) -> None:
        if self._ended:
            return
        if self._incoming is None:
            self._busy = bool(self._receiver.received(data))
            return
        self._incoming.write(data)
        if self._tls is None or self._shaken is None:
            return
        if not self._shaken.done():
            self._shake(self._tls, self._shaken)
        if self._shaken.done() and not self._ended:
            self._decrypt(self._tls)

    def _take_on(self) -> None:
        """Let the receiver work on what it has."""
        if self._ended:
            return
        self._busy = bool(self._receiver.received(b""))
        if self._tls is not None and not self._busy:
            self._decrypt(self._tls)

    def eof_received(self) -> None:
        self._end(None)

    def connection_lost(self, error: Exception | None) -> None:
        self._end(error)

    # TLS

    def _shake(self, tls: ssl.SSLObject, shaken: asyncio.Future[Fault | None]) -> None:
        try:
            tls.do_handshake()
        except ssl.SSLWantReadError:
            self._flush()
            return
        except (ssl.SSLError, ssl.CertificateError) as error:
            fault: Fault | None = handshake_fault(error)
            self._ended = True  # what still arrives is nobody's
        else:
            fault = None
        self._flush()  # in a failure the alert for the other side, which says why
        shaken.set_result(fault)

    def _decrypt(self, tls: ssl.SSLObject) -> None:
        """Hand on what can be decrypted, until the receiver is busy with it."""
        try:
            while not self._ended and (data := tls.read(READ_BYTES)):
                self._busy = bool(self._receiver.received(data))
                if self._busy:
                    return
        except ssl.SSLWantReadError:
            self._flush()
            return
        except ssl.SSLZeroReturnError:
            pass
        except ssl.SSLError as error:
            self._end(handshake_fault(error))
            return
        self._end(None)

    def _flush(self) -> None:
        if self._transport is not None and self._outgoing is not None and (data := self._outgoing.read()):
            self._transport.write(data)

    def _end(self, error: Exception | None) -> None:
        """Tell once whoever waits that nothing more comes."""
        if self._ended:
            return
        self._ended = True
        if self._shaken is not None and not self._shaken.done():
            self._shaken.set_result(Fault("tls_reset", detail=str(error or "closed by the other side")))
        else:
            self._receiver.closed(error)


async def connect(
    receiver: Receiver, address: IPAddress, port: int, *, secure: bool, source: IPAddress | None = None
) -> Connection:
    """A new connection; `secure` when its owner will call `start_tls` first of all, `source` where it comes from.

    Raises Fault; an error without a reason of its own comes as it is.
    """
    loop = asyncio.get_running_loop()
    local = source_of(address, source)
    try:
        _, connection = await loop.create_connection(
            lambda: Connection(receiver, loop, secure=secure), str(address), port, local_addr=local
        )
    except OSError as error:
        raise fault_of(error, f"{address} port {port}", source=source) from error
    return connection


async def connect_socket(receiver: Receiver, path: str, *, secure: bool) -> Connection:
    """A new connection to a socket in the file system, as `connect` makes one. Raises Fault."""
    loop = asyncio.get_running_loop()
    try:
        _, connection = await loop.create_unix_connection(
            lambda: Connection(receiver, loop, secure=secure), sock=_connected(path)
        )
    except OSError as error:
        raise fault_of_socket(error, path) from error
    return connection


def _connected(path: str) -> socket.socket:
    """A socket, connected at once or not at all: asyncio would take one whose queue is full for connected.

    Raises OSError.
    """
    connecting = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    try:
        connecting.connect(path)
    except OSError:
        connecting.close()
        raise
    return connecting
