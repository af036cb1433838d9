"""Calls of `datadog-api-client`, over the watch's own HTTP.

The package is built on urllib3, whose timeouts are those of single reads, and which takes an answer of any length. Here
its requests are sent by `slo.net`, as those of other forwarders are: one deadline for all of it, a limit for the
answer, the certificates that are configured, no redirect, which would carry the keys elsewhere. The package blocks, so
that it is called in a thread; what that waits for has always ended soon after its deadline.
"""

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import CancelledError, Executor, Future
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlencode

from exporters.posting import Failed, Posting
from slo.config.secret import Secret
from slo.core.delivery import Ambiguous, Retry
from slo.errors import WatchkeepError
from slo.net.http1 import Response

if TYPE_CHECKING:
    from datadog_api_client import ApiClient

API_KEY, APPLICATION_KEY = "DD-API-KEY", "DD-APPLICATION-KEY"
"""The headers that say who we are."""

JSON = "application/json"
ENCODED = "application/octet-stream"
"""What the package is told of a body that is written already, and given as a file: all others it writes as JSON."""

GRACE_SECONDS = 10.0
"""How long after its deadline a thread still waits for an answer: until then even a busy event loop has given it up."""

T = TypeVar("T")


class Unanswered(WatchkeepError):
    """A call did not do what it was for; `verdict` says what became of it."""

    def __init__(self, verdict: Failed) -> None:
        super().__init__(str(verdict))
        self.verdict = verdict


class Calls:
    """Calls to one address, in the threads that are given."""

    def __init__(self, posting: Posting, keys: Mapping[str, Secret], *, url: str, threads: Executor) -> None:
        self._posting = posting
        self._keys = keys
        self.url = url.rstrip("/")
        self._threads = threads
        self._under_way: set[Future[Response | Failed]] = set()
        self._client: ApiClient | None = None
        self._closed = False

    async def submit(self, path: str, body: bytes) -> None:
        """Post a body that is JSON, compressed with gzip. Raises Unanswered."""
        headers = {"Accept": JSON, "Content-Type": ENCODED, "Content-Encoding": "gzip"}
        await self.use(lambda client: client.call_api(path, "POST", header_params=headers, body=BytesIO(body)))

    async def use(self, work: "Callable[[ApiClient], T]") -> T:
        """Do some work with the package, in a thread. Each request that it makes is made once. Raises Unanswered."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, lambda: self._work(work, loop))

    def close(self) -> None:
        """Give up what is under way, and begin nothing more."""
        self._closed = True
        for sending in tuple(self._under_way):
            sending.cancel()

    def _work(self, work: "Callable[[ApiClient], T]", loop: asyncio.AbstractEventLoop) -> T:
        """Runs in a thread: the package takes a moment to import."""
        from datadog_api_client.exceptions import OpenApiException

        if self._client is None:
            self._client = self._made(loop)
        try:
            return work(self._client)
        except (OpenApiException, ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
            # Its text may hold the whole answer.
            raise Unanswered(Ambiguous(reason="response_malformed", detail=type(error).__name__)) from None

    def _made(self, loop: asyncio.AbstractEventLoop) -> "ApiClient":
        from datadog_api_client import ApiClient, Configuration

        names = {API_KEY: "apiKeyAuth", APPLICATION_KEY: "appKeyAuth"}
        keys = {names[header]: key.reveal() for header, key in self._keys.items()}  # else it takes those of DD_API_KEY
        configuration = Configuration(host=self.url, api_key=keys, compress=False)  # type: ignore[no-untyped-call]
        client = ApiClient(configuration)
        client.rest_client.pool_manager = _Pool(self, loop)
        return client

    def fetch(
        self, loop: asyncio.AbstractEventLoop, method: str, path: str, headers: Mapping[str, str], body: bytes
    ) -> "Answer":
        """Make one request on the event loop, and wait for it. Runs in a thread. Raises Unanswered."""
        if self._closed:
            raise Unanswered(Retry(reason="cancelled"))
        request = self._posting.request(method, path, headers=headers, body=body)
        sending = asyncio.run_coroutine_threadsafe(self._posting.ask(request), loop)
        self._under_way.add(sending)
        try:
            response = sending.result(self._posting.timeout_seconds + GRACE_SECONDS)
        except TimeoutError:
            sending.cancel()
            raise Unanswered(Ambiguous(reason="prober_stalled", detail="the event loop stood still")) from None
        except CancelledError:
            raise Unanswered(Ambiguous(reason="cancelled")) from None
        finally:
            self._under_way.discard(sending)
        if not isinstance(response, Response):
            raise Unanswered(response)
        shown = self._posting.hidden(response.body.decode(errors="replace"))
        return Answer(status=response.status, data=shown.encode())


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What the package reads of an answer: one that is a success, without what is secret."""

    status: int
    data: bytes
    reason: str = ""

    @property
    def headers(self) -> Mapping[str, str]:
        """None of those that were sent is looked at; all text is UTF-8."""
        return {"Content-Type": f"{JSON}; charset=utf-8"}


class _Pool:
    """Stands where the package has its pool of connections."""

    def __init__(self, calls: Calls, loop: asyncio.AbstractEventLoop) -> None:
        self._calls = calls
        self._loop = loop

    def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        body: str | bytes | None = None,
        fields: object = None,
        **_: object,
    ) -> Answer:
        """Make a request as the package wants it."""
        path = url.removeprefix(self._calls.url)
        if fields:
            path = f"{path}?{urlencode(list(fields))}"  # type: ignore[call-overload]  # pairs, by the package
        if headers.get("Content-Type") == ENCODED:
            headers = {**headers, "Content-Type": JSON}
        encoded = body.encode() if isinstance(body, str) else body or b""
        return self._calls.fetch(self._loop, method, path, headers, encoded)
