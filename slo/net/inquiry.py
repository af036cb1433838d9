"""One request over HTTP, made ready once and sent each round, and what its response is held against."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from slo.net.context import Context
from slo.net.exchange_config import ExchangeConfig
from slo.net.expect import Expectation
from slo.net.fetch import Fetched, fetch
from slo.net.http1 import Response
from slo.net.request import HTTP_1, HTTP_2, Request

if TYPE_CHECKING:
    from slo.net.cookies import Cookies

AT_ONCE_BYTES = 65_536
"""Bodies that are larger are looked at in a thread, so that no other target is late."""

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True, slots=True)
class Facts:
    """What came of the request, without the body, which may be large: it was looked at once.

    `reason` and `detail` are what went wrong on the way, else the first expectation that was not met.
    """

    fetched: Fetched
    reason: str = "ok"
    detail: str = ""


class Inquiry:
    """A request and its expectations.

    With `keeps_body` the body is kept for others to look at too; without `shows_found` the details name what was
    expected, and nothing of what came.
    """

    __slots__ = ("_context", "_expectation", "_tokens", "request")

    def __init__(
        self, config: ExchangeConfig, context: Context, *, keeps_body: bool = False, shows_found: bool = True
    ) -> None:
        self._context = context
        self._expectation = Expectation(config.expect, shows_found=shows_found)
        self._tokens = config.tokens(context)
        content = config.body or config.body_file
        self.request = config.request(
            method=config.method,
            headers={},
            body=content.reveal() if content else b"",
            keep_body=self._expectation.reads_body or keeps_body,
            alpn=(HTTP_2, HTTP_1) if config.http2 else (HTTP_1,),
        )
        if self.request.url.secure:
            context.tls.get(config.tls, alpn=self.request.endpoint.alpn)  # now, not within the first round

    async def ask(
        self, deadline: float, *, request: Request | None = None, cookies: "Cookies | None" = None
    ) -> Fetched:
        """What the request leads to before `deadline` (monotonic seconds), or this one that was made of it."""
        return await fetch(request or self.request, self._context, deadline, tokens=self._tokens, cookies=cookies)

    async def look(self, fetched: Fetched) -> Facts:
        """The response without its body, and whether it is what is expected."""
        fault, response = fetched.reached.fault, fetched.response
        if fault is not None:
            return Facts(fetched=fetched, reason=fault.reason, detail=fault.detail)
        if response is None:
            raise ValueError("a round has neither a fault nor a response")
        unmet = next(self._expectation.unmet_by_head(response), None)
        if unmet is None and self._expectation.reads_body:
            unmet = await unhurried(partial(next, self._expectation.unmet_by_body(response.body), None), response)
        if unmet is None:
            way = self._expectation.unmet_by_way(response, secure=fetched.url.secure, seconds=fetched.reached.seconds)
            unmet = next(way, None)
        if response.body:
            fetched = replace(fetched, response=replace(response, body=b""))
        return Facts(fetched=fetched, reason=unmet[0], detail=unmet[1]) if unmet else Facts(fetched=fetched)


async def unhurried(look: Callable[[], T], response: Response) -> T:
    """What `look` makes of a response, in a thread where the body is so large that others would have to wait."""
    return look() if len(response.body) <= AT_ONCE_BYTES else await asyncio.to_thread(look)
