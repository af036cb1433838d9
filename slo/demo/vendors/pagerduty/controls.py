"""What only a stand-in has, over HTTP: what it was asked, what its people do, and bad days.

GET    /_standin/requests                  every request and the status of its answer; 0: it was reset
GET    /_standin/incidents                 every incident and its history
POST   /_standin/incidents/KEY/ACT         somebody does one of `incidents.ACTS`: {"by": "...", "agent": "user"} with
                                           "service" where it is done to that one's incident alone, and with
"text" (annotate, status_update), "to" (assign), "priority" or "title";
the agent is "user", "integration" or "none"
GET    /_standin/webhooks                  the subscription, and what was tried for it
PUT    /_standin/webhooks                  have webhooks posted to {"url": "...", "secrets": ["..."]}; "" is nowhere
POST   /_standin/webhooks/ping             try it
POST   /_standin/faults                    bad days to come, see `slo.demo.vendors.injection`
DELETE /_standin/faults                    good days again
"""

from typing import TYPE_CHECKING

from aiohttp import web

from slo.demo.vendors.injection import Injection
from slo.demo.vendors.pagerduty.webhooks_v3 import ping
from slo.demo.vendors.record import now_text

if TYPE_CHECKING:
    from slo.demo.vendors.pagerduty.standin import PagerDutyStandIn


class Controls:
    """The controls of one stand-in."""

    def __init__(self, standin: "PagerDutyStandIn") -> None:
        self._standin = standin

    def routes(self) -> list[web.RouteDef]:
        """Where they are."""
        return [
            web.get("/_standin/requests", self._show_requests),
            web.get("/_standin/incidents", self._show_incidents),
            web.post("/_standin/incidents/{key:.+}/{act}", self._act),
            web.get("/_standin/webhooks", self._show_webhooks),
            web.put("/_standin/webhooks", self._subscribe),
            web.post("/_standin/webhooks/ping", self._ping),
            web.post("/_standin/faults", self._inject),
            web.delete("/_standin/faults", self._clear),
        ]

    async def _show_requests(self, _: web.Request) -> web.Response:
        return web.json_response({"requests": self._standin.requests})

    async def _show_incidents(self, _: web.Request) -> web.Response:
        return web.json_response({"incidents": self._standin.incidents})

    async def _act(self, request: web.Request) -> web.Response:
        given = {"by": "a person"} | (await request.json() if request.can_read_body else {})
        try:
            done = self._standin.act(request.match_info["key"], request.match_info["act"], **given)
        except (TypeError, ValueError) as error:
            return web.json_response({"error": str(error)}, status=400)
        return web.json_response({"incidents": done}, status=200 if done else 404)

    async def _show_webhooks(self, _: web.Request) -> web.Response:
        return web.json_response(self._standin.webhooks.shown())

    async def _subscribe(self, request: web.Request) -> web.Response:
        given = await request.json()
        self._standin.subscribe(given["url"], *given.get("secrets", ()))
        return await self._show_webhooks(request)

    async def _ping(self, request: web.Request) -> web.Response:
        self._standin.webhooks.put(ping(now_text()))
        return await self._show_webhooks(request)

    async def _inject(self, request: web.Request) -> web.Response:
        try:
            self._standin.inject(Injection.of(await request.json()))
        except ValueError as error:
            return web.json_response({"error": str(error)}, status=400)
        return web.json_response({"waiting": len(self._standin.injections.waiting)})

    async def _clear(self, _: web.Request) -> web.Response:
        self._standin.injections.clear()
        return web.json_response({"waiting": 0})
