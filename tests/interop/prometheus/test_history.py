"""What our rules say of the past in a real Prometheus is what replay says of it, and what events say."""

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from benchmarks._sloth import RATIO_5M, of_requests
from benchmarks._sloth import rules as sloth_rules
from slo.interop.prometheus.series import ERROR_BUDGET, ID, PERIOD_BURN, REMAINING, SEEN, WINDOW, error_ratio
from tests.e2e.prometheus import Prometheus
from tests.interop.prometheus.days import DAYS, Hours
from tests.interop.prometheus.history import History, Rule, values
from tests.interop.prometheus.judge import changes_of, replayed, step_of, write, write_rules
from tests.interop.prometheus.month import BEGIN, END, IDLE, OUTAGES, Requests, write_month
from tests.interop.prometheus.simulated import RULES, groups_in

STEP = 30
SHORT = [one for one in DAYS if "full outage" in one.name and one.hours == 2][:3]
MEAN = error_ratio(30 * 86_400)
SIX_HOURS = 21_600
"""Windows longer than this are sums of shorter ones, which are read at so many seconds from one another."""


def rules_in(folder: Path) -> list[Rule]:
    """The rules that we wrote, in the order of their file."""
    return [rule for group in groups_in(folder / RULES) for rule in group["rules"]]


@pytest.mark.parametrize("hours", [pytest.param(one, id=one.name) for one in SHORT])
def test_a_real_prometheus_with_the_recording_fires_when_replay_does(hours: Hours, tmp_path: Path) -> None:
    scenario = hours.scenario
    write(scenario, tmp_path)
    step = step_of(tmp_path)
    rules = rules_in(tmp_path)
    ours = changes_of(scenario, replayed(tmp_path, step))
    times = range(BEGIN + step, BEGIN + round(hours.hours * 3600), step)
    history = History(tmp_path / "prometheus")
    history.add(tmp_path / "samples.om")
    history.record([rule for rule in rules if "record" in rule], [times])
    firing: dict[tuple[str, str], set[int]] = {alert: set() for alert in ours}
    with history.served() as prometheus:
        for alert in (rule for rule in rules if "alert" in rule):
            found = firing[alert["labels"]["sloth_id"], alert["labels"]["severity"]]
            for _, samples in values(prometheus, alert["expr"], times):
                found |= {at - BEGIN for at, _ in samples}
    theirs = {
        alert: [at - BEGIN for at in times if (at - BEGIN in found) != (at - step - BEGIN in found)]
        for alert, found in firing.items()
    }
    assert theirs == ours


@dataclass(frozen=True, kw_only=True)
class Month:
    """What is known of the month: its events, what replay reports, and a Prometheus with our rules and Sloth's."""

    services: Mapping[str, Requests]
    reports: Mapping[str, Mapping[str, Any]]
    prometheus: Prometheus

    def at(self, time: int, metric: str, service: str) -> float:
        """The value of a figure of a service at a time (Unix seconds): of ours, or of Sloth's by Sloth's name."""
        (one,) = self.prometheus.ask("query", query=f'{metric}{{sloth_id="{service}"}}', time=str(time))["result"]
        return float(one["value"][1])


@pytest.fixture(scope="module")
def month(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Month]:
    """The month, with figures for the times before and after its idle minutes, and at its end."""
    folder = tmp_path_factory.mktemp("month")
    services = write_month(folder)
    reports = {line["slo"]: line for line in replayed(folder, 7200) if line["event"] == "report"}
    write_rules(folder)
    recorded = (rule for rule in rules_in(folder) if "record" in rule)
    rules = [rule for rule in recorded if rule["labels"][ID] in OUTAGES]
    counting = [rule for rule in rules if rule["record"] == SEEN or rule["labels"].get(WINDOW) == f"{STEP}s"]
    sloth = json.loads(sloth_rules(of_requests(each.service) for each in services))
    of_sloth = [rule for group in sloth["groups"] for rule in group["rules"] if "record" in rule]
    short = [rule for rule in of_sloth if rule["record"] == RATIO_5M]
    figures = [rule for rule in of_sloth if rule["record"] in (MEAN, ERROR_BUDGET, PERIOD_BURN, REMAINING)]
    history = History(folder / "prometheus")
    history.add(folder / "samples.om")
    history.record([*counting, *short], [range(BEGIN + STEP, END + 1, STEP)])
    times = [range(BEGIN + (time - BEGIN) % SIX_HOURS, time + 1, SIX_HOURS) for time in (IDLE.start, IDLE.stop, END)]
    history.record([*(rule for rule in rules if rule not in counting)], times)
    history.record(figures, [range(time, time + 1, STEP) for time in (IDLE.start, IDLE.stop, END)])
    with history.served() as prometheus:
        yield Month(services={each.service: each for each in services}, reports=reports, prometheus=prometheus)


def test_the_budget_of_a_month_is_what_replay_reports_and_what_events_say(month: Month) -> None:
    for service, requests in month.services.items():
        left = month.reports[service]["budget"]["remaining"]
        assert left == pytest.approx(1 - requests.spent, rel=1e-9)
        assert month.at(END, REMAINING, service) == pytest.approx(left, rel=1e-9)


def test_an_outage_at_night_and_one_at_the_peak_differ_as_events_do_and_are_the_same_to_sloth(month: Month) -> None:
    """A mean of ratios gives every five minutes the same weight, however few requests there were in them.

    Replay says as Sloth does where it is told to count like that.
    """
    spent = {service: 1 - month.at(IDLE.start, REMAINING, service) for service in month.services}
    assert spent == {"peak": pytest.approx(4.26, abs=0.005), "night": pytest.approx(0.043, abs=0.0005)}
    by_sloth = {service: 1 - month.at(IDLE.start, REMAINING, f"{service}-availability") for service in month.services}
    assert by_sloth == {"peak": pytest.approx(1.39, abs=0.002), "night": pytest.approx(1.39, abs=0.002)}
    slices = {service: month.reports[f"{service}-ratio_timeslices"]["budget"] for service in month.services}
    assert {service: 1 - budget["remaining"] for service, budget in slices.items()} == pytest.approx(by_sloth, rel=1e-3)


def test_twenty_idle_minutes_leave_the_budget_as_it_is_and_no_number_to_sloth(month: Month) -> None:
    for service in month.services:
        before, after, at_end = (month.at(time, REMAINING, service) for time in (IDLE.start, IDLE.stop, END))
        assert after == pytest.approx(before, abs=2e-3)
        assert at_end == pytest.approx(before, abs=4e-3)
        assert not math.isnan(month.at(IDLE.start, REMAINING, f"{service}-availability"))
        assert math.isnan(month.at(IDLE.stop, REMAINING, f"{service}-availability"))
        assert math.isnan(month.at(END, REMAINING, f"{service}-availability"))
