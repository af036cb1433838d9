"""`watchkeep rules` prints rules that a Prometheus loads, and says which SLOs are not among them."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from slo.config.packs import rules_folder
from tests.services import program

COMMAND = Path(sys.executable).with_name("watchkeep")
EXAMPLE = rules_folder() / "prometheus" / "example.yaml"

MONTHLY = """
slos:
  - name: by-month
    objective: 99%
    window: {calendar: month}
    sli: {counters: {total: a_total, bad: b_total}}
"""
FUTURE = """
slos:
  - name: some-day
    objective: 99%
    window: 30d
    effective_from: 2999-01-01T00:00:00Z
    sli: {counters: {total: a_total, bad: b_total}}
"""


def rules(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [str(COMMAND), "rules", *map(str, arguments)]
    return subprocess.run(command, check=False, capture_output=True, text=True)


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "watchkeep.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_rule_file_is_the_default() -> None:
    done = rules("-c", EXAMPLE)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == (EXAMPLE.parent / "example-rules.yaml").read_text(encoding="utf-8")
    assert rules("-c", EXAMPLE, "--format", "prometheus").stdout == done.stdout


def test_the_operator_gets_a_resource_named_after_the_configuration() -> None:
    done = rules("-c", EXAMPLE, "--format", "operator")
    assert (done.returncode, done.stderr) == (0, "")
    resource = yaml.safe_load(done.stdout)
    assert (resource["apiVersion"], resource["kind"]) == ("monitoring.coreos.com/v1", "PrometheusRule")
    assert resource["metadata"]["name"] == "watchkeep-example"
    assert resource["spec"] == yaml.safe_load(rules("-c", EXAMPLE).stdout)


def test_json_is_the_same_document_which_prometheus_loads_too(tmp_path: Path) -> None:
    done = rules("-c", EXAMPLE, "--json")
    assert json.loads(done.stdout) == yaml.safe_load(rules("-c", EXAMPLE).stdout)
    file = tmp_path / "rules.json"
    file.write_text(done.stdout, encoding="utf-8")
    subprocess.run([program("promtool", package="prometheus"), "check", "rules", str(file)], check=True)


@pytest.mark.parametrize(
    ("text", "code", "said"),
    [
        (MONTHLY, 0, "by-month: its budget over the month (UTC), since PromQL has no calendar"),
        (FUTURE, 1, "some-day: no definition of it is in force yet"),
    ],
)
def test_what_is_left_out_is_said_and_an_slo_without_rules_is_a_failure(
    tmp_path: Path, text: str, code: int, said: str
) -> None:
    done = rules("-c", written(tmp_path, text))
    assert (done.returncode, done.stderr) == (code, f"not in the rules: {said}\n")
    assert f"# Not in here: {said}\n" in done.stdout


def test_a_faulty_configuration_gives_its_faults_and_no_rules(tmp_path: Path) -> None:
    done = rules("-c", written(tmp_path, "slos: [{name: api}]"))
    assert (done.returncode, done.stdout) == (2, "")
    assert "slos[api].objective" in done.stderr
