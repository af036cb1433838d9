"""Outcomes: what one round of a check found out."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, TypeAlias

from slo.core.reason import State

CheckSort: TypeAlias = Literal["probe", "collector"]
"""What a check is: one that asks as a user would, or one that logs in and looks inside."""

CheckKey: TypeAlias = tuple[str, str]
"""What tells one check from every other: the name of its entry, and its target."""

Point: TypeAlias = tuple[str, str, str]
"""Who looks: the name of the entry, its target, and the vantage point, empty where it has none."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Judgement:
    """What a check makes of its facts: pure, without identity or time.

    `phases` maps a phase to its seconds; phases that were not reached are left out. `detail` is for people and is
    never a label.
    """

    state: State
    reason: str
    phases: Mapping[str, float] = field(default_factory=dict)
    detail: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """Something that a round found, in words for people: `certificate`, `CN=gate.example`."""

    name: str
    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """One round of one check, with the identity and timing that the runner stamped on it.

    `at` is when the round was complete (UTC); `lateness_seconds` is how long after its due time it started. `labels`
    are those of the target.

    `number` tells the rounds of a rhythm apart, so that what several vantage points see of one can be joined. An
    `extra` round was made between two of the rhythm, since the one before it was bad: it has the number of that one,
    and is no event of an SLI.
    """

    check: str
    target: str
    module: str
    at: datetime
    state: State
    reason: str
    phases: Mapping[str, float] = field(default_factory=dict)
    detail: str = ""
    duration_seconds: float = 0.0
    lateness_seconds: float = 0.0
    labels: Mapping[str, str] = field(default_factory=dict)
    vantage_point: str = ""
    number: int = 0
    extra: bool = False

    @property
    def point(self) -> Point:
        """Who looked."""
        return self.check, self.target, self.vantage_point

    @property
    def key(self) -> CheckKey:
        """Whose round it was."""
        return self.check, self.target
