"""Every configuration gives its golden rules, which promtool takes; and the examples in `rules/prometheus` are current.

To write them anew and read the difference in review:

    .venv/bin/python -m tests.interop.prometheus.test_goldens
"""

import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from slo.config.load import load
from slo.config.packs import rules_folder
from slo.interop.prometheus.files import as_yaml, resource, rule_file
from slo.interop.prometheus.rules import Rules, rules
from slo.kinds import Kinds
from tests.services import program

HERE = Path(__file__).resolve().parent / "goldens"
INPUTS = sorted(HERE.glob("in-*.yaml"))
EXAMPLE = rules_folder() / "prometheus" / "example.yaml"
RESOURCE = EXAMPLE.with_name("example-resource.yaml")
RULES = {EXAMPLE.with_name("example-rules.yaml"): EXAMPLE} | {
    path.with_name(f"out-{path.name.removeprefix('in-')}"): path for path in INPUTS
}
"""The goldens that are files of rules, and what each is made of."""

GOLDENS = sorted([*RULES, RESOURCE])
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def written(path: Path) -> Rules:
    settings = load(path, Kinds.installed(), {})
    return rules(settings.slos, now=NOW, slot=settings.slot, exclusions=settings.exclusions)


def golden(path: Path) -> str:
    """What is to be in one."""
    if path != RESOURCE:
        return _file(RULES[path])
    example = written(EXAMPLE)
    return as_yaml(resource(example, EXAMPLE.stem), example)


def _file(path: Path) -> str:
    made = written(path)
    return as_yaml(rule_file(made), made)


@pytest.mark.parametrize("path", GOLDENS, ids=lambda path: path.stem)
def test_a_configuration_gives_its_golden_rules(path: Path) -> None:
    assert path.read_text(encoding="utf-8") == golden(path)


@pytest.mark.parametrize("path", [*INPUTS, EXAMPLE], ids=lambda path: path.stem)
def test_promtool_takes_the_rules(path: Path, tmp_path: Path) -> None:
    file = tmp_path / "rules.yml"
    file.write_text(_file(path), encoding="utf-8")
    command = [program("promtool", package="prometheus"), "check", "rules", "--lint-fatal", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


if __name__ == "__main__":
    for each in GOLDENS:
        each.write_text(golden(each), encoding="utf-8")
