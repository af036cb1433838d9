"""A proxy in front of a real HTTP server that does what servers and networks do on bad days, request by request."""

import asyncio
import contextlib
import json
import re
import zlib
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from enum import Enum, auto

from tests import hostile

GZIP = 16 + zlib.MAX_WBITS

MOST_BYTES = 800


class Fault(Enum):
    """What may happen to a request. Where it says `DONE`, the server has done what was asked all the same."""

    NONE = auto()
    REJECTED_429 = auto()
    FAILED_503 = auto()
    TOO_LARGE_413 = auto()
    """A body above `MOST_BYTES` is."""
    RESET_IN_REQUEST = auto()
    DONE_FAILED_502 = auto()
    DONE_RESET = auto()
    DONE_RESET_IN_ANSWER = auto()
    DONE_SLOW = auto()
    """The answer comes after the client has given up."""
    SOME_ITEMS_429 = auto()
    """Of a bulk request every third item is not taken: that is said in an answer of success."""
    SOME_ITEMS_503 = auto()


_ANSWERS: Mapping[Fault, tuple[str, str]] = {
    Fault.REJECTED_429: ("429 Too Many Requests", '{"error": "es_rejected_execution_exception", "status": 429}'),
    Fault.FAILED_503: ("503 Service Unavailable", "<html>no server is available</html>"),
    Fault.TOO_LARGE_413: ("413 Content Too Large", "<html>the body is too large</html>"),
    Fault.DONE_FAILED_502: ("502 Bad Gateway", "<html>the server hung up</html>"),
}

_NOT_TAKEN: Mapping[Fault, tuple[int, str]] = {
    Fault.SOME_ITEMS_429: (429, "es_rejected_execution_exception"),
    Fault.SOME_ITEMS_503: (503, "unavailable_shards_exception"),
}


class FaultyProxy:
    """Passes requests on to a server on `port`; each meets the next of `faults`, none where they have run out.

    `asked` are the first lines of the requests, `met` the faults that there were. Only requests whose path has
    `meant` in it meet any.
    """

    def __init__(self, port: int, faults: Iterable[Fault], *, meant: str = "/", slow_seconds: float = 1.0) -> None:
        self.asked: list[str] = []
        self.met: list[Fault] = []
        self._port = port
        self._faults: Iterator[Fault] = iter(faults)
        self._meant = meant
        self._slow_seconds = slow_seconds

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator[int]:
        """The proxy on a port."""
        async with hostile.serving(self._behave) as port:
            yield port

    async def _behave(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await hostile.request(reader)
        except asyncio.IncompleteReadError:
            return  # who asked was killed
        first = head.decode().partition("\r\n")[0]
        self.asked.append(first)
        fault = next(self._faults, Fault.NONE) if self._meant in first else Fault.NONE
        if fault is Fault.RESET_IN_REQUEST:
            self.met.append(fault)
            await reader.read(100)
            hostile.reset(writer)
            return
        length = re.search(rb"(?i)content-length: (\d+)", head)
        body = await reader.readexactly(int(length[1])) if length else b""
        if fault is Fault.TOO_LARGE_413 and len(body) <= MOST_BYTES:
            fault = Fault.NONE
        self.met.append(fault)
        if fault in {Fault.REJECTED_429, Fault.FAILED_503, Fault.TOO_LARGE_413}:
            status, text = _ANSWERS[fault]
            answer = _answer(status, text + head.decode())  # credentials and all, as some servers do
        elif fault in _NOT_TAKEN:
            answer = await self._partly(head, body, *_NOT_TAKEN[fault])
        else:
            answer = await self._passed_on(head, body)
        if fault is Fault.DONE_FAILED_502:
            answer = _answer(*_ANSWERS[fault])
        if fault is Fault.DONE_SLOW:
            await asyncio.sleep(self._slow_seconds)
        if fault is Fault.DONE_RESET_IN_ANSWER:
            answer = answer[: -max(1, len(answer) // 4)]
        if fault is not Fault.DONE_RESET:
            writer.write(answer)
            await writer.drain()
        if fault in {Fault.DONE_RESET, Fault.DONE_RESET_IN_ANSWER}:
            hostile.reset(writer)
            return
        writer.close()
        await writer.wait_closed()

    async def _passed_on(self, head: bytes, body: bytes) -> bytes:
        """The answer of the server, whole."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        try:
            lines = [line for line in head.split(b"\r\n") if line and not line.lower().startswith(b"connection:")]
            writer.write(b"\r\n".join([*lines, b"Connection: close", b"", b""]) + body)
            return await reader.read()
        finally:
            writer.close()

    async def _partly(self, head: bytes, body: bytes, status: int, type_: str) -> bytes:
        """The answer to a bulk request of which the server sees only two thirds."""
        zipped = b"content-encoding: gzip" in head.lower()
        lines = (zlib.decompress(body, GZIP) if zipped else body).splitlines(keepends=True)
        pairs = list(zip(lines[::2], lines[1::2], strict=True))
        let_through = b"".join(b"".join(pair) for number, pair in enumerate(pairs) if number % 3)
        refused = {"create": {"status": status, "error": {"type": type_, "reason": "rejected execution"}}}
        taken: Iterator[object] = iter(())
        if let_through:
            plain = re.sub(rb"(?i)content-encoding: gzip\r\n", b"", head)
            plain = re.sub(rb"(?i)(content-length: )\d+", rb"\g<1>%d" % len(let_through), plain)
            answer = await self._passed_on(plain, let_through)
            taken = iter(json.loads(_body(answer))["items"])
        items = [next(taken) if number % 3 else refused for number in range(len(pairs))]
        return _answer("200 OK", json.dumps({"errors": True, "items": items}))


def _body(answer: bytes) -> bytes:
    """The body of an answer that says how long it is, or in chunks."""
    head, _, body = answer.partition(b"\r\n\r\n")
    if b"transfer-encoding: chunked" not in head.lower():
        return body
    whole = b""
    while (size := int(body.partition(b"\r\n")[0], 16)) > 0:
        start = body.index(b"\r\n") + 2
        whole, body = whole + body[start : start + size], body[start + size + 2 :]
    return whole


def _answer(status: str, body: str) -> bytes:
    head = [f"HTTP/1.1 {status}", "Content-Type: application/json", f"Content-Length: {len(body)}", "Connection: close"]
    return "\r\n".join([*head, "", body]).encode()
