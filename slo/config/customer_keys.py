"""The keys of a customer: what its contract promises, and who is told."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema

from slo.config.business_hours import HoursKeys
from slo.config.identity import Name, NamedKeys
from slo.config.public_holidays import holidays_version
from slo.config.section import Section
from slo.config.types import PositiveDuration
from slo.config.wrong import shown, wrong
from slo.core.contract import (
    BUSINESS_DAYS_PATTERN,
    DEFAULT,
    RESPONSES,
    BusinessDays,
    Contract,
    DayReading,
    ResponseTime,
    Telling,
    response_time_in,
)
from slo.core.delivery import OF_INCIDENTS, Action
from slo.core.duration import DURATION_PATTERN
from slo.core.priority import EnvironmentClass, Priority

LONGEST_DAYS = 366


def _response_time(value: object) -> ResponseTime:
    if isinstance(value, (timedelta, BusinessDays)):
        return value
    try:
        time = response_time_in(str(value))
    except ValueError:
        mend = "write elapsed time as 1h, or business days as 4 business days"
        raise wrong(f"{shown(value)} is no response time", mend) from None
    if not time:
        raise wrong("is no time at all", "write a response time that is longer than nothing")
    longest = time.count > LONGEST_DAYS if isinstance(time, BusinessDays) else time > timedelta(days=LONGEST_DAYS)
    if longest:
        raise wrong(f"{value} is longer than {LONGEST_DAYS} days", "write less")
    return time


def _around_the_clock(time: ResponseTime) -> ResponseTime:
    if isinstance(time, BusinessDays):
        raise wrong("is in business days, and a P0 knows no calendar", "write elapsed time, as 1h")
    return time


_ELAPSED_SCHEMA = {"type": "string", "pattern": DURATION_PATTERN}
_EITHER_SCHEMA = {"anyOf": [_ELAPSED_SCHEMA, {"type": "string", "pattern": f"^{BUSINESS_DAYS_PATTERN}$"}]}
ResponseTimeText = Annotated[
    ResponseTime,
    BeforeValidator(_response_time),
    WithJsonSchema(_EITHER_SCHEMA | {"examples": ["1 business day", "24h"]}),
]
"""Elapsed time as `1h`, or `4 business days`."""

AroundTheClock = Annotated[
    ResponseTimeText,
    AfterValidator(_around_the_clock),
    WithJsonSchema(_ELAPSED_SCHEMA | {"examples": ["1h"]}),
]
"""The same without a calendar."""


class ResponseKeys(Section):
    """Within what time people answer, by priority."""

    P0: AroundTheClock = RESPONSES[Priority.P0]
    """Elapsed time, around the clock."""
    P1: ResponseTimeText = RESPONSES[Priority.P1]
    """Elapsed time or business days."""
    P2: ResponseTimeText = RESPONSES[Priority.P2]
    """Elapsed time or business days."""


class TellKeys(Section):
    """Destinations of the customer's own."""

    destinations: Annotated[tuple[Name, ...], Field(min_length=1)]
    """The names of destinations that hear of this customer's incidents."""
    what: Annotated[tuple[Literal[*(action.value for action in OF_INCIDENTS)], ...], Field(min_length=1)] | None = None  # type: ignore[valid-type]
    """What they are told. Default: everything."""
    priorities: Annotated[tuple[Literal["P0", "P1", "P2"], ...], Field(min_length=1)] | None = None
    """The priorities of which they are told. Default: all."""

    def telling(self) -> Telling:
        """What these keys describe."""
        return Telling(
            destinations=self.destinations,
            what=frozenset(OF_INCIDENTS if self.what is None else map(Action, self.what)),
            priorities=frozenset(Priority if self.priorities is None else map(Priority, self.priorities)),
        )


class CustomerKeys(NamedKeys):
    """A customer and its contract. SLOs belong to it by their label `customer`."""

    title: str = ""
    """What people call it. Default: its name."""
    agreement: str = ""
    """Where the contract stands and who agreed to it, as people cite it. It goes on record with what is promised."""
    environments: Mapping[str, Literal["production", "non-production"]] = Field(default={})
    """What its environments are, by the label `environment`. One that is not there is production only if it is called
    `production`."""
    response: ResponseKeys = ResponseKeys()
    """Within what time people answer its incidents, by priority."""
    business_days: Literal["business_hours", "end_of_nth_day"] = "business_hours"
    """How "n business days" is read: as n times the hours of a business day, or until the nth day after closes."""
    hours: HoursKeys | None = None
    """When a business day is one. Default: Monday to Friday, 09:00 to 17:00 UTC, without holidays."""
    tell: tuple[TellKeys, ...] = ()
    """Who else is told of its incidents, besides the routes: the customer's own channel, mailbox or ticket system."""
    ticket_update_within: PositiveDuration = timedelta(minutes=15)
    """How long after the end of a chat its ticket has to be updated."""

    def contract(self, *, year: int) -> Contract:
        """The contract that these keys describe, with the holidays of the years around `year`."""
        return Contract(
            customer=self.name,
            title=self.title or self.name,
            agreement=self.agreement,
            environments={name: EnvironmentClass(kind) for name, kind in self.environments.items()},
            responses={Priority(name): time for name, time in self.response},
            days=DayReading(self.business_days),
            hours=self.hours.business_hours(year=year) if self.hours else DEFAULT.hours,
            holidays_version=holidays_version() if self.hours and self.hours.holidays else "",
            tell=tuple(keys.telling() for keys in self.tell),
            ticket_update_within=self.ticket_update_within,
        )
