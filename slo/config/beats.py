"""Heartbeats: what a destination is configured with that is told nothing but that the watch is alive."""

from datetime import timedelta
from typing import Annotated

from pydantic import AfterValidator

from slo.config.section import KindConfig
from slo.config.types import PositiveDuration
from slo.config.wrong import wrong
from slo.core.duration import duration_name

MOST_OFTEN = timedelta(seconds=10)


def _not_too_often(value: timedelta) -> timedelta:
    if value < MOST_OFTEN:
        least = duration_name(MOST_OFTEN.total_seconds())
        raise wrong(f"{duration_name(value.total_seconds())} is too often", f"write {least} or more, as 1m")
    return value


class HeartbeatConfig(KindConfig):
    """What the `Config` of a kind inherits from whose destinations are told of no incident."""

    interval: Annotated[PositiveDuration, AfterValidator(_not_too_often)] = timedelta(minutes=1)
    """How often it beats, at most every 10s."""
