"""The kind `smtp`: a session with a mail server, up to the recipient where one is named. No message is ever sent."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field, model_validator

from slo.config.tls import TLSSettings
from slo.config.types import HostPort, Secret, Section, wrong
from slo.core.outcome import Finding
from slo.core.sample import Sample
from slo.errors import Fault
from slo.net.attempt import Attempt, Endpoint, Reached
from slo.net.context import Context
from slo.net.lines import Lines
from slo.net.reaching import ReachingProbe
from slo.net.samples import connection_samples, phase_samples
from slo.net.smtp import LINE_BYTES, Reply, Session, expected
from slo.net.target import TargetConfig

Code = Annotated[int, Field(ge=200, le=599)]
Codes = Annotated[tuple[Code, ...], Field(min_length=1)]
Address = Annotated[str, Field(max_length=320, pattern=r"^[!-;=?-~]+$")]
"""A mailbox as it stands between the angle brackets of SMTP."""


class Expect(Section):
    """Which replies are good."""

    greeting: Codes = (220,)
    """The codes that the server may greet with."""

    hello: Codes = (250,)
    """The codes that it may answer EHLO with."""

    sender: Codes = (250,)
    """The codes that it may answer MAIL FROM with."""

    recipient: Codes = (250, 251)
    """The codes that it may answer RCPT TO with; 550 and 554 where it has to refuse the recipient."""


class Config(TargetConfig):
    """One session with one server."""

    target: HostPort
    """Where to connect to, as mail.example.org:25."""

    security: Literal["starttls", "opportunistic", "tls", "none"] = "starttls"
    """How the session is secured: `starttls` is bad where the server does not offer it, `opportunistic` goes on without
    TLS then, `tls` speaks it from the start, `none` never."""

    tls: TLSSettings = TLSSettings()
    """How the other side is verified."""

    hello: str = Field(default="watchkeep.invalid", max_length=255, pattern=r"^[!-~]+$")
    """What we call ourselves. Many servers want a name that resolves, or an address as [192.0.2.1]."""

    user: str | None = Field(default=None, min_length=1)
    """Log in as this user, which needs TLS."""

    password: Secret | None = None
    """The password of `user`."""

    sender: Address | None = None
    """Whom a message would be from, as watch@example.org."""

    recipient: Address | None = None
    """Whom it would be for. The session ends before there is a message."""

    expect: Expect = Expect()
    """Which replies are good, where these are others than usual."""

    @model_validator(mode="after")
    def _agrees(self) -> "Config":
        if (self.user is None) != (self.password is None):
            raise wrong("has one of user and password", "give both, or neither")
        if self.user is not None and self.security in {"opportunistic", "none"}:
            raise wrong("would send the password for everybody to read", "write security: starttls, or tls")
        if self.recipient is not None and self.sender is None:
            raise wrong("has a recipient without a sender", "add sender: watch@example.org")
        return self


@dataclass(frozen=True, kw_only=True, slots=True)
class Facts:
    """How far the attempt got, and the code of the server's last reply; 0 without one."""

    reached: Reached
    code: int


class SMTPProbe(ReachingProbe[Facts]):
    """Greets a mail server and goes through the session that was configured."""

    def __init__(self, config: Config, context: Context) -> None:
        self.target = str(config.target)
        self._config = config
        self._context = context
        at_once = config.security == "tls"
        self._endpoint = self._endpoint_of(config, config.tls if at_once else None)
        self._upgraded = self._endpoint_of(config, config.tls)
        if config.security != "none":
            context.tls.get(config.tls)  # now, not within the first round

    @staticmethod
    def _endpoint_of(config: Config, tls: TLSSettings | None) -> Endpoint:
        return config.endpoint(config.target.host, config.target.port, scheme="smtp", tls=tls)

    async def observe(self, deadline: float) -> Facts:
        """How far the session went."""
        attempt = Attempt(self._context)
        talk = _Talk(attempt, self._config)
        reached = await attempt.run(talk.hold(self._endpoint, self._upgraded), deadline)
        return Facts(reached=reached, code=talk.code)

    def samples(self, facts: Facts | Fault) -> Iterable[Sample]:
        """Named as the blackbox exporter names those of its probers, which has none for SMTP."""
        if isinstance(facts, Fault):
            return
        yield from connection_samples(facts.reached)
        yield from phase_samples("probe_smtp_duration_seconds", facts.reached)
        yield Sample("probe_smtp_ssl", float(facts.reached.handshake is not None))
        if facts.code:
            yield Sample("probe_smtp_status_code", facts.code)

    def findings(self, facts: Facts) -> Iterator[Finding]:
        """What the server said last."""
        if facts.code:
            yield Finding(name="last reply", text=str(facts.code))


class _Talk:
    """One session under way. `code` is that of the last reply, 0 before one."""

    def __init__(self, attempt: Attempt, config: Config) -> None:
        self._attempt = attempt
        self._config = config
        self._session: Session | None = None

    @property
    def code(self) -> int:
        return self._session.code if self._session else 0

    async def hold(self, endpoint: Endpoint, upgraded: Endpoint) -> None:
        """Connect, and go through the session. Raises Fault."""
        lines = Lines(longest=LINE_BYTES)
        connection = await self._attempt.connect(lines, endpoint)
        session = self._session = Session(connection, lines)
        try:
            self._attempt.enter("greeting")
            expected(await session.reply(), self._config.expect.greeting, "the greeting")
            offered = await self._hello(session)
            if self._config.security in {"starttls", "opportunistic"} and await self._may_secure(session, offered):
                lines.settled()
                await self._attempt.start_tls(connection, upgraded)
                offered = await self._hello(session)
            await self._log_in(session, offered)
            await self._name_envelope(session)
        except Fault:
            session.hang_up()
            raise
        except BaseException:
            connection.abort()
            raise
        session.hang_up()

    async def _hello(self, session: Session) -> Reply:
        self._attempt.enter("hello")
        return await session.expect(f"EHLO {self._config.hello}", self._config.expect.hello)

    async def _may_secure(self, session: Session, offered: Reply) -> bool:
        """Whether the server is ready for TLS. Raises Fault where it must be and is not."""
        required = self._config.security == "starttls"
        if "STARTTLS" not in offered.extensions:
            if required:
                raise Fault("tls_not_offered", detail="EHLO is answered without STARTTLS")
            return False
        if required:
            await session.expect("STARTTLS", (220,))
            return True
        return (await session.ask("STARTTLS")).code == 220

    async def _log_in(self, session: Session, offered: Reply) -> None:
        if self._config.user is not None and self._config.password is not None:
            self._attempt.enter("auth")
            mechanisms = offered.extensions.get("AUTH", ())
            await session.log_in(mechanisms, self._config.user, self._config.password.reveal())

    async def _name_envelope(self, session: Session) -> None:
        if self._config.sender is not None:
            self._attempt.enter("envelope")
            await session.expect(f"MAIL FROM:<{self._config.sender}>", self._config.expect.sender)
        if self._config.recipient is not None:
            await session.expect(f"RCPT TO:<{self._config.recipient}>", self._config.expect.recipient)


def build(config: Config, context: Context) -> SMTPProbe:
    """The probe of a configuration."""
    return SMTPProbe(config, context)
