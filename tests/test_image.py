"""Into the image goes what the wheel needs, and nothing that is for development. `./run image` tries the rest."""

import importlib.util
import re
import tomllib
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

CHECKOUT = Path(__file__).resolve().parent.parent
PROJECT: dict[str, Any] = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))


def names(requirements: list[str]) -> set[str]:
    return {canonicalize_name(Requirement(each).name) for each in requirements}


@pytest.fixture(scope="module")
def image() -> ModuleType:
    """The script that builds it."""
    spec = importlib.util.spec_from_file_location("image", CHECKOUT / ".ci" / "image.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_the_lock_of_the_image_has_what_the_project_needs_with_hashes(image: ModuleType, machine: str) -> None:
    entries = list(image.needed((CHECKOUT / "requirements.lock").read_text(encoding="utf-8"), machine))
    found = {entry.partition("==")[0] for entry in entries}
    assert names(PROJECT["project"]["dependencies"]) <= found
    assert not names(["pytest", "mypy", "ruff", "hypothesis", "hatchling"]) & found
    assert all("--hash=sha256:" in entry for entry in entries)
    assert len(found) == len(entries)


def test_what_something_needed_asks_for_is_needed_where_its_marker_holds(image: ModuleType) -> None:
    lock = """# made by hand
first==1.0 \\
    --hash=sha256:aa \\
    --hash=sha256:ab
    # via watchkeep (pyproject.toml)
for-tests==1.0 \\
    --hash=sha256:bb
    # via watchkeep (pyproject.toml:dev)
of-tests==1.0 \\
    --hash=sha256:cc
    # via for-tests
of-both==2.0 ; python_full_version < '3.12' \\
    --hash=sha256:dd
    # via
    #   for-tests
    #   first
of-both==3.0 ; python_full_version >= '3.12' \\
    --hash=sha256:ee
    # via first
deeper==1.0 ; sys_platform != 'win32' \\
    --hash=sha256:ff
    # via of-both
elsewhere==1.0 ; sys_platform == 'win32' \\
    --hash=sha256:11
    # via first
"""
    entries = [re.sub(r" \\\n\s+", " ", entry).strip() for entry in image.needed(lock, "x86_64")]
    assert entries == [
        "deeper==1.0 --hash=sha256:ff",
        "first==1.0 --hash=sha256:aa --hash=sha256:ab",
        "of-both==2.0 --hash=sha256:dd",
    ]
