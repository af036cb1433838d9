"""Real servers for tests: started on free ports of 127.0.0.1, ready when handed over, stopped by their process id.

    @pytest.fixture(scope="session")
    def prometheus(tmp_path_factory):
        port = free_port()
        with Service([program("prometheus", package="prometheus"), f"--web.listen-address=127.0.0.1:{port}", ...],
                     port=port, folder=tmp_path_factory.mktemp("prometheus")) as service:
            yield service

A program that is not there fails the test: it never skips.
"""

import contextlib
import itertools
import json
import os
import random
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

import pytest

READY_SECONDS = 60.0
STOP_SECONDS = 10.0
_POLL_SECONDS = 0.01
_ADMIN_FOLDERS = "/usr/sbin:/sbin"

_PORTS = range(10_000, 32_000)
"""Below those that systems give to outgoing connections: one of these would be in the way of a server that restarts."""

_SHARES = 8
"""Each worker of the tests has ports of its own."""


def _ports_of(worker: str) -> Iterator[int]:
    share = len(_PORTS) // _SHARES
    first = int(worker.removeprefix("gw") or 0) % _SHARES * share
    own = _PORTS[first : first + share]
    begin = random.randrange(share)
    return itertools.cycle([*own[begin:], *own[:begin]])


_ports = _ports_of(os.environ.get("PYTEST_XDIST_WORKER", ""))


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nothing listens on, and that nobody else is given for a long time."""
    for port in _ports:
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise AssertionError("the ports have no end")


def program(name: str, *, package: str) -> str:
    """The path of a program. Fails the test where it is missing, and names the Debian package that has it."""
    path = shutil.which(name, path=f"{os.environ.get('PATH', '')}:{_ADMIN_FOLDERS}")
    if path is None:
        pytest.fail(f"{name} is missing: ./run test installs the packages of tests/debian-packages.txt ({package})")
    return path


def answers(port: int) -> bool:
    """Whether something accepts connections on a port of 127.0.0.1."""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


class Service:
    """One server: `start` returns when it is ready, `stop` when it is gone; both may be called again and again.

    It is ready when `ready` says so; without that, when it accepts connections on `port`. What it prints goes to
    `log` in its folder, which is also where it runs.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        port: int,
        folder: Path,
        ready: Callable[[], bool] | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.port = port
        self.folder = folder
        self.log = folder / "log"
        self._command = list(command)
        self._ready = ready or (lambda: answers(port))
        self._environment = {**os.environ, **(environment or {})}
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The process id of the running server."""
        assert self._process is not None, "it does not run"
        return self._process.pid

    def start(self) -> None:
        """Start the server and wait until it is ready. Fails the test where it ends or is not ready in time."""
        assert self._process is None, "it runs already"
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command, cwd=self.folder, env=self._environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        until = time.monotonic() + READY_SECONDS
        while not self._ready():
            if self._process.poll() is not None:
                self._process = None
                pytest.fail(f"{self._command[0]} ended at once:\n{self._last_words()}")
            if time.monotonic() > until:
                self.stop()
                pytest.fail(f"{self._command[0]} was not ready within {READY_SECONDS:g} s:\n{self._last_words()}")
            time.sleep(_POLL_SECONDS)

    def stop(self) -> None:
        """Ask the server to end (SIGTERM), and make it (SIGKILL) where it does not."""
        self._end(lambda process: process.terminate())

    def kill(self) -> None:
        """End the server where it stands (SIGKILL)."""
        self._end(lambda process: process.kill())

    def _end(self, ask: Callable[[subprocess.Popen[bytes]], None]) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        ask(process)
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _last_words(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace")[-4000:]

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()


class StartNginx(Protocol):
    """Starts an nginx whose only server has these directives, and listens with these parameters (`ssl`).

    Relative paths in the directives are in the folder of the service.
    """

    def __call__(self, directives: str = ..., *, listen: str = ...) -> Service: ...


@pytest.fixture(scope="session")
def nginx(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartNginx]:
    """A factory of running nginx servers: `nginx("location / { return 200 'hello'; }").port`."""
    executable = program("nginx", package="nginx")
    with contextlib.ExitStack() as running:

        def start(directives: str = "location / { return 200 'hello'; }", *, listen: str = "") -> Service:
            folder, port = tmp_path_factory.mktemp("nginx"), free_port()
            config = folder / "nginx.conf"
            config.write_text(_NGINX.format(folder=folder, port=port, listen=listen, directives=directives))
            command = [executable, "-e", "stderr", "-p", str(folder), "-c", str(config)]
            return running.enter_context(Service(command, port=port, folder=folder))

        yield start


class StartAlertmanager(Protocol):
    """Starts an Alertmanager of this configuration; without one it tells nobody."""

    def __call__(self, config: Mapping[str, object] | None = None) -> Service: ...


@pytest.fixture(scope="session")
def alertmanager(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartAlertmanager]:
    """A factory of running Alertmanagers: `alertmanager({"route": {...}, "receivers": [...]}).port`."""
    executable = program("prometheus-alertmanager", package="prometheus-alertmanager")
    with contextlib.ExitStack() as running:

        def start(config: Mapping[str, object] | None = None) -> Service:
            folder, port = tmp_path_factory.mktemp("alertmanager"), free_port()
            path = folder / "alertmanager.yml"
            path.write_text(json.dumps(config or {"route": {"receiver": "nobody"}, "receivers": [{"name": "nobody"}]}))
            command = [executable, f"--config.file={path}", f"--storage.path={folder}", "--cluster.listen-address="]
            listen = f"--web.listen-address=127.0.0.1:{port}"
            return running.enter_context(Service([*command, listen], port=port, folder=folder))

        yield start


class StartNSD(Protocol):
    """Starts an nsd with the zone example.org, of these records and the usual ones.

    It answers on 127.0.0.1 and ::1 at `port`, over UDP and TCP; with the PEM files of a certificate and its key, over
    TLS at the port `tls`.
    """

    def __call__(self, zone: str, *, tls: "NameServerTLS | None" = ...) -> Service: ...


@dataclass(frozen=True, kw_only=True)
class NameServerTLS:
    """Where a name server speaks TLS, and its PEM files."""

    port: int
    certificate: Path
    key: Path


@pytest.fixture(scope="session")
def nsd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartNSD]:
    """A factory of running name servers: `nsd("www A 192.0.2.1").port`."""
    executable = program("nsd", package="nsd")
    with contextlib.ExitStack() as running:

        def start(zone: str, *, tls: NameServerTLS | None = None) -> Service:
            folder, port = tmp_path_factory.mktemp("nsd"), free_port()
            (folder / "zone").write_text(_ZONE + zone)
            config = _NSD.format(folder=folder, port=port)
            if tls:
                config = config.replace("remote-control:", _NSD_TLS.format(tls=tls) + "remote-control:")
            (folder / "nsd.conf").write_text(config)
            command = [executable, "-d", "-c", str(folder / "nsd.conf")]
            return running.enter_context(Service(command, port=port, folder=folder))

        yield start


_ZONE = """$ORIGIN example.org.
$TTL 300
@ SOA ns hostmaster 2026112601 3600 600 86400 60
@ NS ns
ns A 127.0.0.1
ns AAAA ::1
"""

_NSD = """
server:
    ip-address: 127.0.0.1@{port}
    ip-address: ::1@{port}
    username: ""
    chroot: ""
    database: ""
    zonesdir: "{folder}"
    xfrdir: "{folder}"
    pidfile: "{folder}/pid"
    xfrdfile: "{folder}/xfrd"
    zonelistfile: "{folder}/zonelist"
    server-count: 1
    rrl-ratelimit: 0
remote-control:
    control-enable: no
zone:
    name: example.org
    zonefile: zone
"""

_NSD_TLS = """
    ip-address: 127.0.0.1@{tls.port}
    tls-port: {tls.port}
    tls-service-pem: "{tls.certificate}"
    tls-service-key: "{tls.key}"
"""

_NGINX = """
daemon off;
user root;
worker_processes 1;
pid {folder}/pid;
error_log stderr;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{
        listen 127.0.0.1:{port} {listen};
        {directives}
    }}
}}
"""
