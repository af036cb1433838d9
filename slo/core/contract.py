"""Contracts: what a customer was promised, by when people answer, and who is told of what."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import TypeAlias

from slo.core.delivery import OF_INCIDENTS, Action
from slo.core.duration import duration_name, parse_duration
from slo.core.hours import BusinessHours, Span
from slo.core.priority import EnvironmentClass, Priority


@dataclass(frozen=True, kw_only=True, slots=True)
class BusinessDays:
    """A response time in business days, 1 or more; the contract says how they are read."""

    count: int

    def __post_init__(self) -> None:
        if self.count < 1:
            raise ValueError(f"{self.count} business days are no time; write 1 business day or more")

    def __str__(self) -> str:
        """As it is written in a configuration: `4 business days`."""
        return f"{self.count} business day{'s' if self.count > 1 else ''}"


BUSINESS_DAYS_PATTERN = "([1-9][0-9]{0,3}) business days?"
"""A regular expression for a response time in business days."""

ResponseTime: TypeAlias = timedelta | BusinessDays
"""Within which people answer: elapsed time, which knows no calendar, or business days."""


def response_time_name(time: ResponseTime) -> str:
    """A response time as people read it: `1h`, `4 business days`."""
    return duration_name(time.total_seconds()) if isinstance(time, timedelta) else str(time)


def response_time_in(text: str) -> ResponseTime:
    """The response time that people wrote so. Raises ValueError for what is none."""
    match = re.fullmatch(BUSINESS_DAYS_PATTERN, text)
    return BusinessDays(count=int(match[1])) if match else parse_duration(text)


class DayReading(StrEnum):
    """What "n business days" means in a contract."""

    BUSINESS_HOURS = "business_hours"
    """n times the hours of a business day, counted while it is open."""
    END_OF_NTH_DAY = "end_of_nth_day"
    """Until the nth business day closes after the one on which it began."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Telling:
    """The destinations that a customer's incidents are told to: `what` of them, and of which `priorities`."""

    destinations: tuple[str, ...]
    what: frozenset[Action] = frozenset(OF_INCIDENTS)
    priorities: frozenset[Priority] = frozenset(Priority)


RESPONSES: Mapping[Priority, ResponseTime] = MappingProxyType(
    {
        Priority.P0: timedelta(hours=1),
        Priority.P1: BusinessDays(count=1),
        Priority.P2: BusinessDays(count=4),
    }
)
"""What is promised where a contract says nothing else."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Contract:
    """What the customer with the name `customer` was promised; `title` is what people call it.

    `agreement` is where that stands, and who agreed to it, as people cite it. `environments` says what its environments
    are for the contract. `responses` has every priority. `holidays_version`
    is that of the package that the holidays among `hours.closed` come from, empty where none do. A ticket is updated
    within `ticket_update_within` of the end of a chat. Raises ValueError for a P0 in business days: it knows no
    calendar.
    """

    customer: str
    title: str
    agreement: str = ""
    environments: Mapping[str, EnvironmentClass] = field(default_factory=dict)
    responses: Mapping[Priority, ResponseTime] = field(default_factory=lambda: RESPONSES)
    days: DayReading = DayReading.BUSINESS_HOURS
    hours: BusinessHours
    holidays_version: str = ""
    tell: tuple[Telling, ...] = ()
    ticket_update_within: timedelta = timedelta(minutes=15)

    def __post_init__(self) -> None:
        if isinstance(self.responses[Priority.P0], BusinessDays):
            raise ValueError("a P0 is answered around the clock, not in business days; write elapsed time, as 1h")

    def class_of(self, environment: str) -> EnvironmentClass:
        """What an environment is for this contract; where it does not say, only `production` is production."""
        return self.environments.get(environment, EnvironmentClass.of(environment))

    def due(self, priority: Priority, since: datetime) -> datetime:
        """When a response is due on a clock of this priority that begins to run at `since`."""
        time = self.responses[priority]
        if isinstance(time, timedelta):
            return since + time
        if self.days is DayReading.END_OF_NTH_DAY:
            return self.hours.end_of_day_after(since, time.count)
        return self.hours.after(since, time.count * self.hours.day)

    def destinations_for(self, action: Action, priority: Priority) -> tuple[str, ...]:
        """The customer's destinations that are told this about an incident of that priority, each once."""
        told = [
            name for one in self.tell if action in one.what and priority in one.priorities for name in one.destinations
        ]
        return tuple(dict.fromkeys(told))


def office_hours(zone: str) -> BusinessHours:
    """Monday to Friday, 09:00 to 17:00."""
    span = Span(opens=timedelta(hours=9), closes=timedelta(hours=17))
    return BusinessHours(zone=zone, week=dict.fromkeys(range(5), (span,)))


DEFAULT = Contract(customer="", title="", hours=office_hours("UTC"))
"""For incidents that belong to no customer."""
