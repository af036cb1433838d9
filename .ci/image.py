"""Builds the image of Watchkeep without Docker, and starts the agent in it: `./run image`.

As root, with buildah, whose steps are confined by chroot alone, so that it works inside of a container too. Without a
base that a registry has, one is made of Debian packages by debootstrap, from the mirror that this machine's apt uses;
Python packages come from where this machine's pip takes them. The image is an archive in `dist`, which buildah and
skopeo copy to a registry.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from packaging.markers import Marker

CHECKOUT: Final = Path(__file__).resolve().parent.parent
RELEASE: Final = "bookworm"
PYTHON: Final = "3.11"
"""The Python of that release of Debian."""
NEWEST_GLIBC: Final = 36
"""The minor version of its glibc 2: wheels that ask for a newer one do not run there."""
SLIM: Final = (
    "usr/share/doc",
    "usr/share/info",
    "usr/share/locale",
    "usr/share/man",
    "var/cache/apt",
    "var/lib/apt/lists",
)
USAGE_ERROR: Final = 2


class CannotError(Exception):
    """What is missing and what to do about it, in one sentence."""


def main() -> int:
    """Build, try, and keep the image."""
    parser = argparse.ArgumentParser(prog="./run image", description="Build the image without Docker, and try it.")
    parser.add_argument("--base", metavar="IMAGE@DIGEST", help="a slim Debian 12; else one is made by debootstrap")
    asked = parser.parse_args()
    try:
        if os.geteuid() != 0:
            raise CannotError("buildah and debootstrap need a root file system of their own: call it as root.")
        if asked.base and "@sha256:" not in asked.base:
            raise CannotError(f"--base {asked.base}: a tag may mean another image tomorrow; write IMAGE@sha256:DIGEST.")
        with tempfile.TemporaryDirectory(prefix="watchkeep-image-") as folder:
            build(Path(folder), asked.base)
    except CannotError as error:
        sys.stderr.write(f"run: {error}\n")
        return USAGE_ERROR
    except subprocess.CalledProcessError as error:
        sys.stderr.write(f"run: {error.cmd[0]} failed, see above ({error.returncode})\n")
        return 1
    return 0


def build(folder: Path, base: str | None) -> None:
    """The image, with all that it is made of in a folder that is thrown away."""
    begun = time.monotonic()
    context = folder / "context"
    wheel = packed(context)
    version = wheel.name.split("-")[1]
    buildah = Buildah(folder / "storage")
    tell(begun, f"context: {wheel.name} and {len(list((context / 'wheels').iterdir()))} wheels")
    if base is None:
        base = buildah.base(folder / "debian")
        tell(begun, f"base: Debian {RELEASE} by debootstrap")
    image = f"localhost/watchkeep:{version}"
    file = CHECKOUT / "daemonset" / "image" / "Containerfile"
    buildah("build", "--quiet", "--build-arg", f"BASE={base}", "--file", str(file), "--tag", image, str(context))
    tell(begun, f"image: {image}")
    starts = buildah("inspect", "--type=image", "--format={{.OCIv1.Config.User}} {{.OCIv1.Config.Entrypoint}}", image)
    if starts.split() != ["10001:10001", "[watchkeep]"]:
        raise CannotError(f"the image would start as {starts.strip()}: mend daemonset/image/Containerfile.")
    with_root = buildah("from", image).strip()
    root = Path(buildah("mount", with_root).strip())
    subprocess.run([sys.executable, "-P", "-m", "tests.daemonset.image_trial", str(root)], check=True, cwd=CHECKOUT)
    tell(begun, "tried: as user 10001 on a root file system that is read-only")
    archive = CHECKOUT / "dist" / f"watchkeep-{version}.oci.tar"
    archive.parent.mkdir(exist_ok=True)
    archive.unlink(missing_ok=True)
    buildah("push", "--quiet", image, f"oci-archive:{archive}:watchkeep:{version}")
    tell(begun, f"kept: {archive.relative_to(CHECKOUT)}, {archive.stat().st_size / 1e6:.0f} MB")


def tell(begun: float, sentence: str) -> None:
    """One step that is done, and when it was."""
    sys.stdout.write(f"{time.monotonic() - begun:6.1f} s  {sentence}\n")
    sys.stdout.flush()


# What goes in


def packed(context: Path) -> Path:
    """Put our wheel, what it needs, and the list of that with hashes into a folder; give back our wheel."""
    (context / "wheels").mkdir(parents=True)
    hatchling = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(context)]
    subprocess.run(hatchling, check=True, cwd=CHECKOUT, capture_output=True)
    requirements = context / "requirements.txt"
    lock = (CHECKOUT / "requirements.lock").read_text(encoding="utf-8")
    requirements.write_text("".join(needed(lock, platform.machine())), encoding="utf-8")
    fetch = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "download", "--no-deps"]
    exact = [
        "--require-hashes",
        "--only-binary=:all:",
        "--requirement",
        str(requirements),
        "--dest",
        str(context / "wheels"),
    ]
    target = ["--implementation=cp", f"--python-version={PYTHON}", *platforms(platform.machine())]
    fetched = subprocess.run([*fetch, *exact, *target], check=False, stderr=subprocess.PIPE, text=True)
    if fetched.returncode != 0:
        raise CannotError(f"could not fetch what requirements.lock names: {fetched.stderr.strip().splitlines()[-1]}")
    (wheel,) = context.glob("watchkeep-*.whl")
    return wheel


def platforms(machine: str) -> Iterator[str]:
    """The wheels that run on that Debian, as pip is told of them."""
    yield from (f"--platform=manylinux_2_{minor}_{machine}" for minor in range(NEWEST_GLIBC, 4, -1))
    yield from (f"--platform={name}_{machine}" for name in ("manylinux2014", "manylinux2010", "manylinux1", "linux"))


def needed(lock: str, machine: str) -> Iterator[str]:
    """The entries of the lock that an installation needs there, with their hashes.

    An entry says in comments what asks for it: the project itself, its group for development, or other entries. What
    the project asks for is needed, and so is what something needed asks for.
    """
    environment = {
        "implementation_name": "cpython",
        "platform_machine": machine,
        "platform_python_implementation": "CPython",
        "platform_system": "Linux",
        "os_name": "posix",
        "python_full_version": f"{PYTHON}.2",
        "python_version": PYTHON,
        "sys_platform": "linux",
    }
    entries: dict[str, tuple[str, set[str]]] = {}
    for entry in re.split(r"\n(?=[a-z])", lock.partition("\n")[2]):
        pinned = re.match(r"(?P<name>[\w.-]+)==(?P<version>[^\s;]+)(?: ; (?P<marker>[^\\\n]+?))? \\\n", entry)
        if pinned is None or (pinned["marker"] and not Marker(pinned["marker"]).evaluate(environment)):
            continue
        hashes = re.findall(r"--hash=sha256:\w+", entry)
        text = " \\\n    ".join([f"{pinned['name']}=={pinned['version']}", *hashes])
        entries[pinned["name"]] = (f"{text}\n", set(re.findall(r"^ +#(?: via)? +(\S.*)$", entry, re.MULTILINE)))
    found = {"watchkeep (pyproject.toml)"}
    while more := {name for name, (_, via) in entries.items() if via & found} - found:
        found |= more
    yield from (text for name, (text, _) in sorted(entries.items()) if name in found)


# What builds it


class Buildah:
    """buildah with a storage of its own, which is gone afterwards."""

    def __init__(self, storage: Path) -> None:
        self._roots = ["--root", str(storage / "root"), "--runroot", str(storage / "run"), "--storage-driver", "vfs"]
        self._environment = {**os.environ, "BUILDAH_ISOLATION": "chroot", "BUILDAH_FORMAT": "oci"}

    def __call__(self, *arguments: str) -> str:
        command = ["buildah", *self._roots, *arguments]
        done = subprocess.run(command, check=True, env=self._environment, stdout=subprocess.PIPE, text=True)
        return done.stdout

    def base(self, folder: Path) -> str:
        """A slim Debian by debootstrap, from the mirror of this machine; its name here."""
        suites = mirrors()
        mirror = next(iter(suites.values()))
        log = folder.with_suffix(".log")
        with log.open("w", encoding="utf-8") as output:
            command = ["debootstrap", "--variant=minbase", RELEASE, str(folder), mirror]
            if subprocess.run(command, check=False, stdout=output, stderr=output).returncode != 0:
                last = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-5:]
                raise CannotError("debootstrap failed: " + " / ".join(last))
        for name in SLIM:
            shutil.rmtree(folder / name, ignore_errors=True)
        sources = "".join(f"deb {uri} {suite} main\n" for suite, uri in suites.items())
        (folder / "etc" / "apt" / "sources.list").write_text(sources, encoding="utf-8")
        container = self("from", "scratch").strip()
        self("add", "--quiet", container, str(folder), "/")
        image = f"localhost/debian:{hashlib.sha256(sources.encode()).hexdigest()[:12]}"
        self("commit", "--quiet", container, image)
        self("rm", container)
        return image


def mirrors() -> dict[str, str]:
    """Where this machine's apt takes Debian from: the suites of the release, and where each is."""
    command = [
        "apt-get",
        "indextargets",
        "Created-By: Packages",
        "Component: main",
        "--format",
        "$(ORIGIN) $(RELEASE) $(REPO_URI)",
    ]
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    found = [line.split() for line in lines if line.startswith("Debian ")]
    if not found:
        raise CannotError("this machine's apt knows no mirror of Debian: name a base by --base IMAGE@sha256:DIGEST.")
    of_release = {suite: uri for _, suite, uri in found if suite.startswith(RELEASE)}
    return {RELEASE: of_release.get(RELEASE, found[0][2])} | of_release


if __name__ == "__main__":
    sys.exit(main())
