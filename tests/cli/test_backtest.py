"""`watchkeep backtest` over a real Prometheus says what a replay of the same samples says."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from slo.cli.main import cli
from tests.replay.oracle_counts import Series
from tests.services import free_port
from tests.sources.prometheus.stored import openmetrics, prometheus

BEGIN = 1_767_225_600
HOURS = 5
STEP_MS = 30_000
CONFIG = """
servers: [{{name: history, url: {url}, interval: 30s}}, {{name: gone, url: 'http://127.0.0.1:{closed}', interval: 30s}}]
scrapes: [{{name: api, url: 'http://api.example/metrics', interval: 30s}}]
probes: [{{name: gate, type: http, url: 'http://gate.example/'}}]
slos:
  - name: api
    objective: 99%
    window: 1d
    sli: {{counters: {{total: requests_total, bad: 'requests_total{{code="500"}}'}}}}
    burn_policy:
      - {{long: 30m, short: 5m, budget: 10%, severity: page}}
      - {{long: 2h, short: 10m, budget: 10%, severity: ticket}}
  - name: asked
    objective: 99%
    window: 1d
    sli: {{prometheus: {{server: gone, total: sum(requests_total), bad: 'sum(requests_total{{code="500"}})'}}}}
  - {{name: probed, objective: 99%, window: 30d, sli: {{probe: gate}}}}
"""

MORE = """
  - name: clusters
    objective: 99%
    window: 1d
    group_by: [code]
    sli: {{counters: {{total: requests_total, bad: 'requests_total{{code="500"}}'}}}}
    burn_policy: [{{long: 30m, short: 5m, budget: 10%, severity: page}}]
  - name: both
    objective: 99%
    window: 1d
    sli: {{all_of: [api, other]}}
    burn_policy: [{{long: 30m, short: 5m, budget: 10%, severity: page}}]
  - name: other
    objective: 99%
    window: 1d
    sli: {{counters: {{total: 'requests_total{{job="api"}}', bad: 'requests_total{{code="500"}}'}}}}
    burn_policy: [{{long: 30m, short: 5m, budget: 10%, severity: page}}]
  - {{name: mixed, objective: 99%, window: 30d, sli: {{all_of: [api, probed]}}}}
"""
"""Groups, which are found on the server, and what is made of other SLOs."""


def recording() -> list[Series]:
    """Five hours of a service of which half fails for twenty minutes after three hours."""
    counted = {"200": 0, "500": 0}
    samples: dict[str, list[tuple[int, float]]] = {"200": [], "500": []}
    for index in range(HOURS * 120 + 1):
        failed = 50 if 360 <= index < 400 else index % 100 == 0
        counted["200"] += 100 - failed
        counted["500"] += failed
        for code, series in samples.items():
            series.append((BEGIN * 1000 + index * STEP_MS, float(counted[code])))
    return [
        Series(labels={"__name__": "requests_total", "job": "api", "instance": "a", "code": code}, samples=series)
        for code, series in samples.items()
    ]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with prometheus(tmp_path_factory.mktemp("prometheus"), recording()) as url:
        yield url


@pytest.fixture
def more(config: Path, server: str) -> Path:
    config.write_text((CONFIG + MORE).format(url=server, closed=free_port()), encoding="utf-8")
    return config


@pytest.fixture
def config(tmp_path: Path, server: str) -> Path:
    file = tmp_path / "watch.yaml"
    file.write_text(CONFIG.format(url=server, closed=free_port()), encoding="utf-8")
    return file


def backtest(config: Path, *arguments: str, server: str = "history") -> Result:
    period = ("--from", "2026-01-01", "--to", "2026-01-01T05:00:00Z")
    return CliRunner().invoke(cli, ["backtest", "-c", str(config), "--server", server, *period, *arguments])


def lines(result: Result) -> list[dict[str, Any]]:
    return [json.loads(line) for line in result.stdout.splitlines()]


def about(document: dict[str, Any]) -> str:
    return f"{document['slo']} {document.get('scope', '')}".strip()


def test_a_backtest_says_what_a_replay_of_the_same_samples_says(config: Path, tmp_path: Path) -> None:
    samples = tmp_path / "samples.om"
    samples.write_text("".join(openmetrics(recording())), encoding="utf-8")
    replayed = CliRunner().invoke(cli, ["replay", "-c", str(config), "--samples", str(samples), "--json"])
    expected = [each for each in lines(replayed) if each["slo"] == "api"]
    found = lines(backtest(config, "--json"))
    assert [each["event"] for each in found].count("alert") == 4
    assert [each for each in found if each["event"] == "alert"] == [
        each for each in expected if each["event"] == "alert"
    ]
    for window in ("5m", "30m", "2h"):
        assert found[-1]["windows"][window] == expected[-1]["windows"][window]


def test_groups_and_what_is_made_of_other_slos_are_judged_as_in_a_replay(more: Path, tmp_path: Path) -> None:
    samples = tmp_path / "samples.om"
    samples.write_text("".join(openmetrics(recording())), encoding="utf-8")
    replayed = lines(CliRunner().invoke(cli, ["replay", "-c", str(more), "--samples", str(samples), "--json"]))
    result = backtest(more, "--json")
    alerts = [each for each in lines(result) if each["event"] == "alert"]
    assert alerts == [each for each in replayed if each["event"] == "alert"]
    assert {about(each) for each in alerts} == {"api", "both", "other", "clusters code=500"}
    figures = {about(each) for each in lines(result) if each["event"] == "report"}
    assert figures == {"api", "both", "other", "clusters code=200", "clusters code=500"}
    assert "mixed is passed over: history is not asked for it" in result.stderr


def test_groups_of_a_server_that_does_not_answer_are_an_error(more: Path) -> None:
    result = backtest(more, server="gone")
    assert result.exit_code == 1
    assert "the groups of clusters cannot be looked for: connect_refused" in result.output


def test_people_read_how_often_it_would_have_paged(config: Path) -> None:
    result = backtest(config)
    assert "2026-01-01 03:0" in result.output
    assert "page" in result.output
    assert result.stderr.splitlines() == [
        "warning: asked is passed over: history is not asked for it",
        "warning: probed is passed over: history is not asked for it",
    ]


def test_the_history_before_the_period_is_known_when_it_begins(config: Path) -> None:
    late = ("--from", "2026-01-01T04:30:00Z", "--json")
    whole, last = lines(backtest(config, "--json")), lines(backtest(config, *late))
    assert [each for each in last if each["event"] == "alert"] == [
        each for each in whole if each["event"] == "alert" and each["at"] > "2026-01-01T04:30:00Z"
    ]
    assert last[-1]["windows"]["2h"] == whole[-1]["windows"]["2h"]


def test_a_server_that_does_not_answer_is_an_error(config: Path) -> None:
    result = backtest(config, server="gone")
    assert result.exit_code == 1
    assert "the server gone answered nothing: connect_refused" in result.output


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--server", "histroy"), "there is no server histroy: did you mean history?"),
        (("--from", "yesterday"), "--from yesterday: is no point in time: write it as 2026-03-01T00:00:00Z"),
        (("--from", "2026-01-02"), "--from 2026-01-02: is not before the end: write an earlier time"),
        (("--to", "2199-01-01"), "--to 2199-01-01: is in the future: leave it out, which means now"),
        (("--step", "7s"), "--step 7s: is not a whole number of slots of 10s"),
    ],
)
def test_what_cannot_be_is_refused_with_the_mend(config: Path, arguments: tuple[str, str], says: str) -> None:
    result = backtest(config, *arguments)
    assert result.exit_code == 2
    assert says in result.output
