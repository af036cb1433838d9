"""Recurrence rules as RFC 5545, section 3.3.10, writes them (`FREQ=WEEKLY;BYDAY=SU`): read, strictly.

What the RFC forbids is refused, and so is what would occur more often than once a minute. dateutil would let most of it
pass and mean something else by it, or never return.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, time
from enum import StrEnum
from types import MappingProxyType


class Frequency(StrEnum):
    """What a rule counts its interval in."""

    YEARLY = "YEARLY"
    MONTHLY = "MONTHLY"
    WEEKLY = "WEEKLY"
    DAILY = "DAILY"
    HOURLY = "HOURLY"
    MINUTELY = "MINUTELY"


@dataclass(frozen=True, kw_only=True, slots=True)
class RecurrenceRule:
    """A rule, read. Weekdays count from Monday, 0.

    `until` is a local time where it has no zone, and is the last time at which an occurrence may begin. `weekdays` are
    those of BYDAY with their numbers, as (6, -1) for the last Sunday; the number is 0 for all of them. `numbers` holds
    the other lists by their names, as BYHOUR.
    """

    frequency: Frequency
    interval: int = 1
    count: int | None = None
    until: datetime | None = None
    week_start: int = 0
    weekdays: tuple[tuple[int, int], ...] = ()
    numbers: Mapping[str, tuple[int, ...]] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Numbers:
    """What the numbers of a list may be: from `least` to `most`, and with `backwards` from -most to -least as well."""

    least: int
    most: int
    backwards: bool = False
    frequencies: frozenset[Frequency] = frozenset(Frequency)


_LISTS: MappingProxyType[str, _Numbers] = MappingProxyType(
    {
        "BYMONTH": _Numbers(least=1, most=12),
        "BYWEEKNO": _Numbers(least=1, most=53, backwards=True, frequencies=frozenset({Frequency.YEARLY})),
        "BYYEARDAY": _Numbers(
            least=1,
            most=366,
            backwards=True,
            frequencies=frozenset({Frequency.YEARLY, Frequency.HOURLY, Frequency.MINUTELY}),
        ),
        "BYMONTHDAY": _Numbers(least=1, most=31, backwards=True, frequencies=frozenset(Frequency) - {Frequency.WEEKLY}),
        "BYHOUR": _Numbers(least=0, most=23),
        "BYMINUTE": _Numbers(least=0, most=59),
        "BYSECOND": _Numbers(least=0, most=59),
        "BYSETPOS": _Numbers(  # what it would choose of a week or less can be written as it is
            least=1, most=366, backwards=True, frequencies=frozenset({Frequency.YEARLY, Frequency.MONTHLY})
        ),
    }
)
_PARTS = ("FREQ", "INTERVAL", "COUNT", "UNTIL", "WKST", "BYDAY", *_LISTS)
_DAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
_DAY = re.compile(rf"([+-]?[0-9]{{1,2}})?({'|'.join(_DAYS)})")
_UNTIL = re.compile(r"[0-9]{8}(T[0-9]{6}Z?)?")
_HIGHEST_WEEKDAY = MappingProxyType({Frequency.YEARLY: 53, Frequency.MONTHLY: 5})


def read_recurrence_rule(text: str) -> RecurrenceRule:
    """The rule that `text` spells, with or without `RRULE:` before it. Raises ValueError that says the mend."""
    parts = _split(text)
    frequency = _frequency(parts.get("FREQ", ""))
    numbers = {name: _list(name, parts[name], frequency) for name in _LISTS if name in parts}
    weekdays = _weekdays(parts["BYDAY"], frequency) if "BYDAY" in parts else ()
    if "COUNT" in parts and "UNTIL" in parts:
        raise ValueError("the rule has both COUNT and UNTIL; write one of them")
    if len(numbers.get("BYSECOND", ())) > 1:
        raise ValueError("the rule occurs more often than once a minute; write one second in BYSECOND")
    if "BYSETPOS" in numbers and len(numbers) == 1 and not weekdays:
        raise ValueError("BYSETPOS has nothing to choose from; write another BY beside it, such as BYDAY")
    if "BYWEEKNO" in numbers and any(number for _, number in weekdays):
        raise ValueError("BYDAY counts days where BYWEEKNO names the week; write BYDAY without numbers")
    return RecurrenceRule(
        frequency=frequency,
        interval=_number("INTERVAL", parts.get("INTERVAL", "1"), _Numbers(least=1, most=9999)),
        count=_number("COUNT", parts["COUNT"], _Numbers(least=1, most=99_999)) if "COUNT" in parts else None,
        until=_until(parts["UNTIL"]) if "UNTIL" in parts else None,
        week_start=_week_start(parts.get("WKST", "MO")),
        weekdays=weekdays,
        numbers=numbers,
    )


def _split(text: str) -> dict[str, str]:
    rule = text.strip().upper().removeprefix("RRULE:")
    if "DTSTART" in rule:
        raise ValueError("DTSTART is no part of a rule; write start: beside the rule, and the rule without it")
    if ":" in rule or len(rule.split()) > 1:
        raise ValueError(f"{text!r} is more than one rule; write FREQ=... alone, and each rule as one of its own")
    parts: dict[str, str] = {}
    for part in rule.split(";"):
        name, _, value = part.partition("=")
        if not value:
            raise ValueError(f"{part!r} is no part of a rule; write NAME=VALUE;NAME=VALUE, as FREQ=WEEKLY;BYDAY=SU")
        if name not in _PARTS:
            raise ValueError(f"a rule has no part {name}; its parts are {', '.join(_PARTS)}")
        if name in parts:
            raise ValueError(f"{name} is there twice; write it once")
        parts[name] = value
    return parts


def _frequency(value: str) -> Frequency:
    if value == "SECONDLY":
        raise ValueError("FREQ=SECONDLY occurs more often than once a minute; write MINUTELY or something rarer")
    if value not in Frequency.__members__:
        problem = f"there is no FREQ={value}" if value else "the rule has no FREQ"
        raise ValueError(f"{problem}; write FREQ= and one of {', '.join(Frequency)}")
    return Frequency(value)


def _number(name: str, value: str, allowed: _Numbers) -> int:
    number = int(value) if re.fullmatch(r"[+-]?[0-9]{1,5}", value) else None
    if number is not None and allowed.least <= (abs(number) if allowed.backwards else number) <= allowed.most:
        return number
    backwards = f", or -{allowed.most} to -{allowed.least} to count from the end" if allowed.backwards else ""
    raise ValueError(f"{name} cannot be {value}; write whole numbers from {allowed.least} to {allowed.most}{backwards}")


def _list(name: str, value: str, frequency: Frequency) -> tuple[int, ...]:
    allowed = _LISTS[name]
    if frequency not in allowed.frequencies:
        with_these = ", ".join(sorted(allowed.frequencies))
        raise ValueError(f"{name} does not go with FREQ={frequency}; write it with {with_these}, or leave it out")
    return tuple(_number(name, item, allowed) for item in value.split(","))


def _weekdays(value: str, frequency: Frequency) -> tuple[tuple[int, int], ...]:
    highest = _HIGHEST_WEEKDAY.get(frequency, 0)
    weekdays = []
    for item in value.split(","):
        match = _DAY.fullmatch(item)
        if not match or (match[1] and not 1 <= abs(int(match[1])) <= highest):
            numbered = f", or with a number from 1 to {highest} or -{highest} to -1, as 1SU or -1FR" if highest else ""
            raise ValueError(f"BYDAY cannot be {item} in FREQ={frequency}; write {', '.join(_DAYS)}{numbered}")
        weekdays.append((_DAYS.index(match[2]), int(match[1] or 0)))
    if len({number == 0 for _, number in weekdays}) > 1:  # dateutil would take the days that are both
        raise ValueError("BYDAY mixes days with a number and days without; write each kind in a rule of its own")
    return tuple(weekdays)


def _week_start(value: str) -> int:
    if value not in _DAYS:
        raise ValueError(f"WKST cannot be {value}; write one of {', '.join(_DAYS)}")
    return _DAYS.index(value)


def _until(value: str) -> datetime:
    """A date alone means the whole of that day."""
    try:
        if not _UNTIL.fullmatch(value):
            raise ValueError
        until = datetime.fromisoformat(value)
    except ValueError:
        raise ValueError(
            f"UNTIL cannot be {value}; write the last day as 20261231, or the last time as 20261231T020000, with a Z "
            "after it where it is UTC"
        ) from None
    return until if "T" in value else datetime.combine(until, time(23, 59, 59))
