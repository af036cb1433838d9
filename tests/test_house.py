"""The house holds: what is shipped, what may import what, what is pure, what is pinned."""

import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from slo.config.packs import rules_folder

CHECKOUT = Path(__file__).resolve().parent.parent
PROGRAMS = Path(sys.executable).parent
PROJECT: dict[str, Any] = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))
PACKAGES = [name for name in ("slo", "probes", "exporters", "daemonset") if (CHECKOUT / name).is_dir()]


def files_below(folder: Path) -> set[str]:
    """The files of a folder that belong to the code, by their paths in it."""
    return {
        file.relative_to(folder).as_posix()
        for file in folder.rglob("*")
        if file.is_file() and not re.search(r"(^|/)(__pycache__|\.\w+_cache)/", file.relative_to(folder).as_posix())
    }


# What is shipped


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a wheel and an sdist that were built from the checkout."""
    folder = tmp_path_factory.mktemp("dist")
    for target in ("wheel", "sdist"):
        command = [sys.executable, "-m", "hatchling", "build", "--target", target, "--directory", str(folder)]
        subprocess.run(command, check=True, cwd=CHECKOUT, capture_output=True)
    return folder


@pytest.fixture(scope="module")
def wheel(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, unpacked as an installation would."""
    (packed,) = built.glob("*.whl")
    folder = tmp_path_factory.mktemp("wheel")
    with zipfile.ZipFile(packed) as archive:
        archive.extractall(folder)
    return folder


def test_the_wheel_has_the_packages_and_no_other_folder(wheel: Path) -> None:
    assert sorted(path.name for path in wheel.iterdir()) == sorted([*PACKAGES, "watchkeep-0.1.0.dist-info"])


@pytest.mark.parametrize("package", PACKAGES)
def test_the_wheel_has_every_file_of_a_package(wheel: Path, package: str) -> None:
    shipped = {name for name in files_below(wheel / package) if not name.startswith("_rules/")}
    assert shipped == {name for name in files_below(CHECKOUT / package) if not name.endswith("ruff.toml")}
    assert (wheel / package / "py.typed").exists()


def test_the_wheel_carries_the_rules(wheel: Path) -> None:
    assert files_below(wheel / "slo" / "_rules") == files_below(CHECKOUT / "rules")


def test_the_rules_are_found_in_the_wheel_and_in_the_checkout(wheel: Path) -> None:
    ask = f"import sys; sys.path.insert(0, {str(wheel)!r}); import slo.config.packs as p; print(p.rules_folder())"
    found = subprocess.run([sys.executable, "-I", "-c", ask], check=True, capture_output=True, text=True).stdout.strip()
    assert Path(found) == wheel / "slo" / "_rules"
    assert rules_folder() == CHECKOUT / "rules"


def test_the_wheel_has_the_command(wheel: Path) -> None:
    entry_points = (wheel / "watchkeep-0.1.0.dist-info" / "entry_points.txt").read_text(encoding="utf-8")
    assert entry_points.split() == ["[console_scripts]", "watchkeep", "=", "slo.cli.main:main"]


def test_the_sdist_has_what_a_checkout_has_and_no_environment(built: Path) -> None:
    (packed,) = built.glob("*.tar.gz")
    with tarfile.open(packed) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {"run", ".ci/run", "requirements.lock", "tests/test_house.py", "slo/core/ruff.toml"} <= names
    assert f"rules/{min(files_below(CHECKOUT / 'rules'))}" in names
    assert not [name for name in names if name.startswith((".venv", "build", "dist"))]


# What may import what


@pytest.mark.parametrize(
    ("file", "line", "contract"),
    [
        ("slo/core/upward.py", "import slo.web", "imports point down across the four packages"),
        ("slo/engine/upward.py", "import slo.store", "imports point down across the four packages"),
        ("slo/config/upward.py", "import probes", "imports point down across the four packages"),
        ("probes/sideways.py", "import exporters", "imports point down across the four packages"),
        ("exporters/sideways.py", "import probes", "imports point down across the four packages"),
        ("slo/homeless.py", "", "every module of slo has its layer"),
        ("slo/core/impure.py", "import asyncio", "what decides does no I/O"),
        ("slo/engine/impure.py", "from os.path import join", "what decides does no I/O"),
    ],
)
def test_the_contracts_catch_an_import_that_does_not_point_down(
    tmp_path: Path, file: str, line: str, contract: str
) -> None:
    for package in PACKAGES:
        (tmp_path / package).mkdir()
        for module in (CHECKOUT / package).rglob("*.py"):
            copy = tmp_path / module.relative_to(CHECKOUT)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(module, copy)
    shutil.copy(CHECKOUT / "pyproject.toml", tmp_path)
    (tmp_path / file).write_text(f"{line}\n", encoding="utf-8")
    command = [str(PROGRAMS / "lint-imports"), "--no-logo", "--no-cache"]
    checked = subprocess.run(command, check=False, cwd=tmp_path, capture_output=True, text=True)
    assert checked.returncode == 1
    assert f"{contract} BROKEN" in checked.stdout


def test_both_layer_contracts_draw_the_same_house() -> None:
    across, inside, _ = PROJECT["tool"]["importlinter"]["contracts"]
    of_slo = [
        [name.replace("slo.", "") for name in re.findall(r"\(?[\w.]+\)?", layer) if "slo." in name]
        for layer in across["layers"]
    ]
    assert of_slo == [re.findall(r"\(?\w+\)?", layer) for layer in inside["layers"]]


def test_the_contracts_look_into_every_package() -> None:
    assert PROJECT["tool"]["importlinter"]["root_packages"] == PACKAGES


# What is pure


@pytest.mark.parametrize("folder", ["slo/core", "slo/engine"])
@pytest.mark.parametrize(
    "code",
    [
        *(f"import {module}" for module in PROJECT["tool"]["importlinter"]["contracts"][2]["forbidden_modules"]),
        "from datetime import datetime\nnow = datetime.now()",
        "import datetime\nnow = datetime.datetime.utcnow()",
        "import time\nnow = time.time()",
        "from time import monotonic",
    ],
)
def test_what_decides_reads_no_clock_and_does_no_io(folder: str, code: str) -> None:
    assert banned(f"{folder}/decision.py", code) == ["TID251"]


def test_the_rim_may_do_both() -> None:
    assert banned("slo/runner/schedule.py", "import asyncio\nimport time\nnow = time.monotonic()") == []


def banned(file: str, code: str) -> list[str]:
    """The lint findings on banned imports and calls, were this the code of that file."""
    command = [str(PROGRAMS / "ruff"), "check", "--output-format=concise", "--select=TID251", "--no-cache", "-q"]
    checked = subprocess.run(
        [*command, f"--stdin-filename={file}", "-"],
        check=False,
        cwd=CHECKOUT,
        input=code,
        capture_output=True,
        text=True,
    )
    return re.findall(r": (TID\d+) ", checked.stdout)


# What is pinned


LOCKS = {
    "requirements.lock": [*PROJECT["project"]["dependencies"], *PROJECT["dependency-groups"]["dev"]],
    "manifests.lock": PROJECT["dependency-groups"]["manifests"],
}


def locked(name: str) -> dict[str, list[tuple[str, bool]]]:
    """The versions of each package in a lock, and whether each has a hash."""
    found: dict[str, list[tuple[str, bool]]] = {}
    lock = (CHECKOUT / name).read_text(encoding="utf-8").replace("\\\n", "")
    for line in lock.splitlines():
        if pinned := re.match(r"([\w.-]+)==([^\s;]+)", line):
            found.setdefault(canonicalize_name(pinned[1]), []).append((pinned[2], "--hash=sha256:" in line))
    return found


@pytest.mark.parametrize(("lock", "requirement"), [(lock, one) for lock, asked in LOCKS.items() for one in asked])
def test_a_lock_pins_what_the_project_asks_for(lock: str, requirement: str) -> None:
    asked = Requirement(requirement)
    assert any(version in asked.specifier for version, _ in locked(lock)[canonicalize_name(asked.name)])


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_has_a_hash_for_each_and_names_no_place(lock: str) -> None:
    assert all(hashed for versions in locked(lock).values() for _, hashed in versions)
    text = (CHECKOUT / lock).read_text(encoding="utf-8")
    assert not re.search(r"https?:|file:|index-url|find-links|(?<![\w.])/\w", text)


def test_every_ignored_rule_has_its_reason() -> None:
    text = (CHECKOUT / "pyproject.toml").read_text(encoding="utf-8")
    lint = text[text.index("\nignore = [") : text.index("\n[tool.mypy]")]
    ignoring = [line for line in lint.splitlines() if re.match(r'(  "[A-Z]+\d|"\S+" = \["[A-Z])', line)]
    assert ignoring
    assert [line for line in ignoring if "#" not in line] == []
