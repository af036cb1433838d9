"""Whatever is in a file of others, it is imported or refused, and what is imported loads."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from slo.config.load import load
from slo.errors import ConfigError, UsageError
from slo.interop.imported import Import
from slo.interop.native import rendered
from slo.interop.openslo.files import import_openslo
from slo.interop.server import Server
from slo.interop.sloth.files import import_sloth
from slo.kinds import Kinds
from tests.interop.making import unfed

HERE = Path(__file__).parent
FORMS = {"sloth": import_sloth, "openslo": import_openslo}
SEEDS = [
    (path.parent.name, list(yaml.safe_load_all(path.read_text(encoding="utf-8"))))
    for path in sorted(HERE.glob("*/in-*"))
]
EXPRESSIONS = st.text('abc09._:"{}[]()+-*/, sumrate{{.window}}5m=~$|', max_size=40) | st.sampled_from(
    [
        "sum(rate(a[{{.window}}])) / sum(rate(b[{{.window}}]))",
        "increase(a[{{.window}}])",
        "a",
        "rate(a[5m])",
        "1 - (a / b)",
        'a{b="$c"}',
    ]
)
VALUES = (
    st.none()
    | st.booleans()
    | st.integers(-3, 10**12)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(
        ["", "1m", "90s", "30d", "1Y", "9999999Q", "0s", "gt", "page", "Timeslices", "a-b", "x" * 120, "é\n#"]
    )
    | EXPRESSIONS
    | st.lists(st.text(max_size=3), max_size=2)
    | st.dictionaries(st.sampled_from(["name", "a-b", "slo", "service", "query", "$"]), st.text(max_size=5), max_size=2)
)
EDITS = st.lists(st.tuples(st.lists(st.floats(0, 1, exclude_max=True), max_size=9), VALUES), min_size=1, max_size=4)
"""Which way down the tree to go, and what to put there."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fuzz")


def put(tree: Any, way: list[float], value: Any) -> Any:
    """The tree with a value put in where the way ends."""
    keys = list(tree) if isinstance(tree, dict) else list(range(len(tree))) if isinstance(tree, list) else []
    if not way or not keys:
        return value
    key = keys[int(way[0] * len(keys))]
    return (dict if isinstance(tree, dict) else list)(
        {**tree, key: put(tree[key], way[1:], value)}
        if isinstance(tree, dict)
        else [put(item, way[1:], value) if index == key else item for index, item in enumerate(tree)]
    )


def imports_or_refuses(form: str, file: Path) -> Import | None:
    server = Server(name="prometheus", url="http://127.0.0.1:9090", assumed=True)
    try:
        return FORMS[form]([file], server=server)
    except UsageError:  # no windows of the period that is wanted
        return None
    except ConfigError as error:
        refused = error.faults
    assert refused
    assert all(fault.file == str(file) and "\n" not in str(fault) for fault in refused)
    assert all(fault.problem and fault.mend for fault in refused)
    return None


@settings(max_examples=400)
@given(st.sampled_from(SEEDS), EDITS)
def test_a_document_with_other_values_is_imported_as_it_loads_or_refused(
    folder: Path, seed: tuple[str, Any], edits: list[tuple[list[float], Any]]
) -> None:
    form, tree = seed
    for way, value in edits:
        tree = put(tree, way, value)
    file = folder / "in.yaml"
    documents = tree if isinstance(tree, list) else [tree]
    file.write_text(yaml.safe_dump_all(documents), encoding="utf-8")
    read = imports_or_refuses(form, file)
    if read is None or not read.slos:
        return
    assert all(note.problem and note.mend for note in read.warnings)
    written = folder / "out.yaml"
    written.write_text(rendered(read, "Imported."), encoding="utf-8")
    assert unfed(load(written, Kinds.installed(), {}).slos) == read.slos


@settings(max_examples=100)
@given(st.sampled_from(sorted(FORMS)), st.binary(max_size=200))
@example("sloth", b"")
@example("openslo", b"[]")
@example("openslo", b"[[], 1, null, {}]")
@example("sloth", b"version: [\n")
@example("sloth", b"version: prometheus/v1\n---\n{}\n--- 1\n...\n")
@example("openslo", b"apiVersion: openslo/v1\nkind: SLO\nmetadata: []\nspec: 1\n")
def test_any_bytes_are_imported_or_refused(folder: Path, form: str, content: bytes) -> None:
    file = folder / "any.yaml"
    file.write_bytes(content)
    imports_or_refuses(form, file)
