"""Requests to the API server: who asks, what went wrong, and no more of an answer than is wanted.

Each request has a connection of its own, and is sent once: there are few of them.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from daemonset.documents import Status
from daemonset.service_account import ServiceAccount
from slo.config.tls import TLSSettings
from slo.errors import Fault
from slo.net.context import Context
from slo.net.retry_after import retry_after_seconds
from slo.router.answers import DETAIL_LIMIT, connection_reason, shown
from slo.router.http_client import BrokenOff, once

if TYPE_CHECKING:
    from aiohttp import ClientResponse, ClientSession

Method: TypeAlias = Literal["GET", "POST", "PUT", "DELETE"]

CONNECT_SECONDS = 10.0
REFUSAL_BYTES = 16_384
"""How much is read of an answer that is none."""

OBJECT_BYTES = 4_194_304
"""The largest object, and the longest line of a WATCH: etcd takes none of more than 1.5 MB, which is longer in JSON."""


@dataclass(eq=False)
class APIFault(Fault):
    """The API server did not do what it was asked.

    `reason` is `auth_refused`, `permission`, `rate_limited`, `expired` (its version is too old), `server_error` or
    `status` where it says why, else that of the connection (`timeout`, `reset`, `connect_refused`, `tls_verify`, ...).
    `status` is that of HTTP, 0 without an answer. `after_seconds` is what Retry-After asks for.
    """

    status: int = 0
    after_seconds: float | None = None


class APIClient:
    """One API server, asked as one service account. Raises Fault for whatever the other side does."""

    def __init__(self, account: ServiceAccount, context: Context) -> None:
        """Raises ValueError where the file of the authority cannot be used."""
        self._account = account
        self._context = context
        self._tls = TLSSettings(ca_file=str(account.ca_file) if account.ca_file else None)
        self._session: ClientSession | None = None
        context.tls.get(self._tls)  # now: loading what certificates are read with takes a while

    def ask(self, path: str, query: Mapping[str, str]) -> AbstractAsyncContextManager["Answer"]:
        """A good answer, whose connection is closed at the end, read or not. The caller holds the time of each step."""
        return self._answered("GET", path, query=query)

    async def exchange(self, method: Method, path: str, document: Mapping[str, object] | None = None) -> bytes:
        """Read, create, replace or delete one object: the object as it is then, or was. The caller holds the time.

        A fault leaves open whether it was done, where there was no answer (`status` 0), or one of 5xx.
        """
        content = bytearray()
        async with self._answered(method, path, document=document) as answer:
            while piece := await answer.piece():
                content += piece
                if len(content) > OBJECT_BYTES:
                    raise APIFault("too_large", detail=f"an object of more than {OBJECT_BYTES} bytes")
        return bytes(content)

    async def aclose(self) -> None:
        """Let go of all connections."""
        if self._session is not None:
            await self._session.close()

    @asynccontextmanager
    async def _answered(
        self,
        method: Method,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        document: Mapping[str, object] | None = None,
    ) -> AsyncIterator["Answer"]:
        token = await self._account.token()
        response = await self._send(method, path, query, document, token)
        try:
            if response.status == 401 and (following := await self._account.token()) != token:
                response.close()  # it was replaced just now
                token = following
                response = await self._send(method, path, query, document, token)
            if response.status not in _DONE[method]:
                raise await self._refusal(response, token)
            yield Answer(response)
        finally:
            response.close()

    async def _send(
        self,
        method: Method,
        path: str,
        query: Mapping[str, str] | None,
        document: Mapping[str, object] | None,
        token: str,
    ) -> "ClientResponse":
        session = self._opened()
        ssl = await asyncio.to_thread(self._context.tls.get, self._tls)
        headers = {"Authorization": f"Bearer {token}"}
        with _told_as_faults():
            return await session.request(
                method,
                f"{self._account.url}{path}",
                params=query,
                json=document,
                headers=headers,
                ssl=ssl,
                allow_redirects=False,
            )

    def _opened(self) -> "ClientSession":
        from aiohttp import ClientSession, ClientTimeout, TCPConnector

        if self._session is None:
            self._session = ClientSession(
                connector=TCPConnector(force_close=True, limit=0),
                timeout=ClientTimeout(total=None, sock_connect=CONNECT_SECONDS),
                # What is compressed costs the API server time, and its size is known only when it is unfolded.
                headers={"Accept": "application/json", "Accept-Encoding": "identity", "User-Agent": "Watchkeep"},
                auto_decompress=False,
                trust_env=False,
                middlewares=(once,),
            )
        return self._session

    async def _refusal(self, response: "ClientResponse", token: str) -> APIFault:
        """The fault that an answer with another status stands for."""
        with _told_as_faults():
            said = await response.content.read(REFUSAL_BYTES)
        try:
            message = Status.model_validate_json(said).message
        except ValueError:
            message = said.decode(errors="replace")[:DETAIL_LIMIT]  # as a proxy says it, or who asks us to come later
        status = response.status
        return APIFault(
            _REASONS.get(status, "server_error" if status >= 500 else "status"),
            detail=f"HTTP {status}: {shown(message, token)}",
            status=status,
            after_seconds=retry_after_seconds(response.headers.get("Retry-After"), self._context.clock.now()),
        )


_DONE: Mapping[Method, frozenset[int]] = {
    "GET": frozenset({200}),
    "POST": frozenset({200, 201, 202}),
    "PUT": frozenset({200, 201}),
    "DELETE": frozenset({200, 202}),
}
"""With which statuses a request was done; 202 where it is going to be."""

_REASONS: Mapping[int, str] = {401: "auth_refused", 403: "permission", 410: "expired", 429: "rate_limited"}


class Answer:
    """A good answer as it arrives."""

    def __init__(self, response: "ClientResponse") -> None:
        self._response = response

    async def piece(self) -> bytes:
        """What has arrived, as soon as something has; empty at the end."""
        with _told_as_faults():
            return await self._response.content.readany()


class Lines:
    """An answer line by line. A line has `longest_bytes` at most, without its end."""

    def __init__(self, answer: Answer, *, longest_bytes: int) -> None:
        self._answer = answer
        self._longest = longest_bytes
        self._begun = bytearray()

    async def some(self) -> list[bytes] | None:
        """What has arrived, as soon as something has: whole lines, or none yet; None when the other side has ended."""
        piece = await self._answer.piece()
        if not piece:
            if self._begun:
                raise APIFault("reset", detail="it ended in the middle of a line")
            return None
        *lines, rest = piece.split(b"\n")
        if lines:
            lines[0] = bytes(self._begun) + lines[0]
            self._begun = bytearray(rest)
        else:
            self._begun += rest
        if any(len(line) > self._longest for line in (*lines, self._begun)):
            raise APIFault("too_large", detail=f"a line of more than {self._longest} bytes")
        return lines


@asynccontextmanager
async def within(seconds: float, reason: str, what: str) -> AsyncIterator[None]:
    """A block that raises a fault where it takes longer."""
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError:
        raise Fault(reason, detail=f"{what} within {seconds:g} seconds") from None


@contextmanager
def _told_as_faults() -> Iterator[None]:
    """Whatever happens to a connection, as a fault."""
    from aiohttp import ClientConnectorError, ClientError

    try:
        yield
    except (ClientError, OSError, BrokenOff) as error:
        cause = error.__cause__ if isinstance(error, BrokenOff) else error
        text = str(cause.os_error) if isinstance(cause, ClientConnectorError) else type(cause).__name__
        raise APIFault(connection_reason(error), detail=shown(text)) from None
