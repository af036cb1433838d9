"""Alerts of others, as Prometheus posts them (`/api/v2/alerts`) and as Alertmanager does (`/webhooks/alertmanager`)."""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable
from datetime import datetime

from aiohttp import web

from slo.router.foreign import Fate
from slo.web.alertmanager import Batch, BodyRefused, notified, posted
from slo.web.answers import JSON, Refused, answer, fault, read_body
from slo.web.documents import Document
from slo.web.watch import Watch

BODY_BYTES = 8 * 1024 * 1024
"""The largest body. Prometheus posts 64 alerts at once, Alertmanager a whole group: here some 10,000 find room."""

SMALL_BYTES = 64 * 1024
"""What is understood on the event loop itself; a larger body takes long enough to do it beside."""

AT_ONCE = 200
"""So many alerts are taken in before others have their turn on the event loop."""

logger = logging.getLogger(__name__)


class AlertsAPI:
    """The handlers, over one watch. `body_seconds` is how long a request's body may take to arrive."""

    def __init__(self, watch: Watch, *, body_seconds: float) -> None:
        self._watch = watch
        self._body_seconds = body_seconds

    def routes(self) -> list[web.RouteDef]:
        """Every route with its handler."""
        return [web.post("/api/v2/alerts", self.post), web.post("/webhooks/alertmanager", self.notify)]

    async def post(self, request: web.Request) -> web.Response:
        """What Prometheus sends, answered as Alertmanager answers it."""
        if request.content_type != JSON:
            return _refusal(415, f'unsupported media type "{request.content_type}", only [{JSON}] are allowed')
        try:
            batch = await self._read(request, posted)
        except BodyRefused as error:
            return _refusal(error.status, str(error))
        fates = await self._take(batch, "api")
        if fates[Fate.NO_ROOM]:
            return web.json_response(_crowded(fates), status=503)
        if batch.faults:
            return web.json_response("; ".join(problem for _, problem in batch.faults), status=400)
        return web.Response(status=200)

    async def notify(self, request: web.Request) -> web.Response:
        """What Alertmanager sends of one group. It sends again what is answered with 5xx, and nothing else."""
        try:
            batch = await self._read(request, notified)
        except BodyRefused as error:
            raise Refused(400, "the body is not as expected", faults=[fault(error.at, error.problem)]) from error
        fates = await self._take(batch, "webhook")
        if fates[Fate.NO_ROOM]:
            raise Refused(503, _crowded(fates))
        if batch.faults:
            faults = [fault(at, problem) for at, problem in batch.faults]
            raise Refused(400, f"{len(faults)} alerts are not valid; the others were taken", faults=faults)
        return answer({"taken": fates[Fate.TAKEN], "own": fates[Fate.OWN]})

    async def _read(self, request: web.Request, understand: Callable[[bytes, datetime], Batch]) -> Batch:
        body = await read_body(request, self._body_seconds, most_bytes=BODY_BYTES)
        now = self._watch.now()
        return understand(body, now) if len(body) <= SMALL_BYTES else await asyncio.to_thread(understand, body, now)

    async def _take(self, batch: Batch, way: str) -> Counter[Fate]:
        """Give the valid ones to the watch, count all of them, and log what is lost."""
        fates: Counter[Fate] = Counter()
        for begin in range(0, len(batch.alerts), AT_ONCE):
            fates.update(self._watch.desk.take_alert(alert) for alert in batch.alerts[begin : begin + AT_ONCE])
            await asyncio.sleep(0)
        counted = {**{fate.value: fates[fate] for fate in Fate}, "invalid": len(batch.faults)}
        counted["left_out"] = batch.left_out
        for result, count in counted.items():
            self._watch.telemetry.foreign_alerts_received.labels(way, result).inc(count)
        lost = {name: counted[name] for name in (Fate.NO_ROOM.value, "invalid", "left_out") if counted[name]}
        if lost:
            why = "; ".join(problem for _, problem in batch.faults[:1])
            logger.warning("alerts of others are lost", extra={"way": way, **lost, **({"why": why} if why else {})})
        return fates


def _refusal(status: int, message: str) -> web.Response:
    """A body that is refused as a whole, as Alertmanager says so."""
    document: Document = {"code": status, "message": message}
    return answer(document, status=status)


def _crowded(fates: Counter[Fate]) -> str:
    return f"{fates[Fate.NO_ROOM]} alerts found no room: resolve what fires, or send fewer"
