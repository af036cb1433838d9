"""A stand-in for the API server of Kubernetes, as far as pods are listed and watched, and Leases written besides.

It is as strict as the real one, and stricter where that passes over a mistake in silence. What it does is held to
https://kubernetes.io/docs/reference/using-api/api-concepts/. Bad days are had by calling it:

    next(verb, trouble)                   what happens to the next request of that kind instead of an answer
    accept, reject, forbid, allow         tokens and rules of RBAC
    cut, freeze, end, say                 what happens to the watches that are open
    lag, catch_up                         its cache stays behind etcd
"""

import asyncio
import itertools
import json
import ssl
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from types import TracebackType
from typing import Self

from aiohttp import web

from tests.daemonset import statuses
from tests.daemonset.cluster import Change, Cluster, Forgotten, Snapshot
from tests.daemonset.lease_objects import GROUP, NAMESPACE, LeaseObjects
from tests.daemonset.queries import Query, query_of
from tests.daemonset.resources import (
    EMPTY_LEASE,
    EMPTY_POD,
    READING,
    READING_AND_WRITING,
    Request,
    Resource,
    request_of,
)
from tests.daemonset.selectors import Document
from tests.daemonset.statuses import ANONYMOUS, USER, Refused
from tests.daemonset.watch_stream import WatchStream

HOST = "127.0.0.1"
TOKEN = "token-of-the-agent"

Trouble = Callable[[web.Request], Awaitable[web.StreamResponse]]
"""What happens to a request in place of an answer."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """A request as it came; `verb` is that of RBAC."""

    verb: str
    path: str
    parameters: dict[str, str]


class APIServer:
    """To be used as an async context manager. `asked` is every request, refused ones included.

    A version that is forgotten is told in an event of the watch, as servers do since 1.8, unless `gone_as_status`. A
    LIST from the cache has no pages, unless `pages_cache`.
    """

    def __init__(
        self,
        cluster: Cluster | None = None,
        *,
        host: str = HOST,
        tls: ssl.SSLContext | None = None,
        bookmark_seconds: float = 60.0,
        slow_seconds: float = 0.0,
        gone_as_status: bool = False,
        pages_cache: bool = False,
    ) -> None:
        self.cluster = Cluster() if cluster is None else cluster
        self.leases = Cluster()
        self.lease_objects = LeaseObjects(self.leases)
        self._resources = (
            Resource(group="", name="pods", empty=EMPTY_POD, cluster=self.cluster),
            Resource(group=GROUP, name="leases", empty=EMPTY_LEASE, cluster=self.leases, namespace=NAMESPACE),
        )
        self._streams: dict[str, set[WatchStream]] = {resource.name: set() for resource in self._resources}
        for resource in self._resources:
            resource.cluster.told.append(partial(self._tell, resource))
        self.bookmark_seconds = bookmark_seconds
        self.slow_seconds = slow_seconds
        self.gone_as_status = gone_as_status
        self.asked: list[Asked] = []
        self.endless = False
        """Its watches take no notice of how long they should last."""
        self._host = host
        self._tls = tls
        self._pages_cache = pages_cache
        self._users = {TOKEN: USER}
        self._allowed = {"pods": set(READING), "leases": set(READING_AND_WRITING)}
        self._troubles: list[tuple[str, Trouble]] = []
        self._cached: Snapshot | None = None
        self._continued: dict[str, tuple[Snapshot, int]] = {}
        self._names = itertools.count(1)
        self._runner: web.AppRunner | None = None
        self._port = 0

    async def __aenter__(self) -> Self:
        application = web.Application()
        application.add_routes([web.route("*", "/{path:.*}", self._take)])
        # The handler of a watch ends when its client goes, as in Go.
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1, handler_cancellation=True)
        await self._runner.setup()
        await web.TCPSite(self._runner, self._host, self._port, ssl_context=self._tls).start()
        self._port = self._runner.addresses[0][1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """It may be started again afterwards, at the same port."""
        assert self._runner is not None
        for stream in self._open:
            stream.cut(in_line=False)
        await self._runner.cleanup()

    # What a test asks

    @property
    def url(self) -> str:
        return f"{'https' if self._tls else 'http'}://{self._host}:{self._port}"

    @property
    def lists(self) -> int:
        """How many LISTs were begun."""
        return sum(each.verb == "list" and "continue" not in each.parameters for each in self.asked)

    @property
    def watches(self) -> int:
        """How many WATCHes were begun."""
        return sum(each.verb == "watch" for each in self.asked)

    @property
    def open_watches(self) -> int:
        """How many are open, half-open ones included until their clients give them up."""
        return len(self._open)

    @property
    def _open(self) -> list[WatchStream]:
        return [stream for streams in self._streams.values() for stream in streams]

    # Bad days

    def next(self, verb: str, *troubles: Trouble) -> None:
        """What happens to the next requests of this kind, one after another."""
        self._troubles += [(verb, trouble) for trouble in troubles]

    def accept(self, token: str) -> None:
        self._users[token] = USER

    def reject(self, token: str) -> None:
        """The token has expired. Watches that are open go on: nobody asks them again."""
        del self._users[token]

    def forbid(self, verb: str, resource: str = "pods") -> None:
        self._allowed[resource].discard(verb)

    def allow(self, verb: str, resource: str = "pods") -> None:
        self._allowed[resource].add(verb)

    def cut(self, *, in_line: bool = True) -> None:
        """Reset the connections of all watches, in the middle of a line."""
        for stream in self._open:
            stream.cut(in_line=in_line)

    def freeze(self) -> None:
        """Have all watches become half-open."""
        for stream in self._open:
            stream.freeze()

    def end(self, refused: Refused | None = None) -> None:
        """End all watches, with an event of this Status."""
        for stream in self._open:
            stream.end(refused)

    def say(self, content: bytes) -> None:
        """Send these bytes on all watches."""
        for stream in self._open:
            stream.say(content)

    def clear(self) -> None:
        """No more troubles."""
        self._troubles.clear()

    def lag(self) -> None:
        """Have the cache stay as it is now."""
        self._cached = self.cluster.snapshot()

    def catch_up(self) -> None:
        self._cached = None

    # Requests

    async def _take(self, request: web.Request) -> web.StreamResponse:
        try:
            asked = self._authorize(request, self._user(request))
            for number, (of, trouble) in enumerate(self._troubles):
                if of == asked.verb:
                    del self._troubles[number]
                    return await trouble(request)
            return await self._answer(request, asked)
        except Refused as refused:
            return refused.response

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """As on a good day."""
        asked = request_of(request, self._resources)
        assert asked is not None
        return await self._answer(request, asked)

    async def _answer(self, request: web.Request, asked: Request) -> web.StreamResponse:
        if asked.verb in READING:
            query = query_of(request.query, asked.namespace)
            return await (self._watch if query.watch else self._list)(request, asked.resource, query)
        content = await request.read()
        if content and request.content_type != "application/json":
            raise statuses.unsupported_media_type()
        try:
            document = json.loads(content) if content else {}
        except ValueError as error:
            raise statuses.bad_request(str(error)) from None
        match asked.verb:
            case "get":
                return web.json_response(self.lease_objects.get(asked.namespace, asked.name))
            case "create":
                return web.json_response(self.lease_objects.create(asked.namespace, document), status=201)
            case "update":
                after, created = self.lease_objects.update(asked.namespace, asked.name, document)
                return web.json_response(after, status=201 if created else 200)
            case _:
                return web.json_response(self.lease_objects.delete(asked.namespace, asked.name, document))

    def _user(self, request: web.Request) -> str:
        """Who asks. A wrong token is worse than none."""
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if not token:
            return ANONYMOUS
        if scheme.lower() != "bearer" or token not in self._users:
            self._note("", request)
            raise statuses.unauthorized()
        return self._users[token]

    def _authorize(self, request: web.Request, user: str) -> Request:
        """What RBAC calls what is asked: it looks before anybody reads it. Raises Refused."""
        asked = request_of(request, self._resources)
        if asked is None:
            self._note("", request)
            raise statuses.forbidden_path(user, request.method.lower(), request.path)
        self._note(asked.verb, request)
        resource, verb = asked.resource, asked.verb
        elsewhere = resource.namespace not in ("", asked.namespace)
        if user == ANONYMOUS or verb not in self._allowed[resource.name] or elsewhere:
            raise statuses.forbidden(user, verb, resource.name, asked.namespace, asked.name, group=resource.group)
        return asked

    def _note(self, verb: str, request: web.Request) -> None:
        self.asked.append(Asked(verb=verb, path=request.path, parameters=dict(request.query)))

    async def _list(self, _: web.Request, resource: Resource, query: Query) -> web.Response:
        snapshot, start = self._answered_from(resource.cluster, query)
        chosen = [each for each in snapshot.objects[start:] if query.selected(each)]
        metadata = {"resourceVersion": str(snapshot.version)}
        cached = query.version == 0 and not self._pages_cache
        if query.limit and len(chosen) > query.limit and not cached:
            chosen = chosen[: query.limit]
            metadata["continue"] = f"continue-{next(self._names)}"
            self._continued[metadata["continue"]] = snapshot, snapshot.objects.index(chosen[-1]) + 1
        items = [{key: value for key, value in each.items() if key not in ("kind", "apiVersion")} for each in chosen]
        kind, version = f"{resource.empty['kind']}List", resource.empty["apiVersion"]
        document: Document = {"kind": kind, "apiVersion": version, "metadata": metadata, "items": items}
        return web.json_response(document)

    def _answered_from(self, cluster: Cluster, query: Query) -> tuple[Snapshot, int]:
        """What a LIST is answered from, and from which of its objects on."""
        if query.proceed:
            snapshot, start = self._continued.get(query.proceed, (None, 0))
            if snapshot is None:
                raise statuses.bad_request("continue key is not valid")
            if snapshot.version < cluster.forgotten:
                raise statuses.continue_expired()
            return snapshot, start
        newest = cluster.snapshot()
        if query.version is None:
            return newest, 0
        cached = (self._cached if cluster is self.cluster else None) or newest
        if query.match == "Exact" or (query.limit and query.version and not query.match):
            if query.version != newest.version:  # the real one knows more of its past
                raise statuses.expired(query.version, newest.version)
            return newest, 0
        if query.version > cached.version:
            raise statuses.too_new(query.version, cached.version)
        return cached, 0

    async def _watch(self, request: web.Request, resource: Resource, query: Query) -> web.StreamResponse:
        cluster = resource.cluster
        refused: Refused | None = None
        changes: Sequence[Change] = ()
        try:
            if query.version:
                changes = list(cluster.since(query.version))
            else:  # what is there is told first
                changes = [
                    Change(version=cluster.version, before=None, after=each) for each in cluster.snapshot().objects
                ]
        except Forgotten:
            refused = statuses.expired(query.version or 0, cluster.forgotten)
            if self.gone_as_status:
                raise refused from None
        stream = WatchStream(
            query,
            empty=resource.empty,
            version=lambda: cluster.version,
            bookmark_seconds=self.bookmark_seconds,
            slow_seconds=self.slow_seconds,
        )
        stream.endless = self.endless
        for change in changes:
            stream.tell(change)
        if refused is not None:
            stream.end(refused)
        self._streams[resource.name].add(stream)
        try:
            response = web.StreamResponse(headers={"Content-Type": "application/json"})
            response.enable_chunked_encoding()
            await response.prepare(request)
            await stream.send(request, response)
        finally:
            self._streams[resource.name].discard(stream)
        return response

    def _tell(self, resource: Resource, change: Change) -> None:
        for stream in self._streams[resource.name]:
            stream.tell(change)


def answering(refused: Refused) -> Trouble:
    """A Status in place of an answer."""

    async def trouble(_: web.Request) -> web.StreamResponse:
        return refused.response

    return trouble


def saying(body: bytes, status: int = 200, **headers: str) -> Trouble:
    """Any body in place of an answer."""

    async def trouble(_: web.Request) -> web.StreamResponse:
        written = {name.replace("_", "-"): value for name, value in headers.items()}
        return web.Response(body=body, status=status, headers=written, content_type="application/json")

    return trouble


async def hanging(_: web.Request) -> web.StreamResponse:
    """No answer."""
    await asyncio.Event().wait()
    raise AssertionError


async def cutting(request: web.Request) -> web.StreamResponse:
    """A connection that is reset."""
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


async def halving(request: web.Request) -> web.StreamResponse:
    """A LIST that is cut in its middle."""
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    response.enable_chunked_encoding()
    await response.prepare(request)
    await response.write(json.dumps({"kind": "PodList", "metadata": {"resourceVersion": "7"}})[:-9].encode())
    return await cutting(request)
