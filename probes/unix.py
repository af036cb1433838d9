"""The kind `unix`: a dialogue like those of the kind `tcp`, over a socket in the file system of this machine."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from slo.config.aimed import OneTarget
from slo.config.tls import TLSSettings
from slo.config.types import wrong
from slo.core.outcome import Finding
from slo.core.sample import Sample
from slo.errors import Fault
from slo.net.attempt import Attempt, Reached, socket_endpoint
from slo.net.context import Context
from slo.net.dialogue import Dialogue, Said, Step, dialogue_samples, endpoint_tls
from slo.net.reaching import ReachingProbe
from slo.net.samples import handshake_samples

LONGEST_PATH = 107
"""How many bytes Linux takes for the path of a socket, unix(7)."""


def _short(path: str) -> str:
    if len(path.encode()) > LONGEST_PATH or "\0" in path:
        raise wrong(f"is longer than the {LONGEST_PATH} bytes that the path of a socket may have", "shorten it")
    return path


class Config(OneTarget):
    """One connection to one socket."""

    target: Annotated[str, Field(pattern="^/."), AfterValidator(_short)]
    """The full path of the socket, as /run/service.sock."""

    tls: TLSSettings | None = None
    """Speak TLS from the start, or from a step with `starttls` on. A path is no name, so that `server_name` says whom
    the certificate has to be for."""

    query_response: tuple[Step, ...] = ()
    """What is said and expected, step by step."""

    @model_validator(mode="after")
    def _one_tls(self) -> "Config":
        for tls in filter(None, endpoint_tls(self.query_response, self.tls)):
            if tls.server_name is None and not tls.insecure_skip_verify:
                raise wrong("does not say whom the certificate has to be for", "add tls: {server_name: NAME}")
        return self


@dataclass(frozen=True, kw_only=True, slots=True)
class Facts:
    """How far the attempt got, and what came of the dialogue."""

    reached: Reached
    said: Said


class UnixProbe(ReachingProbe[Facts]):
    """Connects, and holds the dialogue that was configured."""

    def __init__(self, config: Config, context: Context) -> None:
        self.target = config.target
        self._context = context
        self._steps = config.query_response
        self._tls, self._later = endpoint_tls(config.query_response, config.tls)
        for settings in filter(None, (self._tls, self._later)):
            context.tls.get(settings)  # now, not within the first round

    async def observe(self, deadline: float) -> Facts:
        """How far the dialogue went."""
        attempt = Attempt(self._context)
        dialogue = Dialogue(attempt, self._steps)
        reached = await attempt.run(self._talk(attempt, dialogue), deadline)
        said = dialogue.said
        return Facts(reached=said.course.told(reached), said=said)

    async def _talk(self, attempt: Attempt, dialogue: Dialogue) -> None:
        connection = await attempt.connect_socket(dialogue.receiver, self.target, self._tls)
        await dialogue.hold(connection, socket_endpoint(self._later))

    def samples(self, facts: Facts | Fault) -> Iterable[Sample]:
        """The blackbox exporter's metrics of its prober `unix`."""
        if isinstance(facts, Fault):
            return
        if facts.reached.handshake is not None:  # a socket has no name, and no address
            yield from handshake_samples(facts.reached.handshake)
        yield from dialogue_samples(facts.said)

    def findings(self, facts: Facts) -> Iterator[Finding]:
        """How each step went."""
        yield from facts.said.course.findings([step.shown for step in self._steps], facts.reached)


def build(config: Config, context: Context) -> UnixProbe:
    """The probe of a configuration."""
    return UnixProbe(config, context)
