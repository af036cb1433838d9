"""Exclusions that people make while the watch runs, as events of the journal: who excluded what, why and when.

They belong to no incident, so that one changes figures and never the state of an incident or its response clock.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from slo.core.events import Event
from slo.core.exclusion import Exclusion
from slo.core.timed_event import TimedEvent, stored

NO_INCIDENT = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class ExclusionAdded(TimedEvent):
    """Somebody excluded time; with `silence`, what is excluded is not told of either."""

    name: str
    reason: str
    by: str
    slos: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    silence: bool = False

    @classmethod
    def of(cls, exclusion: Exclusion, *, at: datetime) -> "ExclusionAdded":
        """The event that makes an exclusion."""
        return cls(
            incident=NO_INCIDENT,
            at=at,
            name=exclusion.name,
            reason=exclusion.reason,
            by=exclusion.author,
            slos=exclusion.slos,
            labels=exclusion.labels,
            silence=exclusion.silence,
            **stored(exclusion.when),
        )

    @property
    def exclusion(self) -> Exclusion:
        """The exclusion that it makes."""
        return Exclusion(
            name=self.name,
            reason=self.reason,
            author=self.by,
            created_at=self.at,
            when=self.when,
            slos=self.slos,
            labels=self.labels,
            silence=self.silence,
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class ExclusionWithdrawn(Event):
    """Somebody took an exclusion back: its time counts again."""

    name: str
    by: str
    why: str


def exclusions_after(events: Iterable[Event]) -> dict[str, Exclusion]:
    """The exclusions in force after these events, by name, in the order in which they were made."""
    exclusions: dict[str, Exclusion] = {}
    for event in events:
        match event:
            case ExclusionAdded(name=name):
                exclusions[name] = event.exclusion
            case ExclusionWithdrawn(name=name):
                exclusions.pop(name, None)
    return exclusions
