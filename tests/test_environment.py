"""`./run` makes its environment by itself, mends it, and says in one sentence what it cannot do.

A checkout of nothing but `run`, its maker and an empty lock stands in for ours, so no package index is needed; the
rest is real: the shell, the machine's Python, venv and pip.
"""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parent.parent

PROJECT = """
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]

[project]
name = "watchkeep"
version = "0.0.1"
"""

BACKEND = '''
"""The least that an editable install asks of a build backend."""

import pathlib
import zipfile


def build_editable(folder, config_settings=None, metadata_directory=None):
    info = "watchkeep-0.0.1.dist-info"
    with zipfile.ZipFile(pathlib.Path(folder, "watchkeep-0.0.1-py3-none-any.whl"), "w") as wheel:
        wheel.writestr("watchkeep.pth", str(pathlib.Path.cwd()))
        wheel.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\\nName: watchkeep\\nVersion: 0.0.1\\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        wheel.writestr(f"{info}/entry_points.txt", "[console_scripts]\\nwatchkeep = stand_in:main\\n")
        wheel.writestr(f"{info}/RECORD", "")
    return "watchkeep-0.0.1-py3-none-any.whl"
'''

STAND_IN = """
import sys


def main():
    print("at your service", *sys.argv[1:])
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout whose environment is made within seconds and without a network."""
    folder = tmp_path / "a checkout"
    (folder / ".ci").mkdir(parents=True)
    shutil.copy(CHECKOUT / "run", folder)
    shutil.copy(CHECKOUT / ".ci" / "environment.py", folder / ".ci")
    (folder / "requirements.lock").write_text("# nothing\n")
    (folder / "pyproject.toml").write_text(PROJECT)
    (folder / "backend.py").write_text(BACKEND)
    (folder / "stand_in.py").write_text(STAND_IN)
    return folder


def start(checkout: Path, *arguments: str, path: str | None = None) -> subprocess.Popen[str]:
    """Start `./run` with nothing but a PATH, in a process group of its own."""
    environment = {"PATH": path or machine_path(), "HOME": str(checkout.parent)}
    command = ["/bin/sh", str(checkout / "run"), *arguments]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, env=environment, stdout=pipe, stderr=pipe, text=True, start_new_session=True)


def machine_path() -> str:
    """PATH without the environment that these tests run in."""
    folders = os.environ["PATH"].split(":")
    return ":".join(folder for folder in folders if not Path(folder, "..", "pyvenv.cfg").exists())


def call(checkout: Path, *arguments: str, path: str | None = None) -> tuple[int, str, str]:
    process = start(checkout, *arguments, path=path)
    output, errors = process.communicate(timeout=60)
    return process.returncode, output, errors


def stand_ins(folder: Path, *names: str) -> Path:
    """Programs that start nothing: a Python that is too old, or the shim of one that is not installed."""
    folder.mkdir()
    for name in names:
        (folder / name).write_text("#!/bin/sh\nexit 127\n")
        (folder / name).chmod(0o755)
    return folder


def until(holds: Callable[[], bool]) -> None:
    limit = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < limit
        time.sleep(0.01)


def serves(checkout: Path) -> bool:
    return call(checkout, "watchkeep", "probe")[:2] == (0, "at your service probe\n")


def test_the_first_call_makes_the_environment_and_the_next_uses_it(checkout: Path, tmp_path: Path) -> None:
    shims = stand_ins(tmp_path / "shims", "python3", "python3.11", "python3.13")
    status, output, errors = call(checkout, "watchkeep", "two words", path=f"{shims}:{machine_path()}")
    assert (status, output) == (0, "at your service two words\n")
    assert "making the environment" in errors
    made = (checkout / ".venv" / "pyvenv.cfg").stat()
    assert call(checkout, "watchkeep") == (0, "at your service\n", "")
    assert (checkout / ".venv" / "pyvenv.cfg").stat().st_ino == made.st_ino


def test_a_changed_lock_brings_the_environment_up_in_place(checkout: Path) -> None:
    assert serves(checkout)
    made = (checkout / ".venv" / "pyvenv.cfg").stat()
    (checkout / "requirements.lock").write_text("# still nothing\n")
    status, _, errors = call(checkout, "watchkeep")
    assert status == 0
    assert "up to requirements.lock" in errors
    assert (checkout / ".venv" / "pyvenv.cfg").stat().st_ino == made.st_ino


def without_interpreter(checkout: Path) -> Path:
    python = checkout / ".venv" / "bin" / "python"
    python.unlink()
    python.symlink_to("/nowhere/python3")
    return checkout


def with_an_interpreter_that_starts_nothing(checkout: Path) -> Path:
    python = checkout / ".venv" / "bin" / "python"
    python.unlink()
    python.write_text("#!/bin/sh\nexit 127\n")
    python.chmod(0o755)
    return checkout


def with_a_file_in_its_place(checkout: Path) -> Path:
    shutil.rmtree(checkout / ".venv")
    (checkout / ".venv").touch()
    return checkout


def moved(checkout: Path) -> Path:
    return checkout.rename(checkout.with_name("elsewhere"))


def test_a_damaged_environment_is_made_anew(checkout: Path) -> None:
    assert serves(checkout)
    for damage in (without_interpreter, with_an_interpreter_that_starts_nothing, with_a_file_in_its_place, moved):
        checkout = damage(checkout)
        assert serves(checkout), damage.__name__


def test_a_killed_maker_leaves_nothing_that_the_next_call_does_not_mend(checkout: Path) -> None:
    killed = start(checkout, "watchkeep")
    until((checkout / ".venv" / "bin" / "python").exists)
    os.killpg(killed.pid, signal.SIGKILL)
    killed.communicate()
    assert not (checkout / ".venv" / "watchkeep.stamp").exists()
    status, output, _ = call(checkout, "watchkeep", path=f"{checkout}/.venv/bin:{machine_path()}")
    assert (status, output) == (0, "at your service\n")


def test_of_calls_at_once_one_makes_the_environment_and_all_are_served(checkout: Path) -> None:
    calls = [start(checkout, "watchkeep", "probe") for _ in range(4)]
    answers = [one.communicate(timeout=60) for one in calls]
    assert [one.returncode for one in calls] == [0] * len(calls)
    assert {output for output, _ in answers} == {"at your service probe\n"}
    assert sum("making the environment" in errors for _, errors in answers) == 1


def test_without_a_new_enough_python_it_says_so_in_one_sentence(checkout: Path, tmp_path: Path) -> None:
    tools = stand_ins(tmp_path / "tools", "python3", "python3.11")
    (tools / "dirname").symlink_to("/usr/bin/dirname")
    status, output, errors = call(checkout, "watchkeep", path=str(tools))
    assert (status, output) == (2, "")
    assert errors == "run: there is no Python >= 3.11 on PATH: install python3 and python3-venv, and call again.\n"


def test_a_lock_that_cannot_be_installed_is_said_in_one_sentence_and_mended(checkout: Path) -> None:
    (checkout / "requirements.lock").write_text("no-such-package==1.0\n")
    status, output, errors = call(checkout, "watchkeep")
    assert (status, output) == (2, "")
    first, said = errors.splitlines()
    assert "making the environment" in first
    assert said.startswith("run: could not install requirements.lock: connect to a package index, and call again")
    (checkout / "requirements.lock").write_text("# nothing\n")
    assert serves(checkout)


def test_without_apt_get_it_names_the_debian_packages_that_are_missing(checkout: Path, tmp_path: Path) -> None:
    (checkout / "tests").mkdir()
    (checkout / "tests" / "debian-packages.txt").write_text("# servers\nno-such-server  # for this test\n")
    tools = stand_ins(tmp_path / "tools")
    (tools / "dirname").symlink_to("/usr/bin/dirname")
    (tools / "python3").write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    (tools / "python3").chmod(0o755)
    status, output, errors = call(checkout, "test", path=str(tools))
    assert (status, output) == (2, "")
    said = "run: Debian packages are missing: install no-such-server here, where there is no apt-get."
    assert errors.splitlines()[1:] == [said]


def test_a_debian_package_is_not_missing_where_one_that_does_as_well_is_there(checkout: Path, tmp_path: Path) -> None:
    (checkout / "tests").mkdir()
    (checkout / "tests" / "debian-packages.txt").write_text("no-such-server | there\nneither | nor  # of the two\n")
    tools = stand_ins(tmp_path / "tools")
    (tools / "dpkg-query").write_text("#!/bin/sh\necho there installed\n")
    (tools / "dpkg-query").chmod(0o755)
    for name, program in {"dirname": "/usr/bin/dirname", "sh": "/bin/sh"}.items():
        (tools / name).symlink_to(program)
    (tools / "python3").write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    (tools / "python3").chmod(0o755)
    status, _, errors = call(checkout, "test", path=str(tools))
    assert status == 2
    assert errors.splitlines()[1:] == [
        "run: Debian packages are missing: install neither here, where there is no apt-get."
    ]


def test_an_unknown_command_shows_the_usage(checkout: Path) -> None:
    status, output, errors = call(checkout, "tests")
    assert (status, output) == (2, "")
    assert errors.startswith("usage: ./run COMMAND")
