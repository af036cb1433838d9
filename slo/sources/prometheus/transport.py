"""The requests of `prometheus-api-client`, over the watch's own HTTP.

The client is built on `requests`, whose timeouts are those of single reads, and which takes a body of any length. Here
its requests are sent by `slo.net`, as those of probes are: one deadline for all of it, a limit for the body, the
certificates that are configured, and no redirect, which would carry credentials elsewhere.
"""

import asyncio
import json
from collections.abc import Mapping
from concurrent.futures import Future
from typing import Any

import requests
from requests.adapters import BaseAdapter

from slo.config.tls import TLSSettings
from slo.errors import ServerFault
from slo.net.context import Context
from slo.net.fetch import Fetched, fetch
from slo.net.request import Request
from slo.net.url import URL
from slo.sources.prometheus.answers import checked
from slo.sources.prometheus.reasons import fault_of

BODY_LIMIT_BYTES = 8_000_000
"""The largest answer that is read: some 250,000 samples, which take a tenth of a second to understand."""

GRACE_SECONDS = 10.0
"""How long after its deadline a thread still waits for an answer: until then even a busy event loop has given it up."""


class Session(requests.Session):
    """A session whose requests are sent on the event loop `loop`, from another thread. Raises ServerFault.

    Every answer that it returns has been looked at: it is one of the API, and whole.
    """

    def __init__(
        self,
        context: Context,
        tls: TLSSettings,
        loop: asyncio.AbstractEventLoop,
        under_way: set[Future[Fetched]],
    ) -> None:
        """`under_way` holds what is being sent, for whoever wants to give it up."""
        super().__init__()
        self.trust_env = False
        self.headers.clear()
        self._transport = _Transport(context, tls, loop, under_way)

    def get_adapter(self, url: str | bytes) -> BaseAdapter:  # noqa: ARG002 - there is one way for all
        """The one transport, whatever the client would have used."""
        return self._transport


class _Transport(BaseAdapter):
    def __init__(
        self,
        context: Context,
        tls: TLSSettings,
        loop: asyncio.AbstractEventLoop,
        under_way: set[Future[Fetched]],
    ) -> None:
        super().__init__()
        self._context = context
        self._tls = tls
        self._loop = loop
        self._under_way = under_way

    def send(
        self,
        request: requests.PreparedRequest,
        stream: bool = False,  # noqa: ARG002, FBT001, FBT002
        timeout: Any = None,
        verify: Any = True,  # noqa: ARG002, FBT002
        cert: Any = None,  # noqa: ARG002
        proxies: Mapping[str, str] | None = None,  # noqa: ARG002
    ) -> requests.Response:
        """Send a request within `timeout` seconds as a whole."""
        asked = Request(
            url=URL.parse(request.url or ""),
            headers={"Accept-Encoding": "gzip", **{str(name): str(value) for name, value in request.headers.items()}},
            tls=self._tls,
            follow_redirects=False,
            max_body=BODY_LIMIT_BYTES,
            keep_body=True,
        )
        sending = asyncio.run_coroutine_threadsafe(self._fetch(asked, timeout), self._loop)
        self._under_way.add(sending)
        try:
            fetched = sending.result(timeout + GRACE_SECONDS)
        except TimeoutError:
            raise ServerFault("prober_stalled", "the event loop stood still") from None
        finally:
            self._under_way.discard(sending)
        return _answer(fetched, request)

    def close(self) -> None:
        """Nothing is held open between requests."""

    async def _fetch(self, request: Request, timeout_seconds: float) -> Fetched:
        return await fetch(request, self._context, self._context.clock.monotonic() + timeout_seconds)


class _Answer(requests.Response):
    """An answer that says what is wrong with it when it is read."""

    def json(self, **_: Any) -> Any:
        """The document, checked. Raises ServerFault."""
        try:
            document = json.loads(self.content)
        except (ValueError, RecursionError):
            kind = self.headers.get("Content-Type", "no content type")
            raise ServerFault("not_prometheus", f"{kind} that is no JSON") from None
        return checked(document)


def _answer(fetched: Fetched, request: requests.PreparedRequest) -> requests.Response:
    fault, response = fetched.reached.fault, fetched.response
    if fault is not None or response is None:
        raise ServerFault(fault.reason if fault else "response_closed", fault.detail if fault else "")
    if response.status != 200:
        raise fault_of(response.status, response.body)
    answer = _Answer()
    answer.status_code = response.status
    answer.url = request.url or ""
    answer.request = request
    answer.headers.update({name.decode("latin-1"): value.decode("latin-1") for name, value in response.headers})
    answer._content = response.body  # noqa: SLF001 - a response has no other place for a body that is there already
    return answer
