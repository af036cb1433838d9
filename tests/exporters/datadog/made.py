"""SLOs and exclusions, and when it is."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any

from slo.core.exclusion import Exclusion, Once
from slo.core.recurrence import Recurrence
from slo.core.slo import SLO
from tests.exporters.datadog.records import START

NOW = datetime.fromtimestamp(START, UTC)
ACME = {"customer": "acme", "environment": "production"}


def slo(
    name: str = "gate", *, objective: str = "0.999", days: float = 30, labels: Mapping[str, str] = ACME, **keys: Any
) -> SLO:
    return SLO(
        name=name,
        objective=Fraction(objective),
        window=timedelta(days=days),
        sli=f"probe:{name}",
        pairs=(),
        labels=labels,
        **keys,
    )


def once(name: str = "move", *, begin_hours: float = 1, hours: float = 2, **keys: Any) -> Exclusion:
    """An exclusion that begins so many hours from now."""
    start = NOW + timedelta(hours=begin_hours)
    return _exclusion(name, Once(start=start, end=start + timedelta(hours=hours)), **keys)


def recurring(
    rule: str, *, name: str = "weekly", zone: str = "UTC", start: datetime | None = None, **keys: Any
) -> Exclusion:
    until = keys.pop("until", None)
    begin = start or datetime(2025, 12, 1, 2)  # noqa: DTZ001 - local times have no zone
    when = Recurrence(rule=rule, zone=zone, start=begin, duration=timedelta(hours=1), until=until)
    return _exclusion(name, when, **keys)


def _exclusion(name: str, when: Once | Recurrence, **keys: Any) -> Exclusion:
    return Exclusion(
        **{"name": name, "reason": "new racks", "author": "anna", "created_at": None, "when": when, **keys}
    )
