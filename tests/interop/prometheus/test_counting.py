"""What is counted: births, resets, gaps, idle times and every kind of SLI, judged by promtool."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.interop.prometheus.promtool import (
    STALE,
    Expectation,
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
NOT_NUMBERS = 'count({__name__=~"slo:.+"}) - count({__name__=~"slo:.+"} > -Inf)'
"""How many of the figures are NaN."""


def counted(window: str, *, total: float | None, bad: float | None, known: float | None = None) -> list[Expectation]:
    """What the ledger holds over a window; `known` (seconds) where that matters."""
    entries = {"total": total, "bad": bad} | ({} if known is None else {"known_seconds": known})
    return [
        figure(f'slo:sli_events:sum{{sloth_window="{window}",entry="{entry}"}}', value)
        for entry, value in entries.items()
    ]


def test_idle_minutes_are_no_number_that_is_none_and_leave_the_budget_as_it_was(tmp_path: Path) -> None:
    """10 busy minutes with 2 failures of 1,000; then 20 idle ones."""
    service = Service(rules_of(tmp_path, requests()))
    busy, idle = steps("10m"), steps("20m")
    service.series = {GOOD: counter([50] * busy + [0] * idle), BAD: born([0] * 4 + [1, 1] + [0] * (busy - 6 + idle))}
    for time in ("10m", "20m", "30m"):
        service.at(time, figure(NOT_NUMBERS, 0))
    spent = 2 / 1002 * (600 / 2_592_000) / 0.001
    service.at("10m", figure("slo:period_error_budget_remaining:ratio", 1 - spent, places=9))
    service.at("30m", figure("slo:sli_error:ratio_rate5m", 0.0), figure("slo:current_burn_rate:ratio", 0.0))
    service.at("30m", figure("slo:sli_error:ratio_rate30d", 2 / 1002, places=9))
    spent *= 3  # the share of the 30 days that is known: the budget is that of the whole
    service.at("30m", figure("slo:period_error_budget_remaining:ratio", 1 - spent, places=9))
    service.judge(tmp_path)


def test_an_slo_without_any_traffic_has_its_whole_budget(tmp_path: Path) -> None:
    service = Service(rules_of(tmp_path, requests()))
    service.series = {GOOD: counter([0] * 20)}
    service.at("10m", figure("slo:period_error_budget_remaining:ratio", 1.0), figure("slo:sli_error:ratio_rate5m", 0.0))
    service.judge(tmp_path)


def test_without_data_there_is_no_figure(tmp_path: Path) -> None:
    service = Service(rules_of(tmp_path, requests()))
    service.series = {"up": counter([0] * 20)}
    for metric in (
        "slo:period_error_budget_remaining:ratio",
        "slo:sli_error:ratio_rate5m",
        "slo:current_burn_rate:ratio",
    ):
        service.at("10m", figure(metric, None))
    service.judge(tmp_path)


def test_a_failure_counter_counts_from_its_birth(tmp_path: Path) -> None:
    """Its first sample is 7, in a target that was scraped before: seven failures, which `increase` would lose."""
    service = Service(rules_of(tmp_path, requests()))
    service.series = {GOOD: counter([100] * 12), BAD: born([0] * 6 + [7] + [0] * 5)}
    service.at("3m", *counted("5m", total=600, bad=0))
    service.at("3m30s", *counted("5m", total=707, bad=7))
    service.at("6m", *counted("5m", total=1007, bad=7))
    service.judge(tmp_path)


def test_the_first_scrape_of_a_target_is_a_baseline(tmp_path: Path) -> None:
    """What it counted before anybody looked is nobody's business, also where others are watched already."""
    service = Service(rules_of(tmp_path, requests()))
    service.series = {
        'http_requests_total{code="200",instance="a"}': counter([10] * 12, start=1_000_000),
        'http_requests_total{code="500",instance="a"}': counter([0] * 12, start=90_000),
        'http_requests_total{code="200",instance="b"}': [None] * 6 + counter([10] * 6, start=1_000_000),
        'http_requests_total{code="500",instance="b"}': [None] * 6 + counter([1] * 6, start=90_000),
    }
    service.at("2m30s", *counted("5m", total=50, bad=0))
    service.at("3m", *counted("5m", total=60, bad=0))
    service.at("4m", *counted("5m", total=80 + 22, bad=2))
    service.judge(tmp_path)


def test_a_reset_of_one_instance_loses_nothing_that_was_counted(tmp_path: Path) -> None:
    service = Service(rules_of(tmp_path, requests()))
    service.series = {
        'http_requests_total{code="200",instance="a"}': counter([10] * 12),
        'http_requests_total{code="200",instance="b"}': [*counter([10] * 6, start=5000), *counter([10] * 5, start=4)],
    }
    service.at("3m", *counted("5m", total=120, bad=0))
    service.at("3m30s", *counted("5m", total=120 + 10 + 4, bad=0))
    service.at("5m", *counted("5m", total=100 + 60 + 4 + 30, bad=0))
    service.judge(tmp_path)


def test_a_value_that_is_no_number_is_no_count_and_leaves_no_figure_without_one(tmp_path: Path) -> None:
    """An exporter shows NaN once: it is nothing, and the value behind it is not counted as a whole."""
    service = Service(rules_of(tmp_path, requests()))
    service.series = {
        GOOD: [*counter([90] * 4, start=1_000_000), "NaN", *counter([90] * 12, start=1_000_540)],
        BAD: [*counter([10] * 4, start=50_000), "NaN", *counter([10] * 12, start=50_060)],
    }
    service.at("2m30s", *counted("30m", total=400, bad=40))
    service.at("8m", *counted("30m", total=1400, bad=140), *counted("30d", total=1400, bad=140))
    service.at("8m", figure(NOT_NUMBERS, 0))
    service.judge(tmp_path)


@pytest.mark.parametrize("end", [None, STALE])
def test_a_target_that_is_given_another_label_begins_with_a_baseline(tmp_path: Path, end: str | None) -> None:
    """All its series are new to Prometheus; what they count is as old as ever. The old ones are shown for a while."""
    service = Service(rules_of(tmp_path, requests()))
    for code, start, more in ((200, 1_000_000, 90), (500, 50_000, 0)):
        target = f'http_requests_total{{code="{code}",instance="a"'
        service.series[f"{target}}}"] = [*counter([more] * 10, start=start), end]
        service.series[f'{target},zone="eu"}}'] = [None] * 11 + counter([more] * 9, start=start + 11 * more)
    service.series['http_requests_total{code="502",instance="a",zone="eu"}'] = [None] * 14 + counter([0] * 6, start=7)
    service.at("9m30s", *counted("30m", total=10 * 90 + 8 * 90 + 7, bad=7), firing())
    service.judge(tmp_path)


@pytest.mark.parametrize("gap", [None, STALE])
def test_what_was_counted_in_a_gap_is_found_behind_it(tmp_path: Path, gap: str | None) -> None:
    """Ten minutes without a scrape, in which 200 of 2,000 requests failed."""
    lost: Sequence[Value] = [gap, *[None] * 18]
    service = Service(rules_of(tmp_path, requests()))
    service.series = {
        GOOD: [*counter([90] * 10), *lost, *counter([90] * 10, start=900 + 1800)],
        BAD: [*counter([10] * 10), *lost, *counter([10] * 10, start=100 + 200)],
    }
    service.at("5m", *counted("30m", total=1000, bad=100, known=300))
    service.at("14m30s", *counted("30m", total=1000, bad=100, known=300))
    service.at("15m", *counted("30m", total=3000, bad=300, known=900))
    service.at("16m", *counted("30m", total=3200, bad=320, known=960))
    service.judge(tmp_path)


@pytest.mark.parametrize(("scraped", "known"), [(True, 300 + 300 / 2), (False, 600)])
def test_a_target_that_is_down_is_not_known_while_it_is_scraped(tmp_path: Path, *, scraped: bool, known: float) -> None:
    """One of two does not answer in the last five of ten minutes; if it is scraped no more, it was taken away."""
    sli = {"counters": {"total": 'http_requests_total{job="api"}', "bad": 'http_requests_total{job="api",code="500"}'}}
    service = Service(rules_of(tmp_path, requests(sli=sli)))
    service.series = {
        'http_requests_total{job="api",instance="a",code="200"}': counter([10] * 20),
        'http_requests_total{job="api",instance="b",code="200"}': [*counter([10] * 10), STALE, *[None] * 9],
        'up{job="api",instance="a"}': [1] * 21,
        'up{job="api",instance="b"}': [1] * 11 + ([0] * 10 if scraped else [STALE]),
        'up{job="other",instance="b"}': [0] * 21,
    }
    service.at("10m", *counted("30m", total=300, bad=0, known=known))
    service.judge(tmp_path)


def test_good_events_are_the_others_of_the_bad_ones(tmp_path: Path) -> None:
    sli = {"counters": {"total": "http_requests_total", "good": 'http_requests_total{code=~"2.."}'}}
    service = Service(rules_of(tmp_path, requests(sli=sli)))
    service.series = {GOOD: counter([90] * 8), BAD: counter([10] * 8)}
    service.at("4m", *counted("5m", total=800, bad=80))
    service.judge(tmp_path)


def test_a_service_that_never_had_a_good_event_is_bad(tmp_path: Path) -> None:
    sli = {"counters": {"total": "http_requests_total", "good": 'http_requests_total{code=~"2.."}'}}
    service = Service(rules_of(tmp_path, requests(sli=sli)))
    service.series = {BAD: counter([10] * 8)}
    service.at("4m", *counted("5m", total=80, bad=80))
    service.judge(tmp_path)


@pytest.mark.parametrize(("below", "bound"), [("1s", "1"), ("1s", "1.0"), ("250ms", "0.25")])
def test_a_histogram_is_good_below_its_bound_however_that_is_spelled(tmp_path: Path, below: str, bound: str) -> None:
    sli = {"counters": {"histogram": "http_duration_seconds", "below": below}}
    service = Service(rules_of(tmp_path, requests(sli=sli)))
    service.series = {
        f'http_duration_seconds_bucket{{le="{bound}"}}': counter([90] * 8),
        'http_duration_seconds_bucket{le="10"}': counter([95] * 8),
        "http_duration_seconds_count": counter([100] * 8),
    }
    service.at("4m", *counted("5m", total=800, bad=80))
    service.judge(tmp_path)


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("0.30", "0.3"),
        ("3e-1", "0.3"),
        ("1000000", "1e+06"),
        ("1e6", "1000000.0"),
        ("0.00001", "1e-05"),
        ("inf", "+Inf"),
    ],
)
def test_a_bound_is_the_number_that_it_is_however_it_is_spelled(tmp_path: Path, written: str, shown: str) -> None:
    """The engine compares them as numbers, and where rules found no good events all would be bad."""
    sli = {"counters": {"total": "sizes_count", "good": f'sizes_bucket{{le="{written}"}}'}}
    service = Service(rules_of(tmp_path, requests(sli=sli)))
    service.series = {f'sizes_bucket{{le="{shown}"}}': counter([90] * 8), "sizes_count": counter([100] * 8)}
    service.at("4m", *counted("5m", total=800, bad=80))
    service.judge(tmp_path)


def test_several_metrics_are_told_apart_by_their_names(tmp_path: Path) -> None:
    sli = {"counters": {"total": '{__name__=~"(ok|failed)_total"}', "bad": "failed_total"}}
    service = Service(rules_of(tmp_path, requests(sli=sli)))
    service.series = {"ok_total": counter([90] * 8), "failed_total": born([0] * 4 + [10] * 4)}
    service.at("2m", *counted("5m", total=360, bad=0))
    service.at("4m", *counted("5m", total=760, bad=40, known=240))
    service.judge(tmp_path)


def test_a_label_of_the_series_is_not_in_the_way_of_the_name_of_their_metric(tmp_path: Path) -> None:
    sli = {"counters": {"total": '{__name__=~"(ok|failed)_total"}', "bad": "failed_total"}}
    service = Service(rules_of(tmp_path, requests(sli=sli)))
    service.series = {f'ok_total{{metric="{metric}"}}': counter([45] * 8) for metric in ("reads", "writes")}
    service.at("4m", *counted("5m", total=720, bad=0))
    service.judge(tmp_path)


PROBES = [{"name": "gate", "type": "http", "url": "http://127.0.0.1:8084/", "interval": "10s"}]


def test_rounds_of_a_probe_are_counted_as_the_watch_counts_them(tmp_path: Path) -> None:
    """Three rounds a step; in the last four minutes one of three saw nothing, which is neither good nor bad."""
    service = Service(rules_of(tmp_path, requests(sli={"probe": "gate"}), probes=PROBES))
    service.series = {
        'slo_sli_good_total{slo="api-availability"}': counter([3] * 4 + [2] * 2 + [2] * 8),
        'slo_sli_bad_total{slo="api-availability"}': counter([0] * 4 + [1] * 2 + [0] * 8),
        'slo_sli_unknown_total{slo="api-availability"}': counter([0] * 6 + [1] * 8),
        'slo_sli_bad_total{slo="another"}': counter([3] * 14),
    }
    service.at("3m", *counted("5m", total=18, bad=2, known=180))
    service.at("7m", *counted("30m", total=34, bad=2, known=180 + 240 * 2 / 3))
    service.at("7m", firing())
    service.judge(tmp_path)


SERVERS = [{"name": "main", "url": "http://127.0.0.1:9090"}]


def asked(tmp_path: Path, *, total: str, bad: str) -> Service:
    """An SLO of expressions for a server."""
    sli = {"prometheus": {"server": "main", "total": total, "bad": bad}}
    return Service(rules_of(tmp_path, requests(sli=sli), servers=SERVERS))


@pytest.mark.parametrize(
    ("total", "bad"),
    [
        ("sum(http_requests_total)", 'sum(http_requests_total{code="500"})'),
        ("sum(rate(http_requests_total[{{.window}}]))", 'sum(rate(http_requests_total{code="500"}[{{.window}}]))'),
        ("http_requests_total", '(sum(http_requests_total{code="500"}) or vector(0))'),
    ],
)
def test_expressions_that_only_add_up_counters_are_counted_by_their_samples(
    tmp_path: Path, total: str, bad: str
) -> None:
    service = asked(tmp_path, total=total, bad=bad)
    service.series = {GOOD: counter([100] * 12), BAD: born([0] * 6 + [7] + [0] * 5)}
    service.at("3m30s", *counted("5m", total=707, bad=7, known=210))
    service.judge(tmp_path)


def test_increases_over_a_window_are_asked_for_whole(tmp_path: Path) -> None:
    service = asked(
        tmp_path,
        total="sum(increase(ok_total[{{.window}}])) # good ones\n + sum(increase(error_total[{{.window}}])) # bad ones",
        bad="sum(increase(error_total[{{.window}}])) * 1 # all of them",
    )
    service.series = {"ok_total": counter([90] * 40), "error_total": counter([10] * 40)}
    # A range of five minutes holds eleven samples here, which are extrapolated to nothing more.
    service.at("20m", *counted("5m", total=1000, bad=100, known=300))
    service.at("20m", figure("slo:sli_error:ratio_rate30d", 0.1))
    service.at("20m", *counted("30d", total=4000, bad=400))
    service.at("20m", firing("page 1h/5m"))
    service.judge(tmp_path)


def test_a_step_for_which_an_expression_gives_no_number_is_not_known(tmp_path: Path) -> None:
    """The bad share of all events is 0 / 0 where there are none; nothing of that is left in longer windows."""
    total = "sum(increase(all_total[{{.window}}]))"
    share = "sum(increase(error_total[{{.window}}])) / sum(increase(all_total[{{.window}}]))"
    service = asked(tmp_path, total=total, bad=f"{total} * ({share})")
    service.series = {
        "all_total": counter([0] * 20 + [100] * 20),
        "error_total": counter([0] * 20 + [10] * 20),
    }
    service.at("9m", *counted("30s", total=None, bad=None, known=None), firing())
    service.at("9m", figure(NOT_NUMBERS, 0))
    service.at("20m", figure("slo:sli_error:ratio_rate30d", 0.1), figure("slo:sli_error:ratio_rate6h", 0.1))
    service.judge(tmp_path)


def test_of_values_that_fall_nothing_is_known(tmp_path: Path) -> None:
    """A sum that falls has lost an addend, or one was reset: how much was counted cannot be told."""
    service = asked(tmp_path, total="sum(ok_total) + sum(error_total)", bad="sum(error_total)")
    service.series = {
        "ok_total": [*counter([90] * 6, start=1000), *counter([90] * 5, start=90)],
        "error_total": counter([10] * 12),
    }
    service.at("3m", *counted("5m", total=600, bad=60, known=180))
    service.at("3m30s", *counted("5m", total=600, bad=60, known=180))
    service.at("5m", *counted("30m", total=900, bad=90, known=270))
    service.judge(tmp_path)
