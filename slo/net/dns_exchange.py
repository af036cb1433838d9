"""A question on its way to a name server, and what comes back: over UDP, TCP or TLS."""

import asyncio
import secrets
from collections.abc import Callable
from dataclasses import replace
from typing import Generic, TypeVar

from slo.config.hosts import IPAddress
from slo.errors import Fault
from slo.net.attempt import Attempt, Endpoint, Reached
from slo.net.datagrams import Datagrams
from slo.net.dns_message import UDP_BYTES, Query, Response
from slo.net.framed import Framed, framed

T = TypeVar("T")

AT_ONCE_BYTES = 4096
"""Responses that are larger are read in a thread, so that no other target is late."""


class Exchange(Generic[T]):
    """One question. `looked` is what `look` made of the response, None without one.

    Over UDP whoever knows the address of a server can send in its name. So what is no response to the question is
    dropped, and the true one waited for; over a connection it can only be the server's, and is a fault.
    """

    def __init__(self, query: Query, endpoint: Endpoint, *, udp: bool, look: Callable[[Response], T]) -> None:
        self.looked: T | None = None
        self._query = query
        self._endpoint = endpoint
        self._udp = udp
        self._look = look
        self._identity = secrets.randbelow(1 << 16)
        self._dropped = 0
        self._last_dropped = ""

    async def run(self, attempt: Attempt, deadline: float) -> Reached:
        """Ask, before `deadline` (monotonic seconds). What the other side does wrong is in the result, never raised."""
        reached = await attempt.run(self._by_udp(attempt) if self._udp else self._by_connection(attempt), deadline)
        fault = reached.fault
        if fault is None or fault.reason != "response_timeout" or not self._dropped:
            return reached
        detail = f"{self._dropped} dropped, the last because {self._last_dropped}"
        return replace(reached, fault=Fault("dns_malformed", fault.phase, detail, fault.phases))

    async def _by_udp(self, attempt: Attempt) -> None:
        async def ask(address: IPAddress) -> T:
            attempt.enter("connect")
            with Datagrams(address, self._endpoint.port, source=self._endpoint.source) as datagrams:
                attempt.enter("request")
                datagrams.send(self._query.encoded(self._identity))
                return await self._hear(datagrams)

        self.looked = await attempt.in_turn(await attempt.find(self._endpoint), ask)

    async def _hear(self, datagrams: Datagrams) -> T:
        while True:
            data = await datagrams.receive()
            try:
                if len(data) > UDP_BYTES:
                    raise ValueError(f"it has {len(data)} bytes, and {UDP_BYTES} were asked for at most")
                return self._read(data)
            except ValueError as error:
                self._dropped += 1
                self._last_dropped = str(error)

    async def _by_connection(self, attempt: Attempt) -> None:
        message = Framed()
        connection = await attempt.connect(message, self._endpoint)
        try:
            attempt.enter("request")
            connection.write(framed(self._query.encoded(self._identity)))
            data = await message.read()
            at_once = len(data) <= AT_ONCE_BYTES
            self.looked = self._read(data) if at_once else await asyncio.to_thread(self._read, data)
        except ValueError as error:
            connection.abort()
            raise Fault("dns_malformed", detail=str(error)) from None
        except BaseException:
            connection.abort()
            raise
        connection.close()

    def _read(self, data: bytes) -> T:
        """Raises ValueError where it is no response to the question."""
        return self._look(self._query.response(data, self._identity))
