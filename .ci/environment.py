"""Makes what `./run` needs: the environment in `.venv`, and the Debian packages of the tests.

Runs on the machine's own Python (3.11 or newer) and its standard library alone, since nothing else is there yet.

The environment is whole when its stamp says what it was made from: the lock, the project file, the Python and the
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
from pathlib import Path
from typing import IO, Final

CHECKOUT: Final = Path(__file__).resolve().parent.parent
ENVIRONMENT: Final = CHECKOUT / ".venv"
PYTHON: Final = ENVIRONMENT / "bin" / "python"
STAMP: Final = ENVIRONMENT / "watchkeep.stamp"
LOG: Final = ENVIRONMENT / "watchkeep.log"
REQUIREMENTS: Final = CHECKOUT / "requirements.lock"
DEBIAN_PACKAGES: Final = CHECKOUT / "tests" / "debian-packages.txt"
POLICY: Final = Path("/usr/sbin/policy-rc.d")
POLICY_TEXT: Final = (
    "#!/bin/sh\n# Written by watchkeep's ./run while it installs packages: no daemon starts.\nexit 101\n"
)
LONGEST_WAIT_SECONDS: Final = 900.0
USAGE_ERROR: Final = 2


class CannotError(Exception):
    """What is missing and what to do about it, in one sentence."""


def main(arguments: list[str]) -> int:
    """Answer `current`, `make` or `debian`: is the environment whole; make it so; install the tests' packages."""
    try:
        match arguments:
            case ["current"]:
                return 0 if is_current() else 1
            case ["make"]:
                make()
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


# The environment


def expected_stamp() -> str:
    """What the environment has to be made from, as one line. The settings of the tools make no difference to it."""
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))
    installed = [project["build-system"], project["project"], project.get("tool", {}).get("hatch")]
    digest = hashlib.sha256(json.dumps(installed, sort_keys=True).encode())
    for file in (REQUIREMENTS, Path(__file__)):
        digest.update(file.read_bytes())
    version = ".".join(str(part) for part in sys.version_info[:3])
    return f"{digest.hexdigest()} {version} {CHECKOUT}\n"


def read_stamp() -> str | None:
    """What the environment was made from; nothing when it was never finished."""
    try:
        return STAMP.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None


def is_current() -> bool:
    """Tell whether the environment is whole. Called with the environment's own Python, whose version counts."""
    return read_stamp() == expected_stamp()


def environment_says_current() -> bool:
    """Ask the environment's own Python, which may be gone or broken."""
    try:
        asked = subprocess.run(
            [PYTHON, "-I", "-S", __file__, "current"], check=False, capture_output=True, stdin=subprocess.DEVNULL
        )
    except OSError:
        return False
    return asked.returncode == 0


def make() -> None:
    """Make the environment, or bring it up to the lock; at once when another maker has just done it."""
    try:
        with locked(CHECKOUT / ".venv.lock") as lock:
            if not environment_says_current():
                build(lock)
    except OSError as error:
        reason = error.strerror or str(error)
        raise CannotError(
            f"cannot make the environment {ENVIRONMENT} ({reason}): make the folder writable, with 500 MB free, "
            "and call again."
        ) from error


def build(lock: IO[str]) -> None:
    """Build into a whole environment of this Python in place, so that what runs from it goes on; else from nothing."""
    if is_usable():
        say("bringing the environment in .venv up to requirements.lock")
        STAMP.unlink()
    else:
        have_venv()
        say("making the environment in .venv, once; this takes about half a minute")
        remove_environment()
        call([sys.executable, "-m", "venv", str(ENVIRONMENT)], lock, "python3 -m venv failed: mend what it says")
    pip = [str(PYTHON), "-I", "-m", "pip", "--disable-pip-version-check", "--no-input", "install", "--no-deps"]
    fetch = [*pip, "--no-compile", "--only-binary=:all:", "--require-hashes", "-r", str(REQUIREMENTS)]
    call(fetch, lock, "could not install requirements.lock: connect to a package index")
    project = [*pip, "--no-build-isolation", "--no-index", "--editable", str(CHECKOUT)]
    call(project, lock, "could not install the checkout itself: mend what it says")
    STAMP.write_text(expected_stamp(), encoding="utf-8")


def is_usable() -> bool:
    """Tell whether the environment was once whole, here and of this Python, and can still install."""
    stamp = read_stamp()
    if stamp is None or stamp.split(" ")[1:] != expected_stamp().split(" ")[1:]:
        return False
    try:
        return subprocess.run([PYTHON, "-I", "-c", "import pip"], check=False, capture_output=True).returncode == 0
    except OSError:
        return False


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


def remove_environment() -> None:
    """Take away what is there, be it a folder, a half of one, or a link to one."""
    if ENVIRONMENT.is_symlink() or ENVIRONMENT.is_file():
        ENVIRONMENT.unlink()
    elif ENVIRONMENT.exists():
        shutil.rmtree(ENVIRONMENT)


def call(command: list[str], lock: IO[str], failure: str) -> None:
    """Run a step with its output in the log."""
    ENVIRONMENT.mkdir(exist_ok=True)
    with LOG.open("a+", encoding="utf-8", errors="replace") as log:
        step = subprocess.run(
            command,
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            pass_fds=[lock.fileno()],
        )
    if step.returncode != 0:
        raise CannotError(f"{failure}, and call again ({LOG} has the details).")


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
    """The packages that the tests start servers from, one a line, with comments."""
    lines = (line.partition("#")[0].strip() for line in DEBIAN_PACKAGES.read_text(encoding="utf-8").splitlines())
    return [line for line in lines if line]


def missing_debian_packages(packages: list[str]) -> list[str]:
    """Those that are not installed; all of them where there is no dpkg to ask."""
    if shutil.which("dpkg-query") is None:
        return packages
    query = ["dpkg-query", "--show", "--showformat", "${Package} ${db:Status-Status}\n", *packages]
    lines = subprocess.run(query, check=False, capture_output=True, text=True).stdout.splitlines()
    installed = {line.split()[0] for line in lines if line.endswith(" installed")}
    return [package for package in packages if package not in installed]


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
