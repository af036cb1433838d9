"""`watchkeep schema` prints the schema for editors and the reference for people."""

import json
from pathlib import Path

from click.testing import CliRunner

from slo.cli.main import cli

CHECKOUT = Path(__file__).resolve().parent.parent.parent


def test_the_schema_is_what_the_rules_hold() -> None:
    result = CliRunner().invoke(cli, ["schema"])
    assert result.exit_code == 0
    assert json.loads(result.stdout) == json.loads((CHECKOUT / "rules/schema.json").read_text(encoding="utf-8"))
    assert CliRunner().invoke(cli, ["schema", "--json"]).stdout == result.stdout


def test_the_reference_is_what_the_docs_hold() -> None:
    result = CliRunner().invoke(cli, ["schema", "--markdown"])
    assert result.exit_code == 0
    assert result.stdout == (CHECKOUT / "docs/config.md").read_text(encoding="utf-8")
