"""Redis, MariaDB and PostgreSQL for tests: one of each for a session, and more where a test breaks its own."""

import contextlib
import re
import socket
from collections.abc import Iterator
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
    """What a Redis answers to these lines, as it comes. It says something for each; the last is QUIT."""
    lines = [f"AUTH {password}"] if password else []
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall("".join(f"{line}\r\n" for line in [*lines, *commands, "QUIT"]).encode())
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
