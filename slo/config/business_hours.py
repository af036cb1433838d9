"""Business hours, as they are written in a configuration: spans of weekdays, holidays, and days of their own."""

import re
from collections.abc import Mapping
from datetime import date, timedelta
from types import MappingProxyType
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo, WithJsonSchema

from slo.config.public_holidays import public_holidays, refuse_unknown_country, refuse_unknown_subdivision
from slo.config.section import Section
from slo.config.types import Zone
from slo.config.wrong import shown, wrong
from slo.core.hours import WEEKDAYS, BusinessHours, Span, Spans, refuse_overlaps, span_in

_CLOCK = "([01][0-9]|2[0-3]):([0-5][0-9])"
_SPAN = rf"{_CLOCK}-({_CLOCK}|24:00)"
_WEEKDAY = f"({'|'.join(WEEKDAYS)})"
_WEEKDAYS = rf"{_WEEKDAY}(-{_WEEKDAY})?"
_DATE = "[0-9]{4}-[0-9]{2}-[0-9]{2}"


def _in_words(error: ValueError) -> Exception:
    """What a record of slo.core refuses, as a validator says it."""
    problem, _, mend = str(error).partition("; ")
    return wrong(problem, mend)


def _span(value: object) -> Span:
    if isinstance(value, Span):
        return value
    if not isinstance(value, str) or not re.fullmatch(_SPAN, value):
        raise wrong(f"{shown(value)} is no part of a day", "write it as 09:00-17:00, with 24:00 for the end of the day")
    try:
        return span_in(value)
    except ValueError as error:
        raise _in_words(error) from None


_SpanText = Annotated[Span, BeforeValidator(_span)]


def _listed(value: object) -> object:
    """One span is a list of one."""
    return (value,) if isinstance(value, str) else tuple(value) if isinstance(value, list) else value


def _in_order(spans: Spans) -> Spans:
    try:
        refuse_overlaps(spans)
    except ValueError as error:
        raise _in_words(error) from None
    return spans


_SPAN_SCHEMA = {"type": "string", "pattern": f"^{_SPAN}$"}
SpansOfDay = Annotated[
    tuple[_SpanText, ...],
    BeforeValidator(_listed),
    AfterValidator(_in_order),
    WithJsonSchema(
        {
            "anyOf": [_SPAN_SCHEMA, {"type": "array", "items": _SPAN_SCHEMA}],
            "examples": ["09:00-17:00", "[09:00-12:00, 13:00-17:00]"],
        }
    ),
]
"""The spans of a day; `[]` is a day that is closed."""


def _weekdays(value: object) -> object:
    if not isinstance(value, str) or not re.fullmatch(_WEEKDAYS, value):
        raise wrong(f"{shown(value)} is no weekday", f"write one of {', '.join(WEEKDAYS)}, or several as mon-fri")
    return value


def _numbers(weekdays: str) -> list[int]:
    """Of `mon-fri` 0 to 4; it may go over the end of a week, as `sun-thu`."""
    first, last = (WEEKDAYS.index(name) for name in (weekdays[:3], weekdays[-3:]))
    return [(first + more) % 7 for more in range((last - first) % 7 + 1)]


Weekdays = Annotated[str, BeforeValidator(_weekdays), WithJsonSchema({"type": "string", "pattern": f"^{_WEEKDAYS}$"})]
"""A weekday, or several that follow one another: `sat`, `mon-fri`."""


def _day(value: object) -> date:
    if isinstance(value, date):
        return value
    try:
        if not isinstance(value, str) or not re.fullmatch(_DATE, value):
            raise ValueError(value)
        return date.fromisoformat(value)
    except ValueError:
        raise wrong(f"{shown(value)} is no day", "write a day of the calendar, as 2026-12-24") from None


Day = Annotated[
    date,
    BeforeValidator(_day),
    WithJsonSchema({"type": "string", "pattern": f"^{_DATE}$", "examples": ["2026-12-24"]}),
]
"""A day of the calendar."""


def _country(value: str) -> str:
    refuse_unknown_country(value)
    return value


def _subdivision(value: str, info: ValidationInfo) -> str:
    if value and "country" in info.data:
        refuse_unknown_subdivision(info.data["country"], value)
    return value


class HolidaysKeys(Section):
    """Whose public holidays are closed."""

    country: Annotated[str, AfterValidator(_country), Field(examples=["US"])]
    """The country, by its ISO 3166 code of two letters."""
    subdivision: Annotated[str, AfterValidator(_subdivision), Field(examples=["NY"])] = ""
    """The state or part of it, by its ISO 3166-2 code without the country: `NY`, `ENG`. Default: what is a holiday in
    the whole country."""


_OFFICE_HOURS: Mapping[str, Spans] = MappingProxyType(
    {"mon-fri": (Span(opens=timedelta(hours=9), closes=timedelta(hours=17)),)}
)


def _agreeing(week: Mapping[str, Spans]) -> Mapping[str, Spans]:
    seen: dict[int, str] = {}
    for weekdays in week:
        for number in _numbers(weekdays):
            if number in seen:
                raise wrong(f"has {WEEKDAYS[number]} in {seen[number]} and in {weekdays}", "name each weekday once")
            seen[number] = weekdays
    if not any(week.values()):
        raise wrong("never opens", "write the hours of one weekday at least, as `mon-fri: 09:00-17:00`")
    return week


Week = Annotated[Mapping[Weekdays, SpansOfDay], AfterValidator(_agreeing), Field(examples=["{mon-fri: 09:00-17:00}"])]
"""The spans of a week by weekday; each weekday stands once, and one at least is open."""


class HoursKeys(Section):
    """When a business day is one, and how long it is."""

    zone: Zone
    """The time zone of the hours, by its name in the IANA database."""
    week: Week | None = None
    """The spans in which it is open, by weekday, as `{mon-thu: 09:00-17:00, fri: [09:00-12:00, 13:00-15:00]}`. A
    weekday that is not there is closed. Default: Monday to Friday, 09:00 to 17:00."""
    holidays: HolidaysKeys | None = None
    """Public holidays, on which it is closed, for last year and the next five."""
    closed: tuple[Day, ...] = ()
    """Further days on which it is closed."""
    special: Annotated[Mapping[Day, SpansOfDay], Field(examples=["{'2026-12-24': 09:00-13:00}"])] = Field(default={})
    """Days with other spans, which win over everything else; `[]` closes a day."""

    def business_hours(self, *, year: int) -> BusinessHours:
        """The hours that these keys describe, with the holidays of the years around `year`."""
        holidays = self.holidays
        public = public_holidays(holidays.country, holidays.subdivision, year=year) if holidays else frozenset()
        written = _OFFICE_HOURS if self.week is None else self.week
        week = {number: spans for weekdays, spans in written.items() for number in _numbers(weekdays)}
        return BusinessHours(zone=self.zone, week=week, closed=public | set(self.closed), special=self.special)
