"""A stand-in for Slack: its Web API as strict as the original, over TLS, with a memory, with people, and with bad days.

It takes the methods of `slo.demo.vendors.slack.web_api` under `/api/`. Everything that it is asked is on record in its
folder and survives a restart. What only a stand-in has is under `/_standin`:

    GET    /_standin/requests       every request and the status of its answer; 0: it was reset
    GET    /_standin/messages       every message of every channel, as it is now
    GET    /_standin/channels       the same, by channel
    GET    /_standin/views          the modals that are open
    GET    /_standin/whispers       what was said to one person alone
    POST   /_standin/press          a person presses a button: {"channel", "ts", "action_id", "user", "callback"}
    POST   /_standin/submit         a person submits a modal: {"view", "values", "user", "callback"}
    POST   /_standin/refusals       errors to come: {"method": "chat.update", "error": "message_not_found"}
    POST   /_standin/faults         bad days to come, see `slo.demo.vendors.injection`
    DELETE /_standin/faults         good days again

What a person does is sent to `callback`, signed as Slack signs it.
`python -m slo.demo.vendors.slack --folder DIR` prints one line of JSON with its address, its
authority's file, its (first) channel, token and signing secret.
"""

import asyncio
import json
import signal
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import click
from aiohttp import ClientSession, ClientTimeout, web

from slo.demo.vendors.authority import Authority
from slo.demo.vendors.injection import Injection, Injections, perform
from slo.demo.vendors.record import Record
from slo.demo.vendors.slack.interactions import Answered, block_actions, signed, view_submission
from slo.demo.vendors.slack.web_api import Refusal, WebAPI, arguments_of
from slo.demo.vendors.slack.workspace import Workspace

CHANNEL = "C0WATCHKEEP"
HOST = "127.0.0.1"
SIGNING_SECRET = "8f742231b10e8888abcd99yyyzzz85a5"  # noqa: S105 - of a workspace that does not exist
TOKEN = "xoxb-0000-standin"  # noqa: S105 - of a workspace that does not exist

_BODY_LIMIT_BYTES = 1024 * 1024
_CALLBACK_SECONDS = 3.0
"""How long Slack waits for the answer to what a person did."""


class SlackStandIn:
    """The server, to be used as an async context manager; its record and its authority lie in `folder`.

    `now` is the time of the workspace in Unix seconds, `monotonic` is what rates and triggers are held against.
    """

    def __init__(
        self,
        folder: Path,
        *,
        port: int = 0,
        token: str = TOKEN,
        channels: Collection[str] = (CHANNEL,),
        signing_secret: str = SIGNING_SECRET,
        now: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._authority = Authority(folder)
        self._record = Record(folder / "record.jsonl")
        self._port = port
        self._now = now
        self._signing_secret = signing_secret
        self._injections = Injections()
        self._refusals: dict[str, list[str]] = defaultdict(list)
        self._runner: web.AppRunner | None = None
        self.requests: list[dict[str, Any]] = []
        self.workspace = Workspace.of(channels)
        self._api = WebAPI(self.workspace, token=token, now=now, monotonic=monotonic)
        for entry in self._record.read():
            self._apply(entry)

    @property
    def ca_file(self) -> Path:
        """The authority to trust."""
        return self._authority.ca_file

    @property
    def url(self) -> str:
        """Where it is reached."""
        return f"https://{HOST}:{self._port}"

    @property
    def api_url(self) -> str:
        """The address to configure as `api_url`."""
        return f"{self.url}/api/"

    @property
    def messages(self) -> list[dict[str, Any]]:
        """Every message of every channel as it is now, oldest first, replies included."""
        return [message for channel in self.workspace.channels.values() for message in channel.values()]

    @property
    def views(self) -> list[dict[str, Any]]:
        """The modals that are open."""
        return list(self.workspace.views.values())

    @property
    def whispers(self) -> list[dict[str, str]]:
        """What was said in a channel to one person alone, oldest first."""
        return self.workspace.whispers

    @property
    def calls(self) -> list[str]:
        """The methods that were called, in order."""
        return [request["method"] for request in self.requests]

    def inject(self, injection: Injection) -> None:
        """Have bad days come."""
        self._injections.add(injection)

    def refuse(self, method: str, error: str) -> None:
        """Have the next call of a method answered with an error of Slack's."""
        self._refusals[method].append(error)

    def delete(self, channel: str, ts: str) -> None:
        """Somebody deletes a message."""
        self._do({"kind": "delete", "channel": channel, "ts": ts})

    def signed(self, payload: Mapping[str, Any]) -> tuple[dict[str, str], bytes]:
        """The headers and the body of the request that tells of what a person did."""
        return signed(payload, self._signing_secret, self._now())

    def pressed(self, channel: str, ts: str, action_id: str, user: Mapping[str, str]) -> dict[str, Any]:
        """What is told when a person presses a button. Raises LookupError where there is no such button."""
        message = self.workspace.channels[channel][ts]
        trigger = self._api.issue_trigger(user)
        return block_actions(message, channel, action_id, user=user, trigger_id=trigger, now=self._now())

    def submitted(self, view: str, values: Mapping[str, Any], user: Mapping[str, str]) -> dict[str, Any]:
        """What is told when a person submits a modal: `values` by block. Raises LookupError, ValueError as a form."""
        return view_submission(self.workspace.views[view], values, user=user, trigger_id=self._api.issue_trigger(user))

    async def press(self, callback: str, *, channel: str, ts: str, action_id: str, user: Mapping[str, str]) -> Answered:
        """A person presses a button: the callback is told, and gives its answer."""
        return await self._tell(callback, self.pressed(channel, ts, action_id, user))

    async def submit(self, callback: str, *, view: str, values: Mapping[str, Any], user: Mapping[str, str]) -> Answered:
        """A person submits a modal: it is closed, unless the callback finds errors in it."""
        answered = await self._tell(callback, self.submitted(view, values, user))
        if answered.closes:
            self._do({"kind": "close", "view": view})
        return answered

    async def __aenter__(self) -> Self:
        application = web.Application(client_max_size=_BODY_LIMIT_BYTES)
        application.add_routes(
            [
                web.route("*", "/api/{method}", self._serve),
                web.get("/_standin/requests", self._shows(lambda: {"requests": self.requests})),
                web.get("/_standin/messages", self._shows(lambda: {"messages": self.messages})),
                web.get("/_standin/channels", self._shows(self._by_channel)),
                web.get("/_standin/views", self._shows(lambda: {"views": self.views})),
                web.get("/_standin/whispers", self._shows(lambda: {"whispers": self.whispers})),
                web.post("/_standin/press", self._person(self.press)),
                web.post("/_standin/submit", self._person(self.submit)),
                web.post("/_standin/refusals", self._order(lambda body: self.refuse(body["method"], body["error"]))),
                web.post("/_standin/faults", self._order(lambda body: self.inject(Injection.of(body)))),
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

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        injection = self._injections.next()
        spoiled = injection is not None and (injection.reset or injection.status) and not injection.processed
        effect, answer = (None, web.Response(status=500)) if spoiled else self._answer(request, body)
        status = answer.status
        if injection is not None:
            status = 0 if injection.reset else injection.status or status
        entry = {
            "kind": "request",
            "at": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "method": request.match_info["method"],
            "query": dict(request.query),
            "body": body.decode(errors="replace"),
            "status": status,
            "effect": effect,
        }
        self._record.write(entry)
        self._apply(entry)
        return await perform(injection, request, answer) if injection else answer

    def _answer(self, request: web.Request, body: bytes) -> tuple[dict[str, Any] | None, web.Response]:
        """What the request does, if it is taken, and how it is answered."""
        method = request.match_info["method"]
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        try:
            if self._refusals[method]:
                raise Refusal(self._refusals[method].pop(0))
            arguments = dict(request.query) | arguments_of(body, request.content_type)
            said, effect = self._api.call(method, arguments, token if scheme == "Bearer" else "")
        except Refusal as refusal:
            if not refusal.retry_after:
                return None, web.json_response(refusal.answer)
            headers = {"Retry-After": str(refusal.retry_after)}
            return None, web.json_response(refusal.answer, status=429, headers=headers)
        return effect, web.json_response({"ok": True} | said)

    async def _tell(self, callback: str, payload: Mapping[str, Any]) -> Answered:
        headers, body = self.signed(payload)
        timeout = ClientTimeout(total=_CALLBACK_SECONDS)
        async with (
            ClientSession(timeout=timeout) as session,
            session.post(callback, data=body, headers=headers, allow_redirects=False) as response,
        ):
            return Answered(status=response.status, body=(await response.read()).decode(errors="replace"))

    def _by_channel(self) -> dict[str, Any]:
        return {"channels": {name: list(channel.values()) for name, channel in self.workspace.channels.items()}}

    def _shows(self, show: Callable[[], object]) -> Callable[[web.Request], Any]:
        async def handle(_: web.Request) -> web.Response:
            return web.json_response(show())

        return handle

    def _person(self, act: Callable[..., Any]) -> Callable[[web.Request], Any]:
        async def handle(request: web.Request) -> web.Response:
            try:
                answered: Answered = await act(**await request.json())
            except LookupError as error:
                return web.json_response({"error": f"there is no {error}"}, status=404)
            except (TypeError, ValueError) as error:
                return web.json_response({"error": str(error)}, status=400)
            return web.json_response({"status": answered.status, "body": answered.body})

        return handle

    def _order(self, take: Callable[[Any], None]) -> Callable[[web.Request], Any]:
        async def handle(request: web.Request) -> web.Response:
            try:
                take(await request.json())
            except (KeyError, ValueError) as error:
                return web.json_response({"error": str(error)}, status=400)
            return web.json_response({"ok": True})

        return handle

    async def _clear(self, _: web.Request) -> web.Response:
        self._injections.clear()
        self._refusals.clear()
        return web.json_response({"ok": True})

    def _do(self, effect: dict[str, Any]) -> None:
        entry = {"kind": "act", "effect": effect}
        self._record.write(entry)
        self._apply(entry)

    def _apply(self, entry: dict[str, Any]) -> None:
        if entry["kind"] == "request":
            self.requests.append(entry)
        if entry["effect"] is not None:
            self.workspace.apply(entry["effect"])


async def _stand(standin: SlackStandIn, channel: str) -> None:
    ended = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    async with standin:
        place = {"url": standin.url, "api_url": standin.api_url, "ca_file": str(standin.ca_file)}
        given = {"channel": channel, "token": TOKEN, "signing_secret": SIGNING_SECRET}
        click.echo(json.dumps(place | given))
        await ended.wait()


@click.command()
@click.option("--folder", type=click.Path(path_type=Path, file_okay=False), required=True, help="Record and authority.")
@click.option("--port", type=int, default=0, show_default="a free one", help="Port on 127.0.0.1.")
@click.option("--channel", multiple=True, default=(CHANNEL,), show_default=True, help="The id of one; may be repeated.")
def main(folder: Path, port: int, channel: tuple[str, ...]) -> None:
    """Stand in for Slack until Ctrl-C."""
    asyncio.run(_stand(SlackStandIn(folder, port=port, channels=channel), channel[0]))
