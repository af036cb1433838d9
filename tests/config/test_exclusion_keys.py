"""The end of an exclusion that recurs is one of its zone, as its start is."""

from datetime import datetime

import pytest
from pydantic import ValidationError

from slo.config.exclusion_keys import ExclusionKeys
from slo.core.recurrence import Recurrence


def until(written: str, zone: str) -> datetime | None:
    keys = ExclusionKeys.model_validate(
        {
            "name": "patch-night",
            "reason": "agreed",
            "author": "kim",
            "start": "2026-03-01T22:00",
            "duration": "1h",
            "rule": "FREQ=DAILY",
            "zone": zone,
            "until": written,
        }
    )
    when = keys.exclusion(created_at=None).when
    assert isinstance(when, Recurrence)
    return when.until


@pytest.mark.parametrize(
    ("written", "zone", "expected"),
    [
        ("2026-03-31", "UTC", "2026-03-31T23:59:59+00:00"),
        ("2026-03-31", "America/New_York", "2026-04-01T03:59:59+00:00"),
        ("2026-03-31", "Asia/Kolkata", "2026-03-31T18:29:59+00:00"),
        ("2026-03-31T22:00", "America/New_York", "2026-04-01T02:00:00+00:00"),
        ("2026-03-31T22:00:00Z", "America/New_York", "2026-03-31T22:00:00+00:00"),
        ("2026-03-31T22:00:00+02:00", "America/New_York", "2026-03-31T20:00:00+00:00"),
    ],
)
def test_it_ends_with_a_day_or_a_time_of_its_zone(written: str, zone: str, expected: str) -> None:
    assert until(written, zone) == datetime.fromisoformat(expected)


@pytest.mark.parametrize(("written", "mend"), [("2026-02-30", "write a day of the calendar"), ("soon", "write it as")])
def test_what_is_neither_is_refused(written: str, mend: str) -> None:
    with pytest.raises(ValidationError) as refused:
        until(written, "UTC")
    assert mend in str(refused.value.errors()[0]["ctx"])
