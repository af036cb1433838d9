"""What the formats refuse is refused, all at once, each fault at its place."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from slo.errors import ConfigError
from tests.interop.making import FORMS, SERVER, changed, refusals

HERE = Path(__file__).parent
TABLES: dict[str, dict[str, Any]] = {
    f"{path.parent.name}-{path.stem.removeprefix('refusals-')}": yaml.safe_load(path.read_text(encoding="utf-8"))
    for path in sorted(HERE.glob("*/refusals-*.yaml"))
}
CASES = [
    pytest.param(name, case["change"], case["to"], case["told"], id=f"{name}-{index}")
    for name, table in TABLES.items()
    for index, case in enumerate(table["cases"])
]


@pytest.mark.parametrize("name", TABLES)
def test_the_file_of_a_table_is_taken_as_it_is(name: str, tmp_path: Path) -> None:
    assert refusals(name.split("-", maxsplit=1)[0], TABLES[name]["file"], tmp_path) == []


@pytest.mark.parametrize(("name", "old", "new", "told"), CASES)
def test_what_a_format_refuses_is_refused_at_its_place(
    name: str, old: str, new: str, told: list[str], tmp_path: Path
) -> None:
    assert refusals(name.split("-", maxsplit=1)[0], changed(TABLES[name]["file"], old, new), tmp_path) == told


def test_faults_of_all_files_are_told_at_once(tmp_path: Path) -> None:
    first, second = tmp_path / "a.yaml", tmp_path / "b.yml"
    text = changed(TABLES["openslo-v1alpha"]["file"], "service: shop", "servce: shop")
    first.write_text(text, encoding="utf-8")
    second.write_text("kind: [\n", encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        FORMS["openslo"]([tmp_path, tmp_path / "c.yaml"], server=SERVER)
    assert [str(fault).removeprefix(f"{tmp_path}/") for fault in caught.value.faults] == [
        "a.yaml:5:3: spec.servce: unknown key; did you mean service?",
        "b.yml:2:1: a value is missing, or a [ or { is not closed; write the value, or close it",
        "c.yaml: does not exist; name a file of YAML, or a folder of them",
    ]


def test_faults_of_yaml_are_told_once_and_under_their_path(tmp_path: Path) -> None:
    text = "- apiVersion: openslo/v1\n  kind: Service\n  metadata: {name: a}\n  spec: {description: *no}\n"
    text += "- {kind: no, kind: x}\n"
    assert refusals("openslo", text, tmp_path) == [
        "4:23: spec.description: there is no anchor &no before this; write the value out, or anchor it",
        "5:3: apiVersion: is missing; add it",
        "5:10: kind: no is false to readers of YAML 1.1; write false, or 'no' for the word",
        "5:14: kind: is set twice, first on line 5; leave one of them out",
    ]


def test_a_document_that_is_no_mapping_and_a_file_without_documents_are_told(tmp_path: Path) -> None:
    assert refusals("sloth", "--- 1\n---\n- a\n", tmp_path) == [
        "1:5: is no mapping; write keys and values, as in `kind: SLO`",
        "3:3: is no mapping; write keys and values, as in `kind: SLO`",
    ]
    assert refusals("sloth", "# nothing\n---\n", tmp_path) == [" is empty; name a file with SLOs in it"]
