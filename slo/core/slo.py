"""SLOs: an objective for an SLI over a window, and what happens when its budget burns."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import TypeAlias

from slo.core.budgeting import Budgeting
from slo.core.calendar import CalendarWindow
from slo.core.policy import Pair
from slo.core.sli import SLI

ALWAYS = datetime.min.replace(tzinfo=UTC)

Window: TypeAlias = timedelta | CalendarWindow
"""The window of a budget: rolling, or a period of the calendar."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SLO:
    """One objective. `sli` names the SLI whose counts it is judged by, for instance `probe:gate`.

    `objective` is a ratio in (0, 1), exact. `window` is the rolling window of the budget; with `calendar` the budget
    is that of a calendar period, and `window` is the period's nominal length, by which burn rates are reckoned.
    `more_windows` are others that its budget is shown over. `labels` reach metrics, incidents and notifications;
    `customer`, `environment` and `service` have a meaning there.

    With `group_by` it stands for one SLO for each combination of values of these labels of its series. `scope` is
    which one of them an SLO is: `cluster=eu`.

    A definition counts from `effective_from` on (None: always); an SLO may have several, one after the other.
    `interval` is how often its SLI is fed (None: not known). `depends_on` names the SLOs without which it cannot hold.
    """

    name: str
    objective: Fraction
    window: timedelta
    sli: str
    pairs: tuple[Pair, ...]
    labels: Mapping[str, str] = field(default_factory=dict)
    description: str = ""
    definition: SLI | None = None
    calendar: CalendarWindow | None = None
    more_windows: tuple[Window, ...] = ()
    budgeting: Budgeting = field(default_factory=Budgeting)
    group_by: tuple[str, ...] = ()
    scope: str = ""
    effective_from: datetime | None = None
    interval: timedelta | None = None
    depends_on: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """What tells it from every other SLO: its name, or `name{scope}`. Its definitions share it."""
        return slo_key(self.name, self.scope)

    @property
    def begins(self) -> datetime:
        """Since when this definition counts: before everything else, where it always does."""
        return self.effective_from or ALWAYS

    @property
    def error_budget(self) -> Fraction:
        """The share of events that may be bad: 1 - objective."""
        return 1 - self.objective

    @property
    def windows(self) -> tuple[timedelta, ...]:
        """Every window that this SLO's alerts look at it through, shortest first, and its own where that is rolling."""
        own = set() if self.calendar else {self.window}
        return tuple(sorted({w for pair in self.pairs for w in (pair.short, pair.long)} | own))

    @property
    def budget_windows(self) -> tuple[Window, ...]:
        """The windows that its budget is shown over, its own first."""
        return (self.calendar or self.window, *self.more_windows)


def slo_key(name: str, scope: str) -> str:
    """The key of the SLO of that name and scope; see `SLO.key`."""
    return f"{name}{{{scope}}}" if scope else name


Grouped: TypeAlias = tuple[str, tuple[str, ...]]
"""The name of an SLO that stands for one of each group, and the labels that it is grouped by."""


def is_of_group(scope: str, group_by: Sequence[str]) -> bool:
    """Whether a scope is one that values of these labels make, see `scope_of`."""
    return bool(group_by) and re.fullmatch(",".join(f"{label}=.*" for label in group_by), scope, re.DOTALL) is not None


def scope_of(values: Mapping[str, str]) -> str:
    """The scope that these values of labels make: `cluster=eu,tier=web`."""
    return ",".join(f"{label}={value}" for label, value in values.items())
