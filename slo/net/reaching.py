"""What probes have in common that reach a target over the network: how they are judged, and what people are told."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Generic, Protocol, TypeVar

from slo.core.outcome import Finding, Judgement
from slo.errors import Fault
from slo.net.attempt import Reached
from slo.net.findings import connection_findings


class Connected(Protocol):
    """Facts of a round that connected to its target."""

    @property
    def reached(self) -> Reached:
        """How far the attempt got."""


C = TypeVar("C", bound=Connected)


class ReachingProbe(Generic[C]):
    """A round is judged by what went wrong on the way; a kind adds what it makes of the rest."""

    def judge(self, facts: C | Fault) -> Sequence[Judgement]:
        """One judgement: what went wrong on the way, else the kind's own verdict."""
        if isinstance(facts, Fault):
            return [Reached(phases=facts.phases).judgement(facts.reason, facts.detail)]
        fault = facts.reached.fault
        return [facts.reached.judgement(*((fault.reason, fault.detail) if fault else self.verdict(facts)))]

    def explain(self, facts: C | Fault, at: datetime) -> Iterable[Finding]:
        """Where the connection led to, what TLS showed there, and what the kind found besides."""
        if not isinstance(facts, Fault):
            yield from connection_findings(facts.reached, at)
            yield from self.findings(facts)

    def verdict(self, _facts: C) -> tuple[str, str]:
        """Reason and detail of a round in which nothing went wrong on the way: good, where a kind expects no more."""
        return "ok", ""

    def findings(self, _facts: C) -> Iterator[Finding]:
        """What was found behind the connection. Never a body or a secret, see `slo.core.protocols.Explaining`."""
        yield from ()
