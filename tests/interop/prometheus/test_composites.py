"""SLOs that are made of others, judged by promtool."""

from pathlib import Path

from tests.interop.prometheus.promtool import Service, born, counter, figure, requests, rules_of

PAGE = {"long": "10m", "short": "2m", "budget": "10%", "severity": "page", "min_bad_events": 0}


def of(name: str) -> dict[str, object]:
    """An SLO of 99 % over ten hours of the requests to the service of that name."""
    counters = {"total": f'requests_total{{to="{name}"}}', "bad": f'requests_total{{to="{name}",code="500"}}'}
    return requests(name=name, objective="99%", window="10h", burn_policy=[PAGE], sli={"counters": counters})


def ok(service: str) -> str:
    """The counter of the good requests to a service."""
    return f'requests_total{{to="{service}",code="200"}}'


def failed(service: str) -> str:
    """The counter of the bad ones."""
    return f'requests_total{{to="{service}",code="500"}}'


def made_of(sli: dict[str, object]) -> dict[str, object]:
    """An SLO of 99 % over ten hours, of others."""
    return requests(name="whole", objective="99%", window="10h", burn_policy=[PAGE], sli=sli)


def own(metric: str) -> str:
    """The series of a metric that are those of the whole."""
    return f'{metric}{{sloth_id="whole"}}'


def test_two_outages_one_after_the_other_add_up_where_each_member_is_needed(tmp_path: Path) -> None:
    """Each fails for two minutes: four of twenty are bad, whatever their traffic is."""
    service = Service(rules_of(tmp_path, of("a"), of("b"), made_of({"all_of": ["a", "b"]})))
    service.series = {
        ok("a"): counter([1000] * 10 + [0] * 4 + [1000] * 26),
        failed("a"): born([0] * 10 + [1000] * 4 + [0] * 26),
        ok("b"): counter([1] * 20 + [0] * 4 + [1] * 16),
        failed("b"): born([0] * 20 + [1] * 4 + [0] * 16),
    }
    service.at("20m", figure(own("slo:sli_error:ratio_rate10h"), 8 / 40))
    service.at("20m", figure(own("slo:period_error_budget_remaining:ratio"), 1 - 8 / 40 * (20 / 600) / 0.01))
    service.judge(tmp_path)


def test_a_member_may_fail_as_much_as_its_own_objective_allows(tmp_path: Path) -> None:
    service = Service(rules_of(tmp_path, of("a"), of("b"), made_of({"all_of": ["a", "b"]})))
    service.series = {
        ok("a"): counter([99] * 10 + [98] * 10),
        failed("a"): counter([1] * 10 + [2] * 10),
        ok("b"): counter([100] * 20),
    }
    service.at("5m", figure(own("slo:sli_error:ratio_rate10m"), 0.0))
    service.at("10m", figure(own("slo:sli_error:ratio_rate10m"), 0.5))
    service.judge(tmp_path)


def test_a_step_is_unknown_where_one_member_is_and_none_has_failed(tmp_path: Path) -> None:
    """Nothing is known of b in the first five minutes, and a fails in the last two of them."""
    service = Service(rules_of(tmp_path, of("a"), of("b"), made_of({"all_of": ["a", "b"]})))
    service.series = {
        ok("a"): counter([100] * 6 + [0] * 4 + [100] * 10),
        failed("a"): counter([0] * 6 + [100] * 4 + [0] * 10),
        ok("b"): [None] * 10 + counter([100] * 10),
    }
    service.at("5m", figure('slo:sli_events:sum{sloth_window="10m",sloth_id="whole",entry="known_seconds"}', 120))
    service.at("5m", figure(own("slo:sli_error:ratio_rate10m"), 1.0))
    service.at(
        "10m", figure('slo:sli_events:sum{sloth_window="10m",sloth_id="whole",entry="known_seconds"}', 420, places=0)
    )
    service.judge(tmp_path)


def test_a_weighted_mean_is_that_of_the_error_ratios(tmp_path: Path) -> None:
    """20 % of the few requests of a fail, and 4 % of the many of b: with three parts and one that is 16 %."""
    service = Service(rules_of(tmp_path, of("a"), of("b"), made_of({"weighted": {"a": 3, "b": 1}})))
    service.series = {
        ok("a"): counter([8] * 20),
        failed("a"): counter([2] * 20),
        ok("b"): counter([9600] * 20),
        failed("b"): counter([400] * 20),
    }
    service.at("10m", figure(own("slo:sli_error:ratio_rate10m"), 0.16))
    service.at("10m", figure(own("slo:current_burn_rate:ratio"), 16.0))
    service.at("10m", figure(own("slo:period_error_budget_remaining:ratio"), 1 - 0.16 * (10 / 600) / 0.01))
    service.at("10m", figure('count(ALERTS{sloth_id="whole",alertstate="firing"})', 1))
    service.judge(tmp_path)


def test_a_member_without_traffic_lost_nothing(tmp_path: Path) -> None:
    service = Service(rules_of(tmp_path, of("a"), of("b"), made_of({"weighted": {"a": 1, "b": 1}})))
    service.series = {
        ok("a"): counter([0] * 20),
        ok("b"): counter([60] * 20),
        failed("b"): counter([40] * 20),
    }
    service.at("10m", figure(own("slo:sli_error:ratio_rate10m"), 0.2))
    service.judge(tmp_path)


def test_nothing_is_said_of_a_mean_of_which_one_member_is_not_known(tmp_path: Path) -> None:
    service = Service(rules_of(tmp_path, of("a"), of("b"), made_of({"weighted": {"a": 1, "b": 1}})))
    service.series = {ok("b"): counter([60] * 20), failed("b"): counter([40] * 20)}
    service.at("10m", figure(own("slo:sli_error:ratio_rate10m"), None))
    service.at("10m", figure('count(ALERTS{sloth_id="whole",alertstate="firing"})', None))
    service.judge(tmp_path)
