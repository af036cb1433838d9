"""Faults on demand: what a vendor's server does on a bad day, for so many requests, and then no more."""

import asyncio
import socket
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from aiohttp import web


@dataclass(frozen=True, kw_only=True, slots=True)
class Injection:
    """One kind of bad day.

    For the next `times` requests: wait for `hang_seconds`; then `reset` the connection, or answer with `status`, the
    headers Retry-After and X-RateLimit-Reset and `body`, the body taking `slow_seconds` to arrive piece by piece. With
    `processed` the request takes effect all the same, which is what makes a failure ambiguous. Without status and reset
    the request is served.
    """

    times: int = 1
    hang_seconds: float = 0.0
    reset: bool = False
    status: int = 0
    retry_after: str = ""
    ratelimit_reset: str = ""
    body: str = ""
    slow_seconds: float = 0.0
    processed: bool = False

    @classmethod
    def of(cls, body: Mapping[str, Any]) -> "Injection":
        """Read one from JSON. Raises ValueError for what it does not know."""
        known = {each.name: type(each.default) for each in fields(cls)}
        for name, value in body.items():
            if name not in known:
                raise ValueError(f"{name!r} is no fault: there are {', '.join(known)}")
            if not isinstance(value, int | float if known[name] is float else known[name]):
                raise ValueError(f"{name!r} must be a {known[name].__name__}")
        return cls(**body)


@dataclass(slots=True)
class Injections:
    """The faults that wait for their requests, in order."""

    waiting: list[list[Any]] = field(default_factory=list)

    def add(self, injection: Injection) -> None:
        """Have it happen after those that wait already."""
        self.waiting.append([injection, injection.times])

    def clear(self) -> None:
        """Good days again."""
        self.waiting.clear()

    def next(self) -> Injection | None:
        """The fault for the request at hand, if there is one."""
        if not self.waiting:
            return None
        injection: Injection = self.waiting[0][0]
        self.waiting[0][1] -= 1
        if self.waiting[0][1] < 1:
            del self.waiting[0]
        return injection


async def perform(injection: Injection, request: web.Request, answer: web.Response) -> web.StreamResponse:
    """What becomes of a request on a bad day, where it would have been answered with `answer`."""
    if injection.hang_seconds:
        await asyncio.sleep(injection.hang_seconds)
    if injection.reset:
        reset(request)
        return answer
    if injection.status:
        answer = web.Response(status=injection.status, text=injection.body)
        if injection.retry_after:
            answer.headers["Retry-After"] = injection.retry_after
        if injection.ratelimit_reset:
            answer.headers["X-RateLimit-Reset"] = injection.ratelimit_reset
    return await _slowly(request, answer, injection.slow_seconds) if injection.slow_seconds else answer


def reset(request: web.Request) -> None:
    """End the connection as a crash does: with a reset, not a goodbye."""
    if request.transport is None:
        return
    connection = request.transport.get_extra_info("socket")
    if connection is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    request.transport.abort()


async def _slowly(request: web.Request, answer: web.Response, seconds: float) -> web.StreamResponse:
    body = answer.body if isinstance(answer.body, bytes) and answer.body else b" "
    stream = web.StreamResponse(status=answer.status, headers={"Content-Type": "application/json"})
    stream.content_length = len(body)
    await stream.prepare(request)
    for index in range(len(body)):
        await asyncio.sleep(seconds / len(body))
        await stream.write(body[index : index + 1])
    return stream
