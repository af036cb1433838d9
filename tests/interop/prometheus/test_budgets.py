"""Budgets: what is left of them, by event and by slice, judged by promtool."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from tests.interop.prometheus.promtool import (
    STALE,
    Service,
    Value,
    born,
    counter,
    figure,
    firing,
    requests,
    rules_of,
    steps,
)

GOOD = 'http_requests_total{code="200"}'
BAD = 'http_requests_total{code="500"}'
PAGE = {"long": "1h", "short": "5m", "budget": "20%", "severity": "page"}


def of_two_hours(**changes: object) -> dict[str, object]:
    """An SLO of 99 % over two hours."""
    return requests(objective="99%", window="2h", burn_policy=[PAGE], **changes)


def day_and_night(*, outage: str) -> dict[str, Sequence[Value]]:
    """An hour at night with a request a step, and one by day with a hundred; in one of them ten minutes of outage."""
    night, day, out = steps("1h"), steps("1h"), steps("10m")
    good = [1] * night + [100] * day
    begin = steps("20m") if outage == "night" else night + steps("20m")
    bad = [each if begin <= step < begin + out else 0 for step, each in enumerate(good)]
    return {GOOD: counter(g - b for g, b in zip(good, bad, strict=True)), BAD: born(bad)}


@pytest.mark.parametrize(("outage", "failed"), [("night", 20), ("day", 2000)])
def test_an_outage_spends_what_its_events_are_worth(tmp_path: Path, outage: str, failed: int) -> None:
    service = Service(rules_of(tmp_path, of_two_hours()))
    service.series = day_and_night(outage=outage)
    total = 120 + 12_000
    service.at("2h", figure("slo:sli_error:ratio_rate2h", failed / total))
    service.at("2h", figure("slo:period_error_budget_remaining:ratio", 1 - failed / total / 0.01))
    service.judge(tmp_path)


@pytest.mark.parametrize("outage", ["night", "day"])
def test_by_the_mean_of_ratios_an_outage_spends_its_time_as_sloth_computes_it(tmp_path: Path, outage: str) -> None:
    """The mean of all ratios over five minutes: each minute of the outage is in ten of those that are made a step."""
    service = Service(rules_of(tmp_path, of_two_hours(budgeting={"method": "ratio_timeslices"})))
    service.series = day_and_night(outage=outage)
    ratios = _five_minute_ratios(service.series)
    mean = sum(ratios) / len(ratios)
    service.at("2h", figure("slo:sli_error:ratio_rate2h", mean))
    service.at("2h", figure("slo:period_error_budget_remaining:ratio", 1 - mean / 0.01, places=5))
    service.judge(tmp_path)


def _five_minute_ratios(series: Mapping[str, Sequence[Value]]) -> list[float]:
    good, bad = ([float(value or 0) for value in series[name]] for name in (GOOD, BAD))
    ratios = []
    for step in range(1, len(good)):
        before = max(step - 10, 0)
        failed, all_events = bad[step] - bad[before], good[step] - good[before] + bad[step] - bad[before]
        ratios.append(failed / all_events)
    return ratios


def test_by_the_mean_of_ratios_idle_times_count_for_nothing(tmp_path: Path) -> None:
    """Half of the requests fail for ten minutes; then there are none for twenty."""
    service = Service(rules_of(tmp_path, of_two_hours(budgeting={"method": "ratio_timeslices"})))
    service.series = {GOOD: counter([50] * 20 + [0] * 40), BAD: counter([50] * 20 + [0] * 40)}
    service.at("30m", figure("slo:sli_error:ratio_rate2h", 0.5))
    service.judge(tmp_path)


def test_by_the_mean_of_ratios_a_young_window_is_not_weighed(tmp_path: Path) -> None:
    service = Service(rules_of(tmp_path, requests(budgeting={"method": "ratio_timeslices"})))
    service.series = {GOOD: counter([99] * 6), BAD: born([1] * 6)}
    service.at("2m", figure("slo:current_burn_rate:ratio", 0.01 / 0.001))
    service.at("2m", figure("slo:period_error_budget_remaining:ratio", 1 - 0.01 / 0.001))
    service.judge(tmp_path)


def sliced(**keys: str) -> dict[str, object]:
    """Slices of five minutes, of which each is good if 95 % of its events are."""
    return of_two_hours(budgeting={"method": "timeslices", "target": "95%", **keys})


def test_a_slice_is_bad_as_a_whole(tmp_path: Path) -> None:
    """Four slices: 5 % of the events failed in the second, which meets the target, and 6 % in the third."""
    service = Service(rules_of(tmp_path, sliced()))
    service.series = {
        GOOD: counter([100] * 10 + [95] * 10 + [94] * 10 + [100] * 10),
        BAD: born([0] * 10 + [5] * 10 + [6] * 10 + [0] * 10),
    }
    service.at("14m30s", figure("slo:sli_error:ratio_rate1h", 0))
    service.at("16m", figure("slo:sli_error:ratio_rate1h", 1 / 3))
    service.at("20m", figure("slo:sli_error:ratio_rate2h", 1 / 4))
    service.at("20m", figure("slo:period_error_budget_remaining:ratio", 1 - (1 / 4) * (20 / 120) / 0.01))
    service.at("20m", firing())
    service.judge(tmp_path)


@pytest.mark.parametrize(
    ("keys", "slices", "bad"),
    [
        ({}, 2, 1),
        ({"no_traffic": "good"}, 3, 1),
        ({"no_data": "bad"}, 3, 2),
        ({"no_traffic": "good", "no_data": "bad"}, 4, 2),
    ],
)
def test_slices_without_traffic_and_without_data_are_what_the_slo_says(
    tmp_path: Path, keys: dict[str, str], slices: int, bad: int
) -> None:
    """A bad slice, one without traffic, one without data, and a good one."""
    service = Service(rules_of(tmp_path, sliced(**keys)))
    service.series = {
        GOOD: [*counter([0] * 20), STALE, *[None] * 9, *counter([100] * 10)],
        BAD: [*counter([10] * 10 + [0] * 10), STALE, *[None] * 9, *counter([0] * 10, start=100)],
    }
    service.at("20m", figure('slo:sli_slices:sum{sloth_window="1h",entry="total"}', slices))
    service.at("20m", figure('slo:sli_slices:sum{sloth_window="1h",entry="bad"}', bad))
    service.judge(tmp_path)


def test_a_budget_over_several_windows_is_shown_over_each(tmp_path: Path) -> None:
    service = Service(rules_of(tmp_path, of_two_hours(more_windows=["10m", "1d"])))
    service.series = {GOOD: counter([100] * 20 + [90] * 20), BAD: born([0] * 20 + [10] * 20)}
    service.at("20m", figure("slo:sli_error:ratio_rate10m", 0.1), figure("slo:sli_error:ratio_rate1d", 0.05))
    service.at("20m", figure("slo:sli_error:ratio_rate2h", 0.05))
    service.judge(tmp_path)


def test_a_long_window_is_the_sum_of_what_is_in_it(tmp_path: Path) -> None:
    """Seven hours are two times three and a half: they follow one another, and nothing is counted twice or missed."""
    service = Service(rules_of(tmp_path, requests(objective="99%", window="7h", burn_policy=[PAGE])))
    half = steps("3h30m")
    service.series = {GOOD: counter([7] * half + [9] * half), BAD: born([1] * half + [0] * half)}
    service.at("3h30m", figure('slo:sli_events:sum{sloth_window="7h",entry="total"}', 8 * half))
    service.at("5h", figure('slo:sli_events:sum{sloth_window="7h",entry="bad"}', half))
    service.at("7h", figure('slo:sli_events:sum{sloth_window="7h",entry="total"}', 8 * half + 9 * half))
    service.at("7h", figure('slo:sli_events:sum{sloth_window="7h",entry="bad"}', half))
    service.at("7h", figure('slo:sli_events:sum{sloth_window="7h",entry="known_seconds"}', 7 * 3600))
    service.judge(tmp_path)
