"""The keys of what is in force once, or again and again by a rule: of exclusions and of silences."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from datetime import time as time_of_day
from typing import Annotated, Self

from pydantic import BeforeValidator, WithJsonSchema, model_validator

from slo.config.identity import NamedKeys
from slo.config.types import PositiveDuration, Zone, wrong
from slo.config.wrong import shown
from slo.core.exclusion import Once
from slo.core.recurrence import Recurrence
from slo.core.zone import unix_seconds, zone_named

_DATE = "[0-9]{4}-[0-9]{2}-[0-9]{2}"
_TIME = _DATE + r"T[0-9]{2}:[0-9]{2}(:[0-9]{2})?(Z|[+-][0-9]{2}:[0-9]{2})?"


def _time(value: object) -> datetime:
    if isinstance(value, datetime):
        return value
    try:
        if not re.fullmatch(_TIME, str(value)):
            raise ValueError(value)
        return datetime.fromisoformat(str(value))
    except ValueError:
        mend = "write it as 2026-03-01T02:00, and with Z or an offset where no zone is given"
        raise wrong(f"{shown(value)} is no time", mend) from None


Time = Annotated[
    datetime,
    BeforeValidator(_time),
    WithJsonSchema({"type": "string", "pattern": f"^{_TIME}$", "examples": ["2026-03-01T02:00:00Z"]}),
]
"""A point in time with its offset, or a local time without one."""


def _last_time(value: object) -> datetime:
    try:
        if re.fullmatch(_DATE, str(value)):
            return datetime.combine(datetime.fromisoformat(str(value)), time_of_day(23, 59, 59))
    except ValueError:
        raise wrong(f"{shown(value)} is no day", "write a day of the calendar, as 2026-03-31") from None
    return _time(value)


LastTime = Annotated[
    datetime,
    BeforeValidator(_last_time),
    WithJsonSchema(
        {"type": "string", "pattern": f"^({_DATE}|{_TIME})$", "examples": ["2026-03-31", "2026-03-31T02:00:00Z"]}
    ),
]
"""The same, or a local date, of which the whole day is meant: as UNTIL in a rule."""


class TimedKeys(NamedKeys):
    """What every entry has that is in force at times."""

    start: Time
    """When it begins: with an offset, or as the clocks of `zone` show it. With a rule: the first time that it may."""
    end: Time | None = None
    """When it ends, in the same way; without a rule, instead of `duration`."""
    duration: PositiveDuration | None = None
    """How long it lasts, whatever clocks do meanwhile."""
    rule: str | None = None
    """When it occurs again: a recurrence rule of RFC 5545, as FREQ=WEEKLY;BYDAY=SU, in the local time of `zone`."""
    zone: Zone = "UTC"
    """The time zone of times without an offset, by its name in the IANA database."""
    until: LastTime | None = None
    """With a rule: no occurrence begins after this. Written as `start`, or as the last day in `zone`."""

    @model_validator(mode="after")
    def _times_agree(self) -> Self:
        if (self.end is None) == (self.duration is None):
            what = "neither end nor duration" if self.end is None else "end and duration"
            raise wrong(f"has {what}", "write one of them; with a rule, the duration")
        if self.rule is not None and self.duration is None:
            raise wrong("has a rule and an end", "write how long each occurrence lasts, as duration")
        if self.rule is None and self.until is not None:
            raise wrong("has until without a rule", "leave it out, or write when it occurs again")
        refused(self.when)
        return self

    def when(self) -> Once | Recurrence:
        """When it is in force. Raises ValueError that says the mend."""
        return self._recurrence() if self.rule is not None else self._once()

    def _once(self) -> Once:
        start = self._instant(self.start)
        return Once(start=start, end=self._instant(self.end) if self.end else start + (self.duration or start - start))

    def _recurrence(self) -> Recurrence:
        if self.rule is None or self.duration is None:
            raise ValueError("has no duration; write how long each occurrence lasts")
        until = self._instant(self.until) if self.until else None
        return Recurrence(rule=self.rule, zone=self.zone, start=self.start, duration=self.duration, until=until)

    def _instant(self, time: datetime) -> datetime:
        """The point in time; a local one is that of the zone, the first of two."""
        if time.tzinfo is not None:
            return time.astimezone(UTC)
        return datetime.fromtimestamp(unix_seconds(time, zone_named(self.zone)), UTC)


def refused(make: Callable[[], object]) -> None:
    """Say what is wrong with a record that keys describe as a fault of theirs."""
    try:
        make()
    except ValueError as error:
        problem, _, mend = str(error).partition("; ")
        raise wrong(problem, mend) from None
