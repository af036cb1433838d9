"""What `watchkeep doctor` looks at: this installation, and the machine it is on."""

import errno
import http.client
import importlib
import importlib.util
import os
import re
import resource
import shutil
import socket
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

import slo
from slo.errors import UsageError

PACKAGES = ("slo", "probes", "exporters")
OLDEST_PYTHON = (3, 11)
COMPILED = {"uvloop": "uvloop", "httptools": "httptools", "re2": "google-re2", "yaml._yaml": "pyyaml"}
"""Modules that are of no use without their compiled parts, with the packages that they come in."""

LEAST_FILES = 2048
"""One descriptor for each of 1,000 rounds under way, as many for names being resolved and pages being read."""

LEAST_FREE_BYTES = 500_000_000
CLOCK_TOLERANCE_SECONDS = 60.0
ANSWER_SECONDS = 1.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """One thing that was looked at. `mend` says what to do about a problem, and is empty where all is well."""

    subject: str
    found: str
    mend: str = ""

    @property
    def ok(self) -> bool:
        """Whether there is nothing to do."""
        return not self.mend


def findings(data: Path, listen: str) -> Iterator[Finding]:
    """Everything that a watch needs, one finding each."""
    yield python()
    yield from packages()
    yield from dependencies()
    yield from compiled()
    yield data_folder(data)
    yield clock(data)
    yield file_descriptors()
    yield port(listen)


def python() -> Finding:
    """The version of Python."""
    found = ".".join(map(str, sys.version_info[:3]))
    too_old = sys.version_info[:2] < OLDEST_PYTHON
    mend = f"run it with Python {'.'.join(map(str, OLDEST_PYTHON))} or newer" if too_old else ""
    return Finding(subject="python", found=found, mend=mend)


def packages() -> Iterator[Finding]:
    """That `probes` and `exporters` are ours: others on PyPI have these names too."""
    home = Path(slo.__file__).resolve().parent.parent
    for name in PACKAGES:
        spec = importlib.util.find_spec(name)
        folder = Path(spec.origin).resolve().parent if spec and spec.origin else None
        if folder == home / name:
            yield Finding(subject=f"package {name}", found=str(folder))
        else:
            mend = "install watchkeep into an environment of its own, and start it outside of folders with that name"
            yield Finding(subject=f"package {name}", found=f"is {folder or 'missing'}, not {home / name}", mend=mend)


def dependencies() -> Iterator[Finding]:
    """That every library is there, in a version that Watchkeep is made for."""
    try:
        wanted = requires("watchkeep") or []
    except PackageNotFoundError:
        yield Finding(subject="watchkeep", found="is not installed", mend="install it, as with pip install watchkeep")
        return
    for requirement in wanted:
        match = re.match(r"([A-Za-z0-9._-]+)(\[[^]]*\])?\s*([^;]*)", requirement)
        name, bounds = (match[1], match[3].strip()) if match else (requirement, "")
        try:
            found = version(name)
        except PackageNotFoundError:
            yield Finding(subject=name, found="is not installed", mend=f"install '{name}{bounds}'")
            continue
        fits = all(_within(_release(found), bound.strip()) for bound in bounds.split(",") if bound)
        yield Finding(subject=name, found=found, mend="" if fits else f"install '{name}{bounds}'")


def _within(release: tuple[int, ...], bound: str) -> bool:
    """Whether a release keeps a bound, `>=4.0` or `<5`: what our own requirements are made of."""
    if bound.startswith(">="):
        return release >= _release(bound[2:])
    return not bound.startswith("<") or release < _release(bound.lstrip("<="))


def compiled() -> Iterator[Finding]:
    """That the libraries with compiled parts can be loaded here."""
    for module, name in COMPILED.items():
        try:
            importlib.import_module(module)
        except ImportError as error:
            yield Finding(subject=f"module {module}", found=str(error), mend=f"install {name} anew, for this machine")
        else:
            yield Finding(subject=f"module {module}", found="loads")


def data_folder(data: Path) -> Finding:
    """That the data folder, or where it will be made, can be written to and has space."""
    place = data.absolute()
    while not place.exists() and place != place.parent:
        place = place.parent
    subject = "data folder"
    try:
        with tempfile.TemporaryFile(dir=place) as probe:
            probe.write(b"watchkeep")
            probe.flush()
            os.fsync(probe.fileno())
        free = shutil.disk_usage(place).free
    except OSError as error:
        problem = f"{place}: {(error.strerror or str(error)).lower()}"
        return Finding(subject=subject, found=problem, mend="let this user write there, or name another with --data")
    space = f"{free / 1e9:.1f} GB free"
    if free < LEAST_FREE_BYTES:
        return Finding(subject=subject, found=f"{place}: {space}", mend="make room, or name another with --data")
    if place == data.absolute() and place.stat().st_mode & 0o077:
        mend = f"chmod 700 {place}: secrets and the token lie there"
        return Finding(subject=subject, found=f"{place}: others may enter it", mend=mend)
    return Finding(
        subject=subject, found=f"{place}, {space}" if place == data.absolute() else f"will be made in {place}"
    )


def clock(data: Path) -> Finding:
    """That the clock is not before what was already written on this machine."""
    now = time.time()
    written = {Path(slo.__file__), *(data.glob("*.db") if data.is_dir() else ())}
    latest = max(written, key=lambda file: file.stat().st_mtime)
    ahead = latest.stat().st_mtime - now
    found = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now))
    if ahead > CLOCK_TOLERANCE_SECONDS:
        found = f"{found}, and {latest} was written {ahead:.0f} s later"
        return Finding(subject="clock", found=found, mend="set the clock, and let NTP keep it")
    return Finding(subject="clock", found=found)


def file_descriptors() -> Finding:
    """That enough connections can be open at once. The watch takes as many as it may have, whatever the soft limit."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    unlimited = hard == resource.RLIM_INFINITY
    mend = f"ulimit -Hn {LEAST_FILES}, or LimitNOFILE={LEAST_FILES} in the service's unit"
    few = not unlimited and hard < LEAST_FILES
    return Finding(subject="file descriptors", found="any number" if unlimited else str(hard), mend=mend if few else "")


def port(listen: str) -> Finding:
    """That the address to serve on is free, or a watch answers there already."""
    match = re.fullmatch(r"\[?([^\s\]]+?)\]?:([0-9]{1,5})", listen)
    if not match or int(match[2]) > 65535:
        raise UsageError(f"--listen {listen}: write HOST:PORT, as 127.0.0.1:9990")
    host, number = match[1], int(match[2])
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, number, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind) as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
    except OSError as error:
        if error.errno == errno.EADDRINUSE and _is_watch(host, number):
            return Finding(subject="port", found=f"a watch answers on {listen}")
        problem = f"{listen}: {(error.strerror or str(error)).lower()}"
        return Finding(subject="port", found=problem, mend="stop what listens there, or name another with --listen")
    return Finding(subject="port", found=f"{listen} is free")


def _is_watch(host: str, number: int) -> bool:
    connection = http.client.HTTPConnection(host, number, timeout=ANSWER_SECONDS)
    try:
        connection.request("GET", "/-/healthy")
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _release(text: str) -> tuple[int, ...]:
    """The numbers that a version begins with."""
    match = re.match(r"[0-9]+(\.[0-9]+)*", text)
    return tuple(map(int, match[0].split("."))) if match else ()
