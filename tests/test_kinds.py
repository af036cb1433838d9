"""The registry knows every kind by its file's name, and imports none before it is used."""

import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path

import pytest
from pydantic import BaseModel

from slo import kinds as registry
from slo.config.section import KindConfig
from slo.errors import WatchkeepError
from slo.kinds import Family, Kinds

CHECKOUT = Path(__file__).resolve().parent.parent
FAMILIES = {
    "probes": CHECKOUT / "probes",
    "collectors": CHECKOUT / "exporters" / "collectors",
    "destinations": CHECKOUT / "slo" / "router" / "destinations",
    "discoveries": CHECKOUT / "slo" / "discovery",
}
KIND = '''
"""A kind."""
from slo.config.types import KindConfig

class Config(KindConfig):
    """Its keys."""

def build(config, context):
    """Makes it."""
'''


@pytest.fixture
def family(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Family]:
    """Kinds of a package of its own, and one of another package."""
    package = tmp_path / "oddkinds"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "good.py").write_text(KIND)
    (package / "_shared.py").write_text("raise RuntimeError('not a kind')")
    (package / "broken.py").write_text("import colibri")
    (package / "crashing.py").write_text("raise RuntimeError('at import')")
    (package / "nothing.py").write_text("")
    (tmp_path / "elsewhere.py").write_text(KIND)
    monkeypatch.syspath_prepend(tmp_path)
    points = EntryPoints(
        EntryPoint(name=name, value=value, group="watchkeep.odd")
        for name, value in {"foreign": "elsewhere", "good": "elsewhere", "gone": "no_such_module"}.items()
    )
    monkeypatch.setattr(registry, "installed_points", lambda: points)
    yield Family("oddkinds", "watchkeep.odd")
    for name in [name for name in sys.modules if name.split(".")[0] in {"oddkinds", "elsewhere"}]:
        del sys.modules[name]


def test_kinds_are_listed_by_file_and_entry_point_without_importing_them(family: Family) -> None:
    assert family.names == ("broken", "crashing", "foreign", "gone", "good", "nothing")
    assert "good" in family
    assert "_shared" not in family
    assert not [name for name in sys.modules if name.startswith(("oddkinds.", "elsewhere"))]


def test_a_kind_is_the_module_of_its_name_and_ours_wins_over_a_foreign_one(family: Family) -> None:
    assert family.config("good").__module__ == "oddkinds.good"
    assert family.config("foreign").__module__ == "elsewhere"


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("broken", "oddkinds.broken cannot be imported: ModuleNotFoundError: No module named 'colibri'"),
        ("crashing", "oddkinds.crashing cannot be imported: RuntimeError: at import"),
        ("gone", "no_such_module cannot be imported"),
        ("nothing", "oddkinds.nothing is no kind: it has no Config and no build"),
    ],
)
def test_a_kind_that_cannot_be_used_says_why(family: Family, name: str, says: str) -> None:
    with pytest.raises(WatchkeepError, match=says):
        family.module(name)


def test_a_name_that_is_no_kind_is_not_imported(family: Family) -> None:
    with pytest.raises(KeyError):
        family.module("_shared")


@pytest.mark.parametrize("name", FAMILIES)
def test_every_file_in_a_folder_of_kinds_is_one(name: str) -> None:
    family: Family = getattr(Kinds.installed(), name)
    assert family.own == {file.stem for file in FAMILIES[name].glob("*.py") if not file.stem.startswith("_")}
    for kind in family.own:
        module = family.module(kind)
        assert issubclass(module.Config, KindConfig)
        assert issubclass(module.Config, BaseModel)
        assert module.Config.__doc__
        assert callable(module.build)


@pytest.mark.parametrize("name", FAMILIES)
def test_every_kind_that_lies_elsewhere_is_one_with_a_test_and_an_example(name: str) -> None:
    family: Family = getattr(Kinds.installed(), name)
    examples = "".join(path.read_text(encoding="utf-8") for path in (CHECKOUT / "tests/config/good").rglob("*.y*ml"))
    assert not family.own & family.elsewhere.keys()
    for kind, module in family.elsewhere.items():
        assert kind in family
        assert kind in family.names
        assert family.config(kind).__module__ == module
        package, _, file = module.rpartition(".")
        assert (CHECKOUT / "tests" / package.replace(".", "/") / f"test_{file}.py").is_file()
        assert f"type: {kind}" in examples


@pytest.mark.parametrize("name", FAMILIES)
def test_every_kind_has_a_test_and_an_example(name: str) -> None:
    tests = CHECKOUT / "tests" / str(FAMILIES[name].relative_to(CHECKOUT)).removeprefix("slo/")
    examples = "".join(path.read_text(encoding="utf-8") for path in (CHECKOUT / "tests/config/good").rglob("*.y*ml"))
    for kind in getattr(Kinds.installed(), name).own:
        assert (tests / f"test_{kind}.py").is_file()
        assert f"type: {kind}" in examples


def test_listing_the_kinds_imports_nothing_of_them() -> None:
    names = "kinds.probes.names, kinds.collectors.names, kinds.destinations.names"
    ask = f"import sys; from slo.kinds import Kinds; kinds = Kinds.installed(); {names}; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", ask], check=True, capture_output=True, text=True).stdout.split()
    assert not {
        "probes.http",
        "exporters.collectors.service",
        "slo.router.destinations.webhook",
        "slo.net.http1",
    } & set(loaded)
