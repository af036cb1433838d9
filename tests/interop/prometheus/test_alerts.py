"""What fires, and when: counters in, alerts out, judged by promtool."""

from datetime import timedelta
from pathlib import Path

import pytest

from tests.interop.prometheus.promtool import (
    STALE,
    Service,
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

QUICK = [{"long": "10m", "short": "2m", "budget": "10%", "severity": "page"}]
"""Of an SLO of 99 % over 10 h: a page after a minute of full outage within 10 minutes."""


def quick(**changes: object) -> dict[str, object]:
    """An SLO that pages after 36 s of full outage within 10 minutes, and 7.2 s within 2."""
    return requests(objective="99%", window="10h", burn_policy=QUICK, **changes)


def test_a_full_outage_after_six_healthy_hours_pages_at_60_s(tmp_path: Path) -> None:
    """51.84 s of full outage are 2 % of the budget, whatever the history; 129.6 s 5 %, and 259.2 s 10 %."""
    service = Service(rules_of(tmp_path, requests()))
    healthy, out = steps("6h"), steps("10m")
    service.series = {GOOD: counter([300] * healthy + [0] * out), BAD: born([0] * healthy + [300] * out)}
    service.at("6h30s", firing())
    service.at("6h1m", firing("page 1h/5m"))
    service.at("6h2m", firing("page 1h/5m"))
    service.at("6h2m30s", firing("page 1h/5m", "page 6h/30m"))
    service.at("6h4m", firing("page 1h/5m", "page 6h/30m"))
    service.at("6h4m30s", firing("page 1h/5m", "page 6h/30m", "ticket 1d/2h", "ticket 3d/6h"))
    service.judge(tmp_path)


def test_one_failed_request_in_the_first_minute_never_pages(tmp_path: Path) -> None:
    service = Service(rules_of(tmp_path, requests()))
    service.series = {GOOD: counter([1, 0, 1, 0, 1, 0, 1, 0]), BAD: born([0, 1, 0, 0, 0, 0, 0, 0])}
    for step in range(9):
        service.at(timedelta(seconds=30 * step), firing())
    service.at(
        "4m",
        figure("slo:sli_error:ratio_rate5m", 1 / 5),
        figure('slo:burn_rate:ratio{sloth_window="1h"}', (1 / 5) * (240 / 3600) / 0.001),
    )
    service.judge(tmp_path)


def test_an_alert_clears_with_its_short_window(tmp_path: Path) -> None:
    service = Service(rules_of(tmp_path, quick()))
    service.series = {
        GOOD: counter([100] * 20 + [0] * 2 + [100] * 10),
        BAD: counter([0] * 20 + [100] * 2 + [0] * 10),
    }
    service.at("10m30s", firing())
    service.at("11m", firing("page 10m/2m"))
    service.at("12m30s", firing("page 10m/2m"))
    service.at("13m", firing())
    service.judge(tmp_path)


@pytest.mark.parametrize("gap", [None, STALE])
def test_lost_data_never_resolves_an_alert(tmp_path: Path, gap: str | None) -> None:
    """What fires when nothing is scraped any more goes on, and clears when the short window is known again."""
    lost = [gap] + [None] * 39
    service = Service(rules_of(tmp_path, quick()))
    service.series = {
        GOOD: [*counter([100] * 20 + [0] * 4), *lost, *counter([100] * 10, start=4000)],
        BAD: [*counter([0] * 20 + [100] * 4), *lost, *counter([0] * 10, start=400)],
    }
    service.at("11m", firing("page 10m/2m"))
    service.at("20m", firing("page 10m/2m"))
    service.at("31m30s", firing("page 10m/2m"))
    service.at("35m", firing())
    service.judge(tmp_path)


def test_a_page_below_its_least_bad_events_is_a_ticket(tmp_path: Path) -> None:
    policy = [{**QUICK[0], "min_bad_events": 3}]
    service = Service(rules_of(tmp_path, quick() | {"burn_policy": policy}))
    service.series = {GOOD: counter([1] * 10 + [0] * 6), BAD: born([0] * 10 + [1] * 6)}
    service.at("5m30s", firing())
    service.at("6m", firing("ticket 10m/2m"))
    service.at("6m30s", firing("page 10m/2m"))
    service.judge(tmp_path)


def test_for_is_how_long_a_pair_must_burn(tmp_path: Path) -> None:
    policy = [{**QUICK[0], "for": "2m"}]
    service = Service(rules_of(tmp_path, quick() | {"burn_policy": policy}))
    service.series = {GOOD: counter([100] * 20 + [0] * 8), BAD: born([0] * 20 + [100] * 8)}
    service.at("11m", firing())
    service.at("12m30s", firing())
    service.at("13m", firing("page 10m/2m"))
    service.judge(tmp_path)


def test_reaching_the_least_bad_events_does_not_begin_the_wait_anew(tmp_path: Path) -> None:
    """It burns from 6m on, and so fires at 8m: as a page, because by then there are five bad events or more."""
    policy = [{**QUICK[0], "min_bad_events": 5, "for": "2m"}]
    service = Service(rules_of(tmp_path, quick() | {"burn_policy": policy}))
    service.series = {GOOD: counter([1] * 10 + [0] * 8), BAD: born([0] * 10 + [1] * 8)}
    service.at("7m30s", firing())
    service.at("8m", firing("page 10m/2m"))
    service.judge(tmp_path)


def test_each_group_has_alerts_of_its_own(tmp_path: Path) -> None:
    service = Service(rules_of(tmp_path, quick(group_by=["cluster"])))
    for cluster, broken in (("eu", 100), ("us", 0)):
        good = counter([100] * 20 + [100 - broken] * 4)
        service.series[f'http_requests_total{{code="200",cluster="{cluster}"}}'] = good
        service.series[f'http_requests_total{{code="500",cluster="{cluster}"}}'] = born([0] * 20 + [broken] * 4)
    service.at("11m", firing("eu page 10m/2m", by=["cluster"]))
    service.at("12m", figure('slo:sli_error:ratio_rate2m{cluster="us"}', 0.0))
    service.at("12m", figure('slo:sli_error:ratio_rate2m{cluster="eu"}', 1.0))
    service.judge(tmp_path)


def test_an_alert_says_which_pair_fires_of_which_slo(tmp_path: Path) -> None:
    labels = {"service": "api", "customer": "acme", "note": "{{ not a template }}"}
    service = Service(rules_of(tmp_path, quick(labels=labels, description="Requests of {{ everybody }}.")))
    service.series = {GOOD: counter([100] * 20 + [0] * 2), BAD: born([0] * 20 + [100] * 2)}
    service.alerts(
        "11m",
        {
            "customer": "acme",
            "long_window": "10m",
            "note": "{{ not a template }}",
            "service": "api",
            "severity": "page",
            "short_window": "2m",
            "sloth_id": "api-availability",
            "sloth_service": "api",
            "sloth_severity": "page",
            "sloth_slo": "availability",
        },
        {
            "title": "(page) api-availability SLO error budget burn rate is too fast.",
            "summary": "api-availability burns more than 6x its error budget",
            "description": "More than 10 % of the error budget of 10h went within 10m, and the last 2m go on so. "
            "Requests of {{ everybody }}.",
        },
    )
    service.judge(tmp_path)
