"""PagerDuty: pages, through the Events API v2. It is told of pages only; PagerDuty decides whom it wakes.

With a token of its REST API it is told of notes and times to recover as well, and asked what people did to the pages;
with the secret of a webhook it says so itself.
"""

import math
import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema, model_validator

from slo.config.accounts import SharedAccountConfig
from slo.config.tls import TLSSettings
from slo.config.types import HTTPURL, Secret, wrong
from slo.core.acts import Act
from slo.core.delivery import Action, Ambiguous, Dropped, Lane, Message, Refused, Sent, Verdict
from slo.core.priority import Priority
from slo.net.context import Context
from slo.router.calls import AuthoritiesFile, DeliveryTimeout
from slo.router.page import event_of
from slo.router.pagerduty.log import PageLog
from slo.router.pagerduty.notes import say
from slo.router.pagerduty.people import People
from slo.router.pagerduty.priorities import Priorities
from slo.router.pagerduty.rest import Rest, RestAccess, Unanswered
from slo.router.pagerduty.threads import CallThreads
from slo.router.pagerduty.webhook import PagerDutyWebhook

if TYPE_CHECKING:
    from slo.router.pagerduty.events import EventCall

PAGES_ONLY = True

ENQUEUE = "/v2/enqueue"
"""The path that PagerDuty's package adds to the address that it is given."""

THREADS = 16
"""More than messages are ever under way: a call that was given up may need a moment longer to end."""

NOTE_ATTEMPTS = 8
"""How often a note is tried: over a minute at least, which is how long PagerDuty's limit of requests lasts."""

NOTE_PATIENCE = timedelta(minutes=2)
"""For how long a note is tried again: of those that wait one behind the other each would wait for all before it."""

LOOKUP_SECONDS = 3.0
"""How long the look-up for a webhook may take: PagerDuty wants its answer within 5 s."""

EventAction = Literal["trigger", "acknowledge", "resolve"]

_ACTIONS: Mapping[Action, EventAction] = {
    Action.TRIGGER: "trigger",
    Action.UPDATE: "trigger",
    Action.ACKNOWLEDGE: "acknowledge",
    Action.RESOLVE: "resolve",
}


def _events_url(value: str) -> str:
    if not value.startswith("https://"):
        raise wrong("is not over https", "PagerDuty's package speaks nothing else")
    if not value.endswith(ENQUEUE):
        raise wrong(f"does not end in {ENQUEUE}", f"write it as https://events.pagerduty.com{ENQUEUE}")
    return value


def _api_url(value: str) -> str:
    if not value.startswith("https://"):
        raise wrong("is not over https", "PagerDuty's package speaks nothing else")
    return value.rstrip("/")


def _email(value: str) -> str:
    if not re.fullmatch(r"[^@\s]+@[^@\s]+", value):
        raise wrong("is no email address", "write that of the user of PagerDuty who is to say what the watch says")
    return value


def _user_id(value: str) -> str:
    if not re.fullmatch(r"[A-Z0-9]+", value):
        raise wrong("is no id of a user of PagerDuty", "write the end of the address of the user's page, as in PXPGF42")
    return value


def _service_id(value: str) -> str:
    if not re.fullmatch(r"[A-Z0-9]+", value):
        raise wrong("is no id of a service of PagerDuty", "write the end of the address of its page, as in PIJ90N7")
    return value


def _as_list(value: object) -> object:
    """One secret may be written without the list around it."""
    return value if isinstance(value, tuple) else (value,)


_SECRET = {"type": ["string", "integer"], "minLength": 1, "writeOnly": True}

Secrets = Annotated[
    tuple[Secret, ...],
    BeforeValidator(_as_list),
    WithJsonSchema({"anyOf": [_SECRET, {"type": "array", "items": _SECRET}]}),
]
"""One secret, or several while one is replaced by another."""


class Config(SharedAccountConfig):
    """Where pages go."""

    routing_key: Secret
    """The integration key of an Events API v2 integration on a service of PagerDuty."""

    events_url: Annotated[HTTPURL, AfterValidator(_events_url)] = f"https://events.pagerduty.com{ENQUEUE}"
    """Where events are sent; `https://events.eu.pagerduty.com/v2/enqueue` for accounts in the EU."""

    api_token: Secret | None = None
    """A token of the REST API, for notes, times to recover, priorities, and to ask what people did."""

    from_email: Annotated[str, AfterValidator(_email)] | None = None
    """The email address of the user of PagerDuty that notes are from; needed with `api_token`."""

    api_url: Annotated[HTTPURL, AfterValidator(_api_url)] = "https://api.pagerduty.com"
    """Where the REST API is; `https://api.eu.pagerduty.com` for accounts in the EU."""

    service: Annotated[str, AfterValidator(_service_id)] | None = None
    """The id of the service that `routing_key` is of: what happens to incidents of other services is none of ours."""

    priorities: dict[Literal["P0", "P1", "P2"], Annotated[str, Field(min_length=1)]] = Field(
        default={}, examples=[{"P0": "P1", "P1": "P2"}]
    )
    """What the account calls our priorities: these are set there, and taken over when people change them."""

    service_user: Annotated[str, AfterValidator(_user_id)] | None = None
    """The id of the user of `from_email`: what it does is done by this watch, and by nobody who responds."""

    webhook_secret: Secrets = ()
    """The secret of a webhook v3 subscription that posts to `/webhooks/pagerduty`; several while one is replaced."""

    ca_file: AuthoritiesFile | None = None
    """The certificate authorities to trust instead of the system's, in PEM format."""

    timeout: DeliveryTimeout = timedelta(seconds=10)
    """How long one event, or one note with what belongs to it, may take to be accepted as a whole."""

    @model_validator(mode="after")
    def _agrees(self) -> "Config":
        if (self.api_token is None) != (self.from_email is None):
            raise wrong("has one of api_token and from_email alone", "give both: who changes something has to be named")
        unused = {"api_url"} if self.api_token is None else set()
        if self.api_token is None and not self.webhook_secret:
            unused |= {"priorities", "service", "service_user"}
        if named := sorted(unused & self.model_fields_set):
            raise wrong(f"has {named[0]}, which nothing uses", "give api_token with it, or leave it out")
        if self.api_token is not None and self.service_user is None:
            raise wrong("has an api_token without a service_user", "give the id of the user of from_email")
        if len(set(self.priorities.values())) < len(self.priorities):
            raise wrong("calls two priorities the same", "give each a name of its own, or leave one out")
        return self

    @property
    def accounts(self) -> frozenset[str]:
        """The account's token and our user in it; nothing where nothing is looked up."""
        if self.api_token is None:
            return frozenset()
        return frozenset({self.api_token.reveal(), self.service_user or ""})

    @property
    def part(self) -> str:
        """The service."""
        return self.service or ""

    @property
    def way_in(self) -> str:
        """The routing key, which leads to one service."""
        return self.routing_key.reveal()

    @property
    def mend(self) -> str:
        """How the service is named."""
        return "give each of them its `service`, the id of the service that its routing_key is of"


class PagerDuty:
    """One integration of PagerDuty."""

    def __init__(self, config: Config, context: Context) -> None:
        self._config = config
        self._context = context
        self._threads = CallThreads("pagerduty", size=THREADS)
        self._rest = _rest_of(config, context)
        names = {Priority(priority): name for priority, name in config.priorities.items()}
        self._priorities = Priorities(self._rest, names, context.clock) if self._rest and names else None
        self._log = PageLog(self._rest, _people_of(config)) if self._rest else None

    @property
    def credential(self) -> str:
        """The routing key: PagerDuty drops what comes with another one than the trigger came with."""
        return self._config.routing_key.reveal()

    async def deliver(self, message: Message, lane: Lane) -> Verdict:
        """Send one event, or write one note, within the timeout."""
        action = _ACTIONS.get(message.action)
        if action is None:
            return await self._say(message, lane)
        verdict = await self._send(action, message, lane)
        if action == "trigger" and isinstance(verdict, Sent) and self._priorities:
            self._priorities.set_soon(message)
        return verdict

    async def acts_on(self, keys: Sequence[str]) -> Sequence[Act]:
        """What people did to the pages under these keys; nothing without a token. See `PageLog`."""
        return await self._log.acts_on(keys) if self._log else ()

    async def aclose(self) -> None:
        """Let the threads end."""
        if self._priorities:
            await self._priorities.aclose()
        if self._rest:
            self._rest.close()
        self._threads.close()

    async def _send(self, action: EventAction, message: Message, lane: Lane) -> Verdict:
        try:
            return await self._threads.run(
                lambda: self._begin(lane.credential),
                lambda call: call.send(action, message.key, event_of(message)),
                seconds=self._config.timeout.total_seconds(),
            )
        except TimeoutError:
            return Ambiguous(reason="timeout")

    async def _say(self, message: Message, lane: Lane) -> Verdict:
        """A note holds back the acknowledgement and the resolution behind it, so it is given up before long.

        However many wait: what is older than `NOTE_PATIENCE` is tried once, or until requests may be made again.
        """
        if self._rest is None:
            return Dropped()
        try:
            return Sent(reference=await self._rest.use(lambda call: say(call, message, again=lane.attempts > 0)))
        except Unanswered as error:
            young = self._context.clock.now() - message.at < NOTE_PATIENCE
            if lane.attempts + 1 < NOTE_ATTEMPTS and (young or error.reason == "rate_limited"):
                return error.verdict
            return Refused(reason=error.reason, detail=error.detail)

    def _begin(self, credential: str) -> "EventCall":
        """Runs in a thread: the package takes a moment to import."""
        from slo.router.pagerduty.events import EventCall

        return EventCall(
            base_url=self._config.events_url.removesuffix(ENQUEUE),
            routing_key=credential,
            tls=self._context.tls.get(TLSSettings(ca_file=self._config.ca_file)),
            phase_seconds=self._config.timeout.total_seconds(),
        )


def build(config: Config, context: Context) -> PagerDuty:
    """The destination of a configuration. Its package is loaded now: the first page does not wait for it."""
    import slo.router.pagerduty.events  # noqa: F401

    return PagerDuty(config, context)


def receiver(name: str, config: Config, context: Context) -> PagerDutyWebhook | None:
    """What takes the webhooks for the destination of that name; None where it has no secret for them."""
    if not config.webhook_secret:
        return None
    people, rest = _people_of(config), _rest_of(config, context, LOOKUP_SECONDS)
    return PagerDutyWebhook(name, config.webhook_secret, people, rest, service=config.service or "")


def _rest_of(config: Config, context: Context, most_seconds: float = math.inf) -> Rest | None:
    if config.api_token is None or config.from_email is None:
        return None
    access = RestAccess(
        url=config.api_url,
        token=config.api_token,
        from_email=config.from_email,
        tls=TLSSettings(ca_file=config.ca_file),
        timeout_seconds=min(config.timeout.total_seconds(), most_seconds),
        service=config.service or "",
    )
    return Rest(access, context)


def _people_of(config: Config) -> People:
    priorities = {name: Priority(priority) for priority, name in config.priorities.items()}
    return People(service_user=config.service_user or "", priorities=priorities)
