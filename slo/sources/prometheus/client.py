"""One Prometheus-compatible server, asked with `prometheus-api-client` in threads of its own."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from datetime import UTC, datetime
from time import perf_counter
from typing import Any, TypeVar

from slo.config.request import request_headers
from slo.config.settings import ServerEntry
from slo.errors import ServerFault
from slo.exposition.catalogue import Telemetry
from slo.net.context import Context
from slo.net.fetch import Fetched
from slo.sources.prometheus.answers import Series, series_of

AT_ONCE = 4
"""How many queries a server is asked at once for what just happened; one more reads the past."""

RECENT_SECONDS = 60
"""In answers to range queries VictoriaMetrics puts older values in the place of those of its last 30 s. To an instant
query it gives them as they are, if it is told not to use its cache."""

MOST_POINTS = 10_000
"""How many points a range query asks for; every server takes 11,000."""

T = TypeVar("T")


class Client:
    """Asks one server. `query` and `values` block, and are to be called within `run`; they raise ServerFault."""

    def __init__(self, entry: ServerEntry, context: Context, telemetry: Telemetry) -> None:
        """To be made on the event loop. Raises OSError or ValueError for certificates that cannot be used."""
        self.name = entry.name
        self._entry = entry
        self._context = context
        self._telemetry = telemetry
        self._loop = asyncio.get_running_loop()
        self._threads = ThreadPoolExecutor(AT_ONCE + 1, thread_name_prefix=f"server-{entry.name}")
        self._headers = request_headers(entry.headers, entry.basic_auth, entry.bearer_token)
        self._under_way: set[Future[Fetched]] = set()
        self._closed = False
        self._timeout_seconds = entry.timeout.total_seconds()
        if entry.url.startswith("https:"):
            context.tls.get(entry.tls, alpn=("http/1.1",))  # now, not within the first query

    async def run(self, function: Callable[[], T]) -> T:
        """Call a function that asks this server, in a thread: it may wait there for as long as its queries take."""
        return await self._loop.run_in_executor(self._threads, function)

    def query(self, expression: str, at: int) -> list[Series]:
        """The answer to an instant query at `at` (Unix seconds): a vector, or a matrix of samples."""
        return self._asked(lambda connect: connect.custom_query(expression, params={"time": at, **self._params}))

    def values(self, expression: str, points: Sequence[int], now: float) -> list[Series]:
        """The values of an expression at points in time (Unix seconds) that are evenly apart.

        `now` (Unix seconds) says which of them are recent.
        """
        past = [point for point in points if point <= now - RECENT_SECONDS]
        recent = [point for point in points if point > now - RECENT_SECONDS]
        found = [series for point in recent for series in self.query(expression, point)]
        for first in range(0, len(past), MOST_POINTS):
            found += self._range(expression, past[first : first + MOST_POINTS])
        return found

    def close(self) -> None:
        """Ask nothing more. Queries under way are given up, so that no thread outlives the loop."""
        self._closed = True
        self._threads.shutdown(wait=False, cancel_futures=True)
        for sending in tuple(self._under_way):
            sending.cancel()

    def _range(self, expression: str, points: Sequence[int]) -> list[Series]:
        first, last = (datetime.fromtimestamp(point, UTC) for point in (points[0], points[-1]))
        step = str(points[1] - points[0]) if len(points) > 1 else "1"
        return self._asked(
            lambda connect: connect.custom_query_range(expression, first, last, step, params=self._params)
        )

    @property
    def _params(self) -> dict[str, str]:
        # Prometheus stops working on what nobody waits for any more; `nocache` is VictoriaMetrics's.
        return {"timeout": f"{self._timeout_seconds:g}s", "nocache": "1"}

    def _asked(self, ask: Callable[[Any], Any]) -> list[Series]:
        from prometheus_api_client.prometheus_connect import PrometheusConnect

        from slo.sources.prometheus.transport import Session

        if self._closed:
            raise ServerFault("cancelled")
        session = Session(self._context, self._entry.tls, self._loop, self._under_way)
        connect = PrometheusConnect(
            self._entry.url,
            session=session,
            headers=self._headers,
            timeout=self._timeout_seconds,  # type: ignore[arg-type]
        )
        result, begun = "ok", perf_counter()
        try:
            found = series_of(ask(connect))
        except ServerFault as fault:
            result = fault.reason
            raise
        except CancelledError:
            result = "cancelled"
            raise ServerFault(result) from None
        finally:
            self._telemetry.server_queries.labels(self.name, result).inc()
            self._telemetry.server_query_duration.labels(self.name).observe(perf_counter() - begun)
        return found
