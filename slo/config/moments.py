"""Points in time and time zones, as they are written in a configuration."""

import re
from datetime import UTC, datetime
from typing import Annotated

from pydantic import BeforeValidator, WithJsonSchema

from slo.config.names import Names
from slo.config.wrong import shown, wrong
from slo.core.zone import zone_named, zone_names

_MOMENT = r"[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9]{2}:[0-9]{2}(:[0-9]{2})?(Z|[+-][0-9]{2}:[0-9]{2}))?"
_MEND = "write it as 2026-03-01T00:00:00Z, with its offset, or as 2026-03-01 for midnight in UTC"


def parse_moment(text: str) -> datetime:
    """The time that a text as RFC 3339 has it names, in UTC; a date is its first moment in UTC. Raises ValueError."""
    if not re.fullmatch(_MOMENT, text):
        raise ValueError(f"{text!r} is no time with an offset")
    moment = datetime.fromisoformat(text)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _moment(value: object) -> datetime:
    if isinstance(value, datetime):
        return value
    try:
        return parse_moment(str(value))
    except (ValueError, OverflowError):
        raise wrong(f"{shown(value)} is no point in time", _MEND) from None


Moment = Annotated[
    datetime,
    BeforeValidator(_moment),
    WithJsonSchema({"type": "string", "pattern": f"^{_MOMENT}$", "examples": ["2026-03-01T00:00:00Z", "2026-03-01"]}),
]
"""A point in time, in UTC."""


def _zone(value: object) -> object:
    if isinstance(value, str):
        try:
            zone_named(value)
        except ValueError:
            nearest = Names(zone_names()).nearest(value)
            mend = f"did you mean {nearest}?" if nearest else "write a name of the IANA database, as Europe/London"
            raise wrong(f"{shown(value)} is no time zone", mend) from None
    return value


Zone = Annotated[str, BeforeValidator(_zone), WithJsonSchema({"type": "string", "examples": ["Europe/London"]})]
"""The name of a time zone in the IANA database; it stays a text."""
