"""The discovery `http`: a URL that answers with the targets, as Prometheus's http_sd asks for them.

Protocol: https://prometheus.io/docs/prometheus/latest/http_sd/
"""

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from datetime import timedelta

from slo.config.target_groups import LARGEST_BYTES, Malformed, read_json
from slo.config.types import PositiveDuration, Size
from slo.core.target import Target
from slo.errors import Fault
from slo.net.context import Context
from slo.net.fetch import fetch
from slo.net.repeated import repeatedly
from slo.net.request_config import RequestConfig
from slo.net.url import URL

OK = 200
LONGEST_TIMEOUT_SECONDS = 30.0

_JSON = re.compile(r'application/json\s*(;\s*charset\s*=\s*"?utf-8"?\s*)?', re.IGNORECASE)


class Config(RequestConfig):
    """A URL that answers with the targets in JSON, as for Prometheus's http_sd."""

    max_body: Size = LARGEST_BYTES
    """The largest answer that is read."""

    refresh_interval: PositiveDuration = timedelta(seconds=60)
    """How often it is asked; an answer has as long to come, 30s at most."""


class HTTPDiscovery:
    """Asks for the targets. Whatever is no whole answer leaves the last one standing; an empty list is an answer."""

    def __init__(self, config: Config, context: Context) -> None:
        self._context = context
        self._shown = URL.parse(config.url).shown
        self._every_seconds = config.refresh_interval.total_seconds()
        self._timeout_seconds = min(self._every_seconds, LONGEST_TIMEOUT_SECONDS)
        self._tokens = config.tokens(context)
        self._request = config.request(
            headers={
                "Accept": "application/json",
                "Accept-Encoding": "gzip",
                "X-Prometheus-Refresh-Interval-Seconds": f"{self._every_seconds:g}",
            },
            keep_body=True,
        )
        if self._request.url.secure:
            context.tls.get(config.tls, alpn=self._request.endpoint.alpn)  # now: its files are there, or not

    def targets(self, failed: Callable[[Fault], None]) -> AsyncIterator[frozenset[Target]]:
        """Each whole answer."""
        return repeatedly(
            self._ask,
            clock=self._context.clock,
            pause=lambda: self._every_seconds,
            failed=failed,
            timeout_seconds=self._timeout_seconds + 1,
        )

    async def _ask(self) -> frozenset[Target]:
        deadline = self._context.clock.monotonic() + self._timeout_seconds
        fetched = await fetch(self._request, self._context, deadline, tokens=self._tokens)
        if fetched.reached.fault is not None:
            raise fetched.reached.fault
        response = fetched.response
        if response is None or response.status != OK:
            status = response.status if response else "nothing"
            raise Fault("status", detail=f"{self._shown}: it answers with {status}, not {OK}")
        kind = response.header("content-type") or ""
        if not _JSON.fullmatch(kind.strip()):
            raise Fault("content_type", detail=f"{self._shown}: it is {kind[:100]!r}, not application/json")
        try:
            return await asyncio.to_thread(lambda: read_json(response.body.decode(), self._shown))
        except UnicodeDecodeError:
            raise Fault("malformed", detail=f"{self._shown}: it is no text in UTF-8") from None
        except Malformed as error:
            raise Fault("malformed", detail=str(error)) from None


def build(config: Config, context: Context) -> HTTPDiscovery:
    """The discovery of one URL."""
    return HTTPDiscovery(config, context)
