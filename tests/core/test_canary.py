"""What canaries say of a forwarder: a table of what one look may find."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from slo.core.canary import Canary, Missing, Sighting
from slo.core.telemetry import id_of
from slo.errors import Fault

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
WITHIN = timedelta(minutes=5)
UNREAD = Fault("canary_unread", detail="auth_refused: HTTP 403")


def canary(minute: int) -> Canary:
    return Canary(id=id_of(minute), forwarder="acme-elk", at=NOON + timedelta(minutes=minute))


@pytest.mark.parametrize(
    ("ages", "ever", "taken", "unread", "reason"),
    [
        ([], False, None, None, "canary_awaited"),
        ([], False, None, UNREAD, "canary_unread"),
        ([], True, 0, None, "ok"),
        ([300], False, None, None, "canary_awaited"),
        ([300], True, 0, None, "ok"),
        ([301], True, 0, None, "canary_late"),
        ([301], False, None, None, "canary_late"),
        ([301], True, 30, None, "canary_late"),
        ([301, 200, 100], True, 30, None, "canary_late"),
        # it cannot be read, and it is known all the same that those before have been found, and which are not late yet
        ([300], True, None, UNREAD, "ok"),
        # late as far as we know, and it may be there
        ([301], True, 1, UNREAD, "canary_unread"),
        ([301], True, 0, UNREAD, "canary_unread"),
        # nothing was taken since it was put: it cannot be there, whoever can read
        ([301], True, -1, UNREAD, "canary_late"),
        ([301], False, None, UNREAD, "canary_late"),
        ([361, 301], True, 0, UNREAD, "canary_late"),
        ([361, 300], True, 0, UNREAD, "canary_unread"),
    ],
)
def test_what_one_look_means(
    *, ages: Sequence[float], ever: bool, taken: int | None, unread: Fault | None, reason: str
) -> None:
    missing = [Missing(canary=canary(minute), age_seconds=age) for minute, age in enumerate(ages)]
    taken_at = NOON + timedelta(minutes=taken) if taken is not None else None
    sighting = Sighting(missing=missing, ever=ever, taken_at=taken_at, unread=unread)
    assert sighting.verdict(WITHIN)[0] == reason


def test_the_detail_says_since_when() -> None:
    missing = [Missing(canary=canary(minute), age_seconds=480 - 60 * minute) for minute in range(8)]
    seen = Sighting(missing=missing, ever=True, taken_at=NOON)
    assert seen.verdict(WITHIN) == ("canary_late", "3 not there, the oldest was put 8m ago, at 12:00:00 UTC")
    down = Sighting(missing=missing, ever=True, taken_at=None, unread=UNREAD)
    assert down.verdict(WITHIN)[1].endswith(", and nothing was taken since")
    refused = Sighting(missing=missing, ever=True, taken_at=NOON + WITHIN, unread=UNREAD)
    assert refused.verdict(WITHIN) == ("canary_unread", "auth_refused: HTTP 403")


def test_the_same_canary_is_a_log_and_a_point() -> None:
    one = canary(3)
    logged, measured = one.logged({"forwarder": "acme-elk"}), one.measured({"forwarder": "acme-elk"})
    assert (logged.id, logged.at, logged.dataset) == (one.id, one.at, "watchkeep.canary")
    assert one.id in logged.message
    [point] = measured.points
    assert (measured.at, point.name, point.value) == (one.at, "watchkeep_canary", one.number)
    assert one.number == int(one.id[:12], 16), "a double holds it whole"
