"""What stand-ins for vendors have in common: TLS, a record that survives a restart, bad days, and callbacks.

Everything that is asked is on record in the folder, with what it did there. A vendor's state is a fold over that. What
only a stand-in has is under `/_standin`; each vendor adds what people do there:

    GET    /_standin/requests     every request and the status of its answer; 0: it was reset
    POST   /_standin/callback     where webhooks go from now on: {"url": "...", "secret": "..."}
    POST   /_standin/faults       bad days to come, see `slo.demo.vendors.injection`
    DELETE /_standin/faults       good days again
"""

import asyncio
import contextlib
import json
import signal
import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import aiohttp
import click
from aiohttp import web

from slo.demo.vendors.authority import Authority
from slo.demo.vendors.injection import Injection, Injections, perform

HOST = "127.0.0.1"
BODY_LIMIT_BYTES = 2_097_152

Effect = dict[str, Any]
"""What a request does, as JSON."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Webhook:
    """A signed request of the vendor, as it goes over the wire."""

    headers: Mapping[str, str]
    body: bytes


class StandIn(ABC):
    """The server, to be used as an async context manager; its record and its authority lie in `folder`.

    `monotonic` is what rates and delays are held against, in seconds.
    """

    most_bytes = 2 * BODY_LIMIT_BYTES
    """The largest body that is looked at."""

    def __init__(
        self,
        folder: Path,
        *,
        port: int = 0,
        requests_a_minute: int = 600,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._authority = Authority(folder)
        self._record = folder / "record.jsonl"
        self._port = port
        self._requests_a_minute = requests_a_minute
        self.monotonic = monotonic
        self._recent: deque[float] = deque()
        self._injections = Injections()
        self._runner: web.AppRunner | None = None
        self._sending: set[asyncio.Task[None]] = set()
        self.callback_url = ""
        self.callback_secret = ""
        self.requests: list[dict[str, Any]] = []
        self.webhooks: list[Webhook] = []
        self._read()

    @abstractmethod
    def routes(self) -> list[web.RouteDef]:
        """What only this stand-in has, under `/_standin`."""

    @abstractmethod
    def answer(self, request: web.Request, body: bytes) -> tuple[Effect | None, web.Response]:
        """What a request to the vendor does, and how it is answered. It changes nothing by itself."""

    @abstractmethod
    def apply(self, effect: Effect) -> None:
        """Take an effect into the state."""

    @abstractmethod
    def webhooks_of(self, effect: Effect) -> list[Webhook]:
        """What the vendor tells of an effect that was applied, signed."""

    @property
    def ca_file(self) -> Path:
        """The authority to trust."""
        return self._authority.ca_file

    @property
    def url(self) -> str:
        """The address to configure."""
        return f"https://{HOST}:{self._port}"

    def inject(self, injection: Injection) -> None:
        """Have bad days come."""
        self._injections.add(injection)

    def act(self, effect: Effect) -> list[Webhook]:
        """A person does something there; what the vendor tells of it."""
        self._write({"kind": "act", "at": now_text(), "effect": effect})
        self.apply(effect)
        return self._tell(effect)

    async def told(self) -> None:
        """Wait until every webhook is delivered, or has failed to be."""
        if self._sending:
            await asyncio.wait(set(self._sending))

    async def __aenter__(self) -> Self:
        application = web.Application(client_max_size=self.most_bytes)
        application.add_routes(
            [
                web.get("/_standin/requests", self._show_requests),
                web.post("/_standin/callback", self._call_back),
                web.post("/_standin/faults", self._inject),
                web.delete("/_standin/faults", self._clear),
                *self.routes(),
                web.route("*", "/{path:.*}", self._take),
            ]
        )
        # Bodies come as they were sent: whether one is compressed, and how large it then is, is the vendor's to judge.
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1, auto_decompress=False)
        await self._runner.setup()
        site = web.TCPSite(self._runner, HOST, self._port, ssl_context=self._authority.server_context())
        await site.start()
        self._port = self._runner.addresses[0][1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in self._sending:
            task.cancel()
        await asyncio.gather(*self._sending, return_exceptions=True)
        if self._runner is not None:
            await self._runner.cleanup()

    async def _take(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        injection = self._injections.next()
        spoiled = injection is not None and (injection.reset or injection.status) and not injection.processed
        effect, answer = (None, web.Response(status=500)) if spoiled else self._limited(request, body)
        status = answer.status
        if injection is not None:
            status = 0 if injection.reset else injection.status or status
        entry = {
            "kind": "request",
            "at": now_text(),
            "method": request.method,
            "path": request.path_qs,
            "body": body.decode(errors="replace"),
            "status": status,
            "effect": effect,
        }
        self._write(entry)
        self.requests.append(entry)
        if effect is not None:
            self.apply(effect)
            self._tell(effect)
        return await perform(injection, request, answer) if injection else answer

    def _limited(self, request: web.Request, body: bytes) -> tuple[Effect | None, web.Response]:
        now = self.monotonic()
        while self._recent and now - self._recent[0] >= 60:
            self._recent.popleft()
        if len(self._recent) >= self._requests_a_minute:
            wait_seconds = max(1, round(60 - (now - self._recent[0])))
            return None, web.json_response(
                {"error": "too many requests"}, status=429, headers={"Retry-After": str(wait_seconds)}
            )
        self._recent.append(now)
        return self.answer(request, body)

    def _tell(self, effect: Effect) -> list[Webhook]:
        told = self.webhooks_of(effect)
        self.webhooks += told
        if self.callback_url and told:
            task = asyncio.get_running_loop().create_task(_post(self.callback_url, told))
            self._sending.add(task)
            task.add_done_callback(self._sending.discard)
        return told

    async def _show_requests(self, _: web.Request) -> web.Response:
        return web.json_response({"requests": self.requests})

    async def _call_back(self, request: web.Request) -> web.Response:
        asked = await request.json()
        self.callback_url, self.callback_secret = str(asked["url"]), str(asked["secret"])
        return web.json_response({"url": self.callback_url})

    async def _inject(self, request: web.Request) -> web.Response:
        try:
            self.inject(Injection.of(await request.json()))
        except ValueError as error:
            return web.json_response({"error": str(error)}, status=400)
        return web.json_response({"waiting": len(self._injections.waiting)})

    async def _clear(self, _: web.Request) -> web.Response:
        self._injections.clear()
        return web.json_response({"waiting": 0})

    def _read(self) -> None:
        """What an earlier process recorded. A last line that a kill cut short was never answered: it is dropped."""
        if not self._record.exists():
            return
        content = self._record.read_bytes()
        whole = content[: content.rfind(b"\n") + 1]
        if len(whole) < len(content):
            self._record.write_bytes(whole)
        for line in whole.splitlines():
            entry = json.loads(line)
            if entry["kind"] == "request":
                self.requests.append(entry)
            if entry["effect"] is not None:
                self.apply(entry["effect"])

    def _write(self, entry: dict[str, Any]) -> None:
        """On record before it is answered."""
        with self._record.open("ab") as record:
            record.write(json.dumps(entry).encode() + b"\n")


async def _post(url: str, webhooks: list[Webhook]) -> None:
    """Vendors try a few times; a stand-in once, so that what goes wrong is seen."""
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10)) as session:
        for webhook in webhooks:
            with contextlib.suppress(aiohttp.ClientError, TimeoutError):
                async with session.post(url, data=webhook.body, headers=dict(webhook.headers)) as response:
                    await response.read()


def now_text() -> str:
    """The time, as records have it."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


async def serve(standin: StandIn) -> None:
    """Stand in until Ctrl-C; prints one line of JSON with the address and the authority's file."""
    ended = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    async with standin:
        click.echo(json.dumps({"url": standin.url, "ca_file": str(standin.ca_file)}))
        await ended.wait()
