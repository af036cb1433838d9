"""The schema that editors read, and the reference that people read, are what the loader takes."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from slo.config.json_schema import json_schema
from slo.config.packs import rules_folder
from slo.config.reference import reference
from slo.kinds import Kinds

CHECKOUT = Path(__file__).resolve().parent.parent.parent
HERE = Path(__file__).parent
SCHEMA = json_schema(Kinds.installed())
VALIDATOR = Draft202012Validator(SCHEMA)
GOOD = sorted(path for path in (HERE / "good").rglob("*.y*ml") if not path.name.startswith("."))

SEEN_BY_AN_EDITOR = ("unknown_key", "missing_key", "wrong_type", "labels", "objective", "addresses", "timeout", "slot")
"""The bad configurations whose faults a schema can express."""


def read(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def test_the_schema_is_one() -> None:
    Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("path", GOOD, ids=lambda path: path.stem)
def test_a_good_configuration_keeps_the_schema(path: Path) -> None:
    assert [error.message for error in VALIDATOR.iter_errors(read(path))] == []


@pytest.mark.parametrize("name", SEEN_BY_AN_EDITOR)
def test_a_bad_configuration_breaks_the_schema(name: str) -> None:
    assert list(VALIDATOR.iter_errors(read(HERE / "bad" / f"{name}.yaml")))


def test_every_key_says_what_it_means() -> None:
    silent = []

    def visit(schema: object, path: str) -> None:
        if isinstance(schema, dict):
            for key, value in schema.get("properties", {}).items():
                if isinstance(value, dict) and "description" not in value and "type" not in path.split(".")[-1:]:
                    silent.append(f"{path}.{key}")
            for key, value in schema.items():
                visit(value, f"{path}.{key}")
        if isinstance(schema, list):
            for item in schema:
                visit(item, path)

    visit(SCHEMA, "")
    assert [key for key in silent if not key.endswith((".items.type", ".if.type"))] == []


def test_secrets_may_come_from_a_file_and_not_from_both() -> None:
    def destination(**keys: str) -> dict[str, Any]:
        return {"destinations": [{"name": "oncall", "type": "pagerduty"} | keys]}

    assert VALIDATOR.is_valid(destination(routing_key="k"))
    assert VALIDATOR.is_valid(destination(routing_key_file="f"))
    assert not VALIDATOR.is_valid(destination())
    assert not VALIDATOR.is_valid(destination(routing_key="k", routing_key_file="f"))


def test_the_schema_in_the_rules_is_current() -> None:
    current = json.loads((rules_folder() / "schema.json").read_text(encoding="utf-8"))
    assert current == SCHEMA, "write it anew: watchkeep schema > rules/schema.json"


def test_the_reference_in_the_docs_is_current() -> None:
    current = (CHECKOUT / "docs" / "config.md").read_text(encoding="utf-8")
    assert current == reference(SCHEMA), "write it anew: watchkeep schema --markdown > docs/config.md"


def test_the_reference_names_every_key() -> None:
    text = reference(SCHEMA)
    keys = {
        key
        for definition in [SCHEMA, *SCHEMA["$defs"].values()]
        for key in definition.get("properties", {})
        if not key.endswith("_file")
    }
    assert [key for key in sorted(keys) if f"`{key}`" not in text] == []
