"""`watchkeep replay` prints what the engine would have done, and says what is wrong with a recording."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from slo.cli.main import cli

BEGIN = 1_767_225_600
SLO = """
  - name: {name}
    objective: 99.9%
    window: 30d
    sli: {{counters: {{total: 'requests_total{{service="{name}"}}', {part}}}}}
"""
CONFIG = "slos:" + SLO.format(name="api", part="""bad: 'requests_total{service="api",code="500"}'""")


def samples(code: str, counts: Iterator[int] | list[int], *, more: str = "") -> str:
    """One series of counts every 30 s."""
    series = f'requests_total{{service="api"{more},code="{code}"}}'
    return "".join(f"{series} {count} {BEGIN + index * 30}\n" for index, count in enumerate(counts))


def outage(minutes: int, *, of: int = 180, more: str = "") -> str:
    """Three hours of 100 requests each 30 s, of which all fail for some minutes after two hours."""
    good, bad = [0], [0]
    for index in range(1, of * 2):
        failing = 240 <= index < 240 + 2 * minutes
        good.append(good[-1] + (0 if failing else 100))
        bad.append(bad[-1] + (100 if failing else 0))
    return samples("200", good, more=more) + samples("500", bad, more=more)


def replay(tmp_path: Path, text: str | bytes, *arguments: str, config: str = CONFIG) -> Result:
    recording, file = tmp_path / "samples.om", tmp_path / "watch.yaml"
    recording.write_bytes(text if isinstance(text, bytes) else text.encode())
    file.write_text(config, encoding="utf-8")
    return CliRunner().invoke(cli, ["replay", "-c", str(file), "--samples", str(recording), *arguments])


def lines(result: Result) -> list[dict[str, Any]]:
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_each_transition_and_each_report_is_one_line_of_json(tmp_path: Path) -> None:
    told = lines(replay(tmp_path, outage(10) + "# EOF\n", "--json"))
    assert [(each["event"], each.get("severity"), each.get("state")) for each in told] == [
        ("alert", "page", "firing"),
        ("alert", "ticket", "firing"),
        ("alert", "page", "resolved"),
        ("report", None, None),
    ]
    page = told[0]
    assert (page["at"], page["slo"], page["long"], page["short"]) == ("2026-01-01T02:00:30Z", "api", "1h", "5m")
    assert page["burn_long"] == pytest.approx(200 / 12000 / 0.001)
    report = told[-1]
    assert report["windows"].keys() == {"5m", "30m", "1h", "2h", "6h", "1d", "3d"}
    assert report["windows"]["1h"] | {"burn_rate": 0, "sli": 0, "coverage": 0} == {
        "raw": None,
        "good": 10_000,
        "bad": 2_000,
        "unknown": 0,
        "excluded": 0,
        "burn_rate": 0,
        "sli": 0,
        "coverage": 0,
    }
    assert report["budget"]["window"] == "30d"
    assert report["budget"]["remaining"] == pytest.approx(1 - 2_000 / (0.001 * 35_900 / report["budget"]["coverage"]))


def test_people_read_what_it_would_have_said_and_how_it_stands_at_the_end(tmp_path: Path) -> None:
    result = replay(tmp_path, outage(10) + "# EOF\n")
    assert result.exit_code == 0
    assert "2026-01-01 02:00:30 UTC  api  page" in result.output
    assert "At the end, 2026-01-01 02:59:30 UTC" in result.output


def test_a_budget_that_is_overspent_at_the_end_is_told_by_the_exit_code(tmp_path: Path) -> None:
    week = CONFIG.replace("window: 30d", "window: 2h")
    assert replay(tmp_path, outage(30) + "# EOF\n", config=week).exit_code == 1


def test_steps_are_as_asked_for_and_aligned_to_the_epoch(tmp_path: Path) -> None:
    page = next(each for each in lines(replay(tmp_path, outage(10) + "# EOF\n", "--json", "--step", "4m")))
    assert page["at"] == "2026-01-01T02:04:00Z"


@pytest.mark.parametrize(
    ("step", "says"),
    [
        ("7s", "--step 7s: is not a whole number of slots of 10s: write a multiple of 10s\n"),
        ("0", "--step 0: is not a whole number of slots of 10s: write a multiple of 10s\n"),
        ("soon", "--step soon: is no duration: write it with its unit, as 30s\n"),
    ],
)
def test_a_step_that_cannot_be_is_refused(tmp_path: Path, step: str, says: str) -> None:
    result = replay(tmp_path, "# EOF\n", "--step", step)
    assert (result.exit_code, result.output) == (2, says)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("# EOF\n", "holds no samples: record the counters of the SLOs"),
        ("a 1\n# EOF\n", ":1:4: a sample without a timestamp, which replay needs"),
        (outage(1), "# EOF"),
        (b"\x00\xff", ":1:1: "),
        ("<html>\n", ":1:1: expected the name of a metric"),
        ("a 1 20\na 2 10\n# EOF\n", ":2:"),
    ],
    ids=["empty", "no timestamp", "cut", "binary", "a page", "backwards"],
)
def test_what_is_no_recording_is_refused_with_its_place(tmp_path: Path, text: str | bytes, says: str) -> None:
    result = replay(tmp_path, text)
    assert result.exit_code == 2
    assert says in result.output
    assert len(result.output.splitlines()) == 1


def test_a_recording_that_is_not_there_is_refused(tmp_path: Path) -> None:
    (tmp_path / "watch.yaml").write_text(CONFIG, encoding="utf-8")
    arguments = ["replay", "-c", str(tmp_path / "watch.yaml"), "--samples", str(tmp_path / "gone.om")]
    result = CliRunner().invoke(cli, arguments)
    assert (result.exit_code, result.output) == (
        2,
        f"{tmp_path}/gone.om: no such file or directory: name a file that can be read\n",
    )


def test_slos_that_the_recording_says_nothing_about_are_named(tmp_path: Path) -> None:
    config = (
        "probes: [{name: gate, type: http, url: http://gate.example/}]\n"
        + CONFIG
        + SLO.format(name="other", part="good: good_total")
        + "  - {name: probed, objective: 99.9%, window: 30d, sli: {probe: gate}}\n"
    )
    result = replay(tmp_path, outage(10) + "# EOF\n", config=config)
    assert result.stderr.splitlines() == [
        "warning: probed is passed over: it is not counted from counters that a recording has",
        'warning: other: no series matches requests_total{service="other"}, so it stays without data',
    ]


def test_a_part_that_exceeds_its_total_is_told(tmp_path: Path) -> None:
    config = CONFIG.replace("""bad: 'requests_total{service="api",code="500"}'""", "bad: errors_total")
    errors = "".join(f"errors_total {count} {BEGIN + index * 30}\n" for index, count in enumerate([0, 500, 1000, 1000]))
    total = samples("200", [0, 1, 2, 3])
    result = replay(tmp_path, f"{total}{errors}# EOF\n", config=config)
    assert "2026-01-01 00:01:00 UTC: 999 of 1 events were counted, so this slot is unknown" in result.stderr


def test_a_group_is_one_slo_for_each_value(tmp_path: Path) -> None:
    text = outage(10, more=',cluster="eu"') + outage(0, more=',cluster="us"') + "# EOF\n"
    told = lines(replay(tmp_path, text, "--json", config=CONFIG + "    group_by: [cluster]\n"))
    assert {(each["event"], each["slo"], each["scope"]) for each in told} == {
        ("alert", "api", "cluster=eu"),
        ("report", "api", "cluster=eu"),
        ("report", "api", "cluster=us"),
    }


def test_a_group_is_called_as_everywhere_else(tmp_path: Path) -> None:
    text = outage(10, more=',cluster="eu"') + "# EOF\n"
    assert "  api{cluster=eu}  page " in replay(tmp_path, text, config=CONFIG + "    group_by: [cluster]\n").stdout


def test_what_is_made_of_other_slos_is_known_for_as_long_as_these_are_between_scrapes(tmp_path: Path) -> None:
    other = SLO.format(name="other", part="""bad: 'requests_total{service="other",code="500"}'""")
    both = "  - {name: both, objective: 99.9%, window: 30d, sli: {all_of: [api, other]}}\n"
    text = outage(10) + outage(10).replace('service="api"', 'service="other"') + "# EOF\n"
    told = lines(replay(tmp_path, text, "--json", config=CONFIG + other + both))
    reports = {each["slo"]: each for each in told if each["event"] == "report"}
    assert reports["both"]["budget"]["coverage"] == pytest.approx(reports["api"]["budget"]["coverage"], rel=1e-2)
    alerts = [(each["slo"], each["severity"], each["state"]) for each in told if each["event"] == "alert"]
    assert {alert[1:] for alert in alerts if alert[0] == "both"} == {alert[1:] for alert in alerts if alert[0] == "api"}


def test_an_sli_that_lost_its_data_is_told_of_beside_the_alerts(tmp_path: Path) -> None:
    scraped = [index for index in range(240) if not (60 <= index < 100 or 200 <= index < 214)]
    series = 'requests_total{service="api",code="200"}'
    text = "".join(f"{series} {index} {BEGIN + index * 30}\n" for index in scraped) + "# EOF\n"
    result = replay(tmp_path, text)
    assert "Nothing would have fired." in result.stdout
    # The last sample before is of 00:29:30, known for 75 s; then five minutes pass.
    assert "api lost its data at 2026-01-01 00:36:00 UTC, and once more: a watch alerts of that" in result.stderr


def test_the_budget_is_shown_over_every_window(tmp_path: Path) -> None:
    config = CONFIG + "    more_windows: [1d, {calendar: month, zone: Asia/Kolkata}]\n"
    text = outage(10) + "# EOF\n"
    (report,) = (line for line in lines(replay(tmp_path, text, "--json", config=config)) if line["event"] == "report")
    day, month = report["more_budgets"]
    assert (day["window"], day["good"], day["bad"]) == ("1d", 33_900, 2_000)
    assert (month["window"], month["period"], month["bad"]) == ("month (Asia/Kolkata)", "2026-01", 2_000)
    assert ", 1d -" in replay(tmp_path, text, config=config).stdout
    assert ", 2026-01 " in replay(tmp_path, text, config=config).stdout
