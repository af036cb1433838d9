"""Events that say when something is in force, once or again and again, in plain values that can be stored."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypedDict

from slo.core.events import Event
from slo.core.exclusion import Once
from slo.core.recurrence import Recurrence


class When(TypedDict, total=False):
    """The fields of a `TimedEvent` that say when."""

    start: datetime
    end: datetime
    rule: str
    zone: str
    local_start: str
    duration_seconds: int
    until: datetime | None


@dataclass(frozen=True, kw_only=True, slots=True)
class TimedEvent(Event):
    """Something is in force once from `start` to `end`, or by the `rule` in the local time of `zone`.

    `local_start` is a local time as ISO 8601 has it; `duration_seconds` is that of each occurrence of a rule.
    """

    start: datetime | None = None
    end: datetime | None = None
    rule: str = ""
    zone: str = ""
    local_start: str = ""
    duration_seconds: int = 0
    until: datetime | None = None

    @property
    def when(self) -> Once | Recurrence:
        """When it is in force."""
        if self.start is not None and self.end is not None:
            return Once(start=self.start, end=self.end)
        return Recurrence(
            rule=self.rule,
            zone=self.zone,
            start=datetime.fromisoformat(self.local_start),
            duration=timedelta(seconds=self.duration_seconds),
            until=self.until,
        )


def stored(when: Once | Recurrence) -> When:
    """The fields of a `TimedEvent` for it."""
    match when:
        case Once(start=start, end=end):
            return {"start": start, "end": end}
        case Recurrence(rule=rule, zone=zone, start=start, duration=duration, until=until):
            return {
                "rule": rule,
                "zone": zone,
                "local_start": start.isoformat(),
                "duration_seconds": duration // timedelta(seconds=1),
                "until": until,
            }
