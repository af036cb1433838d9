"""What an SLI counts: the rounds of a check, counters, answers of a Prometheus-compatible server, or other SLOs.

`key` names an SLI in the ledger. It says what is counted, so that the same definition has the same counts wherever it
is used, and another definition begins with counts of its own.
"""

import json
from dataclasses import dataclass
from datetime import timedelta
from fractions import Fraction
from typing import Literal, TypeAlias

from slo.core.duration import duration_name
from slo.core.expression import summed_counters
from slo.core.outcome import CheckSort
from slo.core.selector import Selector

Part: TypeAlias = Literal["bad", "good"]


def probe_sli(probe: str) -> str:
    """The name of the SLI that the rounds of a probe make."""
    return f"probe:{probe}"


@dataclass(frozen=True, kw_only=True, slots=True)
class CheckSLI:
    """The rounds of a check, a probe or a collector. With `latency`, a round is good if it was good and took no longer.

    Of a group, `labels` are those that its targets have.
    """

    check: str
    sort: CheckSort = "probe"
    latency: timedelta | None = None
    labels: tuple[tuple[str, str], ...] = ()

    @property
    def key(self) -> str:
        """`probe:gate`, `collector:redis-main`, `probe:gate{region="eu"}`, or `probe:gate:latency=300ms`."""
        plain = f"{self.sort}:{self.check}"
        if self.labels:
            plain += f"{{{','.join(f'{name}={json.dumps(value)}' for name, value in self.labels)}}}"
        return plain if self.latency is None else f"{plain}:latency={duration_name(self.latency.total_seconds())}"


@dataclass(frozen=True, kw_only=True, slots=True)
class CountersSLI:
    """Counters that the engine scrapes or replays: the sum of the series of each selector.

    `part` counts the events that are `part_is`; the others are what remains of `total`.
    """

    total: Selector
    part: Selector
    part_is: Part

    @property
    def key(self) -> str:
        """`counters:total=...;bad=...`."""
        return f"counters:total={self.total};{self.part_is}={self.part}"


@dataclass(frozen=True, kw_only=True, slots=True)
class PrometheusSLI:
    """Expressions that the server `server` evaluates: counters, or increases over the `[{{.window}}]` that we fill in.

    `part` counts the events that are `part_is`; the others are what remains of `total`. Of a group, `all_groups` is the
    selector of the total of all of them, whose series tell when a target of the group was scraped before its birth.
    """

    server: str
    total: str
    part: str
    part_is: Part
    all_groups: Selector | None = None

    @property
    def key(self) -> str:
        """`prometheus:SERVER:total=...;bad=...`."""
        return f"prometheus:{self.server}:total={self.total};{self.part_is}={self.part}"

    @property
    def counters(self) -> CountersSLI | None:
        """The counters of which its expressions are no more than the sums, so that these can be counted exactly."""
        total, part = summed_counters(self.total), summed_counters(self.part)
        return CountersSLI(total=total, part=part, part_is=self.part_is) if total and part else None


@dataclass(frozen=True, kw_only=True, slots=True)
class AllOf:
    """Other SLOs, by name, of which each is needed: a slot is bad if it is bad for any of them."""

    slos: tuple[str, ...]

    @property
    def key(self) -> str:
        """`all_of:a,b`."""
        return f"all_of:{','.join(self.slos)}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Weighted:
    """Other SLOs, by name, whose error ratios are averaged with these weights."""

    weights: tuple[tuple[str, Fraction], ...]

    @property
    def key(self) -> str:
        """`weighted:a=1,b=2`."""
        return f"weighted:{','.join(f'{name}={weight}' for name, weight in self.weights)}"


SLI: TypeAlias = CheckSLI | CountersSLI | PrometheusSLI | AllOf | Weighted
"""What an SLO is judged by."""
