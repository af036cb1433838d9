"""A stand-in for PagerDuty's Events API v2: as strict as the original, over TLS, with a memory, and with bad days.

It takes `POST /v2/enqueue` by the rules of `slo.demo.vendors.events_v2`, at most 120 events a minute for each routing
key, and has one open incident for each routing key and deduplication key. Everything that it is asked is on record in
its folder and survives a restart. What only a stand-in has is under `/_standin`:

    GET    /_standin/requests                       every request and the status of its answer; 0: it was reset
    GET    /_standin/incidents                      every incident and its history
    POST   /_standin/incidents/KEY/acknowledge      a person acknowledges: {"by": "..."}
    POST   /_standin/faults                         bad days to come, see `slo.demo.vendors.injection`
    DELETE /_standin/faults                         good days again

`python -m slo.demo.vendors.pagerduty --folder DIR` prints one line of JSON with its address and its authority's file.
"""

import asyncio
import json
import signal
import time
import uuid
from collections import defaultdict, deque
from collections.abc import Callable, Collection
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import click
from aiohttp import web

from slo.demo.vendors.authority import Authority
from slo.demo.vendors.events_v2 import BODY_LIMIT_BYTES, InvalidEvent, parse_event
from slo.demo.vendors.incidents import VendorIncidents
from slo.demo.vendors.injection import Injection, Injections, perform

EVENTS_A_MINUTE = 120
HOST = "127.0.0.1"


class PagerDutyStandIn:
    """The server, to be used as an async context manager; its record and its authority lie in `folder`.

    `routing_keys` are those that exist; without any, every well-formed one does. `monotonic` is what the rate is held
    against, in seconds.
    """

    def __init__(
        self,
        folder: Path,
        *,
        port: int = 0,
        routing_keys: Collection[str] = (),
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._authority = Authority(folder)
        self._record = folder / "record.jsonl"
        self._port = port
        self._routing_keys = frozenset(routing_keys)
        self._monotonic = monotonic
        self._injections = Injections()
        self._recent: dict[str, deque[float]] = defaultdict(deque)
        self._runner: web.AppRunner | None = None
        self.requests: list[dict[str, Any]] = []
        self._incidents = VendorIncidents()
        self._read()

    @property
    def ca_file(self) -> Path:
        """The authority to trust."""
        return self._authority.ca_file

    @property
    def url(self) -> str:
        """The address to give to the vendor's package."""
        return f"https://{HOST}:{self._port}"

    @property
    def events_url(self) -> str:
        """The address to configure as `events_url`."""
        return f"{self.url}/v2/enqueue"

    @property
    def incidents(self) -> list[dict[str, Any]]:
        """Every incident, oldest first."""
        return self._incidents.shown()

    @property
    def events(self) -> list[dict[str, Any]]:
        """The events that were accepted, in order."""
        return [json.loads(request["body"]) for request in self.requests if request["status"] == 202]

    def inject(self, injection: Injection) -> None:
        """Have bad days come."""
        self._injections.add(injection)

    def acknowledge(self, dedup_key: str, by: str) -> int:
        """A person acknowledges what is open under a key; how many incidents that was."""
        act = {"kind": "acknowledge", "at": _now(), "dedup_key": dedup_key, "by": by}
        self._write(act)
        return self._apply(act)

    async def __aenter__(self) -> Self:
        application = web.Application(client_max_size=4 * BODY_LIMIT_BYTES)
        application.add_routes(
            [
                web.post("/v2/enqueue", self._enqueue),
                web.get("/_standin/requests", self._show_requests),
                web.get("/_standin/incidents", self._show_incidents),
                web.post("/_standin/incidents/{key:.+}/acknowledge", self._acknowledge),
                web.post("/_standin/faults", self._inject),
                web.delete("/_standin/faults", self._clear),
            ]
        )
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, HOST, self._port, ssl_context=self._authority.server_context())
        await site.start()
        self._port = self._runner.addresses[0][1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    async def _enqueue(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        injection = self._injections.next()
        spoiled = injection is not None and (injection.reset or injection.status) and not injection.processed
        event, answer = (None, web.Response(status=500)) if spoiled else self._answer(body, request.content_type)
        status = answer.status
        if injection is not None:
            status = 0 if injection.reset else injection.status or status
        entry = {
            "kind": "request",
            "at": _now(),
            "method": request.method,
            "path": request.path,
            "content_type": request.content_type,
            "body": body.decode(errors="replace"),
            "status": status,
            "event": event,
        }
        self._write(entry)
        self._apply(entry)
        return await perform(injection, request, answer) if injection else answer

    def _answer(self, body: bytes, content_type: str) -> tuple[dict[str, Any] | None, web.Response]:
        """What the request does, if it is accepted, and how it is answered."""
        if len(body) > BODY_LIMIT_BYTES:
            return None, _says(413, "invalid event", "Event object is too large", [])
        try:
            event = parse_event(body, content_type)
        except InvalidEvent as error:
            return None, _says(400, "invalid event", "Event object is invalid", list(error.errors))
        if self._routing_keys and event["routing_key"] not in self._routing_keys:
            return None, web.Response(status=400, text="Invalid routing key")
        wait_seconds = self._wait_seconds(event["routing_key"])
        if wait_seconds:
            answer = _says(429, "throttle exceeded", "Requests for this integration are arriving too quickly", [])
            answer.headers["Retry-After"] = str(wait_seconds)
            return None, answer
        event["dedup_key"] = event.get("dedup_key") or uuid.uuid4().hex
        return event, web.json_response(
            {"status": "success", "message": "Event processed", "dedup_key": event["dedup_key"]}, status=202
        )

    def _wait_seconds(self, routing_key: str) -> int:
        """How long to wait until the next event of the last 60 s is forgotten; 0 where another one is taken."""
        now, recent = self._monotonic(), self._recent[routing_key]
        while recent and now - recent[0] >= 60:
            recent.popleft()
        if len(recent) >= EVENTS_A_MINUTE:
            return max(1, round(60 - (now - recent[0])))
        recent.append(now)
        return 0

    async def _show_requests(self, _: web.Request) -> web.Response:
        return web.json_response({"requests": self.requests})

    async def _show_incidents(self, _: web.Request) -> web.Response:
        return web.json_response({"incidents": self.incidents})

    async def _acknowledge(self, request: web.Request) -> web.Response:
        body = await request.json() if request.can_read_body else {}
        acknowledged = self.acknowledge(request.match_info["key"], str(body.get("by", "a person")))
        return web.json_response({"acknowledged": acknowledged}, status=200 if acknowledged else 404)

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
            self._apply(json.loads(line))

    def _write(self, entry: dict[str, Any]) -> None:
        """On record before it is answered."""
        with self._record.open("ab") as record:
            record.write(json.dumps(entry).encode() + b"\n")

    def _apply(self, entry: dict[str, Any]) -> int:
        if entry["kind"] == "acknowledge":
            return self._incidents.acknowledge(entry["dedup_key"], entry["by"], entry["at"])
        self.requests.append(entry)
        if entry["event"] is not None:
            self._incidents.take(entry["event"], entry["at"])
        return 0


def _says(status: int, said: str, message: str, errors: list[str]) -> web.Response:
    body: dict[str, Any] = {"status": said, "message": message}
    return web.json_response(body | ({"errors": errors} if errors else {}), status=status)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


async def _serve(standin: PagerDutyStandIn) -> None:
    ended = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    async with standin:
        address = {"url": standin.url, "events_url": standin.events_url, "ca_file": str(standin.ca_file)}
        click.echo(json.dumps(address))
        await ended.wait()


@click.command()
@click.option("--folder", type=click.Path(path_type=Path, file_okay=False), required=True, help="Record and authority.")
@click.option("--port", type=int, default=0, show_default="a free one", help="Port on 127.0.0.1.")
@click.option(
    "--routing-key", multiple=True, help="A key that exists; may be repeated. Without: every well-formed one."
)
def main(folder: Path, port: int, routing_key: tuple[str, ...]) -> None:
    """Stand in for PagerDuty until Ctrl-C."""
    asyncio.run(_serve(PagerDutyStandIn(folder, port=port, routing_keys=routing_key)))


if __name__ == "__main__":
    main()
