"""Calls of Slack's Web API, through Slack's own package, and the verdict on each that fails.

Importing that package takes 0.9 s, so it is imported when a destination is built, and nowhere before. It would retry by
itself, follow the proxy of the environment, and read answers of any length: it is told not to, and its session is ours.
Errors of the API come with status 200: https://docs.slack.dev/reference/methods/chat.postMessage#errors.
"""

import asyncio
import contextlib
import json
import logging
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from ssl import SSLContext
from typing import TYPE_CHECKING, Any

from slo.core.delivery import Ambiguous, Refused, Retry
from slo.net.retry_after import retry_after_seconds
from slo.router.answers import connection_reason, shown

if TYPE_CHECKING:
    from aiohttp import ClientHandlerType, ClientRequest, ClientResponse, ClientSession
    from slack_sdk.errors import SlackApiError
    from slack_sdk.web.async_client import AsyncWebClient

ANSWER_LIMIT_BYTES = 4 * 1024 * 1024
"""The largest answer that is read: a page of a hundred messages has less than half of it."""

READING = frozenset({"conversations.history", "conversations.replies"})
"""The methods that change nothing; they take their arguments in the address."""

RATE_LIMITED = frozenset({"ratelimited", "rate_limited", "message_limit_exceeded"})
NOT_NOW = frozenset(
    {
        *("fatal_error", "internal_error", "service_unavailable", "request_timeout", "update_failed"),
        *("team_added_to_org", "org_login_required", "external_channel_migrating"),
    }
)
"""Slack is not well, or busy with the workspace."""

OURS = frozenset(
    {
        *("invalid_blocks", "invalid_blocks_format", "msg_blocks_too_long", "msg_too_long", "no_text"),
        *("invalid_arguments", "invalid_arg_name", "invalid_array_arg", "invalid_json", "json_not_object"),
        *("invalid_metadata_format", "invalid_metadata_schema", "metadata_too_large"),
    }
)
"""The message cannot be taken as it is. Whatever else is wrong (a token, a right, a channel) somebody can mend."""

_silent = logging.getLogger(f"{__name__}.package")
_silent.disabled = True  # what the package would say of a call is in its verdict, which is logged once
_silent.setLevel(logging.CRITICAL)  # it makes its sentences for a level that is off as well


class CallFailed(Exception):
    """A call was not taken, or nobody knows. `error` is Slack's word for it, empty where it said none."""

    def __init__(self, verdict: Retry | Refused | Ambiguous, error: str = "") -> None:
        super().__init__(verdict.reason)
        self.verdict = verdict
        self.error = error


class AnswerTooLarge(Exception):
    """The other side sends more than any answer has."""


class Redirected(Exception):
    """The other side sends us elsewhere: the token goes nowhere that nobody configured."""


class SlackAPI:
    """One token at one address. `tls` gives the certificates to trust, and is called in a thread."""

    def __init__(self, *, token: str, url: str, tls: Callable[[], SSLContext]) -> None:
        self._token = token
        self._url = url
        self._tls = tls
        self._opening: asyncio.Task[AsyncWebClient] | None = None

    async def call(self, method: str, **arguments: object) -> Mapping[str, Any]:
        """Call once, and give the answer. Raises CallFailed; the caller holds the deadline."""
        from aiohttp import ClientConnectorDNSError, ClientConnectorError, ClientError
        from aiohttp.http_exceptions import HttpProcessingError
        from slack_sdk.errors import SlackApiError

        client = await self._client()
        try:
            if method in READING:
                answer = await client.api_call(method, http_verb="GET", params=dict(arguments))
            else:
                answer = await client.api_call(method, json=dict(arguments))
        except ClientConnectorDNSError as error:
            raise CallFailed(Retry(reason="dns", detail=shown(str(error.os_error)))) from None
        except ClientConnectorError as error:
            raise CallFailed(Retry(reason=connection_reason(error), detail=shown(str(error.os_error)))) from None
        except Redirected as error:
            raise CallFailed(Retry(reason="redirected", detail=f"{method}: HTTP {error}")) from None
        except AnswerTooLarge:
            raise CallFailed(Ambiguous(reason="response_too_large", detail=method)) from None
        except (ClientError, HttpProcessingError, OSError) as error:
            raise CallFailed(_of_failure(error)) from None
        except SlackApiError as error:
            raise self._of_package(method, error) from None
        except (AttributeError, LookupError, RuntimeError, TypeError, ValueError):  # JSON that is no object, and worse
            raise CallFailed(_malformed(method)) from None
        if not isinstance(answer.data, dict):
            raise CallFailed(_malformed(method))
        return answer.data

    async def aclose(self) -> None:
        """Close the session."""
        if self._opening is None:
            return
        with contextlib.suppress(OSError, ValueError):  # certificates that cannot be read opened nothing
            client = await self._opening
            if client.session is not None:
                await client.session.close()

    def _of_package(self, method: str, error: "SlackApiError") -> CallFailed:
        """What is meant by an error of the package; its response is one of its own, or one of aiohttp."""
        answer: Any = error.response
        status = answer.status_code if hasattr(answer, "status_code") else answer.status
        said = answer.data if isinstance(getattr(answer, "data", None), dict) else {}
        after = retry_after_seconds(answer.headers.get("Retry-After"), datetime.now(UTC))
        word = said.get("error")
        return self._of_answer(method, status, word if isinstance(word, str) else "", said, after)

    def _of_answer(
        self, method: str, status: int, error: str, said: Mapping[str, Any], after: float | None
    ) -> CallFailed:
        detail = shown(f"{method}: HTTP {status} {error} {_more(said)}", self._token)
        if status == 429 or error in RATE_LIMITED:
            return CallFailed(Retry(reason="rate_limited", after_seconds=after, detail=detail), error)
        if status >= 500 or error in NOT_NOW:
            return CallFailed(Retry(reason="server_error", after_seconds=after, detail=detail), error)
        if status != 200:
            return CallFailed(Retry(reason="unexpected_status", detail=detail), error)
        if not error:
            return CallFailed(_malformed(method))
        if error in OURS:
            return CallFailed(Refused(reason="rejected", detail=detail), error)
        return CallFailed(Retry(reason="not_permitted", detail=detail), error)

    async def _client(self) -> "AsyncWebClient":
        """The client, made at the first call."""
        if self._opening is None:
            self._opening = asyncio.create_task(self._open())
        try:
            return await asyncio.shield(self._opening)
        except (OSError, ValueError) as error:
            self._opening = None
            raise CallFailed(Retry(reason="tls", detail=shown(f"ca_file: {error}"))) from None

    async def _open(self) -> "AsyncWebClient":
        from slack_sdk.web.async_client import AsyncWebClient

        session = _session(await asyncio.to_thread(self._tls))
        client = AsyncWebClient(
            token=self._token, base_url=self._url, session=session, retry_handlers=[], logger=_silent
        )
        client.proxy = None
        return client


def _session(tls: SSLContext) -> "ClientSession":
    from aiohttp import ClientResponse, ClientSession, ClientTimeout, TCPConnector

    class Bounded(ClientResponse):
        """An answer that is read up to a size."""

        async def read(self) -> bytes:
            if self._body is None:
                self._body = await _read(self)
            return await super().read()

    return ClientSession(
        # A connection that is kept may be dead by the next incident, hours later.
        connector=TCPConnector(ssl=tls, force_close=True, limit=0),
        timeout=ClientTimeout(total=None),
        headers={"Accept-Encoding": "identity"},
        middlewares=(_stay,),
        response_class=Bounded,
        trust_env=False,
    )


async def _stay(request: "ClientRequest", send: "ClientHandlerType") -> "ClientResponse":
    response = await send(request)
    if 300 <= response.status < 400:
        response.close()
        raise Redirected(str(response.status))
    return response


async def _read(response: "ClientResponse") -> bytes:
    body = bytearray()
    try:
        async for chunk in response.content.iter_any():
            body += chunk
            if len(body) > ANSWER_LIMIT_BYTES:
                raise AnswerTooLarge
    except BaseException:
        response.close()
        raise
    return bytes(body)


def _of_failure(error: BaseException) -> Ambiguous:
    from aiohttp import ClientPayloadError, ClientResponseError

    malformed = isinstance(error, ClientResponseError | ClientPayloadError)
    reason = "response_malformed" if malformed else connection_reason(error)
    return Ambiguous(reason=reason, detail=type(error).__name__)


def _malformed(method: str) -> Ambiguous:
    return Ambiguous(reason="response_malformed", detail=method)


def _more(said: Mapping[str, Any]) -> str:
    """What else an error says that helps to mend it: the missing right, or what is wrong with the blocks."""
    metadata = said.get("response_metadata")
    messages = metadata.get("messages") if isinstance(metadata, dict) else None
    found = {"needed": said.get("needed"), "provided": said.get("provided"), "messages": messages}
    return json.dumps({name: value for name, value in found.items() if value}) if any(found.values()) else ""
