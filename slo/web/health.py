"""Whether the process turns, and whether it does its work: `/-/healthy` and `/-/ready`, as Prometheus calls them, and
`/livez` and `/readyz`, as Kubernetes does.
"""

from aiohttp import web

from slo.web.answers import answer
from slo.web.documents import Document
from slo.web.served import Served

TRUSTED = web.RequestKey("trusted", bool)
"""Whether the sender of a request may read everything; the access rules set it."""


class Health:
    """The handlers, over one process."""

    def __init__(self, served: Served) -> None:
        self._served = served

    def routes(self) -> list[web.RouteDef]:
        """Every route with its handler; HEAD goes with GET."""
        return [
            *(web.get(path, self.healthy) for path in ("/-/healthy", "/livez")),
            *(web.get(path, self.ready) for path in ("/-/ready", "/readyz")),
        ]

    async def healthy(self, _request: web.Request) -> web.Response:
        """The process turns: its event loop answers."""
        return answer({"healthy": True})

    async def ready(self, request: web.Request) -> web.Response:
        """Whether it does its work; the reasons why not are for those who may read everything."""
        reasons = self._served.unready()
        document: Document = {"ready": not reasons}
        trusted: bool = request[TRUSTED]
        if reasons and trusted:
            document["reasons"] = list(reasons)
        return answer(document, status=503 if reasons else 200)
