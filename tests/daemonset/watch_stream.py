"""One WATCH that the stand-in of the API server answers: what it is told, and how it comes to an end."""

import asyncio
from collections import deque
from collections.abc import Callable

from aiohttp import web

from tests.daemonset.cluster import Change, line
from tests.daemonset.queries import Query
from tests.daemonset.selectors import Document
from tests.daemonset.statuses import Refused


class WatchStream:
    """Sends events until its time is over, its client has gone, or somebody has it end.

    `version` is up to where it has been told everything, and `empty` an object of the kind that is watched, which a
    bookmark has. With `slow_seconds` a line goes out in four pieces, so far
    apart.
    """

    def __init__(
        self, query: Query, *, empty: Document, version: Callable[[], int], bookmark_seconds: float, slow_seconds: float
    ) -> None:
        self._query = query
        self._empty = empty
        self._bookmark_seconds = bookmark_seconds
        self._slow_seconds = slow_seconds
        self._waiting: deque[bytes] = deque()
        self._news = asyncio.Event()
        self._half_open = False
        self._ends = False
        self._cut = False
        self._version = version
        self.endless = False
        """It takes no notice of how long it should last."""

    def tell(self, change: Change) -> None:
        """Something has changed."""
        event = change.event(self._query.selected)
        if event is not None:
            self.say(line(event))

    def say(self, content: bytes) -> None:
        """Send these bytes, whatever they are, unless it is at its end."""
        if not self._cut and not self._ends:
            self._waiting.append(content)
            self._news.set()

    def end(self, refused: Refused | None = None) -> None:
        """End it as the server does; with an event that says why."""
        if refused is not None:
            self.say(line({"type": "ERROR", "object": refused.document}))
        self._ends = True
        self._news.set()

    def cut(self, *, in_line: bool) -> None:
        """Reset the connection, in the middle of a line."""
        if in_line:
            whole = self._bookmark()
            self.say(whole[: len(whole) // 2])
        self._cut = True
        self._news.set()

    def freeze(self) -> None:
        """Say nothing more, and leave the connection open."""
        self._half_open = True
        self._news.set()

    async def send(self, request: web.Request, response: web.StreamResponse) -> None:
        """Until it ends."""
        now = asyncio.get_running_loop().time
        timeout = self._query.timeout_seconds
        deadline = now() + timeout if timeout and not self.endless else float("inf")
        bookmark_at = now() + self._bookmark_seconds if self._query.bookmarks else float("inf")
        while not self._half_open:
            while self._waiting and not self._half_open:
                await self._write(response, self._waiting.popleft())
            if self._half_open:
                break
            if self._cut:
                assert request.transport is not None
                request.transport.abort()
                return
            if self._ends:
                return
            self._news.clear()
            try:
                async with asyncio.timeout_at(min(deadline, bookmark_at)):
                    await self._news.wait()
            except TimeoutError:
                if self._query.bookmarks:
                    self.say(self._bookmark())
                    bookmark_at = now() + self._bookmark_seconds
                self._ends = now() >= deadline
        await asyncio.Event().wait()  # until the client closes the connection

    async def _write(self, response: web.StreamResponse, content: bytes) -> None:
        if not self._slow_seconds:
            await response.write(content)
            return
        step = max(1, len(content) // 4)
        for start in range(0, len(content), step):
            await response.write(content[start : start + step])
            await asyncio.sleep(self._slow_seconds)

    def _bookmark(self) -> bytes:
        """As the server writes one: an object of the kind that is watched, empty but for its version."""
        metadata = {"resourceVersion": str(self._version()), "creationTimestamp": None}
        return line({"type": "BOOKMARK", "object": {**self._empty, "metadata": metadata}})
