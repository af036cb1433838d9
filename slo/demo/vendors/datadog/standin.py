"""A stand-in for Datadog: the intake of metrics and logs, and SLOs with their corrections, as strict as the original.

Beside what `slo.demo.vendors.standin` describes:

    GET    /_standin/points      every series with its points: [{"metric", "host", "tags", "points": {TIME: VALUE}}]
    GET    /_standin/logs        every log, doubles included
    GET    /_standin/discarded   what was taken and not kept, since it was too old or too far ahead

`python -m slo.demo.vendors.datadog --folder DIR --api-key KEY --application-key KEY` prints its address in a line of
JSON. The API and the intake of logs, which have names of their own at Datadog, are both at this address.
"""

import asyncio
import hashlib
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import click
from aiohttp import web

from slo.demo.vendors.datadog.account import Account
from slo.demo.vendors.datadog.intake import METRICS_RAW_BYTES, logs_in, series_in
from slo.demo.vendors.datadog.objectives import check_room, checked_correction, checked_slo
from slo.demo.vendors.datadog.rules import Refusal, parsed
from slo.demo.vendors.datadog.search import found
from slo.demo.vendors.rates import WINDOW_SECONDS, Rate
from slo.demo.vendors.standin import Effect, StandIn, Webhook, serve

SLOS = "/api/v1/slo"

MOST_ON_A_PAGE = 50
"""A page may have fewer than were asked for: who takes that for the last one is found out."""


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
        api_requests_a_minute: int = 600,
        **keys: Any,
    ) -> None:
        self._api_key = api_key
        self._application_key = application_key
        self._now = now
        self.account = Account()
        # Datadog limits neither metrics nor logs by rate as they are sent.
        super().__init__(folder, **{"requests_a_minute": 1_000_000, **keys})
        self._rate = Rate(api_requests_a_minute, self.monotonic)

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
        if request.path == SLOS or request.path.startswith(f"{SLOS}/"):
            return self._answer_about_slos(request, body)
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
            case "POST", "/api/v2/logs/events/search":
                self._check_both_keys(request)
                self._check_rate()
                return None, web.json_response(found(parsed(request, body), self.account.logs, self._now()))
        raise Refusal(404, "Not found")

    def _answer_about_slos(self, request: web.Request, body: bytes) -> tuple[Effect | None, web.Response]:
        self._check_both_keys(request)
        self._check_rate()
        path = request.path.removeprefix(SLOS).strip("/").split("/")
        if path[0] == "correction":
            return self._answer_about_corrections(request, body, path[1:])
        return self._answer_about_slo(request, body, path[0])

    def _check_both_keys(self, request: web.Request) -> None:
        keys = request.headers.get("DD-API-KEY"), request.headers.get("DD-APPLICATION-KEY")
        if keys != (self._api_key, self._application_key or None):
            raise Refusal(403, "Forbidden")

    def _check_rate(self) -> None:
        if wait_seconds := self._rate.wait_seconds(self._api_key):
            refusal = Refusal(429, "Rate limit exceeded")
            refusal.response.headers.update(
                {
                    "X-RateLimit-Limit": str(self._rate.limit),
                    "X-RateLimit-Period": str(WINDOW_SECONDS),
                    "X-RateLimit-Remaining": "0",
                    "X-RateLimit-Reset": str(wait_seconds),
                }
            )
            raise refusal

    def _answer_about_slo(self, request: web.Request, body: bytes, id_: str) -> tuple[Effect | None, web.Response]:
        slos, query, now = self.account.slos, request.query, int(self._now())
        if id_ and id_ not in slos:
            raise Refusal(404, "SLO not found")
        match request.method, bool(id_):
            case "GET", False:
                # How exactly it compares is not written anywhere: so what was asked for has to be looked at again.
                found = [
                    slo
                    for slo in slos.values()
                    if query.get("query", "") in slo["name"]
                    and ("tags_query" not in query or any(query["tags_query"] in tag for tag in slo["tags"]))
                ]
                return None, _listed(_page(found, query, default=1000))
            case "GET", True:
                return None, web.json_response({"data": slos[id_], "errors": []})
            case "POST", False:
                slo = checked_slo(parsed(request, body)) | {"id": self._new_id(), "created_at": now, "modified_at": now}
                return {"do": "slo", "slo": slo}, _listed([slo])
            case "PUT", True:
                kept = {name: slos[id_][name] for name in ("id", "created_at")}
                slo = checked_slo(parsed(request, body)) | kept | {"modified_at": now}
                return {"do": "slo", "slo": slo}, _listed([slo])
            case "DELETE", True if id_ in self.account.on_dashboards and "force" not in query:
                raise Refusal(409, f"SLO {id_} is referenced by a dashboard")
            case "DELETE", True:
                return {"do": "delete_slo", "id": id_}, web.json_response({"data": [id_], "errors": {}})
        raise Refusal(405, "Method not allowed")

    def _answer_about_corrections(
        self, request: web.Request, body: bytes, path: list[str]
    ) -> tuple[Effect | None, web.Response]:
        there, now = self.account.corrections, self._now()
        if path and path[0] not in there:
            raise Refusal(404, "SLO correction not found")
        match request.method, len(path):
            case "GET", 0:
                found = [_correction(id_, attributes) for id_, attributes in there.items()]
                meta = {"page": {"total_count": len(found)}}
                return None, web.json_response({"data": _page(found, request.query, default=25), "meta": meta})
            case "POST", 0:
                attributes = checked_correction(parsed(request, body), self.account.slos)
                others = [each for each in there.values() if each.get("slo_id") == attributes.get("slo_id")]
                check_room(attributes, others, now)
                id_ = self._new_id()
                attributes |= {"created_at": int(now), "modified_at": int(now)}
                effect = {"do": "correction", "id": id_, "attributes": attributes}
                return effect, web.json_response({"data": _correction(id_, attributes)})
            case "DELETE", 1:
                return {"do": "delete_correction", "id": path[0]}, web.Response(status=204)
        raise Refusal(405, "Method not allowed")

    def _new_id(self) -> str:
        """The next id; the record says how many there were."""
        return hashlib.md5(str(len(self.requests)).encode(), usedforsecurity=False).hexdigest()

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


def _listed(data: list[Any]) -> web.Response:
    return web.json_response({"data": data, "errors": []})


def _correction(id_: str, attributes: Mapping[str, Any]) -> dict[str, Any]:
    """A correction as it is shown: what it has not is null."""
    shown = {name: attributes.get(name) for name in ("end", "rrule", "duration", "slo_query")} | dict(attributes)
    return {"id": id_, "type": "correction", "attributes": shown}


def _page(found: list[Any], query: Mapping[str, str], *, default: int) -> list[Any]:
    """The part of a list that is asked for. Raises Refusal."""
    given = query.get("offset", "0"), query.get("limit", str(default))
    if not all(each.isdigit() for each in given):
        raise Refusal(400, "offset and limit are numbers")
    offset, limit = map(int, given)
    return found[offset : offset + min(limit, MOST_ON_A_PAGE)]


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
