"""Echo requests of a whole process: thousands of targets share one socket for each way of asking."""

import asyncio
import ipaddress
import secrets
import select

from slo.config.hosts import IPAddress
from slo.errors import Fault
from slo.net.echo_socket import EchoSocket, Reply, Way
from slo.net.icmp import Trouble

_SEQUENCES = 1 << 16
_TOKEN_BYTES = 16
"""So much of a payload is random: who does not see our packets cannot make up a reply."""


class Echoes:
    """Asks, and hands each answer to whoever waits for it. Sockets are opened when they are first needed.

    The sockets are watched through a selector of their own: the kernel reports errors of single requests on them,
    which an event loop would take for the end of the socket.
    """

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._poll: select.epoll | None = None
        self._lines: dict[Way, _Line] = {}

    def open(self, way: Way) -> None:
        """Have the socket of a way ready. Raises Fault."""
        self._line(way)

    async def ask(self, way: Way, address: IPAddress, payload_bytes: int) -> Reply:
        """Send one request to an address and wait for its reply, for ever. Raises Fault."""
        payload = secrets.token_bytes(min(payload_bytes, _TOKEN_BYTES)).ljust(payload_bytes, b"\0")
        return await self._line(way).ask(address, payload)

    def close(self) -> None:
        """Give the sockets back. Nobody may be waiting."""
        if self._poll is not None and self._loop is not None:
            if not self._loop.is_closed():
                self._loop.remove_reader(self._poll.fileno())
            self._poll.close()
        for line in self._lines.values():
            line.socket.close()
        self._loop = self._poll = None
        self._lines.clear()

    def _line(self, way: Way) -> "_Line":
        loop = asyncio.get_running_loop()
        if self._poll is None or self._loop is not loop:
            self.close()
            self._loop, self._poll = loop, select.epoll()
            loop.add_reader(self._poll.fileno(), self._hear)
        line = self._lines.get(way)
        if line is None:
            line = _Line(EchoSocket(way))
            self._poll.register(line.socket, select.EPOLLIN)
            self._lines[way] = line
        return line

    def _hear(self) -> None:
        ready = {number for number, _ in self._poll.poll(0)} if self._poll else set()
        for line in self._lines.values():
            if line.socket.fileno() in ready:
                line.hear()


class _Line:
    """The requests of one socket that are under way, by their sequence numbers."""

    def __init__(self, socket: EchoSocket) -> None:
        self.socket = socket
        self._next = secrets.randbelow(_SEQUENCES)
        self._waiting: dict[int, tuple[IPAddress, bytes, asyncio.Future[Reply | Trouble]]] = {}

    async def ask(self, address: IPAddress, payload: bytes) -> Reply:
        sequence = self._free_sequence()
        answer: asyncio.Future[Reply | Trouble] = asyncio.get_running_loop().create_future()
        self._waiting[sequence] = _without_zone(address), payload, answer
        try:
            for trouble in self.socket.send(address, sequence, payload):
                self._take(trouble)
            heard = await answer
        finally:
            del self._waiting[sequence]
        if isinstance(heard, Trouble):
            raise Fault(heard.reason, detail=heard.detail)
        return heard

    def _free_sequence(self) -> int:
        """A number that no request under way has, and that was not used for as long as possible. Raises Fault."""
        for _ in range(_SEQUENCES):
            self._next = (self._next + 1) % _SEQUENCES
            if self._next not in self._waiting:
                return self._next
        raise Fault("no_local_port", detail=f"{_SEQUENCES} echo requests are under way")

    def hear(self) -> None:
        """Take what has arrived."""
        for answer in self.socket.heard():
            self._take(answer)

    def _take(self, heard: Reply | Trouble) -> None:
        """Give an answer to the request that it belongs to; what belongs to none, or not any more, is dropped."""
        echo = heard.echo if isinstance(heard, Reply) else heard
        address, payload, answer = self._waiting.get(echo.sequence, (None, b"", None))
        if answer is None or answer.done() or echo.identity != self.socket.identity:
            return
        if isinstance(heard, Reply):
            ours = heard.sender == address and heard.echo.payload == payload
        else:
            ours = heard.target == address
        if ours:
            answer.set_result(heard)


def _without_zone(address: IPAddress) -> IPAddress:
    """The address as packets have it: a link-local one is written with the interface that it is to be found at."""
    return address if address.version == 4 else ipaddress.IPv6Address(int(address))
