"""Logins to MySQL 8, which Debian does not have: to a stand-in, which another client package takes for the real one."""

import contextlib
import hashlib
import socket
import socketserver
import threading
from collections.abc import Iterator

import asyncmy
import pytest
import trustme
from asyncmy.errors import OperationalError

from slo.config.secret import Secret
from slo.config.tls import TLSSettings
from slo.core.reason import REASONS
from slo.net.attempt import Attempt, Endpoint, Reached
from slo.net.context import Context
from slo.net.mysql import MySQLSession
from slo.net.sql import SQLLogin
from slo.runner.clock import SteadyClock
from tests.certificates import server_context

PASSWORD = "pässwörd"
NONCE = b"abcdefghijklmnopqrst"
TLS = 0x800
WELL = bytes([0, 0, 0, 2, 0, 0, 0])


class MySQL8:
    """Lets in whoever knows the password: by its proof where it is remembered, otherwise by itself, over TLS alone."""

    def __init__(self, *, remembers: bool, switches: bool = False) -> None:
        self.port = 0
        self.given: list[bytes] = []
        self._remembers = remembers
        self._switches = switches
        self._tls = server_context(trustme.CA(), "localhost")

    @contextlib.contextmanager
    def running(self) -> Iterator["MySQL8"]:
        """In threads: a stream that goes over to TLS loses what it has already read."""
        let_in = self._let_in

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                wire = _Wire(self.request)
                with contextlib.suppress(OSError, EOFError):
                    let_in(wire)
                wire.socket.close()

        with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
            server.daemon_threads = True
            self.port = server.server_address[1]
            serving = threading.Thread(target=server.serve_forever, args=(0.01,))
            serving.start()
            try:
                yield self
            finally:
                server.shutdown()
                serving.join()

    def _let_in(self, wire: "_Wire") -> None:
        wire.send(self._greeting())
        login = wire.read()
        private = bool(int.from_bytes(login[:4], "little") & TLS)
        if private:
            wire.socket = self._tls.wrap_socket(wire.socket, server_side=True)
            login = wire.read()
        if self._switches:
            wire.send(b"\xfecaching_sha2_password\0" + NONCE[::-1] + b"\0")
            proof = wire.read()
        else:
            start = login.index(b"\0", 32) + 1
            proof = login[start + 1 : start + 1 + login[start]]
        if self._remembers and proof == self._proof(NONCE[::-1] if self._switches else NONCE):
            wire.send(b"\1\3")
        else:
            wire.send(b"\1\4")
            given = wire.read()
            self.given.append(given)
            if not private or given != PASSWORD.encode() + b"\0":
                wire.send(b"\xff\x15\x04#28000Access denied")
                return
        wire.send(WELL)
        while wire.read()[:1] == b"\3":
            wire.send(WELL)

    def _greeting(self) -> bytes:
        plugin = b"mysql_native_password" if self._switches else b"caching_sha2_password"
        head = b"\x0a8.0.40\0" + bytes(4) + NONCE[:8] + b"\0\xff\xff\xff\2\0\xff\xdf\x15" + bytes(10)
        return head + NONCE[8:] + b"\0" + plugin + b"\0"

    @staticmethod
    def _proof(nonce: bytes) -> bytes:
        """As MySQL's documentation has it: XOR(SHA256(password), SHA256(SHA256(SHA256(password)), nonce))."""
        once = hashlib.sha256(PASSWORD.encode()).digest()
        mask = hashlib.sha256(hashlib.sha256(once).digest() + nonce).digest()
        return bytes(a ^ b for a, b in zip(once, mask, strict=True))


class _Wire:
    """Packets of MySQL on a connection."""

    def __init__(self, connection: socket.socket) -> None:
        self.socket = connection
        self._number = 0

    def send(self, body: bytes) -> None:
        self.socket.sendall(len(body).to_bytes(3, "little") + bytes([self._number]) + body)
        self._number += 1

    def read(self) -> bytes:
        head = self._exactly(4)
        self._number = head[3] + 1
        return self._exactly(int.from_bytes(head[:3], "little"))

    def _exactly(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            if not (more := self.socket.recv(count - len(data))):
                raise EOFError
            data += more
        return data


async def logged_in(port: int, *, tls: bool, password: str = PASSWORD) -> Reached:
    context = Context.default(SteadyClock())
    attempt = Attempt(context)
    settings = TLSSettings(insecure_skip_verify=True) if tls else None
    endpoint = Endpoint(host="127.0.0.1", port=port, tls=settings)

    async def steps() -> None:
        login = SQLLogin(username="watch", password=Secret(password))
        (await MySQLSession.open(attempt, endpoint, login)).close()

    reached = await attempt.run(steps(), context.clock.monotonic() + 10)
    await context.close()
    return reached


LOGINS = pytest.mark.parametrize(
    ("remembers", "tls", "switches", "reason"),
    [
        (True, False, False, "ok"),
        (True, True, False, "ok"),
        (True, False, True, "ok"),
        (True, True, True, "ok"),
        (False, True, False, "ok"),
        (False, True, True, "ok"),
        (False, False, False, "auth_method"),
        (False, False, True, "auth_method"),
    ],
)


@LOGINS
async def test_a_login_to_mysql_8(*, remembers: bool, tls: bool, switches: bool, reason: str) -> None:
    with MySQL8(remembers=remembers, switches=switches).running() as server:
        reached = await logged_in(server.port, tls=tls)
    assert (reached.fault.reason if reached.fault else "ok") == reason
    assert reason in REASONS
    assert len(server.given) == (not remembers and tls)


async def test_the_password_is_never_said_in_the_open() -> None:
    with MySQL8(remembers=False).running() as server:
        await logged_in(server.port, tls=False)
    assert server.given == []


async def test_a_wrong_password() -> None:
    with MySQL8(remembers=True).running() as server:
        reached = await logged_in(server.port, tls=True, password="wrong")
    assert reached.fault is not None
    assert reached.fault.reason == "auth_refused"


@pytest.mark.parametrize("remembers", [True, False])
@pytest.mark.parametrize("switches", [True, False])
async def test_the_stand_in_asks_as_mysql_does(*, remembers: bool, switches: bool) -> None:
    """Another client package, which knows the real one, is let in as we are, and with a wrong password is not."""
    with MySQL8(remembers=remembers, switches=switches).running() as server:

        async def connect(password: str) -> None:
            connection = await asyncmy.connect(
                host="127.0.0.1",
                port=server.port,
                user="watch",
                password=password,
                autocommit=True,
                ssl={"verify_mode": False},
            )
            connection.close()

        await connect(PASSWORD.encode().decode("latin1"))  # it sends passwords in that encoding
        with pytest.raises(OperationalError, match="Access denied"):
            await connect("wrong")
