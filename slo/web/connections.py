"""The connections of the server: how many there may be, and whose go when there are too many.

Vendors reach `/webhooks/` from anywhere, so anybody may open connections and send nothing, or a byte a second. That
must shut out neither Prometheus nor an engineer. Where there are too many, one goes that waits for its client: of the
address that has the most, the one that waits longest. So whoever takes them all up pushes out himself, from however
many addresses; a client that sends its request at once is never the one that waits longest.
"""

import asyncio
import ipaddress
import logging
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import cast

from aiohttp import web

from slo.exposition.process_catalogue import ProcessTelemetry
from slo.exposition.sparing import Sparing
from slo.web.express import ExpressLane
from slo.web.switch import Switch

TOLD_EVERY_SECONDS = 60.0
"""How often the log hears of connections that go: whoever floods us must not fill the disk."""

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

logger = logging.getLogger(__name__)


class Connections:
    """The connections of one server, at most `most` of them.

    A request must be there with all its headers within `head_seconds`, from the beginning of the connection or from its
    own first byte on. A connection that never left the `lane` is closed after `silence_seconds` without a request.
    """

    def __init__(
        self, *, most: int, head_seconds: float, silence_seconds: float, lane: ExpressLane, telemetry: ProcessTelemetry
    ) -> None:
        self.head_seconds = head_seconds
        self._silence_seconds = silence_seconds
        self._lane = lane
        self._most = most
        self._telemetry = telemetry
        self._open: dict[asyncio.BaseProtocol, _Connection] = {}
        self._log = Sparing(logger, every_seconds=TOLD_EVERY_SECONDS)
        telemetry.http_connections.set_function(lambda: len(self._open))

    def new(self, framework: asyncio.Protocol) -> asyncio.Protocol:
        """What a connection that comes now is given to; `framework` speaks HTTP on it."""
        connection = _Connection(framework, self)
        connection.inner = Switch(framework, self._lane, connection, silence_seconds=self._silence_seconds)
        return connection

    async def close(self, seconds: float) -> None:
        """End those that are on the lane; what is under way there has so long to be answered."""
        answering = [task for each in [*self._open.values()] if (task := each.inner.finish()) is not None]
        if answering:
            _, late = await asyncio.wait(answering, timeout=seconds)
            for task in late:
                task.cancel()

    @web.middleware
    async def occupied(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Handle a request; while we work on it, its connection does not wait for its client."""
        connection = self._open.get(request.protocol)
        if connection is None:  # it is lost
            return await handler(request)
        connection.begin(request)
        try:
            return await handler(request)
        finally:
            connection.end()

    def take(self, connection: "_Connection") -> bool:
        """Take in one that was made, in place of another where there are too many; whether there was room."""
        if len(self._open) >= self._most:
            leaves = self._dispensable(connection.address)
            if leaves is None:
                self.note("refused", connection.address)
                return False
            leaves.cut("displaced")
        self._open[connection.framework] = connection
        return True

    def leave(self, connection: "_Connection") -> None:
        """It is closed."""
        self._open.pop(connection.framework, None)

    def note(self, reason: str, address: str) -> None:
        """Count one that had to go: `slow`, `displaced` by another, or `refused`, since all were at work."""
        self._telemetry.http_connections_cut.labels(reason).inc()
        self._log.tell(logging.WARNING, "connections are cut", key=reason, extra={"reason": reason, "address": address})

    def _dispensable(self, newcomer: str) -> "_Connection | None":
        """The one that goes for a newcomer; None where all are at work."""
        held = Counter(connection.address for connection in self._open.values())
        held[newcomer] += 1
        return max(
            (connection for connection in self._open.values() if connection.waits),
            key=lambda connection: (held[connection.address], -connection.since),
            default=None,
        )


class _Connection(asyncio.Protocol):
    """One connection: hands on everything to what speaks HTTP, and knows whether it waits for its client.

    `since` is when it began, or ended its last request. `address` is whose it is: of IPv6 the network, since everybody
    has as many addresses in it as he likes.
    """

    inner: Switch

    def __init__(self, framework: asyncio.Protocol, connections: Connections) -> None:
        self.framework = framework
        self.address = ""
        self.since = 0.0
        self._connections = connections
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._at_work = False
        self._ahead = False
        self._request: web.Request | None = None
        self._head: asyncio.TimerHandle | None = None

    @property
    def waits(self) -> bool:
        """Whether it is its client's turn: no request is there, or not the whole of one, or an answer is not read."""
        return not self._at_work or (self._request is not None and not self._request.content.is_eof())

    def begin(self, request: web.Request | None = None) -> None:
        """A request is there with all its headers; on the lane it is whole."""
        self._at_work, self._request = True, request
        self._ahead = False
        self._disarm()

    def end(self) -> None:
        """The request is answered."""
        self._at_work, self._request = False, None
        self.since = self._loop.time()
        if self._ahead and self._head is None and self._transport is not None:
            self._arm()

    def cut(self, reason: str) -> None:
        """End it now, whatever is under way."""
        self._connections.leave(self)
        self._connections.note(reason, self.address)
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self.address = _whose(self._transport.get_extra_info("peername"))
        self.since = self._loop.time()
        if not self._connections.take(self):
            _turn_away(self._transport)
            self._transport = None
            return
        self._arm()
        self.inner.connection_made(transport)

    def data_received(self, data: bytes) -> None:
        if self._transport is None:
            return
        self._ahead = self._at_work and not self.waits  # else it is of the body
        self.inner.data_received(data)
        if not self._at_work and self._head is None:
            self._arm()

    def eof_received(self) -> bool | None:
        return self.inner.eof_received() if self._transport else None

    def pause_writing(self) -> None:
        if self._transport:
            self.inner.pause_writing()

    def resume_writing(self) -> None:
        if self._transport:
            self.inner.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._transport is None:
            return
        self._transport = None
        self._disarm()
        self._connections.leave(self)
        self.inner.connection_lost(exc)

    def _arm(self) -> None:
        self._head = self._loop.call_later(self._connections.head_seconds, self._too_slow)

    def _disarm(self) -> None:
        if self._head is not None:
            self._head.cancel()
            self._head = None

    def _too_slow(self) -> None:
        """The headers are not there. Those of a request that was sent ahead have time until the answer is read."""
        self._head = None
        if self._transport is not None and self._transport.get_write_buffer_size():
            self._arm()
        elif not self._at_work:
            self.cut("slow")


def _whose(peer: object) -> str:
    """Whose address it is; of IPv6 the network of 64 bits. Empty where the client is gone already."""
    if not isinstance(peer, tuple) or not peer:
        return ""
    address = ipaddress.ip_address(str(peer[0]).partition("%")[0])
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    if address.ipv4_mapped:
        return str(address.ipv4_mapped)
    return str(ipaddress.ip_network((address, 64), strict=False))


def _turn_away(transport: asyncio.Transport) -> None:
    """Say that there are too many."""
    transport.write(
        b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nRetry-After: 5\r\n"
        b'Connection: close\r\nContent-Length: 35\r\n\r\n{"error": "too many connections"}\r\n'
    )
    transport.close()
