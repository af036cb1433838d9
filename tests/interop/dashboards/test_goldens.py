"""The files in `rules/grafana`, `rules/datadog` and `rules/kibana` are what the command prints today.

To write them anew and read the difference in review:

    .venv/bin/python -m tests.interop.dashboards.test_goldens
"""

from pathlib import Path

import pytest
from click.testing import CliRunner

from slo.cli.main import cli
from slo.config.packs import rules_folder
from slo.interop.dashboards.all import DASHBOARDS

ENDINGS = {"grafana": "json", "datadog": "json", "kibana": "ndjson"}
FILES = {
    rules_folder() / vendor / f"{name}.{ending}": (vendor, name)
    for vendor, ending in ENDINGS.items()
    for name in DASHBOARDS
}


def printed(*arguments: str) -> str:
    result = CliRunner().invoke(cli, ["dashboards", *arguments])
    assert result.exit_code == 0, result.output
    return result.output


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_a_file_is_what_the_command_prints(path: Path) -> None:
    assert path.read_text(encoding="utf-8") == printed(*FILES[path])


def test_no_file_is_left_of_a_dashboard_that_is_no_more() -> None:
    assert {path for vendor in ENDINGS for path in (rules_folder() / vendor).iterdir()} == set(FILES)


if __name__ == "__main__":
    for golden, (vendor, name) in FILES.items():
        golden.write_text(printed(vendor, name), encoding="utf-8")
