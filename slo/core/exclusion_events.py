"""Exclusions that people make while the watch runs, as events of the journal: who excluded what, why and when.

They belong to no incident, so that one changes figures and never the state of an incident or its response clock.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from slo.core.events import Event
from slo.core.exclusion import Exclusion, Once
from slo.core.recurrence import Recurrence

NO_INCIDENT = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class ExclusionAdded(Event):
    """Somebody excluded time: once from `start` to `end`, or by the `rule` in the local time of `zone`.

    `local_start` is a local time as ISO 8601 has it; `duration_seconds` is that of each occurrence of a rule.
    """

    name: str
    reason: str
    by: str
    slos: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    start: datetime | None = None
    end: datetime | None = None
    rule: str = ""
    zone: str = ""
    local_start: str = ""
    duration_seconds: int = 0
    until: datetime | None = None

    @classmethod
    def of(cls, exclusion: Exclusion, *, at: datetime) -> "ExclusionAdded":
        """The event that makes an exclusion."""
        event = cls(
            incident=NO_INCIDENT,
            at=at,
            name=exclusion.name,
            reason=exclusion.reason,
            by=exclusion.author,
            slos=exclusion.slos,
            labels=exclusion.labels,
        )
        match exclusion.when:
            case Once(start=start, end=end):
                return replace(event, start=start, end=end)
            case Recurrence(rule=rule, zone=zone, start=start, duration=duration, until=until):
                return replace(
                    event,
                    rule=rule,
                    zone=zone,
                    local_start=start.isoformat(),
                    duration_seconds=duration // timedelta(seconds=1),
                    until=until,
                )

    @property
    def exclusion(self) -> Exclusion:
        """The exclusion that it makes."""
        when: Once | Recurrence
        if self.start is not None and self.end is not None:
            when = Once(start=self.start, end=self.end)
        else:
            when = Recurrence(
                rule=self.rule,
                zone=self.zone,
                start=datetime.fromisoformat(self.local_start),
                duration=timedelta(seconds=self.duration_seconds),
                until=self.until,
            )
        return Exclusion(
            name=self.name,
            reason=self.reason,
            author=self.by,
            created_at=self.at,
            when=when,
            slos=self.slos,
            labels=self.labels,
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
