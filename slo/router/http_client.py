"""What destinations over HTTP share: a session, one request, and its verdict where no good answer comes."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from slo.config.tls import TLSSettings
from slo.core.delivery import Ambiguous, Refused, Retry
from slo.net.context import Context
from slo.net.retry_after import retry_after_seconds
from slo.router.answers import DETAIL_LIMIT, connection_reason, shown

if TYPE_CHECKING:
    from aiohttp import ClientHandlerType, ClientRequest, ClientResponse, ClientSession

ANSWER_LIMIT_BYTES = 4_194_304
"""The largest answer that is read: a hundred long comments are smaller."""

NOT_NOW: Mapping[int, str] = {408: "unexpected_status", 425: "unexpected_status"}
"""The statuses of 4xx that say nothing against what was sent, beside 429, and the reason that each one is."""


class Unanswered(Exception):
    """There is no good answer; `verdict` is what the delivery comes to."""

    def __init__(self, verdict: Retry | Refused | Ambiguous) -> None:
        super().__init__(str(verdict))
        self.verdict = verdict


class BrokenOff(Exception):
    """The connection ended under a request; the cause says how."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Manner:
    """How one request is meant.

    `harmless` ones change nothing, so that a failure leaves no doubt. `reads` is whether the body of a good answer is
    wanted; one that is not is not waited for. `mended_here` are statuses of 4xx that an operator or time mends, and
    their reasons; all others refuse for good.
    """

    harmless: bool = False
    reads: bool = True
    mended_here: Mapping[int, str]


class HTTPClient:
    """Requests to one service, each on a connection of its own. `secrets` are not quoted back."""

    def __init__(
        self, context: Context, *, ca_file: str | None, headers: Mapping[str, str], secrets: Sequence[str] = ()
    ) -> None:
        self._context = context
        self._ca_file = ca_file
        self._headers = {"Content-Type": "application/json", "User-Agent": "Watchkeep", **headers}
        self._secrets = tuple(secrets)
        self._opening: asyncio.Task[ClientSession] | None = None

    async def ask(
        self,
        method: str,
        url: str,
        *,
        manner: Manner,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> bytes:
        """The body of a good answer. Raises Unanswered; the caller holds the time of the whole."""
        from aiohttp import (
            ClientConnectorDNSError,
            ClientConnectorError,
            ClientError,
            ClientPayloadError,
            ClientResponseError,
        )

        session = await self._session()
        try:
            async with session.request(method, url, data=body, headers=headers, allow_redirects=False) as response:
                if response.status >= 300:
                    raise Unanswered(await self._of_status(response, manner))
                return await _read(response, manner) if manner.reads else b""
        except ClientConnectorDNSError as error:
            raise Unanswered(Retry(reason="dns", detail=shown(str(error.os_error)))) from None
        except ClientConnectorError as error:
            detail = shown(str(error.os_error))
            raise Unanswered(Retry(reason=connection_reason(error), detail=detail)) from None
        except (ClientResponseError, ClientPayloadError) as error:
            raise Unanswered(in_doubt(manner, "response_malformed", type(error).__name__)) from None
        except (ClientError, OSError, BrokenOff) as error:
            detail = type(error.__cause__ if isinstance(error, BrokenOff) else error).__name__
            raise Unanswered(in_doubt(manner, connection_reason(error), detail)) from None

    async def aclose(self) -> None:
        """Close the session."""
        if self._opening is not None:
            await (await self._opening).close()

    async def _of_status(self, response: "ClientResponse", manner: Manner) -> Retry | Refused:
        status = response.status
        # One piece is enough for a person to see who answered, and nobody can keep us reading.
        said = (await response.content.read(DETAIL_LIMIT)).decode(errors="replace")
        detail = f"HTTP {status}: {shown(said, *self._secrets)}"
        after = retry_after_seconds(response.headers.get("Retry-After"), self._context.clock.now())
        if status == 429:
            return Retry(reason="rate_limited", after_seconds=after, detail=detail)
        if status in manner.mended_here:
            return Retry(reason=manner.mended_here[status], after_seconds=after, detail=detail)
        if 400 <= status < 500:
            return Refused(reason="rejected", detail=detail)
        reason = "server_error" if status >= 500 else "redirected"
        return Retry(reason=reason, after_seconds=after, detail=detail)

    async def _session(self) -> "ClientSession":
        """The session, made at the first request: trusting the system's authorities takes 40 ms."""
        if self._opening is None:
            self._opening = asyncio.create_task(self._open())
        return await asyncio.shield(self._opening)

    async def _open(self) -> "ClientSession":
        from aiohttp import ClientSession, ClientTimeout, TCPConnector

        tls = await asyncio.to_thread(self._context.tls.get, TLSSettings(ca_file=self._ca_file))
        return ClientSession(
            # A connection that is kept may be dead by the next incident, hours later.
            connector=TCPConnector(ssl=tls, force_close=True, limit=0),
            timeout=ClientTimeout(total=None),
            headers=self._headers,
            trust_env=False,
            middlewares=(once,),
        )


async def once(request: "ClientRequest", handler: "ClientHandlerType") -> "ClientResponse":
    """Send it once: aiohttp repeats what broke off under methods that HTTP calls idempotent, and a PUT may comment."""
    from aiohttp import ClientConnectorError, ClientOSError, ServerDisconnectedError

    try:
        return await handler(request)
    except ClientConnectorError:
        raise
    except (ClientOSError, ServerDisconnectedError) as error:
        raise BrokenOff from error


def in_doubt(manner: Manner, reason: str, detail: str = "") -> Retry | Ambiguous:
    """The verdict on a request that was written and not answered as it should be."""
    return Retry(reason=reason, detail=detail) if manner.harmless else Ambiguous(reason=reason, detail=detail)


async def _read(response: "ClientResponse", manner: Manner) -> bytes:
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > ANSWER_LIMIT_BYTES:
            raise Unanswered(in_doubt(manner, "response_too_large"))
    return bytes(body)
