"""The kind `tcp`: a connection, over TLS where asked for, and a conversation by lines where one is expected."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from pydantic import model_validator

from slo.config.tls import TLSSettings
from slo.config.types import HostPort, Pattern, Secret, Section, wrong
from slo.core.outcome import Finding, Judgement
from slo.core.sample import Sample
from slo.errors import Fault
from slo.net.attempt import Attempt, Endpoint, Reached
from slo.net.connection import Connection
from slo.net.context import Context
from slo.net.findings import connection_findings
from slo.net.lines import Lines
from slo.net.samples import connection_samples
from slo.net.target import TargetConfig

LISTEN_BYTES = 65_536
"""How much is read in search of one expected line."""


class Step(Section):
    """One step of a conversation: what is expected first, then what is said."""

    expect: Pattern | None = None
    """Read lines until one matches this expression somewhere."""

    send: Secret | None = None
    """Send this, and a line feed after it. It is kept secret."""

    starttls: bool = False
    """Then go on over TLS."""

    @model_validator(mode="after")
    def _does_something(self) -> "Step":
        if self.expect is None and self.send is None and not self.starttls:
            raise wrong("does nothing", "give it expect, send or starttls")
        return self


class Config(TargetConfig):
    """One connection to one port."""

    target: HostPort
    """Where to connect to, as db.example:3306."""

    tls: TLSSettings | None = None
    """Speak TLS from the start, and verify the other side as this says; {} is the usual verification."""

    query_response: tuple[Step, ...] = ()
    """What is said and expected, step by step."""

    @model_validator(mode="after")
    def _one_tls(self) -> "Config":
        upgrades = sum(step.starttls for step in self.query_response)
        if upgrades + (self.tls is not None and upgrades == 0) > 1:
            raise wrong("starts TLS twice", "keep one starttls")
        return self


@dataclass(frozen=True, kw_only=True, slots=True)
class Facts:
    """How far the attempt got, and the number of the step that failed, counted from 1; 0 where none did."""

    reached: Reached
    step: int = 0


class TCPProbe:
    """Connects, and holds the conversation that was configured."""

    def __init__(self, config: Config, context: Context) -> None:
        self.target = str(config.target)
        self._context = context
        self._steps = config.query_response
        upgrades = any(step.starttls for step in self._steps)
        self._tls = config.tls or (TLSSettings() if upgrades else None)
        self._endpoint = self._endpoint_of(config, None if upgrades else self._tls)
        self._upgraded = self._endpoint_of(config, self._tls)
        if self._tls:
            context.tls.get(self._tls)

    @staticmethod
    def _endpoint_of(config: Config, tls: TLSSettings | None) -> Endpoint:
        return Endpoint(
            host=config.target.host,
            port=config.target.port,
            prefer=config.ip_protocol,
            fallback=config.ip_protocol_fallback,
            tls=tls,
            scheme="tcp",
        )

    async def observe(self, deadline: float) -> Facts:
        """How far the conversation went."""
        attempt = Attempt(self._context)
        talk = _Talk(attempt, self._steps)
        reached = await attempt.run(talk.hold(self._endpoint, self._upgraded), deadline)
        return Facts(reached=reached, step=talk.step)

    def judge(self, facts: Facts | Fault) -> Sequence[Judgement]:
        """One judgement: good when every step was taken."""
        if isinstance(facts, Fault):
            return [Reached(phases=facts.phases).judgement(facts.reason, facts.detail)]
        fault = facts.reached.fault
        if fault is None:
            return [facts.reached.judgement("ok")]
        step = f"step {facts.step}: " if facts.step else ""
        return [facts.reached.judgement(fault.reason, step + fault.detail)]

    def samples(self, facts: Facts | Fault) -> Iterable[Sample]:
        """The blackbox exporter's metrics of its prober `tcp`."""
        if isinstance(facts, Fault):
            return
        yield from connection_samples(facts.reached)
        reason = facts.reached.fault.reason if facts.reached.fault else ""
        yield Sample(name="probe_failed_due_to_regex", value=float(reason.startswith("data")))

    def explain(self, facts: Facts | Fault, at: datetime) -> Iterable[Finding]:
        """Where the connection led to, and what TLS showed there."""
        if not isinstance(facts, Fault):
            yield from connection_findings(facts.reached, at)


class _Talk:
    """One conversation. `step` is the step that it is in, 0 before and after."""

    def __init__(self, attempt: Attempt, steps: Sequence[Step]) -> None:
        self.step = 0
        self._attempt = attempt
        self._steps = steps
        self._lines = Lines()

    async def hold(self, endpoint: Endpoint, upgraded: Endpoint) -> None:
        """Connect and take every step. Raises Fault."""
        connection = await self._attempt.connect(self._lines, endpoint)
        try:
            for step in self._steps:
                self.step += 1
                self._attempt.enter("exchange")
                await self._take(step, connection, upgraded)
        except BaseException:
            connection.abort()
            raise
        self.step = 0
        connection.close()

    async def _take(self, step: Step, connection: Connection, upgraded: Endpoint) -> None:
        if step.expect is not None:
            await self._listen(step.expect)
        if step.send is not None:
            connection.write(step.send.reveal().encode() + b"\n")
        if step.starttls:
            if self._lines.unread:
                raise Fault("data", detail="it says more before TLS than it was asked for")
            await self._attempt.start_tls(connection, upgraded)

    async def _listen(self, expected: Pattern) -> None:
        """Return at the first line that is as expected. Raises Fault."""
        heard = 0
        while heard <= LISTEN_BYTES:
            line = await self._lines.read()
            if line is None:
                what = "no line matches" if heard else "closed before a line that matches"
                raise Fault("data" if heard else "data_closed", detail=f"{what} {expected.text!r}")
            if expected.search(line):
                return
            heard += len(line) + 1
        raise Fault("data", detail=f"no line in {LISTEN_BYTES} bytes matches {expected.text!r}")


def build(config: Config, context: Context) -> TCPProbe:
    """The probe of a configuration."""
    return TCPProbe(config, context)
