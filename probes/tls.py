"""The kind `tls`: a handshake, the certificates that it shows, how long they are good, and what else is accepted."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from slo.config.tls import TLSSettings, TLSVersion
from slo.config.types import Duration, HostPort, wrong
from slo.core.outcome import Finding
from slo.core.sample import Sample
from slo.errors import Fault
from slo.net.attempt import Attempt, Reached
from slo.net.certificate import Handshake, earliest_expiry, read_certificate
from slo.net.closer_look import CloserLook, Looker
from slo.net.context import Context
from slo.net.handshakes import VERSION_BEFORE, Handshakes, older_than
from slo.net.reaching import ReachingProbe
from slo.net.samples import chain_samples, connection_samples
from slo.net.staple import Staple, read_staple
from slo.net.target import TargetConfig

_AS_AGREED: dict[str, TLSVersion] = {"TLSv1": "1.0", "TLSv1.1": "1.1", "TLSv1.2": "1.2", "TLSv1.3": "1.3"}


def _not_the_oldest(value: TLSVersion) -> TLSVersion:
    if value not in VERSION_BEFORE:
        raise wrong("is the oldest version there is", "write 1.1, 1.2 or 1.3, or leave min_version out")
    return value


class Config(TargetConfig):
    """One handshake with one port, and up to two more where more than one can show is asked for."""

    target: HostPort
    """Where to connect to, as www.example.org:443."""

    tls: TLSSettings = TLSSettings()
    """How the other side is verified, and what we speak and show. With a `cert_file` the other side has to take it."""

    min_remaining: Duration | None = None
    """Bad when a certificate of the chain expires sooner than this. Mind that bad spends the budget."""

    names: tuple[Annotated[str, Field(min_length=1, max_length=253)], ...] = ()
    """Names and addresses that the certificate has to be for, besides the one that is asked."""

    min_version: Annotated[TLSVersion, AfterValidator(_not_the_oldest)] | None = None
    """Bad when the other side agrees on an older version of TLS than this, or still takes one that is offered by
    another handshake. (`tls: {min_version: ...}` is what we speak ourselves.)"""

    alpn: tuple[Annotated[str, Field(max_length=255, pattern=r"^[!-~]+$")], ...] = ()
    """The protocols to offer, as h2 and http/1.1. Bad when the other side takes none."""

    mutual: bool = False
    """Bad when the other side does not ask for a certificate of ours. It takes another handshake."""

    stapling: Literal["shown", "required"] | None = None
    """Ask for a stapled OCSP response, by another handshake. Bad when it says that the certificate is revoked; with
    `required` also when there is none that can be believed."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Facts:
    """How far the attempt got, at a time (UTC), and when the first certificate of the chain expires.

    `older` is the version of TLS that was taken though it is older than allowed, empty where none was; `closer` and
    `staple` are there where somebody wants to know.
    """

    reached: Reached
    at: datetime
    expires_at: datetime | None
    older: str = ""
    closer: CloserLook | None = None
    staple: Staple | None = None


class TLSProbe(ReachingProbe[Facts]):
    """Shakes hands and hangs up."""

    def __init__(self, config: Config, context: Context) -> None:
        self.target = str(config.target)
        self._config = config
        self._context = context
        self._endpoint = config.endpoint(
            config.target.host, config.target.port, scheme="tls", tls=config.tls, alpn=config.alpn
        )
        context.tls.get(config.tls, alpn=config.alpn)
        self._older = older_than(config.min_version, config.tls, config.target.host) if config.min_version else None
        if self._older:
            context.tls.get(self._older)
        self._looker = Looker() if config.mutual or config.stapling else None

    async def observe(self, deadline: float) -> Facts:
        """The handshakes, or whatever came instead of them."""
        attempt = Attempt(self._context)
        looks = Handshakes(attempt, self._endpoint, self._older, self._looker)
        reached = await attempt.run(looks.go(), deadline)
        reached = replace(reached, handshake=looks.handshake or reached.handshake)
        at = self._context.clock.now()
        chain = reached.handshake.relied_on if reached.handshake else ()
        return Facts(
            reached=reached,
            at=at,
            expires_at=earliest_expiry(chain),
            older=looks.older,
            closer=looks.closer,
            staple=read_staple(looks.closer.staple, chain, at) if looks.closer and self._config.stapling else None,
        )

    def verdict(self, facts: Facts) -> tuple[str, str]:
        """The first expectation that was not met."""
        return next(self._unmet(facts, facts.reached.handshake or Handshake()), ("ok", ""))

    def _unmet(self, facts: Facts, handshake: Handshake) -> Iterator[tuple[str, str]]:
        """What is not as expected: reason and detail, the gravest first."""
        config, staple = self._config, facts.staple
        leaf = read_certificate(handshake.presented[0]) if handshake.presented else None
        missing = [name for name in config.names if leaf is None or not leaf.is_for(name)]
        if staple and staple.status == "revoked":
            yield "tls_revoked", staple.detail
        if missing:
            yield "tls_hostname", f"it is not for {', '.join(missing)}"
        if config.min_version and (older := _older_agreed(handshake, config.min_version) or facts.older):
            yield "tls_version", f"it takes {older}, and should take nothing older than TLS {config.min_version}"
        if config.alpn and not handshake.alpn:
            yield "tls_alpn", f"it takes none of {', '.join(config.alpn)}"
        if config.mutual and facts.closer and not facts.closer.asks_for_certificate:
            yield "tls_not_mutual", "everybody may come in"
        if config.stapling == "required" and staple and staple.status != "good":
            yield "tls_not_stapled", f"{staple.status}: {staple.detail}"
        remaining = facts.expires_at - facts.at if facts.expires_at else None
        if config.min_remaining is not None and remaining is not None and remaining < config.min_remaining:
            yield "tls_expires_soon", f"in {remaining.days} days, on {facts.expires_at:%Y-%m-%d %H:%M} UTC"

    def samples(self, facts: Facts | Fault) -> Iterable[Sample]:
        """The blackbox exporter's metrics of TLS, also where the certificate was refused, and some of our own."""
        if isinstance(facts, Fault):
            return
        handshake, config = facts.reached.handshake, self._config
        yield from connection_samples(facts.reached)
        if handshake is not None:
            yield from chain_samples(handshake)
        if handshake is not None and handshake.alpn:
            yield Sample("probe_tls_alpn_info", 1, {"protocol": handshake.alpn})
        if config.min_version and handshake and (facts.older or facts.reached.fault is None):
            accepted = bool(facts.older or _older_agreed(handshake, config.min_version))
            yield Sample("probe_tls_older_version_accepted", float(accepted))
        if facts.closer and config.mutual:
            asks = float(facts.closer.asks_for_certificate)
            yield Sample("probe_tls_client_certificate_requested", asks)
        if facts.staple:
            yield Sample("probe_tls_ocsp_info", 1, {"status": facts.staple.status})
            if facts.staple.until:
                until = facts.staple.until.timestamp()
                yield Sample("probe_tls_ocsp_expiry_timestamp_seconds", until)

    def findings(self, facts: Facts) -> Iterator[Finding]:
        """What else was asked for."""
        if facts.reached.handshake and facts.reached.handshake.alpn:
            yield Finding(name="ALPN", text=facts.reached.handshake.alpn)
        if facts.older:
            yield Finding(name="older version", text=f"{facts.older} is taken")
        if facts.closer and self._config.mutual:
            asks = "asks" if facts.closer.asks_for_certificate else "does not ask"
            yield Finding(name="mutual", text=f"it {asks} for a certificate of ours")
        if facts.staple:
            until = f"until {facts.staple.until:%Y-%m-%d %H:%M} UTC" if facts.staple.until else ""
            yield Finding(
                name="staple", text=", ".join(filter(None, (facts.staple.status, until, facts.staple.detail)))
            )


def _older_agreed(handshake: Handshake, minimum: TLSVersion) -> str:
    agreed = _AS_AGREED.get(handshake.version)
    return handshake.version if agreed is not None and agreed < minimum else ""


def build(config: Config, context: Context) -> TLSProbe:
    """The probe of a configuration."""
    return TLSProbe(config, context)
