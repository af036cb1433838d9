"""A stand-in for PagerDuty: as strict as the original, over TLS, with a memory, and with bad days.

It takes `POST /v2/enqueue` by the rules of `slo.demo.vendors.pagerduty.events_v2`, at most 120 events a minute for each
routing key, and has one open incident for each routing key and deduplication key. The REST API of
`slo.demo.vendors.pagerduty.rest_v2` is at the same address, and what happens to an incident is posted as
`slo.demo.vendors.pagerduty.webhooks_v3` says. Everything that it is asked is on record in its folder and survives a
restart. What only a stand-in has is under `/_standin`, see `slo.demo.vendors.pagerduty.controls`.

`python -m slo.demo.vendors.pagerduty --folder DIR` prints a line of JSON: its address, its authority's file.
"""

import asyncio
import json
import signal
import time
import uuid
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import click
from aiohttp import web

from slo.demo.vendors.authority import Authority
from slo.demo.vendors.injection import Injection, Injections, perform
from slo.demo.vendors.pagerduty.controls import Controls
from slo.demo.vendors.pagerduty.events_v2 import BODY_LIMIT_BYTES, InvalidEvent, parse_event
from slo.demo.vendors.pagerduty.incidents import ACTS, PRIORITIES, Happening, VendorIncidents, agent_of
from slo.demo.vendors.pagerduty.rest_v2 import Plan, RestAPI
from slo.demo.vendors.pagerduty.webhooks_v3 import RETRIES_AFTER_SECONDS, Webhooks, event_of
from slo.demo.vendors.rates import Rate
from slo.demo.vendors.record import Record, now_text

EVENTS_A_MINUTE = 120
HOST = "127.0.0.1"

_ABOUT = {"annotate": "text", "status_update": "text", "assign": "to", "prioritize": "priority", "retitle": "title"}


class PagerDutyStandIn:
    """The server, to be used as an async context manager; its record and its authority lie in `folder`.

    `routing_keys`, `api_tokens` and `users` (email addresses) are those that exist; without any, every well-formed one
    does. A mapping has the ids of the services that routing keys are of; without it all are of one. With `grouped` an
    incident takes up every alert of its routing key. `monotonic` is what the rates are held against, in seconds.
    """

    def __init__(
        self,
        folder: Path,
        *,
        port: int = 0,
        routing_keys: Collection[str] = (),
        api_tokens: Collection[str] = (),
        users: Collection[str] = (),
        grouped: bool = False,
        monotonic: Callable[[], float] = time.monotonic,
        retries_after_seconds: Sequence[float] = RETRIES_AFTER_SECONDS,
    ) -> None:
        self._authority = Authority(folder)
        self._record = Record(folder / "record.jsonl")
        self._port = port
        self._routing_keys = frozenset(routing_keys)
        self._rate = Rate(EVENTS_A_MINUTE, monotonic)
        self.injections = Injections()
        self._runner: web.AppRunner | None = None
        self.requests: list[dict[str, Any]] = []
        services = routing_keys if isinstance(routing_keys, Mapping) else {}
        self._incidents = VendorIncidents(services, grouped=grouped)
        self._rest = RestAPI(self._incidents, tokens=api_tokens, users=users, monotonic=monotonic)
        self.webhooks = Webhooks(retries_after_seconds)
        for entry in self._record.read():
            self._apply(entry)

    @property
    def ca_file(self) -> Path:
        """The authority to trust."""
        return self._authority.ca_file

    @property
    def url(self) -> str:
        """The address to give to the vendor's package, and to configure as `api_url`."""
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
        self.injections.add(injection)

    def subscribe(self, url: str, *secrets: str) -> None:
        """Have webhooks posted there, signed with each of the secrets; an empty address is nowhere."""
        self._happen({"kind": "webhooks", "url": url, "secrets": list(secrets)})

    def acknowledge(self, dedup_key: str, by: str) -> int:
        """A person acknowledges what is open under a key; how many incidents that was."""
        return self.act(dedup_key, "acknowledge", by=by)

    def act(self, dedup_key: str, action: str, *, by: str, agent: str = "user", service: str = "", **about: str) -> int:
        """Somebody, or something, does one of `ACTS` to what is open under a key; how many incidents that was.

        Where a `service` is named it is done to what is of that one. `agent` is `user`, `integration` or `none`. Raises
        ValueError for what cannot be done.
        """
        needed = _ABOUT.get(action)
        if action not in ACTS or set(about) != ({needed} if needed else set()):
            raise ValueError(f"{action!r} with {sorted(about)} cannot be done")
        if action == "prioritize" and about["priority"] not in PRIORITIES:
            raise ValueError(f"{about['priority']!r} is no priority: there are {', '.join(PRIORITIES)}")
        found = self._incidents.open_under(dedup_key, service)
        actor = agent_of(agent, by)
        for incident in found:
            act = {"incident": incident.id, "action": action, "agent": actor, "about": about}
            self._happen({"kind": "act", "at": now_text(), "event": None, "acts": [act]})
        return len(found)

    async def __aenter__(self) -> Self:
        application = web.Application(client_max_size=4 * BODY_LIMIT_BYTES)
        application.add_routes(
            [
                *Controls(self).routes(),
                web.route("*", "/{path:.*}", self._serve),
            ]
        )
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, HOST, self._port, ssl_context=self._authority.server_context())
        await site.start()
        self._port = self._runner.addresses[0][1]
        self.webhooks.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.webhooks.close()
        if self._runner is not None:
            await self._runner.cleanup()

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        injection = self.injections.next()
        spoiled = injection is not None and (injection.reset or injection.status) and not injection.processed
        plan = Plan(answer=lambda: web.Response(status=500)) if spoiled else self._plan(request, body)
        entry: dict[str, Any] = {
            "kind": "request",
            "at": now_text(),
            "method": request.method,
            "path": request.path_qs,
            "content_type": request.content_type,
            "body": body.decode(errors="replace"),
            "event": plan.event,
            "acts": list(plan.acts),
        }
        happenings = self._apply(entry)
        answer = plan.answer()
        entry["status"] = answer.status
        if injection is not None:
            entry["status"] = 0 if injection.reset else injection.status or answer.status
        self._record.write(entry)
        self._tell(happenings)
        return await perform(injection, request, answer) if injection else answer

    def _plan(self, request: web.Request, body: bytes) -> Plan:
        if (request.method, request.path) != ("POST", "/v2/enqueue"):
            return self._rest.plan(request, body)
        event, answer = self._answer(body, request.content_type)
        return Plan(answer=lambda: answer, event=event)

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
        wait_seconds = self._rate.wait_seconds(event["routing_key"])
        if wait_seconds:
            answer = _says(429, "throttle exceeded", "Requests for this integration are arriving too quickly", [])
            answer.headers["Retry-After"] = str(wait_seconds)
            return None, answer
        event["dedup_key"] = event.get("dedup_key") or uuid.uuid4().hex
        return event, web.json_response(
            {"status": "success", "message": "Event processed", "dedup_key": event["dedup_key"]}, status=202
        )

    def _happen(self, entry: dict[str, Any]) -> None:
        self._record.write(entry)
        self._tell(self._apply(entry))

    def _tell(self, happenings: Sequence[Happening]) -> None:
        for happening in happenings:
            self.webhooks.put(event_of(happening))

    def _apply(self, entry: dict[str, Any]) -> list[Happening]:
        """Do what an entry of the record says."""
        if entry["kind"] == "webhooks":
            self.webhooks.subscribe(entry["url"], entry["secrets"])
            return []
        if entry["kind"] == "request":
            self.requests.append(entry)
        happenings = [self._incidents.take(entry["event"], entry["at"])] if entry["event"] else []
        for act in entry["acts"]:
            incident = self._incidents.find(act["incident"])
            if incident is not None:
                about = act["about"]
                happenings.append(self._incidents.act(incident, act["action"], act["agent"], entry["at"], **about))
        return [happening for happening in happenings if happening is not None]


def _says(status: int, said: str, message: str, errors: list[str]) -> web.Response:
    body: dict[str, Any] = {"status": said, "message": message}
    return web.json_response(body | ({"errors": errors} if errors else {}), status=status)


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
