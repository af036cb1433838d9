"""The town: stand-ins for PagerDuty, Slack and Jira and a server of mail, with the people who use them.

They live on a loop in a thread of their own, and outlive every process of the watch. What they tell of people and of
programs is post, which waits until the machine hands it to a process.
"""

import asyncio
import json
import threading
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self, TypeVar

from aiohttp import web
from aiosmtpd.smtp import SMTP, Envelope, Session

from slo.core.protocols import Destination, Receiver
from slo.demo.vendors.injection import Injection, reset
from slo.demo.vendors.jira.standin import JiraStandIn
from slo.demo.vendors.pagerduty.incidents import user_id
from slo.demo.vendors.pagerduty.standin import PagerDutyStandIn
from slo.demo.vendors.pagerduty.webhooks_v3 import Webhooks, signature
from slo.demo.vendors.slack.standin import CHANNEL, SIGNING_SECRET, SlackStandIn
from slo.demo.vendors.slack.standin import TOKEN as SLACK_TOKEN
from slo.net.context import Context
from slo.router.destinations import email, jira, pagerduty, slack
from tests.router.machine.boundaries import Boundaries
from tests.router.machine.times import Times

T = TypeVar("T")

ROUTING_KEY = "0123456789abcdef0123456789abcdef"
REST_TOKEN = "u+AbCdEfGhIjKlMnOp-_"
WATCH_EMAIL = "watchkeep@acme.example"
SECRET = "the secret of every webhook"
DESK_USER, DESK_TOKEN = "watch@provider.example", "t0ken-of-jira"
READER = "anna@customer.example"

ANNA = {"accountId": "a1", "displayName": "Anna", "accountType": "atlassian"}
CARLA = {"accountId": "c1", "displayName": "Carla, a customer", "accountType": "customer"}
ROBOT = {"accountId": "r1", "displayName": "Automation for Jira", "accountType": "app"}

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Letter:
    """What a vendor sends to `/webhooks/WAY`."""

    way: str
    headers: Mapping[str, str]
    body: bytes


class _Post(Webhooks):
    """PagerDuty's webhooks, which wait here."""

    def __init__(self) -> None:
        super().__init__()
        self.letters: list[Letter] = []

    def put(self, event: dict[str, Any] | None) -> None:
        if event is not None:
            body = json.dumps({"event": event}).encode()
            headers = {"x-pagerduty-signature": signature(body, [SECRET])}
            self.letters.append(Letter(way="pagerduty", headers=headers, body=body))


@dataclass
class Mail:
    """A server of mail, and what it took. It turns down as many letters as `refusing` says."""

    town: "Town"
    letters: list[bytes] = field(default_factory=list)
    refusing: int = 0
    port: int = 0

    async def handle_DATA(self, server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802 - so called
        if not self.town.boundaries.lets_pass("mail is asked"):
            return self._cut(server)
        if self.refusing:
            self.refusing -= 1
            return "451 come back later"
        assert isinstance(envelope.content, bytes)
        self.letters.append(envelope.content)
        return "250 taken" if self.town.boundaries.lets_pass("mail has it") else self._cut(server)

    def _cut(self, server: SMTP) -> str:
        assert isinstance(server.transport, asyncio.Transport)
        server.transport.abort()
        return "421 gone"


class Town:
    """To be used as a context manager. `boundaries` are those of the process that lives now."""

    def __init__(self, folder: Path, times: Times) -> None:
        self.times = times
        self.boundaries = Boundaries()
        self.pagerduty = PagerDutyStandIn(
            folder / "pagerduty",
            routing_keys=[ROUTING_KEY],
            api_tokens=[REST_TOKEN],
            users=[WATCH_EMAIL],
            monotonic=times.monotonic,
        )
        self.slack = SlackStandIn(folder / "slack", now=times.true, monotonic=times.monotonic)
        self.jira = JiraStandIn(folder / "jira", user=DESK_USER, token=DESK_TOKEN, monotonic=times.monotonic)
        self.jira.callback_secret = SECRET
        self.pagerduty.webhooks = self._post = _Post()
        self.mail = Mail(self)
        self._read = 0
        self._watched(self.pagerduty, "_serve", "pagerduty")
        self._watched(self.slack, "_serve", "slack")
        self._watched(self.jira, "_take", "jira")
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="town")
        self._open = AsyncExitStack()

    def __enter__(self) -> Self:
        self._thread.start()
        self._run(self._begin())
        return self

    def __exit__(self, *_: object) -> None:
        self._run(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def call(self, function: Callable[..., T], *args: object, **keys: object) -> T:
        """Have somebody there do something."""

        async def called() -> T:
            return function(*args, **keys)

        return self._run(called())

    def inject(self, vendor: str, injection: Injection) -> None:
        """Have a vendor on a bad day."""
        self.call(getattr(self, vendor).inject, injection)

    def mend(self) -> None:
        """Good days for everybody."""
        self.mail.refusing = 0
        for injections in (self.pagerduty.injections, self.slack._injections, self.jira._injections):
            self.call(injections.clear)

    def new_post(self) -> list[Letter]:
        """What PagerDuty and Jira sent since this was asked last, in their order."""
        letters, self._post.letters = self._post.letters, []
        told, self._read = self.jira.webhooks[self._read :], len(self.jira.webhooks)
        return letters + [Letter(way="ticket", headers=_lower(each.headers), body=each.body) for each in told]

    def press(self, ts: str, action: str, user: Mapping[str, str]) -> Letter:
        """Somebody presses a button of a message in Slack. Raises LookupError where there is none."""
        payload = self.call(self.slack.pressed, CHANNEL, ts, action, user)
        headers, body = self.slack.signed(payload)
        return Letter(way="slack", headers=_lower(headers), body=body)

    def submit(self, view: str, values: Mapping[str, Any], user: Mapping[str, str]) -> Letter:
        """Somebody sends a form in Slack."""
        headers, body = self.slack.signed(self.call(self.slack.submitted, view, values, user))
        return Letter(way="slack", headers=_lower(headers), body=body)

    def destinations(self, context: Context) -> tuple[dict[str, Destination], dict[str, list[Receiver]]]:
        """The destinations of a new process, and what it receives with, as a configuration would have them."""
        pager = pagerduty.Config.model_validate(
            {
                "routing_key": ROUTING_KEY,
                "events_url": self.pagerduty.events_url,
                "api_url": self.pagerduty.url,
                "api_token": REST_TOKEN,
                "from_email": WATCH_EMAIL,
                "service_user": user_id(WATCH_EMAIL),
                "webhook_secret": SECRET,
                "ca_file": str(self.pagerduty.ca_file),
            }
        )
        chat = slack.Config.model_validate(
            {
                "token": SLACK_TOKEN,
                "channel": CHANNEL,
                "signing_secret": SIGNING_SECRET,
                "api_url": self.slack.api_url,
                "ca_file": str(self.slack.ca_file),
            }
        )
        desk = jira.Config.model_validate(
            {
                "url": self.jira.url,
                "user": DESK_USER,
                "api_token": DESK_TOKEN,
                "project": "OPS",
                "acknowledge_transition": "Start work",
                "resolve_transition": "Resolve this issue",
                "webhook_secret": SECRET,
                "engineers": ["a1"],
                "customer": "acme",
                "ca_file": str(self.jira.ca_file),
            }
        )
        readers = email.Config.model_validate(
            {
                "host": "127.0.0.1",
                "port": self.mail.port,
                "security": "none",
                "sender": "watch@provider.example",
                "to": [READER],
            }
        )
        receivers = {
            "pagerduty": pagerduty.receiver("pagerduty", pager, context),
            "slack": slack.receiver("slack", chat, context),
            "ticket": jira.receiver("jira", desk, context),
        }
        destinations: dict[str, Destination] = {
            "pagerduty": pagerduty.build(pager, context),
            "slack": slack.build(chat, context),
            "jira": jira.build(desk, context),
            "mail": email.build(readers, context),
        }
        return destinations, {way: [each] for way, each in receivers.items() if each is not None}

    def _watched(self, standin: object, name: str, called: str) -> None:
        """Let the process come by a boundary before a request of it is looked at, and after it took effect."""
        handle: Handler = getattr(standin, name)

        async def watched(request: web.Request) -> web.StreamResponse:
            if not self.boundaries.lets_pass(f"{called} is asked"):
                reset(request)
                return web.Response(status=500)
            answer = await handle(request)
            if not self.boundaries.lets_pass(f"{called} has it"):
                reset(request)
            return answer

        setattr(standin, name, watched)

    async def _begin(self) -> None:
        for standin in (self.pagerduty, self.slack, self.jira):
            await self._open.enter_async_context(standin)
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: SMTP(self.mail, hostname="mail.example", loop=loop), "127.0.0.1", 0)
        self.mail.port = server.sockets[0].getsockname()[1]
        self._open.callback(server.close)

    async def _end(self) -> None:
        for _ in range(3):  # asyncio loses a connection that it is about to let in when its server closes
            await asyncio.sleep(0)
        await self._open.aclose()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        await cut_off(self._loop)

    def _run(self, task: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(task, self._loop).result(30)


async def cut_off(loop: asyncio.AbstractEventLoop) -> None:
    """End every connection of a loop that ends, as the kernel does for a process.

    One over TLS stays open after it was closed until the other side has said goodbye as well, however long that takes.
    """
    for transport in list(loop._transports.values()):  # type: ignore[attr-defined]  # nothing else knows all of them
        transport.abort()
    await asyncio.sleep(0)


def _lower(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}
