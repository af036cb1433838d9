"""SLOs: an objective for an SLI over a window, and what happens when its budget burns."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from fractions import Fraction

from slo.core.policy import Pair


@dataclass(frozen=True, kw_only=True, slots=True)
class SLO:
    """One objective. `sli` names the SLI whose counts it is judged by, for instance `probe:gate`.

    `objective` is a ratio in (0, 1), exact. `window` is the rolling window of the budget. `labels` reach metrics,
    incidents and notifications; `customer`, `environment` and `service` have a meaning there.
    """

    name: str
    objective: Fraction
    window: timedelta
    sli: str
    pairs: tuple[Pair, ...]
    labels: Mapping[str, str] = field(default_factory=dict)
    description: str = ""

    @property
    def error_budget(self) -> Fraction:
        """The share of events that may be bad: 1 - objective."""
        return 1 - self.objective

    @property
    def windows(self) -> tuple[timedelta, ...]:
        """Every window that this SLO is looked at through, shortest first, its own window last."""
        return tuple(sorted({w for pair in self.pairs for w in (pair.short, pair.long)} | {self.window}))


def probe_sli(probe: str) -> str:
    """The name of the SLI that the rounds of a probe make."""
    return f"probe:{probe}"
