"""Zones are those of the package tzdata, and every local time in them means one instant."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slo.core.zone import unix_seconds, zone_named, zone_names

NEW_YORK = "America/New_York"


@pytest.mark.parametrize("name", ["UTC", "Europe/London", "America/Argentina/Buenos_Aires", "Etc/GMT+12"])
def test_a_zone_is_found_by_its_name(name: str) -> None:
    assert zone_named(name).key == name
    assert name in zone_names()


@pytest.mark.parametrize(
    "name",
    [
        "",
        "Mars/Olympus",
        "europe/london",
        " UTC",
        "America",
        "America/",
        "localtime",
        "right/Europe/London",
        "../../etc/passwd",
        "/etc/localtime",
        "tzdata.zi",
        "a\0b",
        "+02:00",
    ],
)
def test_what_names_no_zone_of_the_iana_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=r"^there is no time zone .*; write the name of one as the IANA has it"):
        zone_named(name)


def test_every_name_is_a_zone_that_can_be_read() -> None:
    assert {zone_named(name).key for name in zone_names()} == zone_names()


def test_the_rules_are_those_of_the_package_also_where_the_machine_has_others(monkeypatch: pytest.MonkeyPatch) -> None:
    class Stale:
        def __init__(self, key: str) -> None:
            raise AssertionError(f"the machine was asked for {key}")

        from_file = ZoneInfo.from_file

    zone_named.cache_clear()
    monkeypatch.setattr("slo.core.zone.ZoneInfo", Stale)
    assert zone_named("Asia/Kathmandu").key == "Asia/Kathmandu"


@pytest.mark.parametrize(
    ("local", "zone", "utc"),
    [
        ("2026-07-01T12:00:00", NEW_YORK, "2026-07-01T16:00:00"),
        ("2026-01-01T00:00:00", "Asia/Kathmandu", "2025-12-31T18:15:00"),
        # 02:00 to 03:00 is skipped on 2026-03-08
        ("2026-03-08T01:59:59", NEW_YORK, "2026-03-08T06:59:59"),
        ("2026-03-08T02:00:00", NEW_YORK, "2026-03-08T07:00:00"),
        ("2026-03-08T02:30:00", NEW_YORK, "2026-03-08T07:30:00"),
        ("2026-03-08T03:00:00", NEW_YORK, "2026-03-08T07:00:00"),
        # 01:00 to 02:00 comes twice on 2026-11-01
        ("2026-11-01T01:00:00", NEW_YORK, "2026-11-01T05:00:00"),
        ("2026-11-01T01:59:59", NEW_YORK, "2026-11-01T05:59:59"),
        ("2026-11-01T02:00:00", NEW_YORK, "2026-11-01T07:00:00"),
        # half an hour is skipped
        ("2026-10-04T02:15:00", "Australia/Lord_Howe", "2026-10-03T15:45:00"),
        # a whole day was
        ("2011-12-30T12:00:00", "Pacific/Apia", "2011-12-30T22:00:00"),
    ],
)
def test_a_local_time_means_one_instant(local: str, zone: str, utc: str) -> None:
    wanted = datetime.fromisoformat(utc).replace(tzinfo=UTC).timestamp()
    assert unix_seconds(datetime.fromisoformat(local), zone_named(zone)) == wanted
    assert unix_seconds(datetime.fromisoformat(local).replace(fold=1), zone_named(zone)) == wanted


@given(st.integers(0, 4_102_444_800), st.sampled_from(sorted(zone_names())))
def test_what_clocks_show_means_the_first_instant_at_which_they_show_it(at: int, name: str) -> None:
    zone = zone_named(name)
    shown = datetime.fromtimestamp(at, zone)
    first = unix_seconds(shown.replace(tzinfo=None), zone)
    assert first <= at
    assert (first < at) == (shown.fold == 1)
    assert datetime.fromtimestamp(first, zone).replace(tzinfo=None) == shown.replace(tzinfo=None, fold=0)
