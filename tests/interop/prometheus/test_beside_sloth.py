"""Our rules and Sloth's over the same samples: where they are to differ, and where they are to agree."""

import math
from itertools import accumulate
from pathlib import Path

import pytest
import yaml

from benchmarks._sloth import PLACEHOLDER, SlothSLO
from benchmarks._sloth import rules as sloth_rules
from slo.interop.prometheus.series import REMAINING, error_ratio
from tests.interop.prometheus.days import Hours, Target, half_day, month, span
from tests.interop.prometheus.judge import replayed, write, write_rules
from tests.interop.prometheus.promtool import requests
from tests.interop.prometheus.simulated import RULES, Question, differences
from tests.replay.oracle import DAY, SECOND
from tests.replay.oracle_counts import Series
from tests.replay.recordings import Scenario
from tests.replay.scenarios import NEW_YEAR

STEP = 30
BOTH = (RULES, "sloth.yml")
MEAN = error_ratio(DAY // SECOND * 30)


def write_sloth(folder: Path) -> None:
    """Write the rules that Sloth makes of the share of requests that are answered with 5xx."""
    bad, everything = (f"sum(rate(http_requests_total{kind}[{PLACEHOLDER}]))" for kind in ('{code=~"5.."}', ""))
    slo = SlothSLO(service="sloth", error_ratio=f"({bad})\n/\n({everything})")
    (folder / "sloth.yml").write_text(sloth_rules([slo]), encoding="utf-8")


def without_number(slo: str) -> str:
    """How many of the series that are recorded for an SLO are NaN."""
    recorded = f'{{__name__=~"slo:.+",sloth_id="{slo}"}}'
    return f"count({recorded}) - count({recorded} >= -Inf)"


def is_near(metric: str, slo: str, other: float | str, tolerance: float) -> str:
    """Whether the figure of an SLO is near to a number, or to that of another SLO."""
    compared = f'sum({metric}{{sloth_id="{other}"}})' if isinstance(other, str) else repr(other)
    return f'abs(sum({metric}{{sloth_id="{slo}"}}) - {compared}) < bool {tolerance!r}'


def test_twenty_idle_minutes_leave_no_figure_of_ours_without_a_number_but_sloths(tmp_path: Path) -> None:
    idle = span(60, 20)
    scenario = Hours(
        name="twenty idle minutes",
        hours=1.75,
        objectives=[month(), half_day()],
        targets=[Target(weather={"errors": 0.002, "idle": [idle]})],
    ).scenario
    write(scenario, tmp_path)
    write_sloth(tmp_path)
    begins, ends, last = 3600, 4800, 6270
    times = range(2 * STEP, last + 1, STEP)
    expected: dict[Question, float] = {
        (without_number(slo), at): 0 for slo in ("month", "half-day", "sloth-availability") for at in times
    }
    unchanged = f'sum({MEAN}{{sloth_id="month"}}) - sum({MEAN}{{sloth_id="month"}} offset {ends - begins - STEP}s)'
    expected[unchanged, ends] = 0
    for report in (line for line in replayed(tmp_path, STEP) if line["event"] == "report"):
        left = report["budget"]["remaining"]
        expected[is_near(REMAINING, report["slo"], left, (1 - left) / 100), last] = 1
    wrong = differences(tmp_path, scenario.recording, expected, step=STEP, rule_files=BOTH)
    assert {expression for expression, _ in wrong} == {without_number("sloth-availability")}
    assert (min(at for _, at in wrong), max(at for _, at in wrong)) == (begins + 300, last)


def shop(index: int) -> tuple[int, int]:
    """All requests in the 30 s up to a scrape, and those that fail: one in ten for half an hour, and some always."""
    requests = round(200 + 150 * math.sin(index / 40)) if index else 0
    return requests, requests // 10 if 120 < index <= 180 else int(index % 7 == 1)


def test_ratio_timeslices_are_sloths_arithmetic(tmp_path: Path) -> None:
    steps = 360
    counted = [shop(index) for index in range(steps + 1)]
    good, bad = ([requests - failed for requests, failed in counted], [failed for _, failed in counted])
    recording = [
        Series(
            labels={"__name__": "http_requests_total", "job": "api", "instance": "a:80", "code": code},
            samples=[(NEW_YEAR + index * STEP * SECOND, value) for index, value in enumerate(accumulate(events))],
        )
        for code, events in (("200", good), ("500", bad))
    ]
    scenario = Scenario(story="", recording=recording, objectives=[], slot=10 * SECOND, step=STEP * SECOND)
    (tmp_path / "samples.om").write_text(scenario.samples, encoding="utf-8")
    slo = requests(name="slices", budgeting={"method": "ratio_timeslices"})
    (tmp_path / "config.yaml").write_text(yaml.safe_dump({"slos": [slo]}), encoding="utf-8")
    write_rules(tmp_path)
    write_sloth(tmp_path)
    expected: dict[Question, float] = {
        (is_near(figure, "slices", "sloth-availability", 1e-9), at): 1
        for figure in (MEAN, REMAINING)
        for at in (STEP, 600, 5000 // STEP * STEP, steps * STEP)
    }
    assert not differences(tmp_path, recording, expected, step=STEP, rule_files=BOTH)
    slices = [counted[first + 1 : first + 11] for first in range(0, steps, 10)]
    mean = sum(sum(failed for _, failed in each) / sum(all_ for all_, _ in each) for each in slices) / len(slices)
    (report,) = (line for line in replayed(tmp_path, STEP) if line["event"] == "report")
    assert report["budget"]["sli"] == pytest.approx(1 - mean, abs=1e-12)
    assert report["budget"]["remaining"] == pytest.approx(1 - mean / 0.001, rel=1e-9)
