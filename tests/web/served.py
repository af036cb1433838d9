"""A real server over a small watch, on a loop in a thread of its own, and the plainest way to ask it."""

import asyncio
import contextlib
import http.client
import json
import queue
import socket
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from slo.web.access import Listen
from slo.web.routes import routes_of
from slo.web.server import DEFAULT_LIMITS, Limits, serving
from slo.web.watch import Watch

TOKEN = "0123456789abcdefghij"
WITH_TOKEN = {"Authorization": f"Bearer {TOKEN}"}


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def document(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Served:
    """Where it is served. Names of headers that are answered are in lower case."""

    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def ask(
        self, method: str, path: str, *, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request(method, path, body=body, headers=dict(headers or {}))
            response = connection.getresponse()
            headers = {name.lower(): value for name, value in response.getheaders()}
            return Answer(response.status, headers, response.read())
        finally:
            connection.close()

    def get(self, path: str, **headers: str) -> Answer:
        return self.ask("GET", path, headers={name.replace("_", "-"): value for name, value in headers.items()})

    def act(self, incident: str, **document: object) -> Answer:
        body = json.dumps(document).encode()
        return self.ask("POST", f"/api/v1/incidents/{incident}", body=body, headers=WITH_TOKEN)

    def raw(self, request: bytes, *, timeout: float = 20) -> bytes:
        """Everything that comes back for these bytes until the server closes."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=timeout) as connection:
            connection.sendall(request)
            answer = b""
            while chunk := connection.recv(65536):
                answer += chunk
        return answer


@contextlib.contextmanager
def served(
    watch: Watch, *, token: str = TOKEN, host: str = "127.0.0.1", port: int = 0, limits: Limits = DEFAULT_LIMITS
) -> Iterator[Served]:
    started: queue.SimpleQueue[tuple[asyncio.AbstractEventLoop, asyncio.Event, Listen] | BaseException]
    started = queue.SimpleQueue()

    async def serve() -> None:
        stop = asyncio.Event()
        listen = Listen(host=host, port=port)
        routes = routes_of(watch, body_seconds=limits.body_seconds)
        async with serving(watch, routes, token=token, listen=listen, limits=limits, close_seconds=1.0) as bound:
            started.put((asyncio.get_running_loop(), stop, bound))
            await stop.wait()

    def run() -> None:
        try:
            asyncio.run(serve())
        except BaseException as error:  # noqa: BLE001  # handed over to the thread that waits
            started.put(error)

    thread = threading.Thread(target=run)
    thread.start()
    begun = started.get(timeout=20)
    if isinstance(begun, BaseException):
        thread.join()
        raise begun
    loop, stop, bound = begun
    try:
        yield Served(port=bound.port)
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
        if not started.empty():
            raise RuntimeError(f"the server ended with {started.get()!r}")
