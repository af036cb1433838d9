"""Every bad configuration is refused with its golden text, and every good one is taken.

To write the goldens anew and read the difference in review:

    for file in tests/config/bad/*.yaml tests/config/bad/folder*; do
        env -i .venv/bin/watchkeep check -c "$file" 2> "${file%.yaml}.txt"
    done
"""

import re
from pathlib import Path

import pytest

from slo.config.load import load
from slo.errors import ConfigError, ConfigFault
from slo.kinds import Kinds

CHECKOUT = Path(__file__).resolve().parent.parent.parent
BAD = Path("tests/config/bad")
GOOD = Path("tests/config/good")
BAD_PATHS = [path.relative_to(CHECKOUT) for path in sorted((CHECKOUT / BAD).iterdir()) if path.suffix != ".txt"]
GOOD_PATHS = [path.relative_to(CHECKOUT) for path in sorted((CHECKOUT / GOOD).iterdir())]


def faults(path: Path) -> tuple[ConfigFault, ...]:
    with pytest.raises(ConfigError) as caught:
        load(path, Kinds.installed(), {})
    return caught.value.faults


@pytest.mark.parametrize("path", BAD_PATHS, ids=lambda path: path.name)
def test_a_bad_configuration_gives_its_golden_text(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(CHECKOUT)
    golden = path.with_suffix(".txt").read_text(encoding="utf-8").splitlines()
    assert [str(fault) for fault in faults(path)] == golden


@pytest.mark.parametrize("path", BAD_PATHS, ids=lambda path: path.name)
def test_every_fault_has_a_place_a_problem_and_a_mend_on_one_line(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(CHECKOUT)
    for fault in faults(path):
        assert Path(fault.file).is_file()
        assert (fault.line > 0) == (fault.column > 0)
        assert fault.problem
        assert fault.mend
        assert not re.search(r"[\x00-\x1f\x7f]", str(fault))
        assert len(str(fault)) < 500


def test_every_golden_belongs_to_a_configuration() -> None:
    assert {path.stem for path in (CHECKOUT / BAD).glob("*.txt")} == {path.stem for path in BAD_PATHS}


@pytest.mark.parametrize("path", GOOD_PATHS, ids=lambda path: path.name)
def test_a_good_configuration_is_taken(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(CHECKOUT)
    settings = load(path, Kinds.installed(), {"PD_ROUTING_KEY": "0a1b2c"})
    assert settings.warnings == ()
    assert settings.slos
