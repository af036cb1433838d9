"""What the benchmark of the router sends and reckons: the storm, the pages in it, its figures."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks._histogram import grown, quantile
from benchmarks._storm import BATCH, SPACING_SECONDS, Sent, batches, named, others, page
from benchmarks.router import PAGES, Measured, figures
from slo.router.foreign import Fate, ForeignAlerts
from slo.router.incidents import Incidents
from slo.web.alertmanager import posted

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def test_the_storm_is_as_many_incidents_as_alerts_and_none_of_them_pages() -> None:
    keeper = ForeignAlerts()
    for batch in batches(others(2_000, NOW)):
        taken = posted(json.dumps(batch).encode(), NOW).alerts
        assert [keeper.take(alert, {}) for alert in taken] == [Fate.TAKEN] * len(batch)
    found = keeper.alerts(Incidents(), NOW)
    assert {alert.severity for alert in found} == {"ticket"}
    assert len({(alert.slo, alert.scope) for alert in found}) == len(found) == 500
    assert {alert.labels["environment"] for alert in found} == {"production", "staging"}


def test_what_does_not_end_fires_for_as_long_as_the_storm_is_watched() -> None:
    [alert] = posted(json.dumps([page(1, NOW)]).encode(), NOW).alerts
    assert alert.fires(NOW + timedelta(minutes=30))


@given(st.integers(min_value=1, max_value=500))
def test_batches_hold_every_alert_in_its_place_and_never_too_many(count: int) -> None:
    alerts = others(count, NOW)
    parts = list(batches(alerts))
    assert [alert for part in parts for alert in part] == alerts
    assert all(0 < len(part) <= BATCH for part in parts)


def test_pages_are_under_60_a_minute() -> None:
    assert SPACING_SECONDS > 1
    assert PAGES * SPACING_SECONDS < 60


@pytest.mark.parametrize("number", [0, 7, 56])
def test_a_page_is_found_again_by_its_name_in_whatever_was_made_of_it(number: int) -> None:
    name = named(json.dumps({"payload": {"custom_details": {"firing": json.dumps(page(number, NOW))}}}))
    assert name == f"gate-p0-{number}"


def test_other_alerts_have_no_such_name() -> None:
    assert not named(json.dumps(others(3, NOW)))


def test_the_figures_are_the_spread_and_the_slowest_page_has_a_target() -> None:
    sent = Sent(storm_seconds=4.0, refused=2)
    measured = Measured(waits=[3, 1, 2], sent=sent, cpu_seconds=5, peak_bytes=6_000_000, chat_requests=7)
    found = {figure.name.removeprefix("here: "): figure for figure in figures("here", measured, under=3)}
    assert {name: figure.value for name, figure in found.items()} == {
        "alert to accepted page, fastest": 1,
        "alert to accepted page, median": 2,
        "alert to accepted page, slowest": 3,
        "posts refused": 2,
        "the other alerts were taken in": 4,
        "CPU in 75 s": 5,
        "peak RSS": 6,
        "requests to Slack": 7,
    }
    assert [figure.name for figure in found.values() if figure.met is False] == [
        "here: alert to accepted page, slowest"
    ]


def test_what_only_a_watch_has_is_a_figure_where_it_is_known() -> None:
    measured = Measured(
        waits=[1], sent=Sent(), cpu_seconds=1, peak_bytes=1, chat_requests=1, opened_seconds=9, lateness_seconds=0.5
    )
    values = {figure.name: figure.value for figure in figures("x", measured, under=None)}
    assert values["x: all are incidents"] == 9
    assert values["x: start lateness of probes p99"] == 500


def test_a_quantile_is_of_what_a_histogram_grew_by() -> None:
    before = {'late_bucket{le="0.1"}': 10.0, 'late_bucket{le="+Inf"}': 10.0}
    after = {'late_bucket{le="0.1"}': 20.0, 'late_bucket{le="+Inf"}': 20.0}
    buckets = grown(before, after, "late")
    assert buckets == {0.1: 10, float("inf"): 10}
    assert quantile({0.1: 50, 0.5: 100, float("inf"): 100}, 0.75) == pytest.approx(0.3)
    assert grown(before, after, "early") == {}
