"""A stand-in for Datadog: the intake of metrics and logs, and SLOs with their corrections, as strict as the original.

Beside what `slo.demo.vendors.standin` describes:

    GET    /_standin/points      every series with its points: [{"metric", "host", "tags", "points": {TIME: VALUE}}]
    GET    /_standin/logs        every log, doubles included
    GET    /_standin/discarded   what was taken and not kept, since it was too old or too far ahead

`python -m slo.demo.vendors.datadog --folder DIR --api-key KEY --application-key KEY` prints its address in a line of
JSON. The API and the intake of logs, which have names of their own at Datadog, are both at this address.
"""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from aiohttp import web

from slo.demo.vendors.datadog.account import Account
from slo.demo.vendors.datadog.intake import METRICS_RAW_BYTES, logs_in, series_in
from slo.demo.vendors.datadog.rules import Refusal
from slo.demo.vendors.standin import Effect, StandIn, Webhook, serve


class DatadogStandIn(StandIn):
    """One account. `now` is its time in Unix seconds, by which points and logs are too old."""

    most_bytes = 2 * METRICS_RAW_BYTES

    def __init__(
        self,
        folder: Path,
        *,
        api_key: str,
        application_key: str = "",
        now: Callable[[], float] = time.time,
        **keys: Any,
    ) -> None:
        self._api_key = api_key
        self._application_key = application_key
        self._now = now
        self.account = Account()
        # Datadog limits neither metrics nor logs by rate.
        super().__init__(folder, **{"requests_a_minute": 1_000_000, **keys})

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/_standin/points", self._show_points),
            web.get("/_standin/logs", self._show_logs),
            web.get("/_standin/discarded", self._show_discarded),
        ]

    def apply(self, effect: Effect) -> None:
        self.account.apply(effect)

    def answer(self, request: web.Request, body: bytes) -> tuple[Effect | None, web.Response]:
        try:
            return self._answer(request, body)
        except Refusal as refusal:
            return None, refusal.response

    def webhooks_of(self, effect: Effect) -> list[Webhook]:  # noqa: ARG002 - nothing that is taken here is told
        return []

    def _answer(self, request: web.Request, body: bytes) -> tuple[Effect | None, web.Response]:
        key = request.headers.get("DD-API-KEY")
        match request.method, request.path:
            case "POST", "/api/v2/series":
                if key != self._api_key:
                    raise Refusal(403, "Forbidden")
                series = series_in(request, body)
                return {"do": "series", "series": series, "at": self._now()}, _accepted({"errors": []})
            case "POST", "/api/v2/logs":
                if key is None:
                    raise Refusal(401, "Unauthorized")
                if key != self._api_key:
                    raise Refusal(403, "Forbidden")
                return {"do": "logs", "logs": logs_in(request, body), "at": self._now()}, _accepted({})
        raise Refusal(404, "Not found")

    async def _show_points(self, _: web.Request) -> web.Response:
        shown = [
            {"metric": metric, "host": host, "tags": tags, "points": points}
            for (metric, host, tags), points in self.account.points.items()
        ]
        return web.json_response({"series": shown})

    async def _show_logs(self, _: web.Request) -> web.Response:
        return web.json_response({"logs": self.account.logs})

    async def _show_discarded(self, _: web.Request) -> web.Response:
        return web.json_response({"discarded": self.account.discarded})


def _accepted(document: object) -> web.Response:
    return web.json_response(document, status=202)


@click.command()
@click.option("--folder", type=click.Path(path_type=Path, file_okay=False), required=True, help="Record and authority.")
@click.option("--port", type=int, default=0, show_default="a free one", help="Port on 127.0.0.1.")
@click.option("--api-key", required=True, help="The key that may send.")
@click.option("--application-key", default="", help="The key that may keep SLOs.")
def main(folder: Path, port: int, api_key: str, application_key: str) -> None:
    """Stand in for Datadog until Ctrl-C."""
    asyncio.run(serve(DatadogStandIn(folder, port=port, api_key=api_key, application_key=application_key)))
