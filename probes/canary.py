"""The kind `canary`: puts records among what a forwarder sends, and looks whether they arrive, and when."""

import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from slo.config.canaries import CanaryConfig
from slo.core.canary import Canary, Carrier, Missing, Sighting
from slo.core.outcome import Finding, Judgement
from slo.core.reason import state_of
from slo.core.sample import Sample
from slo.errors import Fault
from slo.net.context import Context

MOST_PENDING = 50
"""How many canaries are looked for at most."""


class Config(CanaryConfig):
    """A forwarder of this watch, which sends to Elasticsearch, OpenSearch, Datadog, or by remote write."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Facts:
    """What a round found. `lag_seconds` is the age of the oldest canary that it looked for, None where it could not."""

    sighting: Sighting
    lag_seconds: float | None
    pending: int


class CanaryProbe:
    """Looks for the canaries of the rounds before, and puts another one. A new one has put none, and knows nothing."""

    def __init__(self, config: Config, context: Context) -> None:
        self.target = config.forwarder
        self._within = config.within
        self._context = context
        self._pending: dict[Canary, float] = {}
        self._ever = False

    async def observe(self, deadline: float) -> Facts:
        """Ask the other side for what was put and not found yet, and put another canary. Raises Fault."""
        carrier = self._context.carriers.get(self.target)
        if carrier is None:
            raise Fault("canary_unsent", detail=f"there is no forwarder {self.target} at work")
        now = self._context.clock.monotonic()
        asked, found, unread = tuple(self._pending), frozenset[Canary](), None
        if asked:
            try:
                found = await carrier.find(asked, deadline)
            except Fault as fault:
                unread = fault
        lag_seconds = now - self._pending[asked[0]] if asked and unread is None else None
        for canary in found:
            self._pending.pop(canary, None)
        self._ever = self._ever or bool(found)
        sighting = Sighting(
            missing=[Missing(canary=canary, age_seconds=now - put) for canary, put in self._pending.items()],
            ever=self._ever,
            taken_at=carrier.taken_at,
            unread=unread,
        )
        self._forget(found, now)
        self._put(carrier)
        return Facts(sighting=sighting, lag_seconds=lag_seconds, pending=len(self._pending))

    def judge(self, facts: Facts | Fault) -> Sequence[Judgement]:
        """One judgement. There are no phases: nothing is waited for."""
        if isinstance(facts, Fault):
            reason, detail = facts.reason, facts.detail
        else:
            reason, detail = facts.sighting.verdict(self._within)
        return [Judgement(state=state_of(reason), reason=reason, detail=detail)]

    def samples(self, facts: Facts | Fault) -> Iterable[Sample]:
        """How late what is sent arrives, and how much is under way."""
        if isinstance(facts, Fault):
            return
        if facts.lag_seconds is not None:
            yield Sample("probe_canary_lag_seconds", facts.lag_seconds)
        yield Sample("probe_canary_pending", facts.pending)

    def explain(self, facts: Facts | Fault, at: datetime) -> Iterable[Finding]:  # noqa: ARG002  all is said as of then
        """How late it is, and why nothing could be read where that is so."""
        if isinstance(facts, Fault):
            return
        if facts.lag_seconds is not None:
            yield Finding(name="lag", text=f"{facts.lag_seconds:.1f} s")
        yield Finding(name="under way", text=str(facts.pending))
        if facts.sighting.unread is not None:
            yield Finding(name="not read", text=facts.sighting.unread.detail)

    def _forget(self, found: Iterable[Canary], now: float) -> None:
        """Give up those that are late although one put after them is there: the round has said so once."""
        newest = max((canary.at for canary in found), default=None)
        if newest is None:
            return
        for canary, put in list(self._pending.items()):
            if canary.at < newest and now - put > self._within.total_seconds():
                del self._pending[canary]

    def _put(self, carrier: Carrier) -> None:
        """Put another canary, unless one was put just now that is looked for.

        Where there are too many, half of which are late at least, the oldest stays, for it tells since when.
        """
        clock = self._context.clock
        now = clock.monotonic()
        if self._pending and now - max(self._pending.values()) < self._within.total_seconds() * 2 / MOST_PENDING:
            return
        if len(self._pending) >= MOST_PENDING:
            del self._pending[list(self._pending)[1]]
        canary = Canary(id=secrets.token_hex(16), forwarder=self.target, at=clock.now())
        carrier.put(canary)
        self._pending[canary] = now


def build(config: Config, context: Context) -> CanaryProbe:
    """The probe of a configuration."""
    return CanaryProbe(config, context)
