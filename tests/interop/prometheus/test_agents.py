"""The rules about agents that the manual has, judged by promtool."""

import json
import re
import subprocess
from pathlib import Path

import pytest

from tests.services import program

MANUAL = Path(__file__).parents[3] / "docs" / "agent" / "centre.md"
AGENT = '{agent="node-1"}'
WELL = f"watchkeep_agent_last_report_timestamp_seconds{AGENT}", "0+10x200"
"""A report every ten seconds. Samples are as far apart."""


def fired(folder: Path, series: dict[str, str], at: str) -> set[tuple[str, str]]:
    """The alerts that fire at that time, each with its summary."""
    (written,) = re.findall(r"```yaml\n(groups:.*?)```", MANUAL.read_text(encoding="utf-8"), re.DOTALL)
    (folder / "rules.yml").write_text(written, encoding="utf-8")
    promtool = program("promtool", package="prometheus")
    checked = subprocess.run([promtool, "check", "rules", "rules.yml"], cwd=folder, capture_output=True, check=False)
    assert checked.returncode == 0, checked.stderr.decode()
    names = re.findall(r"alert: (\w+)", written)
    unit = {
        "rule_files": ["rules.yml"],
        "evaluation_interval": "10s",
        "tests": [
            {
                "interval": "10s",
                "input_series": [{"series": name, "values": values} for name, values in series.items()],
                "alert_rule_test": [{"eval_time": at, "alertname": name, "exp_alerts": []} for name in names],
            }
        ],
    }
    (folder / "unit.yml").write_text(json.dumps(unit), encoding="utf-8")
    done = subprocess.run(
        [promtool, "test", "rules", "unit.yml"], cwd=folder, capture_output=True, text=True, check=False
    )
    said = done.stdout + done.stderr
    assert "SUCCESS" in said or "alertname" in said, said
    found = re.findall(r'Labels:\{(.*?)\}.*?Annotations:\{summary="(.*?)"\}', said, re.DOTALL)
    return {(re.findall(r'alertname="(\w+)"', labels)[0], summary) for labels, summary in found}


@pytest.mark.parametrize(
    ("series", "alerts"),
    [
        (dict([WELL]), set()),
        (
            {
                WELL[0]: WELL[1],
                'watchkeep_agent_last_report_timestamp_seconds{agent="lost"}': "0+10x60 600x140",
            },
            {("WatchkeepAgentBehind", "agent lost has not reported for 10m 0s")},
        ),
        (
            {WELL[0]: "0+10x60 600x140"},
            {
                ("WatchkeepAgentBehind", "agent node-1 has not reported for 10m 0s"),
                ("WatchkeepNoAgents", "no agent reports, or the centre is not scraped"),
            },
        ),
        ({}, {("WatchkeepNoAgents", "no agent reports, or the centre is not scraped")}),
        (
            dict([WELL]) | {f"watchkeep_agent_records_lost_total{AGENT}": "0x80 7x120"},
            {("WatchkeepAgentLosesRecords", "agent node-1 dropped what it saw before it could report it")},
        ),
        (
            dict([WELL]) | {f"watchkeep_agent_clock_offset_seconds{AGENT}": "75x200"},
            {("WatchkeepAgentClockAhead", "the clock of agent node-1 is ahead by 1m 15s")},
        ),
        (dict([WELL]) | {f"watchkeep_agent_clock_offset_seconds{AGENT}": "-75x200"}, set()),
        (
            dict([WELL]) | {'watchkeep_agent_records_dropped_total{reason="unreadable"}': "1x80 7x120"},
            {("WatchkeepAgentRecordsNotCounted", "records of agents are not counted: unreadable")},
        ),
        (
            dict([WELL]) | {"watchkeep_inbox_oldest_age_seconds": "5x20 100x180"},
            {("WatchkeepInboxBehind", "what agents report is not counted for 1m 40s")},
        ),
        (dict([WELL]) | {"watchkeep_inbox_oldest_age_seconds": "5x110 100x90"}, set()),
    ],
    ids=[
        "all is well",
        "one of two is lost",
        "all are lost",
        "nothing is scraped",
        "records are lost",
        "a clock is ahead",
        "a spool is sent",
        "records are not counted",
        "counting is behind",
        "counting is behind for a moment",
    ],
)
def test_the_rules_of_the_manual_fire_for_what_they_are_for(
    tmp_path: Path, series: dict[str, str], alerts: set[tuple[str, str]]
) -> None:
    assert fired(tmp_path, series, "20m") == alerts
