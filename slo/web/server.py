"""The server on one port: the application with its rules, and the socket that it is served on."""

import asyncio
import contextlib
import logging
import socket
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from typing import cast
from urllib.parse import urlsplit

from aiohttp import hdrs, web
from aiohttp.http_exceptions import HttpProcessingError

from exporters.endpoints import MetricsEndpoint
from exporters.probing import ProbeEndpoint
from exporters.scraping import ScrapeEndpoint
from slo.errors import UsageError
from slo.web.access import Access, Asked, Listen, refuse_unsafe
from slo.web.answers import ALWAYS, Refused, answer, quoted
from slo.web.connections import Connections, Handler
from slo.web.express import ROUTE, ExpressLane
from slo.web.health import TRUSTED, Health
from slo.web.served import Served

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """What one client may take up.

    A request's headers must be there within `head_seconds`, its body within `body_seconds` more. `silence_seconds` is
    how long a connection may go without a request after the first one, and how long an answer may lie unread. Where
    there are `connections` at once, one that waits for its client goes for one that comes.
    """

    body_bytes: int = 64 * 1024
    header_bytes: int = 8 * 1024
    headers: int = 64
    head_seconds: float = 5.0
    body_seconds: float = 10.0
    silence_seconds: float = 75.0
    connections: int = 256


DEFAULT_LIMITS = Limits()


def build_application(
    served: Served,
    routes: Iterable[web.RouteDef],
    *,
    access: Access,
    probing: ProbeEndpoint,
    limits: Limits,
    connections: Connections,
) -> web.Application:
    """What every process serves and its own `routes`, behind the rules of access."""

    @web.middleware
    async def counted(request: web.Request, handler: Handler) -> web.StreamResponse:
        response = await handler(request)
        resource = request.match_info.route.resource
        route = resource.canonical if resource else "none"
        served.telemetry.http_requests.labels(route, str(response.status)).inc()
        return response

    @web.middleware
    async def guarded(request: web.Request, handler: Handler) -> web.StreamResponse:
        asked = _asked(request)
        refusal = access.refusal(asked)
        if refusal:
            response = answer({"error": refusal.sentence}, status=refusal.status)
            if refusal.status == web.HTTPUnauthorized.status_code:
                response.headers[hdrs.WWW_AUTHENTICATE] = 'Bearer realm="watchkeep"'
            return response
        request[TRUSTED] = access.trusts(asked)
        return await handler(request)

    application = web.Application(
        middlewares=[connections.occupied, counted, _explained, guarded], client_max_size=limits.body_bytes
    )
    application.on_response_prepare.append(_secure)
    application.add_routes(routes)
    application.add_routes(Health(served).routes())
    application.add_routes([web.get("/metrics", MetricsEndpoint(served).handle)])
    application.add_routes([web.get("/scrape", ScrapeEndpoint(served).handle)])
    application.add_routes([web.get(ROUTE, probing.handle)])
    return application


@contextlib.asynccontextmanager
async def serving(
    served: Served,
    routes: Iterable[web.RouteDef],
    *,
    token: str,
    listen: Listen,
    limits: Limits = DEFAULT_LIMITS,
    close_seconds: float = 5.0,
) -> AsyncIterator[Listen]:
    """Serve something while the block runs; gives the address that is listened on. Raises UsageError where it cannot.

    At the end, requests under way have `close_seconds` to finish.
    """
    refuse_unsafe(listen, token)
    access, probing = Access(listen=listen, token=token), ProbeEndpoint(served.prober)
    connections = Connections(
        most=limits.connections,
        head_seconds=limits.head_seconds,
        silence_seconds=limits.silence_seconds,
        lane=ExpressLane(
            probing.answer,
            access=access,
            requests=served.telemetry.http_requests,
            now_seconds=lambda: served.now().timestamp(),
        ),
        telemetry=served.telemetry,
    )
    runner = web.AppRunner(
        build_application(served, routes, access=access, probing=probing, limits=limits, connections=connections),
        access_log=None,
        logger=_connection_logger(),
        keepalive_timeout=limits.silence_seconds,
        lingering_time=1.0,
        max_line_size=limits.header_bytes,
        max_field_size=limits.header_bytes,
        max_headers=limits.headers,
        auto_decompress=False,
        shutdown_timeout=close_seconds,
    )
    await runner.setup()
    try:
        with _bound(listen, limits) as sock:
            server = cast("web.Server", runner.server)  # there since `setup`
            accepting = await asyncio.get_running_loop().create_server(lambda: connections.new(server()), sock=sock)
            try:
                yield Listen(host=listen.host, port=sock.getsockname()[1])
            finally:
                accepting.close()
                await connections.close(close_seconds)
    finally:
        await runner.cleanup()


def _bound(listen: Listen, limits: Limits) -> socket.socket:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            listen.host, listen.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        sock = socket.socket(family, kind, protocol)
    except OSError as error:
        raise UsageError(f"--listen {listen}: {error.strerror}; write an address of this machine") from error
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(limits.silence_seconds * 1000))
        sock.bind(address)
    except OSError as error:
        sock.close()
        raise UsageError(
            f"--listen {listen}: {error.strerror}; stop what listens there, or choose another port"
        ) from error
    return sock


@web.middleware
async def _explained(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Make a JSON document of every error; one of ours is logged here, once, and told without its insides."""
    try:
        return await handler(request)
    except Refused as refused:
        return answer(refused.document, status=refused.status)
    except web.HTTPRequestEntityTooLarge:
        return answer({"error": f"the body is larger than {request.client_max_size} bytes"}, status=413)
    except web.HTTPMethodNotAllowed as error:
        response = answer({"error": f"{error.method} is not for {quoted(request.path)}"}, status=405)
        response.headers[hdrs.ALLOW] = error.headers[hdrs.ALLOW]
        return response
    except web.HTTPException as error:
        sentence = (
            f"there is nothing at {quoted(request.path)}; see docs/api.md" if error.status == 404 else error.reason
        )
        return answer({"error": sentence}, status=error.status)
    except Exception as error:
        if isinstance(error, ConnectionError) and request.transport is None:
            return answer({"error": "the client is gone"}, status=400)  # nobody reads it, and none of it is our fault
        logger.exception("a request failed by a fault of ours", extra={"method": request.method, "path": request.path})
        return answer({"error": "a fault of the watch; its log has it"}, status=500)


async def _secure(_request: web.Request, response: web.StreamResponse) -> None:
    response.headers[hdrs.SERVER] = ALWAYS[hdrs.SERVER]
    for name, value in ALWAYS.items():
        response.headers.setdefault(name, value)


def _asked(request: web.Request) -> Asked:
    hosts = request.headers.getall(hdrs.HOST, [])
    if not request.raw_path.startswith("/") and request.raw_path != "*":
        hosts = [*hosts, _authority(request.raw_path)]
    return Asked(
        method=request.method,
        path=request.path,
        hosts=hosts,
        header_names=list(request.headers),
        authorization=request.headers.get(hdrs.AUTHORIZATION, ""),
        fetch_site=request.headers.get("Sec-Fetch-Site", ""),
    )


def _authority(target: str) -> str:
    """The host of a request whose target is a whole URL; what cannot be read is nobody's name."""
    try:
        return urlsplit(target).netloc
    except ValueError:
        return ""


def _connection_logger() -> logging.Logger:
    """Where aiohttp logs what happens to connections. What clients send that is no HTTP is none of our errors."""
    connections = logging.getLogger(f"{__name__}.connections")
    connections.addFilter(_is_our_fault)
    return connections


def _is_our_fault(record: logging.LogRecord) -> bool:
    return not (record.exc_info and isinstance(record.exc_info[1], HttpProcessingError))
