"""Every file of others becomes its golden configuration, which loads as the SLOs that were read.

To write the goldens anew and read the difference in review:

    for file in tests/interop/{sloth,openslo}/in-*; do
        form=$(basename "$(dirname "$file")"); name=$(basename "$file" .yaml)
        .venv/bin/watchkeep import "$form" "$file" > "tests/interop/$form/out-${name#in-}.yaml"
    done
"""

from pathlib import Path

import pytest

from slo.config.load import load
from slo.interop.imported import Import
from slo.interop.native import rendered
from slo.interop.openslo.files import import_openslo
from slo.interop.server import Server
from slo.interop.sloth.files import import_sloth
from slo.kinds import Kinds
from tests.interop.making import unfed

CHECKOUT = Path(__file__).resolve().parent.parent.parent
FORMS = {"sloth": import_sloth, "openslo": import_openslo}
HERE = Path("tests/interop")
INPUTS = [path.relative_to(CHECKOUT) for path in sorted((CHECKOUT / HERE).glob("*/in-*"))]


def imported(path: Path) -> Import:
    server = Server(name="prometheus", url="http://127.0.0.1:9090", assumed=True)
    return FORMS[path.parent.name]([path], server=server)


@pytest.mark.parametrize("path", INPUTS, ids=str)
def test_a_file_becomes_its_golden_configuration(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(CHECKOUT)
    golden = path.with_name(f"out-{path.stem.removeprefix('in-')}.yaml")
    assert rendered(imported(path), f"Imported by `watchkeep import {path.parent.name}`.") == golden.read_text("utf-8")


@pytest.mark.parametrize("path", INPUTS, ids=str)
def test_what_is_written_loads_as_what_was_read(path: Path, tmp_path: Path) -> None:
    read = imported(CHECKOUT / path)
    written = tmp_path / "watch.yaml"
    written.write_text(rendered(read, "Imported."), encoding="utf-8")
    settings = load(written, Kinds.installed(), {})
    assert unfed(settings.slos) == read.slos
    assert {server.name for server in settings.servers} <= read.servers.keys()
