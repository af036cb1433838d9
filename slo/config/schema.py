"""The keys of the configuration, section by section, with what each may hold and what it means.

Entries that have a `type` hold the keys of that kind besides the common ones here. Values marked as not validated are
sections of their own, which are read one by one so that a fault in one hides none in another.
"""

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, SkipValidation, WithJsonSchema

from slo.config.addresses import HTTPURL
from slo.config.section import Section
from slo.config.types import Duration, Objective, PositiveDuration, Ratio, Size
from slo.config.wrong import shown, wrong
from slo.core.duration import duration_name
from slo.core.policy import POLICIES

NAME_PATTERN = r"^[A-Za-z0-9]([A-Za-z0-9._-]{0,98}[A-Za-z0-9])?$"
LABEL_PATTERN = r"^[a-zA-Z_][a-zA-Z0-9_]*$"
RESERVED_LABELS = ("slo", "window", "severity")
MOST_OFTEN = timedelta(milliseconds=100)
SLOT_SECONDS = (1, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30, 60)


def _name(value: object) -> object:
    if isinstance(value, str) and not re.fullmatch(NAME_PATTERN, value):
        raise wrong(f"{shown(value)} is no name", "write up to 100 letters, digits, dots, dashes and underscores")
    return value


def _label(value: object) -> object:
    if not isinstance(value, str) or not re.fullmatch(LABEL_PATTERN, value):
        raise wrong(
            f"{shown(value)} is no label name of Prometheus", "write letters, digits and underscores, as in service"
        )
    if value in RESERVED_LABELS:
        raise wrong(f"the label {value} is set by the watch itself", "give yours another name")
    if value.startswith("__"):
        raise wrong(f"the label {value} begins with __, which Prometheus keeps for itself", "give it another name")
    return value


def _slot(value: timedelta) -> timedelta:
    if value not in [timedelta(seconds=seconds) for seconds in SLOT_SECONDS]:
        known = ", ".join(f"{seconds}s" for seconds in SLOT_SECONDS)
        raise wrong(
            f"{duration_name(value.total_seconds())} does not divide a minute into whole seconds",
            f"write one of {known}",
        )
    return value


def _interval(value: timedelta) -> timedelta:
    if value < MOST_OFTEN:
        least = duration_name(MOST_OFTEN.total_seconds())
        raise wrong(f"{duration_name(value.total_seconds())} is too often", f"write {least} or more")
    return value


def _budget(value: object) -> object:
    if value == 0:
        raise wrong("is nothing, so that it would always fire", "write the share of the budget, as 2%")
    return value


Name = Annotated[str, BeforeValidator(_name), WithJsonSchema({"type": "string", "pattern": NAME_PATTERN})]
"""What entries are called: it goes into addresses, metrics and messages as it is."""

LabelName = Annotated[str, BeforeValidator(_label), WithJsonSchema({"type": "string", "pattern": LABEL_PATTERN})]
"""A label of Prometheus that is not one of the watch's own."""


_SLOTS = WithJsonSchema({"enum": [*(f"{seconds}s" for seconds in SLOT_SECONDS), "1m"]})


class EntryKeys(Section):
    """What every entry with a `type` has; the rest of its keys are those of the type."""

    name: Name
    """What the entry is called, for others to refer to."""
    type: str
    """The kind that it is."""


class ProbeKeys(EntryKeys):
    """What every probe has, whatever its type."""

    interval: Annotated[PositiveDuration, AfterValidator(_interval)] = timedelta(seconds=10)
    """How often it asks, at most ten times a second."""
    timeout: PositiveDuration | None = None
    """When it gives up, at most `interval`. Default: 5s, or `interval` where that is shorter."""


class SLIKeys(Section):
    """What an SLO is judged by."""

    probe: Name
    """The name of the probe whose rounds are counted."""


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
    """How many bad events `long` must hold for a page; below it the page is a ticket. Default: 3 for pages, else 0."""
    hold: Annotated[Duration, Field(alias="for")] = timedelta(0)
    """How long the condition must hold before it fires."""


class SLOKeys(Section):
    """An objective for an SLI over a rolling window."""

    name: Name
    """What the SLO is called, for people and for links."""
    objective: Objective
    """The share of good events that is promised."""
    window: Annotated[PositiveDuration, Field(examples=["30d"])]
    """The rolling window that it is promised over, in whole slots."""
    sli: Annotated[SkipValidation[SLIKeys], Field(examples=["{probe: NAME}"])]
    """What is counted."""
    burn_policy: SkipValidation[Literal[*sorted(POLICIES)] | tuple[PairKeys, ...]] | None = None  # type: ignore[valid-type]
    """When it alerts: a policy by its name, or its pairs written out. Default: google-30d, scaled to `window`."""
    labels: Mapping[LabelName, str] = Field(default={})
    """Labels of its metrics, incidents and messages; `customer`, `environment` and `service` have a meaning there."""
    description: str = ""
    """A sentence for people."""


class DestinationKeys(EntryKeys):
    """What every destination has, whatever its type."""


class RoutesKeys(Section):
    """Who is told."""

    destinations: tuple[Name, ...] | None = None
    """The names of the destinations that are told of every incident. Default: all of them."""
    resolve_after: Duration = timedelta(minutes=5)
    """How long an alert must be clear before its incident resolves."""


class StoreKeys(Section):
    """What is kept on disk."""

    retention: PositiveDuration = timedelta(days=90)
    """How long counts are kept; at least the longest window of an SLO."""
    max_size: Size = 2_000_000_000
    """How large the ledger may become; the oldest hours go first."""


class Root(Section):
    """A whole configuration: one file, or a folder of files whose lists follow one another."""

    probes: tuple[SkipValidation[ProbeKeys], ...] = ()
    """The targets, and how each is asked."""
    slos: tuple[SkipValidation[SLOKeys], ...] = ()
    """The objectives."""
    destinations: tuple[SkipValidation[DestinationKeys], ...] = ()
    """Where notifications go."""
    routes: SkipValidation[RoutesKeys] = RoutesKeys()
    """Who is told."""
    slot: Annotated[PositiveDuration, AfterValidator(_slot), _SLOTS] = timedelta(seconds=10)
    """The span in which events are counted; it divides a minute into whole seconds."""
    store: SkipValidation[StoreKeys] = StoreKeys()
    """What is kept on disk."""
    external_url: HTTPURL | None = None
    """The address of the watch's own page, for links in notifications. Default: no links."""
