"""What fires, and when: counters in, alerts out, each judged by promtool."""

from pathlib import Path

from tests.interop.prometheus.promtool import Service, born, counter, figure, firing, requests, rules_of, steps

GOOD = 'http_requests_total{code="200"}'
BAD = 'http_requests_total{code="500"}'


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
    for minutes in range(1, 5):
        service.at(f"{minutes}m", firing())
    service.at("4m", figure("slo:sli_error:ratio_rate5m", 1 / 5), figure("slo:sli_lost_seconds:sum1h", 240 / 5))
    service.judge(tmp_path)
