"""The kind `tcp`: a connection, over TLS where asked for, and a dialogue by lines where one is expected."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from pydantic import model_validator

from slo.config.hosts import Address
from slo.config.tls import TLSSettings
from slo.config.types import HostPort
from slo.core.outcome import Finding
from slo.core.sample import Sample
from slo.errors import Fault
from slo.net.attempt import Attempt, Endpoint, Reached
from slo.net.context import Context
from slo.net.dialogue import Dialogue, Said, Step, dialogue_samples, endpoint_tls
from slo.net.reaching import ReachingProbe
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
    """How far the attempt got, and what came of the dialogue."""

    reached: Reached
    said: Said


class TCPProbe(ReachingProbe[Facts]):
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
        return config.endpoint(
            config.target.host, config.target.port, scheme="tcp", tls=tls, source=config.source_address
        )

    async def observe(self, deadline: float) -> Facts:
        """How far the dialogue went."""
        attempt = Attempt(self._context)
        dialogue = Dialogue(attempt, self._steps)
        reached = await attempt.run(self._talk(attempt, dialogue), deadline)
        said = dialogue.said
        return Facts(reached=said.course.told(reached), said=said)

    async def _talk(self, attempt: Attempt, dialogue: Dialogue) -> None:
        connection = await attempt.connect(dialogue.receiver, self._endpoint)
        await dialogue.hold(connection, self._upgraded)

    def samples(self, facts: Facts | Fault) -> Iterable[Sample]:
        """The blackbox exporter's metrics of its prober `tcp`."""
        if isinstance(facts, Fault):
            return
        yield from connection_samples(facts.reached)
        yield from dialogue_samples(facts.said)

    def findings(self, facts: Facts) -> Iterator[Finding]:
        """How each step went."""
        yield from facts.said.course.findings([step.shown for step in self._steps], facts.reached)


def build(config: Config, context: Context) -> TCPProbe:
    """The probe of a configuration."""
    return TCPProbe(config, context)
