"""What is in force at times, in the API: when, whether now and when next, and who ends it early."""

from datetime import UTC, datetime, timedelta

from pydantic import BaseModel, ConfigDict

from slo.core.exclusion import Once
from slo.core.recurrence import Recurrence
from slo.web.act import Line, Name
from slo.web.documents import Document, time_text

SHOWN_AHEAD = timedelta(days=400)
"""How far ahead the next occurrence is looked for."""


class Ending(BaseModel):
    """What ends something early: by whom, and why."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)

    by: Name
    why: Line = ""


def when_document(when: Once | Recurrence, now: datetime) -> Document:
    """When something is in force, whether it is now (`active`), and the occurrence that is not over (`next`)."""
    begin = int(now.timestamp())
    following = sorted(when.occurrences(begin, begin + int(SHOWN_AHEAD.total_seconds())))
    current = following[0] if following else None
    return {
        **_when(when),
        "active": current is not None and current[0] <= now.timestamp(),
        "next": _span(*current) if current else None,
    }


def _when(when: Once | Recurrence) -> Document:
    match when:
        case Once(start=start, end=end):
            return {"start": time_text(start), "end": time_text(end)}
        case Recurrence():
            return {
                "start": when.start.isoformat(),
                "duration_seconds": when.duration // timedelta(seconds=1),
                "rule": when.rule,
                "zone": when.zone,
                "until": time_text(when.until) if when.until else None,
            }


def _span(start: int, end: int) -> Document:
    begins, ends = (time_text(datetime.fromtimestamp(at, UTC)) for at in (start, end))
    return {"start": begins, "end": ends}
