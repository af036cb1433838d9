"""What receiving a response comes to, over every version of HTTP: a body that unfolds bit by bit, and one end."""

import asyncio
from abc import ABC, abstractmethod

from slo.errors import Fault
from slo.net.body import Body


class Reception(ABC):
    """Knows when a response is over: `wait` returns or raises Fault then.

    Whoever inherits from it takes in what arrives: sets `_begun` with the head of the response, adds to the body, and
    calls `_end` where the message ends, or is wrong. With `_over` nothing more is to be taken in.
    """

    def __init__(self, body: Body) -> None:
        self._body = body
        self._length: int | None = None
        self._begun = False
        self._over = False
        self._complete = False
        self._wrong: Fault | None = None
        self._done: asyncio.Future[Fault | None] = asyncio.get_running_loop().create_future()

    async def wait(self) -> None:
        """Return when the response is as complete as it is to be. Raises Fault."""
        try:
            if fault := await self._done:
                raise fault
        finally:
            self._over = True
            self._let_go()

    def closed(self, error: Exception | None) -> None:
        """See `slo.net.connection.Receiver`."""
        while self._unfold():
            pass  # at most one piece's: nothing more is read meanwhile, so that only writing tells of the end
        if not self._over:
            self._finish(self._broken_off(error))

    def _broken_off(self, error: Exception | None) -> Fault | None:
        """What is wrong with a response whose connection ends here."""
        detail = str(error or "")
        if isinstance(error, Fault):
            return error
        if self._begun:
            said = "" if self._length is None else f" of {self._length}"
            reason = "body_short" if error is None else "body_reset"
            return Fault(reason, detail=f"closed after {self._body.received}{said} bytes")
        if isinstance(error, BrokenPipeError):
            return Fault("request_reset", detail=detail)
        return Fault("response_closed" if error is None else "response_reset", detail=detail)

    @abstractmethod
    def _let_go(self) -> None:
        """Let go of what holds this object in turn: a thousand rounds a second are not to wait for the collector."""

    def _unfold(self) -> bool:
        """Decode some of the body; returns whether more of it is to be decoded before anything else is taken in."""
        if self._done.done():
            return False
        try:
            if self._body.unfold():
                return True
        except Fault as fault:
            self._finish(fault)
        else:
            if self._over:
                self._finish(self._wrong or self._body.end())
        return False

    def _end(self, wrong: Fault | None = None) -> None:
        """The message ends here, or cannot be read on: `_unfold` finishes when the body so far is decoded."""
        if not self._over:
            self._over, self._wrong = True, wrong

    def _finish(self, fault: Fault | None) -> None:
        self._over = True
        if not self._done.done():
            self._complete = fault is None
            self._done.set_result(fault)

    def _fail(self, error: BaseException) -> None:
        """A mistake of ours, for `wait`."""
        self._over = True
        if not self._done.done():
            self._done.set_exception(error)
