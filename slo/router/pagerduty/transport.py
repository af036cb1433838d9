"""Exchanges of a vendor's package that is built on httpx2: held to a size, cut from another thread, made once.

The package retries by itself, waits without end where it is asked to slow down, and has a timeout for each phase only.
So it is told to make exactly one request for each call, and a transport of ours ends what takes too long as a whole.
"""

import contextlib
import logging
import socket
import ssl
import threading
from collections.abc import Iterator, Mapping
from typing import Any

import httpx2
from pagerduty.api_client import ApiClient

from slo.core.delivery import Ambiguous, Retry
from slo.router.answers import connection_reason, shown

FAILURES = (httpx2.HTTPError, httpx2.StreamError, OSError, RuntimeError)
"""What a call can raise beside the package's own errors."""

_NOT_SENT = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout)

_silent = logging.getLogger(f"{__name__}.package")
_silent.disabled = True  # what the package would say of a call is in its verdict, which is logged once


class AnswerTooLarge(httpx2.TransportError):
    """The other side sends more than any answer has."""


def make_once(client: ApiClient, *, phase_seconds: float) -> None:
    """Have each call of the package be exactly one request."""
    client.log = _silent
    client.timeout = phase_seconds  # type: ignore[assignment]  # declared as int, used as any number
    client.max_network_attempts = 0
    client.max_http_attempts = -1
    client.retry = {429: 1}


def of_failure(error: BaseException) -> Retry | Ambiguous:
    """The verdict on a call without an answer."""
    if isinstance(error, AnswerTooLarge):
        return Ambiguous(reason="response_too_large")
    reason = "timeout" if isinstance(error, httpx2.TimeoutException) else connection_reason(error)
    kind = Retry if isinstance(error, _NOT_SENT) else Ambiguous
    return kind(reason=reason, detail=shown(str(error)))


class CuttableTransport(httpx2.HTTPTransport):
    """One connection, which another thread may cut, and whose answers have at most `limit_bytes`.

    It holds a duplicate of the connection's socket for that. Closing the socket itself under the thread that waits for
    it would wake nobody, and would let that thread read from whatever is opened next under the same number.
    """

    def __init__(self, *, tls: ssl.SSLContext, limit_bytes: int) -> None:
        super().__init__(verify=tls, trust_env=False)
        self._limit_bytes = limit_bytes
        self._lock = threading.Lock()
        self._line: socket.socket | None = None
        self._is_cut = False

    def cut(self) -> None:
        """Cut the connection that there is, or the one that is about to be made."""
        with self._lock:
            self._is_cut = True
            self._shut()

    def close(self) -> None:
        super().close()
        with self._lock:
            self._let_go()

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        request.extensions = {**request.extensions, "trace": self._traced}
        response = super().handle_request(request)
        if isinstance(response.stream, httpx2.SyncByteStream):
            response.stream = _Bounded(response.stream, self._limit_bytes)
        return response

    def _traced(self, name: str, info: Mapping[str, Any]) -> None:
        if name == "connection.connect_tcp.complete":
            with self._lock:
                self._let_go()
                self._line = info["return_value"].get_extra_info("socket").dup()
                if self._is_cut:
                    self._shut()

    def _let_go(self) -> None:
        line, self._line = self._line, None
        if line is not None:
            line.close()

    def _shut(self) -> None:
        if self._line is not None:
            with contextlib.suppress(OSError):  # it may be over already
                self._line.shutdown(socket.SHUT_RDWR)


class _Bounded(httpx2.SyncByteStream):
    def __init__(self, stream: httpx2.SyncByteStream, limit_bytes: int) -> None:
        self._stream = stream
        self._limit_bytes = limit_bytes

    def __iter__(self) -> Iterator[bytes]:
        size = 0
        for chunk in self._stream:
            size += len(chunk)
            if size > self._limit_bytes:
                raise AnswerTooLarge(f"the answer is larger than {self._limit_bytes} bytes")
            yield chunk

    def close(self) -> None:
        self._stream.close()
