"""What people do at PagerDuty, in Slack and in ticket systems comes in here, signed by whoever sends it.

No token is asked for: whoever sends these cannot have one, and the signature says more. The other side is told no more
than that its request is taken or not. A fault of ours, or a journal that cannot be written, is a 5xx, so that it sends
again.
"""

from collections import Counter
from datetime import UTC, datetime

from aiohttp import hdrs, web

from slo.core.inbound import Inbound
from slo.errors import DestinationFault, Forged, Malformed, StoreError
from slo.web.answers import Refused, answer, quoted, read_body
from slo.web.watch import Watch

BODY_BYTES = 1024 * 1024
"""The largest body: a ticket with everything that was ever said in it."""

AGAIN_SECONDS = 10
"""When a vendor should send again what could not be put on record: Zendesk does so only where it is told."""


class Webhooks:
    """The handler, over one watch. `body_seconds` is how long a request's body may take to arrive."""

    def __init__(self, watch: Watch, *, body_seconds: float) -> None:
        self._watch = watch
        self._body_seconds = body_seconds

    def routes(self) -> list[web.RouteDef]:
        """Every route with its handler."""
        return [web.post(f"/webhooks/{way}", self.receive) for way in ("pagerduty", "slack", "ticket")]

    async def receive(self, request: web.Request) -> web.Response:
        """Take in what a request says, once it is on record."""
        way = request.path.rpartition("/")[2]
        body = await read_body(request, self._body_seconds, most_bytes=BODY_BYTES)
        inbound = Inbound(headers=_headers(request), body=body, at=datetime.now(UTC))
        try:
            received = await self._watch.desk.receive(way, inbound)
        except Forged as error:
            raise Refused(401, f"it is not believed: {error}") from error
        except Malformed as error:
            raise Refused(400, f"it is not understood: {error}") from error
        except StoreError:
            later = answer({"error": "it is not on record yet: send it again"}, status=503)
            later.headers[hdrs.RETRY_AFTER] = str(AGAIN_SECONDS)
            return later
        except DestinationFault as error:
            raise Refused(502, f"what it is about could not be asked for, send it again: {error}") from error
        if received is None:
            raise Refused(404, f"no destination of the configuration receives at {quoted(request.path)}")
        if received.reply is not None:
            return answer(dict(received.reply), status=received.status)
        return web.Response(status=received.status)


def _headers(request: web.Request) -> dict[str, str]:
    """The headers by their names in lower case. One that comes twice is none: nobody could say which was signed."""
    pairs = [(name.lower(), value) for name, value in request.headers.items()]
    times = Counter(name for name, _ in pairs)
    return {name: value for name, value in pairs if times[name] == 1}
