"""The rules that stand for Sloth's: a real Prometheus takes them, and they page when Sloth's do."""

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest

from benchmarks._prometheus import Series
from benchmarks._rule_cost import sloth_recorded
from benchmarks._sloth import of_requests, rules
from tests.services import program

STEP_SECONDS = 30


@pytest.fixture
def rules_file(tmp_path: Path) -> Path:
    """The rules of one service."""
    file = tmp_path / "rules.yml"
    file.write_text(rules([of_requests("gate")]), encoding="utf-8")
    return file


def test_each_slo_has_its_windows_its_budget_a_page_and_a_ticket() -> None:
    groups = json.loads(rules([of_requests("gate"), of_requests("deck")]))["groups"]
    names = [[rule.get("record") or rule["labels"]["sloth_severity"] for rule in group["rules"]] for group in groups]
    assert names == 2 * [
        [f"slo:sli_error:ratio_rate{window}" for window in ("5m", "30m", "1h", "2h", "6h", "1d", "3d", "30d")],
        [
            "slo:objective:ratio",
            "slo:error_budget:ratio",
            "slo:time_period:days",
            "slo:current_burn_rate:ratio",
            "slo:period_burn_rate:ratio",
            "slo:period_error_budget_remaining:ratio",
            "sloth_slo_info",
        ],
        ["page", "ticket"],
    ]


def test_a_full_outage_after_six_healthy_hours_is_a_ticket_after_a_step_and_a_page_after_two(rules_file: Path) -> None:
    healthy = 6 * 3600 // STEP_SECONDS
    good, bad = (f'http_requests_total{{service="gate",code="{code}"}}' for code in (200, 500))
    labels = {"sloth_id": "gate-availability", "sloth_service": "gate", "sloth_slo": "availability"}
    summary = {"summary": "gate burns its error budget too fast"}

    def alerts_after(steps: int, *severities: str) -> dict[str, object]:
        alerts = [{"exp_labels": labels | {"sloth_severity": one}, "exp_annotations": summary} for one in severities]
        eval_time = f"{(healthy + steps) * STEP_SECONDS}s"
        return {"eval_time": eval_time, "alertname": "HighErrorRate", "exp_alerts": alerts}

    test = {
        "rule_files": [str(rules_file)],
        "evaluation_interval": f"{STEP_SECONDS}s",
        "group_eval_order": [group["name"] for group in json.loads(rules_file.read_text(encoding="utf-8"))["groups"]],
        "tests": [
            {
                "interval": f"{STEP_SECONDS}s",
                "input_series": [
                    {"series": good, "values": f"0+100x{healthy} {100 * healthy}x2"},
                    {"series": bad, "values": f"0x{healthy} 100+100x2"},
                ],
                "alert_rule_test": [alerts_after(0), alerts_after(1, "ticket"), alerts_after(2, "page", "ticket")],
            }
        ],
    }
    file = rules_file.with_name("test.yml")
    file.write_text(json.dumps(test), encoding="utf-8")
    command = [program("promtool", package="prometheus"), "test", "rules", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_recorded_history_is_the_error_ratio_of_five_minutes_under_the_name_of_the_rule() -> None:
    times = np.arange(12.0) * 30
    good = Series(name="good", times=times, values=np.arange(12.0) * 9)
    bad = Series(name="bad", times=times, values=np.arange(12.0))
    (recorded,) = sloth_recorded("gate", good, bad)
    assert recorded.name == (
        'slo:sli_error:ratio_rate5m{sloth_id="gate-availability",sloth_service="gate",'
        'sloth_slo="availability",sloth_window="5m"}'
    )
    assert recorded.times.tolist() == [300, 330]
    assert recorded.values.tolist() == [0.1, 0.1]
