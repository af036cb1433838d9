"""The switch between the express lane and the framework, one on each connection."""

import asyncio
from typing import Protocol, cast

from slo.web.express import ExpressLane, Ordinary


class Whose(Protocol):
    """The connection, which wants to know whether it waits for its client."""

    def begin(self) -> None:
        """A whole request is there."""

    def end(self) -> None:
        """It is answered."""

    def data_received(self, data: bytes) -> None:
        """What was sent ahead comes now."""


class Switch(asyncio.Protocol):
    """Has the lane answer as long as it takes every request; from the first one that it does not take, all are the
    framework's.

    Only one request is answered at a time, and what comes meanwhile is not read on: as much as it may be, it takes up
    no more than one reading. Without a request the connection is closed after `silence_seconds`; the framework has such
    a rule of its own.
    """

    def __init__(self, framework: asyncio.Protocol, lane: ExpressLane, whose: Whose, *, silence_seconds: float) -> None:
        self._framework = framework
        self._lane = lane
        self._whose = whose
        self._silence_seconds = silence_seconds
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._on_lane = True
        self._paused = False
        self._answering: asyncio.Task[None] | None = None
        self._ahead = b""
        self._finishing = False
        self._answered_at = 0.0
        self._silence: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        transport = self._transport
        if not self._on_lane or transport is None:
            self._framework.data_received(data)
        elif self._answering is not None:
            transport.pause_reading()
            self._ahead += data
        elif (request := self._lane.read(data)) is not None and not transport.get_write_buffer_size():
            self._whose.begin()
            self._answering = self._loop.create_task(self._answer(transport, request, data))
        else:
            self._leave(transport)
            self._framework.data_received(data)

    def eof_received(self) -> bool | None:
        return None if self._on_lane else self._framework.eof_received()

    def pause_writing(self) -> None:
        self._paused = True
        if not self._on_lane:
            self._framework.pause_writing()

    def resume_writing(self) -> None:
        self._paused = False
        if not self._on_lane:
            self._framework.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        self._forget_silence()
        if self._answering is not None:
            self._answering.cancel()
        if not self._on_lane:
            self._framework.connection_lost(exc)

    def finish(self) -> asyncio.Task[None] | None:
        """Take no more requests on the lane: close the connection, or return what answers its last one, and then does.

        One that is the framework's is left to it.
        """
        self._finishing = True
        if self._on_lane and self._answering is None and self._transport is not None:
            self._transport.close()
        return self._answering

    async def _answer(self, transport: asyncio.Transport, request: Ordinary, data: bytes) -> None:
        try:
            transport.write(await self._lane.answer(request))
        except Exception:  # noqa: BLE001 - a fault of ours; it happens to the framework too, and there it is told
            self._leave(transport)
            self._ahead = data + self._ahead
        finally:
            self._answering = None
            self._answered_at = self._loop.time()
            self._whose.end()
            if self._on_lane and self._finishing:
                transport.close()
        if self._on_lane and self._silence is None:
            self._silence = self._loop.call_later(self._silence_seconds, self._look_for_silence, transport)
        if self._ahead and not transport.is_closing():
            ahead, self._ahead = self._ahead, b""
            transport.resume_reading()
            self._whose.data_received(ahead)

    def _leave(self, transport: asyncio.Transport) -> None:
        self._on_lane = False
        self._forget_silence()
        self._framework.connection_made(transport)
        if self._paused:
            self._framework.pause_writing()

    def _look_for_silence(self, transport: asyncio.Transport) -> None:
        """One timer serves all requests, which come more often than it is due."""
        silent = self._loop.time() - self._answered_at if self._answering is None else 0.0
        left = self._silence_seconds - silent
        if left > 0:
            self._silence = self._loop.call_later(left, self._look_for_silence, transport)
        else:
            transport.close()

    def _forget_silence(self) -> None:
        if self._silence is not None:
            self._silence.cancel()
            self._silence = None
