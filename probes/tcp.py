"""The kind `tcp`: a connection, over TLS where asked for, and a dialogue by lines where one is expected."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pydantic import model_validator

from slo.config.hosts import Address
from slo.config.tls import TLSSettings
from slo.config.types import HostPort
from slo.core.outcome import Judgement
from slo.core.sample import Sample
from slo.errors import Fault
from slo.net.attempt import Attempt, Endpoint, Reached
from slo.net.context import Context
from slo.net.dialogue import Course, Dialogue, Step, course_judgement, course_samples, endpoint_tls
from slo.net.findings import ExplainsConnection
from slo.net.samples import connection_samples
from slo.net.target import TargetConfig


class Config(TargetConfig):
    """One connection to one port."""

    target: HostPort
    """Where to connect to, as db.example:3306."""

    source_address: Address | None = None
    """The address of ours to connect from, where the machine has several."""

    tls: TLSSettings | None = None
    """Speak TLS from the start, or from a step with `starttls` on, and verify the other side as this says; {} is the
    usual verification."""

    query_response: tuple[Step, ...] = ()
    """What is said and expected, step by step."""

    @model_validator(mode="after")
    def _one_tls(self) -> "Config":
        endpoint_tls(self.query_response, self.tls)
        return self


@dataclass(frozen=True, kw_only=True, slots=True)
class Facts:
    """How far the attempt got, and how the dialogue went."""

    reached: Reached
    course: Course


class TCPProbe(ExplainsConnection):
    """Connects, and holds the dialogue that was configured."""

    def __init__(self, config: Config, context: Context) -> None:
        self.target = str(config.target)
        self._context = context
        self._steps = config.query_response
        first, later = endpoint_tls(config.query_response, config.tls)
        self._endpoint = self._endpoint_of(config, first)
        self._upgraded = self._endpoint_of(config, later)
        for settings in filter(None, (first, later)):
            context.tls.get(settings)  # now, not within the first round

    @staticmethod
    def _endpoint_of(config: Config, tls: TLSSettings | None) -> Endpoint:
        return Endpoint(
            host=config.target.host,
            port=config.target.port,
            prefer=config.ip_protocol,
            fallback=config.ip_protocol_fallback,
            tls=tls,
            source=config.source_address,
            scheme="tcp",
        )

    async def observe(self, deadline: float) -> Facts:
        """How far the dialogue went."""
        attempt = Attempt(self._context)
        dialogue = Dialogue(attempt, self._steps)
        reached = await attempt.run(self._talk(attempt, dialogue), deadline)
        return Facts(reached=reached, course=dialogue.course)

    async def _talk(self, attempt: Attempt, dialogue: Dialogue) -> None:
        connection = await attempt.connect(dialogue.receiver, self._endpoint)
        await dialogue.hold(connection, self._upgraded)

    def judge(self, facts: Facts | Fault) -> Sequence[Judgement]:
        """One judgement: good when every step was taken."""
        if isinstance(facts, Fault):
            return [Reached(phases=facts.phases).judgement(facts.reason, facts.detail)]
        return [course_judgement(facts.reached, facts.course)]

    def samples(self, facts: Facts | Fault) -> Iterable[Sample]:
        """The blackbox exporter's metrics of its prober `tcp`."""
        if isinstance(facts, Fault):
            return
        yield from connection_samples(facts.reached)
        yield from course_samples(facts.course)


def build(config: Config, context: Context) -> TCPProbe:
    """The probe of a configuration."""
    return TCPProbe(config, context)
