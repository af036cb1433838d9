"""The kind `grpc`: what a server says of the health of a service, by the health checking of gRPC."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Annotated

from pydantic import AfterValidator, Field

from slo.config.hosts import HostMaybePort
from slo.config.request import HeaderName, HeaderValue
from slo.config.tls import TLSSettings
from slo.config.types import HostPort, wrong
from slo.core.outcome import Finding
from slo.core.sample import Sample
from slo.errors import Fault
from slo.net import grpc_health
from slo.net.attempt import Attempt, Reached
from slo.net.context import Context
from slo.net.grpc_health import SERVING_STATUSES, Answer
from slo.net.http2 import Exchange
from slo.net.reaching import ReachingProbe
from slo.net.samples import connection_samples
from slo.net.target import TargetConfig

ANSWER_BYTES = 65_536
"""The largest answer that is read; the usual one has seven bytes."""

_CHECK = ("connect", "tls", "check")
"""The phases that the blackbox exporter counts as its phase `check`."""


def _metadata_name(value: str) -> str:
    if value.lower() in {"content-type", "te", "user-agent", "host"} or value.lower().startswith("grpc-"):
        raise wrong(f"{value} is set by the watch itself", "leave it out")
    if value.lower().endswith("-bin"):
        raise wrong(f"{value} would have to be bytes", "leave it out")
    return value


def _authority(value: str) -> str:
    if not re.fullmatch(r"[^\s/@]*", value, re.ASCII):
        raise wrong(f"{value!r} is no name of a server", "write it as api.example or api.example:443")
    return value


MetadataName = Annotated[HeaderName, AfterValidator(_metadata_name)]
"""The name of what is sent along with a call."""


class Config(TargetConfig):
    """One call of `grpc.health.v1.Health/Check`."""

    target: HostMaybePort
    """Where to connect to, as api.example:50051. Without a port it is 443 over TLS, else 80."""

    service: str = ""
    """The service to ask for; the server as a whole where none is named."""

    metadata: dict[MetadataName, HeaderValue] = Field(default={})
    """What is sent along with the call. The values are kept secret."""

    authority: Annotated[str, AfterValidator(_authority)] = ""
    """The name under which the server is asked, instead of the target."""

    tls: TLSSettings | None = None
    """Speak TLS, and verify the server as this says; {} is the usual verification. Else the call is in the clear."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Facts:
    """How far the attempt got, and how the call ended; None where it did not."""

    reached: Reached
    answer: Answer | None = None


class GRPCProbe(ReachingProbe[Facts]):
    """Asks for the health of a service."""

    def __init__(self, config: Config, context: Context) -> None:
        self.target = str(config.target)
        self._context = context
        self._body = grpc_health.check_request(config.service)
        self._service = config.service
        self._secure = config.tls is not None
        port = config.target.port or (443 if self._secure else 80)
        self._authority = config.authority or str(HostPort(config.target.host, port))
        self._metadata = [(name, value.reveal()) for name, value in config.metadata.items()]
        self._endpoint = config.endpoint(config.target.host, port, scheme="grpc", tls=config.tls, alpn=("h2",))
        if config.tls is not None:
            context.tls.get(config.tls, alpn=self._endpoint.alpn)

    async def observe(self, deadline: float) -> Facts:
        """How the call ended."""
        attempt = Attempt(self._context)
        answer: Answer | None = None

        async def steps() -> None:
            nonlocal answer
            answer = await self._call(attempt, deadline)

        reached = await attempt.run(steps(), deadline)
        return Facts(reached=reached, answer=answer)

    def verdict(self, facts: Facts) -> tuple[str, str]:
        """Good when the service is serving."""
        answer = facts.answer
        if answer is None:
            raise ValueError("a round has neither a fault nor an answer")
        if answer.http_status:
            return "status", f"{answer.http_status}, by who does not speak gRPC"
        if answer.code == grpc_health.UNIMPLEMENTED:
            return "health_unimplemented", answer.told
        if answer.code == grpc_health.NOT_FOUND or answer.serving == "SERVICE_UNKNOWN":
            return "service_unknown", f"{self._service!r}: {answer.serving or answer.told}"
        if answer.code != grpc_health.OK:
            return "grpc_status", answer.told
        if answer.serving != "SERVING":
            return "not_serving", answer.serving or answer.message
        return "ok", ""

    def findings(self, facts: Facts) -> Iterator[Finding]:
        """The status of the call, and what the service says of itself."""
        if (answer := facts.answer) is None:
            return
        if answer.http_status:
            yield Finding(name="response", text=f"status {answer.http_status}, by who does not speak gRPC")
            return
        yield Finding(name="call", text=answer.told)
        if answer.serving:
            yield Finding(name="service", text=answer.serving)

    def samples(self, facts: Facts | Fault) -> Iterable[Sample]:
        """The blackbox exporter's metrics of its prober `grpc`."""
        if isinstance(facts, Fault):
            return
        reached, answer = facts.reached, facts.answer
        yield from connection_samples(reached)
        for phase, seconds in _durations(reached):
            yield Sample("probe_grpc_duration_seconds", seconds, {"phase": phase})
        yield Sample("probe_grpc_ssl", float(self._secure and "check" in reached.phases))
        if "connect" not in reached.phases:
            return  # nobody was called
        yield Sample("probe_grpc_status_code", answer.code if answer else _code_of(reached))
        for status in SERVING_STATUSES:
            value = float(answer is not None and answer.serving == status)
            yield Sample("probe_grpc_healthcheck_response", value, {"serving_status": status})

    async def _call(self, attempt: Attempt, deadline: float) -> Answer:
        """Make the call. Raises Fault."""
        exchange = Exchange(head=False, max_body=ANSWER_BYTES, keep_body=True, on_head=lambda *_: True)
        connection = await attempt.connect(exchange, self._endpoint)
        try:
            attempt.enter("check")
            exchange.ask(
                connection.write,
                method="POST",
                scheme="https" if self._secure else "http",
                authority=self._authority,
                resource=grpc_health.RESOURCE,
                headers=self._call_headers(deadline),
                body=self._body,
            )
            await exchange.wait()
        except BaseException:
            connection.abort()
            raise
        connection.close()
        response = exchange.response
        if response is None:
            raise ValueError("a call is over without a response")
        return grpc_health.answer_of(response, exchange.trailers)

    def _call_headers(self, deadline: float) -> list[tuple[str, str]]:
        """The headers of a call that has until `deadline`."""
        left = max(1, int(1000 * (deadline - self._context.clock.monotonic())))
        return [
            ("content-type", "application/grpc"),
            ("te", "trailers"),
            ("grpc-timeout", f"{min(left, 99_999_999)}m"),
            ("user-agent", "Watchkeep"),
            *self._metadata,
        ]


def _durations(reached: Reached) -> Iterable[tuple[str, float]]:
    """The phases as the blackbox exporter cuts them: to look up the name, and all that comes after."""
    if "resolve" in reached.phases:
        yield "resolve", reached.phases["resolve"]
    if "connect" in reached.phases:
        yield "check", sum(reached.phases.get(phase, 0.0) for phase in _CHECK)


def _code_of(reached: Reached) -> int:
    """The status of a call that did not end, as a client of gRPC would give it."""
    reason = reached.fault.reason if reached.fault else ""
    if reason == "data":
        return grpc_health.INTERNAL
    return grpc_health.DEADLINE_EXCEEDED if reason.endswith("timeout") else grpc_health.UNAVAILABLE


def build(config: Config, context: Context) -> GRPCProbe:
    """The probe of a configuration."""
    return GRPCProbe(config, context)
