"""The kind `tls`: a handshake, the certificates that it shows, and how long they are still good."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from slo.config.tls import TLSSettings
from slo.config.types import Duration, HostPort
from slo.core.outcome import Finding, Judgement
from slo.core.sample import Sample
from slo.errors import Fault
from slo.net.attempt import Attempt, Endpoint, Reached
from slo.net.certificate import earliest_expiry
from slo.net.context import Context
from slo.net.findings import connection_findings
from slo.net.samples import connection_samples
from slo.net.target import TargetConfig


class Config(TargetConfig):
    """One handshake with one port."""

    target: HostPort
    """Where to connect to, as www.example.org:443."""

    tls: TLSSettings = TLSSettings()
    """How the other side is verified."""

    min_remaining: Duration | None = None
    """Bad when a certificate of the chain expires sooner than this. Mind that bad spends the budget."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Facts:
    """How far the attempt got, at a time (UTC), and when the first certificate of the chain expires."""

    reached: Reached
    at: datetime
    expires_at: datetime | None


class TLSProbe:
    """Shakes hands and hangs up."""

    def __init__(self, config: Config, context: Context) -> None:
        self.target = str(config.target)
        self._context = context
        self._min_remaining = config.min_remaining
        self._endpoint = Endpoint(
            host=config.target.host,
            port=config.target.port,
            prefer=config.ip_protocol,
            fallback=config.ip_protocol_fallback,
            tls=config.tls,
            scheme="tls",
        )
        context.tls.get(config.tls)

    async def observe(self, deadline: float) -> Facts:
        """The handshake, or whatever came instead of it."""
        attempt = Attempt(self._context)
        reached = await attempt.run(self._greet(attempt), deadline)
        chain = reached.handshake.relied_on if reached.handshake else ()
        return Facts(reached=reached, at=self._context.clock.now(), expires_at=earliest_expiry(chain))

    async def _greet(self, attempt: Attempt) -> None:
        (await attempt.connect(_Silence(), self._endpoint)).close()

    def judge(self, facts: Facts | Fault) -> Sequence[Judgement]:
        """One judgement: what went wrong with the handshake, else whether the certificates last long enough."""
        if isinstance(facts, Fault):
            return [Reached(phases=facts.phases).judgement(facts.reason, facts.detail)]
        reached = facts.reached
        if reached.fault is not None:
            return [reached.judgement(reached.fault.reason, reached.fault.detail)]
        if self._min_remaining is not None and facts.expires_at is not None:
            remaining = facts.expires_at - facts.at
            if remaining < self._min_remaining:
                when = f"in {remaining.days} days, on {facts.expires_at:%Y-%m-%d %H:%M} UTC"
                return [reached.judgement("tls_expires_soon", when)]
        return [reached.judgement("ok")]

    def samples(self, facts: Facts | Fault) -> Iterable[Sample]:
        """The blackbox exporter's metrics of a connection over TLS, also where the certificate was refused."""
        if not isinstance(facts, Fault):
            yield from connection_samples(facts.reached)

    def explain(self, facts: Facts | Fault, at: datetime) -> Iterable[Finding]:
        """Where the connection led to, and what TLS showed there."""
        if not isinstance(facts, Fault):
            yield from connection_findings(facts.reached, at)


class _Silence:
    """Nobody listens after the handshake."""

    def received(self, data: bytes) -> None:
        """What the other side says first is for somebody else."""

    def closed(self, error: Exception | None) -> None:
        """It hung up first."""


def build(config: Config, context: Context) -> TLSProbe:
    """The probe of a configuration."""
    return TLSProbe(config, context)
