"""The kind `websocket`: an upgrade to WebSocket, and a conversation by messages where one is expected."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Annotated, ClassVar

from pydantic import AfterValidator, Field, model_validator

from slo.config.request import Authorization, BasicAuth, HeaderName, HeaderValues, is_token, refuse_credentials
from slo.config.tls import TLSSettings
from slo.config.types import Pattern, Secret, Section, Size, wrong
from slo.config.urls import WebSocketURL
from slo.core.outcome import Finding
from slo.core.sample import Sample
from slo.errors import Fault
from slo.net.attempt import Attempt, Endpoint, Reached
from slo.net.context import Context
from slo.net.course import Course, Stepping
from slo.net.expansion import expanded
from slo.net.reaching import ReachingProbe
from slo.net.samples import connection_samples
from slo.net.target import TargetConfig
from slo.net.url import URL
from slo.net.websocket import WebSocket


def _header_name(value: str) -> str:
    if value.lower() == "sec-websocket-protocol":
        raise wrong("has its own key", "write the protocols under subprotocols")
    if value.lower() == "upgrade" or value.lower().startswith("sec-websocket-"):
        raise wrong(f"{value} is set by the watch itself", "leave it out")
    return value


UpgradeHeaderName = Annotated[HeaderName, AfterValidator(_header_name)]
"""The name of a header that may be set in the request for the upgrade."""


def _token(value: str) -> str:
    if not is_token(value):
        raise wrong(f"{value!r} is no name of a protocol", "write it as graphql-ws")
    return value


class Step(Section):
    """One step of a conversation: what is expected first, then what is said."""

    expect: Pattern | None = None
    """Read one message, which must match this expression somewhere."""

    send: Secret | None = None
    """Send this as a message of text. With `expect`, $1 and ${name} in it are groups of it. It is kept secret."""

    @property
    def shown(self) -> str:
        """What it does, without what it says."""
        expects = f"expect {self.expect.text!r}" if self.expect else ""
        return ", ".join(filter(None, (expects, "send" if self.send else "")))

    @model_validator(mode="after")
    def _does_something(self) -> "Step":
        if self.expect is None and self.send is None:
            raise wrong("does nothing", "give it expect or send")
        return self


class Config(TargetConfig):
    """One connection to one URL."""

    target_key: ClassVar[str] = "url"

    url: WebSocketURL
    """Where to connect to, as wss://host.example/path."""

    headers: dict[UpgradeHeaderName, HeaderValues] = Field(default={})
    """Headers of the request for the upgrade, each with a value or a list of them. They are kept secret."""

    subprotocols: tuple[Annotated[str, AfterValidator(_token)], ...] = ()
    """The protocols that are offered, the one that is liked best first. The server must choose one of them."""

    basic_auth: BasicAuth | None = None
    """A user and password to send."""

    authorization: Authorization | None = None
    """Credentials of another type to send."""

    bearer_token: Secret | None = None
    """A token to send as `Authorization: Bearer`."""

    max_message: Size = 1_000_000
    """The largest message that is good."""

    tls: TLSSettings = TLSSettings()
    """How a server over TLS is verified."""

    query_response: tuple[Step, ...] = ()
    """What is said and expected, step by step."""

    @model_validator(mode="after")
    def _usable_credentials(self) -> "Config":
        refuse_credentials(self.headers, self.basic_auth, self.bearer_token, self.authorization)
        return self

    @property
    def sent_headers(self) -> tuple[tuple[str, str], ...]:
        """The headers line by line, with the credentials."""
        sent = [(name, value.reveal()) for name, values in self.headers.items() for value in values]
        if self.bearer_token:
            sent.append(("Authorization", f"Bearer {self.bearer_token.reveal()}"))
        sent += [("Authorization", given.header) for given in (self.basic_auth, self.authorization) if given]
        return tuple(sent)


@dataclass(frozen=True, kw_only=True, slots=True)
class Facts:
    """How far the attempt got, and how the conversation went.

    `status` is that of the response to the upgrade, 0 without one; `upgraded` says whether messages could go both ways.
    """

    reached: Reached
    status: int = 0
    upgraded: bool = False
    course: Course = field(default_factory=Course)


class WebSocketProbe(ReachingProbe[Facts]):
    """Connects, goes over to WebSocket, and holds the conversation that was configured."""

    def __init__(self, config: Config, context: Context) -> None:
        self.target = config.url
        self._context = context
        self._url = URL.parse("http" + config.url[len("ws") :])
        self._headers = config.sent_headers
        self._subprotocols = config.subprotocols
        self._max_message = config.max_message
        self._steps = config.query_response
        self._endpoint = config.endpoint(
            self._url.host,
            self._url.port,
            scheme="wss" if self._url.secure else "ws",
            tls=config.tls if self._url.secure else None,
            alpn=("http/1.1",),
        )
        if self._url.secure:
            context.tls.get(config.tls, alpn=self._endpoint.alpn)

    async def observe(self, deadline: float) -> Facts:
        """How far the conversation went."""
        attempt = Attempt(self._context)
        socket = WebSocket(self._url, subprotocols=self._subprotocols, max_message=self._max_message)
        talk = _Talk(attempt, socket, self._steps)
        reached = await attempt.run(talk.hold(self._endpoint, self._headers), deadline)
        status = socket.response.status if socket.response else 0
        course = talk.course
        return Facts(reached=course.told(reached), status=status, upgraded=talk.upgraded, course=course)

    def samples(self, facts: Facts | Fault) -> Iterable[Sample]:
        """The blackbox exporter's metrics of its prober `websocket`."""
        if isinstance(facts, Fault):
            return
        yield from connection_samples(facts.reached)
        for phase, seconds in facts.reached.phases.items():
            yield Sample("probe_websocket_duration_seconds", seconds, {"phase": phase})
        yield Sample("probe_websocket_status_code", facts.status)
        yield Sample("probe_websocket_connection_upgraded", float(facts.upgraded))
        yield Sample("probe_websocket_failed_due_to_regex", float(facts.course.failed > 0))

    def findings(self, facts: Facts) -> Iterator[Finding]:
        """What the upgrade was answered with, and how each step went."""
        if facts.status:
            went = "messages go both ways" if facts.upgraded else "no upgrade"
            yield Finding(name="response", text=f"status {facts.status}, {went}")
        yield from facts.course.findings([step.shown for step in self._steps], facts.reached)


class _Talk:
    """One conversation."""

    def __init__(self, attempt: Attempt, socket: WebSocket, steps: Sequence[Step]) -> None:
        self.upgraded = False
        self._attempt = attempt
        self._stepping = Stepping(attempt)
        self._socket = socket
        self._steps = steps

    @property
    def course(self) -> Course:
        """How far it got."""
        return self._stepping.course

    async def hold(self, endpoint: Endpoint, headers: Sequence[tuple[str, str]]) -> None:
        """Connect, upgrade, and take every step. Raises Fault."""
        connection = await self._attempt.connect(self._socket, endpoint)
        try:
            self._attempt.enter("upgrade")
            await self._socket.upgrade(connection.write, headers)
            self.upgraded = True
            for step in self._steps:
                self._stepping.begin()
                await self._take(step)
            self._stepping.finish()
        except BaseException:
            connection.abort()
            raise
        self._socket.say_goodbye()
        connection.close()

    async def _take(self, step: Step) -> None:
        said = step.send.reveal() if step.send else ""
        if step.expect is not None:
            # Text, since the expressions of Go take a byte that is none for a character, too.
            message = (await self._socket.read()).decode(errors="replace")
            match = step.expect.search(message)
            if not match:
                raise Fault("data", detail=f"the message does not match {step.expect.text!r}")
            said = expanded(said, match)
        if said:
            self._socket.send(said)


def build(config: Config, context: Context) -> WebSocketProbe:
    """The probe of a configuration."""
    return WebSocketProbe(config, context)
