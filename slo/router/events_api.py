"""One call of PagerDuty's Events API v2, through PagerDuty's own package, with its verdict.

Importing this costs 280 ms and 23 MB: it is imported by the thread that makes the first call. The package retries by
itself, waits without end where it is asked to slow down, and has a timeout for each phase only. So it is told to make
exactly one request, the answer is held to a size, and `abandon` ends a call that takes too long as a whole.
"""

import contextlib
import logging
import socket
import ssl
import threading
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Literal

import httpx2
from pagerduty import Error, EventsApiV2Client

from slo.core.delivery import Ambiguous, Refused, Retry, Sent, Verdict
from slo.router.answers import connection_reason, retry_after_seconds, shown

ANSWER_LIMIT_BYTES = 16_384
"""The largest answer that is read; a real one has a hundredth of it."""

_NOT_SENT = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout)

_silent = logging.getLogger(f"{__name__}.package")
_silent.disabled = True  # what the package would say of a call is in its verdict, which is logged once


class AnswerTooLarge(httpx2.TransportError):
    """The other side sends more than any answer has."""


class EventCall:
    """One event, to be sent once with `send` in a thread, and `abandon`ed from another one."""

    def __init__(self, *, base_url: str, routing_key: str, tls: ssl.SSLContext, phase_seconds: float) -> None:
        self._routing_key = routing_key
        self._transport = _Transport(verify=tls, trust_env=False)
        self._client = EventsApiV2Client(
            routing_key,
            base_url=base_url,
            transport=self._transport,
            headers={"accept-encoding": "identity"},
            trust_env=False,
        )
        self._client.log = _silent
        self._client.timeout = phase_seconds  # type: ignore[assignment]  # declared as int, used as any number
        self._client.max_network_attempts = 0
        self._client.max_http_attempts = -1
        self._client.retry = {429: 1}

    def abandon(self) -> None:
        """Cut the connection of a call that is under way, or is about to be made."""
        self._transport.cut()

    def send(
        self, action: Literal["trigger", "acknowledge", "resolve"], dedup_key: str, properties: Mapping[str, Any]
    ) -> Verdict:
        """Send the event. Blocks, and raises nothing for what the other side does."""
        try:
            with contextlib.closing(self._client):
                return Sent(reference=str(self._client.send_event(action, dedup_key=dedup_key, **properties)))
        except Error as error:
            return (
                self._of_answer(error.response) if error.response is not None else _of_failure(error.__cause__ or error)
            )
        except (httpx2.HTTPError, httpx2.StreamError, OSError, RuntimeError) as error:
            return _of_failure(error)

    def _of_answer(self, response: httpx2.Response) -> Verdict:
        status = response.status_code
        said = f"HTTP {status}: {shown(response.text, self._routing_key)}"
        if response.is_success:
            return Ambiguous(reason="response_malformed", detail=said)
        if status in (400, 413):
            return Refused(reason="rejected", detail=said)
        after = retry_after_seconds(response.headers.get("retry-after"), datetime.now(UTC))
        if status == 429:
            return Retry(reason="rate_limited", after_seconds=after, detail=said)
        # 401, 403 and 404 are not answers of this API (a wrong key is a 400): something stands in between.
        reason = "server_error" if status >= 500 else "unexpected_status"
        return Retry(reason=reason, after_seconds=after, detail=said)


def _of_failure(error: BaseException) -> Verdict:
    if isinstance(error, AnswerTooLarge):
        return Ambiguous(reason="response_too_large")
    reason = "timeout" if isinstance(error, httpx2.TimeoutException) else connection_reason(error)
    kind = Retry if isinstance(error, _NOT_SENT) else Ambiguous
    return kind(reason=reason, detail=shown(str(error)))


class _Transport(httpx2.HTTPTransport):
    """One connection, which another thread may cut.

    It holds a duplicate of the connection's socket for that. Closing the socket itself under the thread that waits for
    it would wake nobody, and would let that thread read from whatever is opened next under the same number.
    """

    def __init__(self, *, verify: ssl.SSLContext, trust_env: bool) -> None:
        super().__init__(verify=verify, trust_env=trust_env)
        self._lock = threading.Lock()
        self._line: socket.socket | None = None
        self._is_cut = False

    def cut(self) -> None:
        with self._lock:
            self._is_cut = True
            self._shut()

    def close(self) -> None:
        super().close()
        with self._lock:
            line, self._line = self._line, None
            if line is not None:
                line.close()

    def _traced(self, name: str, info: Mapping[str, Any]) -> None:
        if name == "connection.connect_tcp.complete":
            with self._lock:
                self._line = info["return_value"].get_extra_info("socket").dup()
                if self._is_cut:
                    self._shut()

    def _shut(self) -> None:
        if self._line is not None:
            with contextlib.suppress(OSError):  # it may be over already
                self._line.shutdown(socket.SHUT_RDWR)

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        request.extensions = {**request.extensions, "trace": self._traced}
        response = super().handle_request(request)
        if isinstance(response.stream, httpx2.SyncByteStream):
            response.stream = _Bounded(response.stream)
        return response


class _Bounded(httpx2.SyncByteStream):
    def __init__(self, stream: httpx2.SyncByteStream) -> None:
        self._stream = stream

    def __iter__(self) -> Iterator[bytes]:
        size = 0
        for chunk in self._stream:
            size += len(chunk)
            if size > ANSWER_LIMIT_BYTES:
                raise AnswerTooLarge(f"the answer is larger than {ANSWER_LIMIT_BYTES} bytes")
            yield chunk

    def close(self) -> None:
        self._stream.close()
