"""The express lane: `/probe` as Prometheus asks for it, answered without the framework.

The framework and our rules around it cost as much as half a probe. Past them go requests that are there whole, are
nothing out of the ordinary, and would be let in by the rules of access; their answers have the same status, headers
and body. All others are the framework's, which knows all of HTTP.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from email.utils import formatdate
from functools import lru_cache
from http import HTTPStatus

import httptools
from prometheus_client import Counter
from yarl import URL

from exporters.probing import TIMEOUT_HEADER, Answer
from slo.web.access import Access, Asked
from slo.web.answers import ALWAYS

ROUTE = "/probe"
_BEGIN, _END = b"GET /probe?", b"\r\n\r\n"

LONGEST_BYTES = 1024
KEPT_REQUESTS = 10_000
"""Of requests so long, so many are kept as they were read: Prometheus sends the same bytes again and again."""

_ORDINARY = frozenset({"host", "user-agent", "accept", "accept-encoding", "authorization", TIMEOUT_HEADER.lower()})
"""The headers that a request here may have, each once. None of them says how the request or its answer is framed."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Ordinary:
    """A request that can be answered here. `waited` is how long the client says it waits."""

    asked: Asked
    query: Mapping[str, str]
    waited: str


class ExpressLane:
    """Reads and answers ordinary requests; `answer` says what to, by the query and how long the client waits."""

    def __init__(
        self,
        answer: Callable[[Mapping[str, str], str], Awaitable[Answer]],
        *,
        access: Access,
        requests: Counter,
        now_seconds: Callable[[], float],
    ) -> None:
        self._answer = answer
        self._access = access
        self._answered = lru_cache(maxsize=16)(lambda status: requests.labels(ROUTE, str(status)))
        self._date = lru_cache(maxsize=1)(lambda _: formatdate(now_seconds(), usegmt=True))

    def read(self, data: bytes) -> Ordinary | None:
        """The request that these bytes are, where it can be answered here."""
        if len(data) > LONGEST_BYTES or not data.startswith(_BEGIN) or data.find(_END) != len(data) - len(_END):
            return None
        request = ordinary(data)
        return None if request is None or self._access.refusal(request.asked) else request

    async def answer(self, request: Ordinary) -> bytes:
        """The whole response."""
        made = await self._answer(request.query, request.waited)
        self._answered(made.status).inc()
        head = (
            f"{_first_lines(made.status)}Content-Type: {made.content_type}\r\nContent-Length: {len(made.body)}\r\n"
            f"Date: {self._date(int(asyncio.get_running_loop().time()))}\r\n\r\n"
        )
        return head.encode() + made.body


class _Head:
    """What the parser finds."""

    def __init__(self) -> None:
        self.url = b""
        self.headers: list[tuple[str, str]] = []
        self.messages = 0

    def on_url(self, url: bytes) -> None:
        self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name.decode("latin-1").lower(), value.decode("utf-8", "surrogateescape")))

    def on_message_complete(self) -> None:
        self.messages += 1


@lru_cache(maxsize=KEPT_REQUESTS)
def ordinary(data: bytes) -> Ordinary | None:
    """The one request that these bytes are, where there is nothing unusual about it."""
    head = _Head()
    parser = httptools.HttpRequestParser(head)
    try:
        parser.feed_data(data)
    except (httptools.HttpParserError, httptools.HttpParserUpgrade):
        return None
    headers = dict(head.headers)
    if head.messages != 1 or parser.get_http_version() != "1.1" or not head.url.isascii() or b"#" in head.url:
        return None
    if len(headers) < len(head.headers) or not headers.keys() <= _ORDINARY or "host" not in headers:
        return None
    path, _, query = head.url.decode().partition("?")
    return Ordinary(
        asked=Asked(
            method="GET",
            path=path,
            hosts=[headers["host"]],
            header_names=list(headers),
            authorization=headers.get("authorization", ""),
        ),
        query=URL.build(path=path, query_string=query, encoded=True).query,
        waited=headers.get(TIMEOUT_HEADER.lower(), ""),
    )


@lru_cache(maxsize=16)
def _first_lines(status: int) -> str:
    lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}", *(f"{name}: {value}" for name, value in ALWAYS.items())]
    return "".join(f"{line}\r\n" for line in lines)
