"""Makes what `./run` needs: the environment in `.venv`, another for the tools that hold the manifests, and the Debian
packages of the tests.

Runs on the machine's own Python (3.11 or newer) and its standard library alone, since nothing else is there yet.

An environment is whole when its stamp says what it was made from: the lock, the project file, the Python and the
place (scripts in it name their interpreter by its full path). A stamp is taken away before any change and written
after the last one, so whatever was interrupted is found without a stamp and made anew. One maker works at a time: it
holds a kernel lock, which its children inherit, so the lock is free exactly when the last of them is gone and is
never stale.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

CHECKOUT: Final = Path(__file__).resolve().parent.parent
DEBIAN_PACKAGES: Final = CHECKOUT / "tests" / "debian-packages.txt"
POLICY: Final = Path("/usr/sbin/policy-rc.d")
POLICY_TEXT: Final = (
    "#!/bin/sh\n# Written by watchkeep's ./run while it installs packages: no daemon starts.\nexit 101\n"
)
LONGEST_WAIT_SECONDS: Final = 900.0
USAGE_ERROR: Final = 2


class CannotError(Exception):
    """What is missing and what to do about it, in one sentence."""


@dataclass(frozen=True)
class Environment:
    """A folder with a Python of its own, what is installed into it, and whether the checkout itself is."""

    folder: Path
    requirements: Path
    with_checkout: bool

    @property
    def python(self) -> Path:
        return self.folder / "bin" / "python"

    @property
    def stamp(self) -> Path:
        return self.folder / "watchkeep.stamp"

    @property
    def log(self) -> Path:
        return self.folder / "watchkeep.log"


OURS: Final = Environment(CHECKOUT / ".venv", CHECKOUT / "requirements.lock", with_checkout=True)
MANIFESTS: Final = Environment(CHECKOUT / ".venv-manifests", CHECKOUT / "manifests.lock", with_checkout=False)
"""The tools that hold the manifests ask for other versions of what we use ourselves."""


def main(arguments: list[str]) -> int:
    """Answer `current`, `make` or `debian`: is an environment whole; make it so; install the tests' packages.

    The environment is ours, or with `manifests` that of the tools.
    """
    try:
        match arguments:
            case ["current", *which]:
                return 0 if is_current(MANIFESTS if which else OURS) else 1
            case ["make"]:
                make(OURS)
            case ["make", "manifests"]:
                make(MANIFESTS)
            case ["debian"]:
                install_debian_packages(listed_debian_packages())
            case ["debian", *packages]:
                install_debian_packages(packages)
            case _:
                raise CannotError("environment.py takes current, make or debian: call ./run instead.")
    except CannotError as error:
        say(str(error))
        return USAGE_ERROR
    except OSError as error:
        say(f"cannot use {error.filename} ({error.strerror}): mend that and call again.")
        return USAGE_ERROR
    except KeyboardInterrupt:
        return 130
    return 0


def say(sentence: str) -> None:
    """Tell the person, beside the output of the command that they called."""
    sys.stderr.write(f"run: {sentence}\n")


# The environments


def expected_stamp(environment: Environment) -> str:
    """What an environment has to be made from, as one line. The settings of the tools make no difference to it."""
    digest = hashlib.sha256()
    if environment.with_checkout:
        project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))
        installed = [project["build-system"], project["project"], project.get("tool", {}).get("hatch")]
        digest.update(json.dumps(installed, sort_keys=True).encode())
    for file in (environment.requirements, Path(__file__)):
        digest.update(file.read_bytes())
    version = ".".join(str(part) for part in sys.version_info[:3])
    return f"{digest.hexdigest()} {version} {CHECKOUT}\n"


def read_stamp(environment: Environment) -> str | None:
    """What an environment was made from; nothing when it was never finished."""
    try:
        return environment.stamp.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None


def is_current(environment: Environment) -> bool:
    """Tell whether an environment is whole. Called with its own Python, whose version counts."""
    return read_stamp(environment) == expected_stamp(environment)


def says_current(environment: Environment) -> bool:
    """Ask the environment's own Python, which may be gone or broken."""
    question = ["current"] if environment == OURS else ["current", "manifests"]
    try:
        asked = subprocess.run(
            [environment.python, "-I", "-S", __file__, *question],
            check=False,
            capture_output=True,
            stdin=subprocess.DEVNULL,
        )
    except OSError:
        return False
    return asked.returncode == 0


def make(environment: Environment) -> None:
    """Make an environment, or bring it up to its lock; at once when another maker has just done it."""
    try:
        with locked(CHECKOUT / ".venv.lock") as lock:
            if not says_current(environment):
                build(environment, lock)
    except OSError as error:
        reason = error.strerror or str(error)
        raise CannotError(
            f"cannot make the environment {environment.folder} ({reason}): make the folder writable, with 500 MB free, "
            "and call again."
        ) from error


def build(environment: Environment, lock: IO[str]) -> None:
    """Build into a whole environment of this Python in place, so that what runs from it goes on; else from nothing."""
    name = environment.requirements.name
    if is_usable(environment):
        say(f"bringing the environment in {environment.folder.name} up to {name}")
        environment.stamp.unlink()
    else:
        have_venv()
        say(f"making the environment in {environment.folder.name}, once; this takes about half a minute")
        remove(environment)
        venv = [sys.executable, "-m", "venv", str(environment.folder)]
        call(environment, venv, lock, "python3 -m venv failed: mend what it says")
    pip = [str(environment.python), "-I", "-m", "pip", "--disable-pip-version-check", "--no-input", "install"]
    fetch = [
        "--no-deps",
        "--no-compile",
        "--only-binary=:all:",
        "--require-hashes",
        "-r",
        str(environment.requirements),
    ]
    call(environment, [*pip, *fetch], lock, f"could not install {name}: connect to a package index")
    if environment.with_checkout:
        project = ["--no-deps", "--no-build-isolation", "--no-index", "--editable", str(CHECKOUT)]
        call(environment, [*pip, *project], lock, "could not install the checkout itself: mend what it says")
    environment.stamp.write_text(expected_stamp(environment), encoding="utf-8")


def is_usable(environment: Environment) -> bool:
    """Tell whether an environment was once whole, here and of this Python, and can still install."""
    stamp = read_stamp(environment)
    if stamp is None or stamp.split(" ")[1:] != expected_stamp(environment).split(" ")[1:]:
        return False
    try:
        asked = subprocess.run([environment.python, "-I", "-c", "import pip"], check=False, capture_output=True)
    except OSError:
        return False
    return asked.returncode == 0


def have_venv() -> None:
    """Make sure that this Python can make environments: on Debian that is a package of its own."""
    if importlib.util.find_spec("venv") and importlib.util.find_spec("ensurepip"):
        return
    if sys.base_prefix == "/usr" and shutil.which("apt-get") and os.geteuid() == 0:
        install_debian_packages(["python3-venv"])
        return
    raise CannotError(
        f"{sys.executable} has no venv with pip: as root, call apt-get install python3-venv (or put another "
        "Python >= 3.11 on PATH), and call again."
    )


def remove(environment: Environment) -> None:
    """Take away what is there, be it a folder, a half of one, or a link to one."""
    if environment.folder.is_symlink() or environment.folder.is_file():
        environment.folder.unlink()
    elif environment.folder.exists():
        shutil.rmtree(environment.folder)


def call(environment: Environment, command: list[str], lock: IO[str], failure: str) -> None:
    """Run a step with its output in the environment's log."""
    environment.folder.mkdir(exist_ok=True)
    with environment.log.open("a+", encoding="utf-8", errors="replace") as log:
        step = subprocess.run(
            command,
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            pass_fds=[lock.fileno()],
        )
    if step.returncode != 0:
        raise CannotError(f"{failure}, and call again ({environment.log} has the details).")


@contextlib.contextmanager
def locked(path: Path) -> Iterator[IO[str]]:
    """Hold the lock, waiting a bounded time for whoever has it."""
    with path.open("a", encoding="utf-8") as lock:
        limit = time.monotonic() + LONGEST_WAIT_SECONDS
        waiting = False
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > limit:
                    raise CannotError(f"another ./run has held {path} for too long: end it and call again.") from None
                if not waiting:
                    say("waiting for another ./run that is setting up")
                    waiting = True
                time.sleep(0.2)
            else:
                yield lock
                return


# The Debian packages of the tests


def listed_debian_packages() -> list[str]:
    """The packages whose programs the tests start, one a line, with comments; after a `|` one that does as well."""
    lines = (line.partition("#")[0].strip() for line in DEBIAN_PACKAGES.read_text(encoding="utf-8").splitlines())
    return [line for line in lines if line]


def missing_debian_packages(packages: list[str]) -> list[str]:
    """Those that are not installed, nor another that does as well; all of them where there is no dpkg to ask."""
    alternatives = [[name.strip() for name in package.split("|")] for package in packages]
    installed: set[str] = set()
    if shutil.which("dpkg-query") is not None:
        names = [name for package in alternatives for name in package]
        query = ["dpkg-query", "--show", "--showformat", "${Package} ${db:Status-Status}\n", *names]
        lines = subprocess.run(query, check=False, capture_output=True, text=True).stdout.splitlines()
        installed = {line.split()[0] for line in lines if line.endswith(" installed")}
    return [package[0] for package in alternatives if installed.isdisjoint(package)]


def install_debian_packages(packages: list[str]) -> None:
    """Install those that are missing, as root, with no daemon started by it."""
    missing = missing_debian_packages(packages)
    names = " ".join(missing)
    if missing:
        if shutil.which("apt-get") is None:
            raise CannotError(f"Debian packages are missing: install {names} here, where there is no apt-get.")
        if os.geteuid() != 0:
            raise CannotError(f"Debian packages are missing: as root, call apt-get install {names}, and call again.")
        say(f"installing Debian packages: {names}")
    elif not policy_is_ours():
        return
    install = ["install", "--yes", "--no-install-recommends", *missing]
    with locked(Path("/var/lock/watchkeep-apt.lock")) as lock, undisturbed(), no_daemons():
        done = not missing or apt_get(install, lock) or (apt_get(["update"], lock) and apt_get(install, lock))
    if not done:
        raise CannotError(f"apt-get could not install {names}: see its output above, mend that, and call again.")


def apt_get(arguments: list[str], lock: IO[str]) -> bool:
    """Call apt-get without questions, its output beside ours; tell whether it succeeded."""
    command = ["apt-get", "-qq", "--option", "DPkg::Lock::Timeout=300", "--option", "Dpkg::Use-Pty=0", *arguments]
    path = f"{os.environ.get('PATH', '/usr/bin:/bin')}:/usr/sbin:/sbin"
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "PATH": path}
    step = subprocess.run(
        command, check=False, env=environment, stdin=subprocess.DEVNULL, stdout=sys.stderr, pass_fds=[lock.fileno()]
    )
    return step.returncode == 0


@contextlib.contextmanager
def no_daemons() -> Iterator[None]:
    """Keep packages from starting daemons. A policy of someone else's stays; one of ours that was left behind goes."""
    if POLICY.exists() and not policy_is_ours():
        yield
        return
    POLICY.write_text(POLICY_TEXT, encoding="utf-8")
    POLICY.chmod(0o755)
    try:
        yield
    finally:
        POLICY.unlink(missing_ok=True)


def policy_is_ours() -> bool:
    """Tell whether the policy that is there is the one that we write."""
    try:
        return POLICY.read_text(encoding="utf-8") == POLICY_TEXT
    except (OSError, UnicodeDecodeError):
        return False


@contextlib.contextmanager
def undisturbed() -> Iterator[None]:
    """Let apt-get end by itself when we are told to stop: half an installation is worse than a late end."""
    told: list[int] = []
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    for number in before:
        signal.signal(number, lambda received, _frame: told.append(received))
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if told:
        raise SystemExit(128 + told[0])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
