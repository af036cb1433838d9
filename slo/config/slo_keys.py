"""The keys of an SLO: what is counted, over which windows, and when it alerts."""

from collections.abc import Mapping
from datetime import timedelta
from fractions import Fraction
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Discriminator, Field, SkipValidation, Tag, WithJsonSchema

from slo.config.identity import LabelName, Name
from slo.config.section import Section
from slo.config.types import Duration, Moment, Objective, PositiveDuration, Ratio, SelectorText, Zone
from slo.config.wrong import shown, wrong
from slo.core.calendar import CalendarWindow, Period
from slo.core.incident import OWN_PREFIX, REPORTED
from slo.core.policy import POLICIES

SLICE_MINUTES = (1, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30, 60)


class CalendarKeys(Section):
    """A period of the calendar."""

    calendar: Annotated[Literal["week", "month", "quarter"], Field(examples=["month"])]
    """The period: a week from Monday on, a month, or a quarter."""
    zone: Zone = "UTC"
    """The time zone that it begins in, by its name in the IANA database."""

    @property
    def window(self) -> CalendarWindow:
        """The window that these keys describe."""
        return CalendarWindow(period=Period(self.calendar), zone=self.zone)


def _sort_of_window(value: object) -> str:
    return "period" if isinstance(value, (Mapping, CalendarKeys)) else "rolling"


WindowKeys = Annotated[
    Annotated[PositiveDuration, Tag("rolling")] | Annotated[CalendarKeys, Tag("period")],
    Discriminator(_sort_of_window),
]
"""A rolling window as `30d`, or a period of the calendar."""


class CountersKeys(Section):
    """Counters of the targets under `scrapes`; what several series count is added up."""

    total: SelectorText | None = None
    """The series that count all events."""
    bad: SelectorText | None = None
    """The series that count bad events. Where there are none, nothing is bad."""
    good: SelectorText | None = None
    """The series that count good events, instead of `bad`."""
    histogram: SelectorText | None = None
    """The histogram of the duration of all events, without `_bucket`, instead of `total`."""
    below: PositiveDuration | None = None
    """With `histogram`: events that took no longer are good. One of the histogram's buckets ends there."""


class PrometheusKeys(Section):
    """Expressions that a Prometheus-compatible server evaluates."""

    server: Name
    """The name of a server under `servers`."""
    total: Annotated[str, Field(min_length=1, examples=["sum(http_requests_total)"])]
    """Counts all events: an instant vector of counters, or an increase over `[{{.window}}]`, which is filled in."""
    bad: Annotated[str, Field(min_length=1)] | None = None
    """Counts bad events in the same way. No result means that nothing is bad."""
    good: Annotated[str, Field(min_length=1)] | None = None
    """Counts good events, instead of `bad`."""


def _weight(value: object) -> object:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value <= 1_000_000:
        raise wrong(f"{shown(value)} is no weight", "write a number above 0")
    return Fraction(str(value))


Weight = Annotated[
    Fraction, BeforeValidator(_weight), WithJsonSchema({"type": "number", "exclusiveMinimum": 0, "examples": [1, 0.5]})
]


class SLIKeys(Section):
    """What an SLO is judged by: one of these, and `latency` with a probe."""

    probe: Name | None = None
    """The name of the probe whose rounds are counted."""
    collector: Name | None = None
    """The name of the collector whose rounds are counted."""
    latency: PositiveDuration | None = None
    """With `probe`: a round that took longer is bad, however right its answer was."""
    counters: SkipValidation[CountersKeys] | None = None
    """Counters that the watch scrapes itself."""
    prometheus: SkipValidation[PrometheusKeys] | None = None
    """Expressions that a Prometheus-compatible server evaluates."""
    all_of: Annotated[tuple[Name, ...], Field(min_length=1)] | None = None
    """The names of other SLOs that are all needed: a slot that is bad for one of them is bad."""
    weighted: Annotated[Mapping[Name, Weight], Field(min_length=1)] | None = None
    """The names of other SLOs with their weights: the error ratio is the weighted mean of theirs."""


def _slice(value: timedelta) -> timedelta:
    if value not in [timedelta(minutes=minutes) for minutes in SLICE_MINUTES]:
        known = ", ".join(f"{minutes}m" for minutes in SLICE_MINUTES)
        raise wrong(
            "does not divide an hour into whole minutes, and counts are kept by the minute", f"write one of {known}"
        )
    return value


class BudgetingKeys(Section):
    """How events spend the budget."""

    method: Annotated[Literal["occurrences", "timeslices", "ratio_timeslices"], Field(examples=["timeslices"])]
    """`occurrences`: by event. `timeslices`: by slice of time, which is good or bad as a whole. `ratio_timeslices`: by
    the mean of the error ratios of all slices, as Sloth computes it."""
    slice: Annotated[PositiveDuration, AfterValidator(_slice)] = timedelta(minutes=5)
    """The length of a slice; slices are aligned to the hour."""
    target: Objective | None = None
    """With `timeslices`: the share of good events from which on a slice is good. Default: the objective."""
    no_traffic: Literal["ignore", "good"] = "ignore"
    """What a slice is that is known and holds no events."""
    no_data: Literal["unknown", "bad"] = "unknown"
    """What a slice is that nothing is known of."""


def _budget(value: object) -> object:
    if value == 0:
        raise wrong("is nothing, so that it would always fire", "write the share of the budget, as 2%")
    return value


class PairKeys(Section):
    """A long and a short window that fire together."""

    long: Annotated[PositiveDuration, Field(examples=["1h"])]
    """The window in which `budget` must have been spent, in whole slots."""
    short: Annotated[PositiveDuration, Field(examples=["5m"])]
    """The window that shows that it still goes on; an alert clears with it. In whole slots."""
    budget: Annotated[Ratio, AfterValidator(_budget)]
    """The share of the SLO's whole error budget that may be spent within `long`."""
    severity: Annotated[Literal["page", "ticket"], Field(examples=["page"])]
    """Whether a person is called now, or in working hours."""
    min_bad_events: Annotated[int, Field(ge=0)] | None = None
    """How many bad events `long` must hold for a page; below it the page is a ticket. Default: 3 for pages of
    probes, else 0."""
    hold: Annotated[Duration, Field(alias="for")] = timedelta(0)
    """How long the condition must hold before it fires."""


def _own(value: object) -> object:
    if value == REPORTED or str(value).startswith(OWN_PREFIX):
        raise wrong(f"{shown(value)} is what the watch calls incidents of its own", "give the SLO another name")
    return value


SLOName = Annotated[Name, AfterValidator(_own)]
"""What an SLO is called: not as the watch calls what people open, or what it says about itself."""


class SLOKeys(Section):
    """An objective for an SLI over a window."""

    name: SLOName
    """What the SLO is called, for people and for links."""
    objective: Objective
    """The share of good events that is promised."""
    window: Annotated[WindowKeys, Field(examples=["30d", "{calendar: month}"])]
    """The window that it is promised over: rolling, in whole slots, or a period of the calendar."""
    more_windows: tuple[WindowKeys, ...] = ()
    """Further windows that its budget is shown over. Alerts go by `window`."""
    sli: Annotated[SkipValidation[SLIKeys], Field(examples=["{probe: NAME}"])]
    """What is counted."""
    group_by: tuple[LabelName, ...] = ()
    """Labels of its series, or of the targets of its probe: one SLO for each combination of their values."""
    budgeting: SkipValidation[BudgetingKeys] | None = None
    """How events spend the budget. Default: by event."""
    effective_from: Moment | None = None
    """Since when this definition counts. An SLO may stand several times under one name, each from another time on."""
    burn_policy: SkipValidation[Literal[*sorted(POLICIES)] | tuple[PairKeys, ...]] | None = None  # type: ignore[valid-type]
    """When it alerts: a policy by its name, or its pairs written out. Default: google-30d, scaled to `window`."""
    depends_on: tuple[Name, ...] = ()
    """The names of SLOs without which this one cannot hold: while one of them has paged, nobody is told of this one."""
    labels: Mapping[LabelName, str] = Field(default={})
    """Labels of its metrics, incidents and messages; `customer`, `environment` and `service` have a meaning there."""
    description: str = ""
    """A sentence for people."""
