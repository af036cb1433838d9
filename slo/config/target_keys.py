"""The keys of the targets of a probe, and of what finds them."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated

from pydantic import AfterValidator, Field

from slo.config.identity import LabelName
from slo.config.section import Section
from slo.config.types import PositiveDuration
from slo.config.wrong import shown, wrong
from slo.core.duration import duration_name

MOST_OFTEN = timedelta(milliseconds=100)

MOST_TARGETS = 20_000
"""How many targets a probe may have."""

OWN_LABELS = frozenset({"probe", "collector", "target"})
"""Labels that every target has."""

PLACE = "{target}"
"""Where in a `format` the target stands."""


def _interval(value: timedelta) -> timedelta:
    if value < MOST_OFTEN:
        least = duration_name(MOST_OFTEN.total_seconds())
        raise wrong(f"{duration_name(value.total_seconds())} is too often", f"write {least} or more")
    return value


Interval = Annotated[PositiveDuration, AfterValidator(_interval)]
"""How often something is done, at most ten times a second."""


def _label(value: str) -> str:
    if value in OWN_LABELS:
        raise wrong(f"the label {value} is set by the watch itself", "give yours another name")
    return value


def _format(value: str) -> str:
    if PLACE not in value:
        raise wrong(f"{shown(value)} does not say where the target stands", f"write it as https://{PLACE}/health")
    return value


class TargetKeys(Section):
    """What a target has besides the keys of its kind, which stand in the place of those of the probe."""

    labels: Mapping[Annotated[LabelName, AfterValidator(_label)], str] = Field(default={})
    """Labels of its metrics, by which an SLO can be grouped. Besides them it has `probe` and `target`."""
    interval: Interval | None = None
    """How often it is asked. Default: that of the probe."""
    timeout: PositiveDuration | None = None
    """When it is given up, at most `interval`. Default: that of the probe."""


class ScrapeTargetKeys(TargetKeys):
    """What a target of a scrape has besides the keys that stand in the place of those of the scrape."""

    labels: Mapping[LabelName, str] = Field(default={})
    """Labels of its series, in the place of those of the scrape."""


class DiscoveryKeys(Section):
    """What everything has that finds targets."""

    type: str
    """How it finds them."""
    format: Annotated[str, AfterValidator(_format)] | None = None
    """What a target becomes that is found, as `https://{target}/health`. Default: it is taken as it is."""
