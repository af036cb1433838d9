"""Processes that benchmarks start, and what is read of them."""

import gzip
import os
import re
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

START_SECONDS = 60
LAST_LINES = 15
CHECKOUT = Path(__file__).resolve().parent.parent


@contextmanager
def started(*command: str, log: Path | None = None) -> Iterator[subprocess.Popen[str]]:
    """A process that is stopped at the end. What it prints goes into pipes, which hold little, or into `log`."""
    with log.open("w", encoding="utf-8") if log else nullcontext(subprocess.PIPE) as output:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, text=True)
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.communicate(timeout=20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.communicate()


@dataclass(frozen=True, kw_only=True, slots=True)
class Server:
    """A server that runs: where it listens, and the file of what it said."""

    name: str
    address: str
    pid: int
    log: Path

    @property
    def url(self) -> str:
        """Where its HTTP is."""
        return f"http://{self.address}"

    def last_words(self) -> str:
        """The last lines of its log, each with its name."""
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-LAST_LINES:]
        return "\n".join(f"{self.name}: {line}" for line in lines or ["(said nothing)"])


@contextmanager
def serving(name: str, *command: str, address: str, folder: Path, ready: str = "/-/ready") -> Iterator[Server]:
    """A server that listens at `address` and has its log in `folder`: handed over when ready, stopped at the end."""
    log = folder / f"{name}.log"
    with started(*command, log=log) as process:
        server = Server(name=name, address=address, pid=process.pid, log=log)
        deadline = time.monotonic() + START_SECONDS
        while not answers(server.url + ready):
            if process.poll() is not None:
                raise SystemExit(f"{name} ended with {process.returncode}:\n{server.last_words()}")
            if time.monotonic() > deadline:
                raise SystemExit(f"{name} was not ready within {START_SECONDS} s:\n{server.last_words()}")
            time.sleep(0.1)
        yield server


@contextmanager
def watching(folder: Path, config: str) -> Iterator[Server]:
    """`watchkeep run` with this configuration and its data in `folder`/data."""
    path = folder / "config.yaml"
    path.write_text(config, encoding="utf-8")
    listen = f"127.0.0.1:{free_port()}"
    arguments = ["run", "-c", str(path), "--data", f"{folder}/data", "--listen", listen]
    command = [sys.executable, "-m", "slo.cli.main", *arguments]
    with serving("watchkeep", *command, address=listen, folder=folder) as watch:
        yield watch


def have_debian_packages(*packages: str) -> None:
    """Install those that are missing, as `./run test` does; end with what is missing where that cannot be done."""
    maker = [sys.executable, "-I", str(CHECKOUT / ".ci" / "environment.py"), "debian", *packages]
    code = subprocess.run(maker, check=False).returncode
    if code:
        raise SystemExit(code)


def answers(url: str) -> bool:
    """Whether a GET of this URL succeeds."""
    try:
        with urllib.request.urlopen(url, timeout=2):
            return True
    except OSError:
        return False


def scrape(url: str) -> dict[str, float]:
    """The samples of `/metrics` by name and labels, asked for as Prometheus does."""
    request = urllib.request.Request(f"{url}/metrics", headers={"Accept-Encoding": "gzip"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        lines = gzip.decompress(answer.read()).decode().splitlines()
    return {line.rsplit(" ", 1)[0]: float(line.rsplit(" ", 1)[1]) for line in lines if line and line[0] != "#"}


def cpu_seconds(pid: int) -> float:
    """User and system time of a process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def peak_resident_bytes(pid: int | str) -> int:
    """The most memory that a process ever had resident."""
    status = Path(f"/proc/{pid}/status").read_text()
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    assert found
    return int(found[1]) * 1024


def free_port() -> int:
    """A loopback port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
