"""Redis, MariaDB and PostgreSQL for tests: one of each for a session, and more where a test breaks its own."""

import contextlib
import os
import re
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

import pytest
import trustme

from tests.services import Service, free_port, program

DOCS = Path(__file__).resolve().parent.parent / "docs"


def documented(page: str, language: str) -> list[str]:
    """The blocks of code in this language on a page of the manual, in their order."""
    text = (DOCS / page).read_text(encoding="utf-8")
    return re.findall(rf"(?ms)^```{language}\n(.*?)^```$", text)


def issued(authority: trustme.CA, folder: Path) -> tuple[str, str]:
    """The paths of a certificate for localhost and of its key."""
    certificate = authority.issue_cert("localhost")
    paths = str(folder / "server.pem"), str(folder / "server.key")
    certificate.cert_chain_pems[0].write_to_path(paths[0])
    certificate.private_key_pem.write_to_path(paths[1])
    return paths


class StartRedis(Protocol):
    """Starts a Redis with these options (`"--requirepass", "s3cret"`)."""

    def __call__(self, *options: str) -> Service: ...


def told(port: int, *commands: str, password: str = "") -> str:
    """What a Redis answers to these lines, as it comes. It says something for each; the last is QUIT.

    A Sentinel does not know that one, and hangs up when it hears that no more comes.
    """
    lines = [f"AUTH {password}"] if password else []
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall("".join(f"{line}\r\n" for line in [*lines, *commands, "QUIT"]).encode())
        with contextlib.suppress(OSError):  # it may have hung up already
            connection.shutdown(socket.SHUT_WR)
        answer = b""
        while data := connection.recv(65536):
            answer += data
    return answer.decode()


@pytest.fixture(scope="session")
def start_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartRedis]:
    """A factory of running Redis servers."""
    executable = program("redis-server", package="redis-server")
    with contextlib.ExitStack() as running:

        def start(*options: str) -> Service:
            folder, port = tmp_path_factory.mktemp("redis"), free_port()
            command = [executable, *("--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder)), *options]
            quiet = ["--save", "", "--appendonly", "no", "--repl-diskless-sync-delay", "0"]
            return running.enter_context(Service([*command, *quiet], port=port, folder=folder))

        yield start


@pytest.fixture(scope="session")
def database_authority() -> trustme.CA:
    """Who issued the certificates of the databases."""
    return trustme.CA()


class Postgres(Service):
    """A PostgreSQL at 127.0.0.1, whose superuser is `postgres` at its Unix socket alone."""

    def __init__(self, command: list[str], *, port: int, folder: Path) -> None:
        super().__init__(command, port=port, folder=folder, ready=lambda: succeeds(lambda: self.run("SELECT 1")))

    def run(self, *statements: str, database: str = "postgres") -> str:
        """What psql prints for these statements, each in a transaction of its own."""
        arguments = [word for statement in statements for word in ("-c", statement)]
        where = ("-h", str(self.folder), "-p", str(self.port), "-U", "postgres", "-d", database)
        command = ["psql", "-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1", *where, *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout


POSTGRES_ACCESS = """
local all postgres trust
host plain all 127.0.0.1/32 password
host all legacy 127.0.0.1/32 md5
host all open 127.0.0.1/32 trust
host all all 127.0.0.1/32 scram-sha-256
"""
"""The login by user: in cleartext to one database, by MD5 for one user, without a password for another."""


@pytest.fixture(scope="session")
def postgres_programs() -> Path:
    """The folder of PostgreSQL's programs, which are not on the path."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    if not folders:
        pytest.fail("postgres is missing: ./run test installs the packages of tests/debian-packages.txt (postgresql)")
    return folders[-1].parent


def as_user(name: str, *command: str) -> list[str]:
    """The command as another user: PostgreSQL does not run as root. Where we are not root, as ourselves."""
    if os.geteuid() != 0:
        return [*command]
    return ["setpriv", f"--reuid={name}", f"--regid={name}", "--clear-groups", *command]


class StartPostgres(Protocol):
    """Starts a PostgreSQL with these settings (`"max_connections=5"`), also as a standby of another one."""

    def __call__(self, *settings: str, standby_of: Postgres | None = ...) -> Postgres: ...


@pytest.fixture(scope="session")
def start_postgres(postgres_programs: Path, database_authority: trustme.CA) -> Iterator[StartPostgres]:
    """A factory of running PostgreSQL servers, with TLS for who asks for it."""
    with contextlib.ExitStack() as running:
        made: list[Path] = []

        def start(*settings: str, standby_of: Postgres | None = None) -> Postgres:
            # Not among the folders of pytest, which are root's alone.
            folder = Path(running.enter_context(tempfile.TemporaryDirectory(prefix="watchkeep-postgres-")))
            data, port = folder / "data", free_port()
            own(folder, "postgres")
            if standby_of is not None:
                source = ("-h", str(standby_of.folder), "-p", str(standby_of.port), "-U", "postgres")
                options = ("-D", str(data), "-R", "-X", "stream", "--no-sync", "-c", "fast")
                execute(as_user("postgres", str(postgres_programs / "pg_basebackup"), *source, *options))
            elif not made:
                fresh = ("-D", str(data), "-A", "trust", "-U", "postgres", "-E", "UTF8", "--no-locale", "--no-sync")
                execute(as_user("postgres", str(postgres_programs / "initdb"), *fresh))
                made.append(Path(shutil.copytree(data, folder / "pristine")))
            else:
                shutil.copytree(made[0], data)
            (data / "pg_hba.conf").write_text(POSTGRES_ACCESS + "local replication postgres trust\n")
            issued(database_authority, data)
            own(folder, "postgres")
            asked = [
                *(f"unix_socket_directories={folder}", "listen_addresses=127.0.0.1", "fsync=off", "ssl=on"),
                *("ssl_cert_file=server.pem", "ssl_key_file=server.key", *settings),
            ]
            command = [str(postgres_programs / "postgres"), "-D", str(data), "-p", str(port)]
            command += [word for setting in asked for word in ("-c", setting)]
            return running.enter_context(Postgres(as_user("postgres", *command), port=port, folder=folder))

        yield start


class MariaDB(Service):
    """A MariaDB at 127.0.0.1, whose user `root` has no password at its Unix socket."""

    def __init__(self, command: list[str], *, port: int, folder: Path) -> None:
        super().__init__(command, port=port, folder=folder, ready=lambda: succeeds(lambda: self.run("SELECT 1")))

    def run(self, *statements: str) -> str:
        """What the client prints for these statements."""
        command = ["mariadb", "--no-defaults", f"--socket={self.folder / 'socket'}", "--user=root", "--batch", "-N"]
        asked = ";\n".join(statements)
        return subprocess.run(command, check=True, input=asked, capture_output=True, text=True, timeout=60).stdout


class StartMariaDB(Protocol):
    """Starts a MariaDB with these options (`"--max-connections=5"`)."""

    def __call__(self, *options: str) -> MariaDB: ...


@pytest.fixture(scope="session")
def start_mariadb(tmp_path_factory: pytest.TempPathFactory, database_authority: trustme.CA) -> Iterator[StartMariaDB]:
    """A factory of running MariaDB servers, with TLS for who asks for it."""
    executable = program("mariadbd", package="mariadb-server")
    with contextlib.ExitStack() as running:
        made: list[Path] = []

        def start(*options: str) -> MariaDB:
            folder, port = tmp_path_factory.mktemp("mariadb"), free_port()
            data = folder / "data"
            user = ["--user=root"] if os.geteuid() == 0 else []
            if not made:
                install = program("mariadb-install-db", package="mariadb-server")
                method = ["--auth-root-authentication-method=normal", "--skip-test-db"]
                execute([install, "--no-defaults", f"--datadir={data}", f"--tmpdir={folder}", *method, *user])
                made.append(Path(shutil.copytree(data, folder / "pristine")))
            else:
                shutil.copytree(made[0], data)
            certificate, key = issued(database_authority, folder)
            command = [executable, "--no-defaults", *user, f"--datadir={data}", f"--tmpdir={folder}", f"--port={port}"]
            command += [f"--socket={folder / 'socket'}", "--bind-address=127.0.0.1", f"--ssl-cert={certificate}"]
            command += [f"--ssl-key={key}", "--innodb-flush-log-at-trx-commit=0", "--skip-name-resolve", *options]
            return running.enter_context(MariaDB(command, port=port, folder=folder))

        yield start


def execute(command: list[str]) -> None:
    """Run a program that must succeed. Fails the test with what it said where it does not."""
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=120)
    if done.returncode:
        pytest.fail(f"{command[0]} failed:\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}")


def succeeds(run: Callable[[], object]) -> bool:
    """Whether a client gets an answer."""
    try:
        run()
    except subprocess.CalledProcessError:
        return False
    return True


def own(folder: Path, user: str) -> None:
    """Give the folder and what is in it to a user, where we may."""
    if os.geteuid() != 0:
        return
    for path in (folder, *folder.rglob("*")):
        shutil.chown(path, user, user)
        path.chmod(0o700 if path.is_dir() else 0o600)
