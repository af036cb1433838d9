"""A login to MySQL or MariaDB: their protocol, as of version 4.1.

https://dev.mysql.com/doc/dev/mysql-server/latest/PAGE_PROTOCOL.html, https://mariadb.com/kb/en/clientserver-protocol/
"""

from dataclasses import dataclass

from slo.errors import Fault
from slo.net.attempt import Attempt, Endpoint
from slo.net.conversation import Conversation, said
from slo.net.mysql_auth import CACHING, NATIVE, NONCE_BYTES, SPOKEN, scrambled
from slo.net.sql import Fields, Result, SQLLogin, SQLSession

_WITH_DATABASE, _PROTOCOL_41, _TLS, _SECURE, _PLUGINS = 0x8, 0x200, 0x800, 0x8000, 0x80000
_NEEDED = _PROTOCOL_41 | _SECURE | _PLUGINS
_ABILITIES = _NEEDED | 0x1 | 0x4 | 0x2000
"""Without several statements in one, and without files of ours that a server may ask for."""

_UTF8MB4 = 45
_PACKET_BYTES = 0xFFFFFF
"""A packet of this size goes on in the next one; no answer that is taken here is so large."""

_QUIT, _QUERY = b"\x01", b"\x03"
_UNKNOWN_VARIABLE = 1193


@dataclass(frozen=True, slots=True)
class _Refusal:
    """An error of the server."""

    number: int
    fault: Fault


@dataclass(frozen=True, kw_only=True, slots=True)
class _Greeting:
    """What a server says first."""

    version: str
    abilities: int
    nonce: bytes
    plugin: str


class MySQLSession(SQLSession):
    """See `slo.net.sql.SQLSession`."""

    def __init__(self, conversation: Conversation, limit_rows: int) -> None:
        super().__init__(conversation, limit_rows)
        self._number = 0
        self._mariadb = False

    async def _begin(self, attempt: Attempt, endpoint: Endpoint, login: SQLLogin) -> None:
        attempt.enter("auth")
        await self._log_in(attempt, endpoint, login)
        # Not by transaction: what defines tables commits the one that it stands in, and goes on in one that writes.
        await self._ask("SET SESSION TRANSACTION READ ONLY")

    async def query(self, statement: str, *, seconds: float) -> Result:
        await self._limit_time(seconds)
        return await self._ask(statement)

    async def is_primary(self, *, seconds: float) -> bool:
        return (await self.query("SELECT @@global.read_only", seconds=seconds)).first == "0"

    def close(self) -> None:
        self._number = 0
        self._conversation.close(self._packed(_QUIT))

    # Logging in

    async def _log_in(self, attempt: Attempt, endpoint: Endpoint, login: SQLLogin) -> None:
        greeting = _greeting(await self._packet())
        self._mariadb = "mariadb" in greeting.version.lower()
        abilities = _ABILITIES | (_WITH_DATABASE if login.database else 0) | (_TLS if endpoint.tls else 0)
        head = abilities.to_bytes(4, "little") + _PACKET_BYTES.to_bytes(4, "little") + bytes([_UTF8MB4]) + bytes(23)
        if endpoint.tls is not None:
            if not greeting.abilities & _TLS:
                raise Fault("tls_protocol", detail="the server does not offer TLS")
            self._send(head)
            await self._conversation.start_tls(attempt, endpoint)
            attempt.enter("auth")
        password = login.password.reveal().encode() if login.password else b""
        # The server's plugin is only its usual one; whose user has another is asked again for that.
        plugin = greeting.plugin if greeting.plugin in SPOKEN else NATIVE
        proof = scrambled(plugin, password, greeting.nonce)
        body = head + _text(login.username) + bytes([len(proof)]) + proof
        self._send(body + (_text(login.database) if login.database else b"") + _text(plugin))
        await self._prove(plugin, password, private=endpoint.tls is not None)

    async def _prove(self, plugin: str, password: bytes, *, private: bool) -> None:
        """Prove who we are, in the way that the server asks for, until it lets us in."""
        while True:
            packet = await self._packet()
            fields = Fields(packet)
            match fields.little(1):
                case 0x00:
                    return
                case 0xFF:
                    raise _refusal(packet, otherwise="auth_refused").fault
                case 0xFE if fields.left:
                    plugin = fields.text()
                    self._send(scrambled(plugin, password, fields.rest()[:NONCE_BYTES]))
                case 0x01 if plugin == CACHING:
                    self._prove_in_full(fields.rest(), password, private=private)
                case _:
                    raise _unexpected(packet)

    def _prove_in_full(self, asked: bytes, password: bytes, *, private: bool) -> None:
        """A server that has forgotten whom it let in before, as after a restart, wants the password itself."""
        if asked == b"\x03":  # it has not
            return
        if asked != b"\x04":
            raise _unexpected(asked)
        if not private:
            # It would also take it encrypted with a key that it sends, and so would whoever stands in its middle.
            raise Fault("auth_method", detail=f"the server asks for the password itself ({CACHING}), which needs tls")
        self._send(password + b"\0")

    # Asking

    async def _limit_time(self, seconds: float) -> None:
        """Have the server give up by itself; one that does not know how is asked all the same."""
        if self._mariadb:
            setting = f"max_statement_time = {max(seconds, 0.001):.3f}"
        else:
            setting = f"max_execution_time = {max(int(seconds * 1000), 1)}"
        answer = await self._answer(f"SET SESSION autocommit = 1, {setting}")
        if isinstance(answer, _Refusal) and answer.number != _UNKNOWN_VARIABLE:
            raise answer.fault

    async def _ask(self, statement: str) -> Result:
        answer = await self._answer(statement)
        if isinstance(answer, _Refusal):
            raise answer.fault
        return answer

    async def _answer(self, statement: str) -> Result | _Refusal:
        with self._conversation.answering():
            self._number = 0
            self._send(_QUERY + statement.encode())
            packet = await self._packet()
            match packet[:1]:
                case b"\x00":
                    return Result()
                case b"\xff":
                    return _refusal(packet, otherwise="query_refused")
                case b"" | b"\xfb" | b"\xfe":  # the second asks for a file of ours
                    raise _unexpected(packet)
            columns = [await self._column() for _ in range(_length(Fields(packet)) or 0)]
            await self._packet()  # the end of the columns
            return await self._rows(tuple(columns))

    async def _column(self) -> str:
        fields = Fields(await self._packet())
        names = [_value(fields) for _ in range(5)]  # catalogue, schema, table, the table's own name, the column
        return names[-1] or ""

    async def _rows(self, columns: tuple[str, ...]) -> Result | _Refusal:
        rows: list[tuple[str | None, ...]] = []
        while True:
            packet = await self._packet()
            if packet[:1] == b"\xfe" and len(packet) < 9:
                return Result(columns=columns, rows=tuple(rows))
            if packet[:1] == b"\xff":
                return _refusal(packet, otherwise="query_refused")
            if len(rows) == self._limit_rows:
                raise Fault("result", detail=f"more than {self._limit_rows} rows")
            fields = Fields(packet)
            rows.append(tuple(_value(fields) for _ in columns))

    # Packets

    async def _packet(self) -> bytes:
        head = await self._conversation.exactly(4)
        if head[3] != self._number:
            raise Fault("data", detail="the packets of the server are not in their order")
        self._number = (self._number + 1) % 256
        return await self._conversation.exactly(int.from_bytes(head[:3], "little"))

    def _send(self, body: bytes) -> None:
        self._conversation.send(self._packed(body))

    def _packed(self, body: bytes) -> bytes:
        head = len(body).to_bytes(3, "little") + bytes([self._number])
        self._number = (self._number + 1) % 256
        return head + body


def _text(text: str) -> bytes:
    return text.encode() + b"\0"


def _greeting(packet: bytes) -> _Greeting:
    fields = Fields(packet)
    match fields.little(1):
        case 0xFF:
            raise _refusal(packet, otherwise="auth_refused").fault
        case 10:
            pass
        case _:
            raise _unexpected(packet)
    version = fields.text()
    fields.take(4)  # the number of the connection
    nonce = fields.take(8)
    fields.take(1)
    abilities = fields.little(2)
    fields.take(3)
    abilities |= fields.little(2) << 16
    size = fields.little(1)
    fields.take(10)
    if abilities & _NEEDED != _NEEDED:
        raise Fault("data", detail="the server speaks a protocol older than that of 4.1")
    nonce += fields.take(max(13, size - 8))[:12]
    return _Greeting(version=version, abilities=abilities, nonce=nonce, plugin=fields.text())


def _length(fields: Fields) -> int | None:
    """A length of one to nine bytes; None for that of NULL."""
    first = fields.little(1)
    match first:
        case 0xFB:
            return None
        case 0xFC | 0xFD:
            return fields.little(first - 0xFA)
        case 0xFE:
            return fields.little(8)
        case 0xFF:
            raise Fault("data", detail="something else stands where MySQL has a length")
    return first


def _value(fields: Fields) -> str | None:
    size = _length(fields)
    return None if size is None else fields.take(size).decode(errors="replace")


_REASONS = {
    1040: "too_many_connections",
    1203: "too_many_connections",  # of this user
    1226: "too_many_connections",  # a limit of this user's in an hour
    1047: "not_ready",  # a node of Galera that is not part of its cluster
    1053: "not_ready",
    1927: "not_ready",  # our connection was ended by hand
    3032: "not_ready",
    1044: "auth_refused",
    1045: "auth_refused",
    1049: "database_unknown",
    1969: "query_timeout",
    3024: "query_timeout",
}
"""The reason of an error by its number: 3032 and 3024 are MySQL's alone, 1927 and 1969 are MariaDB's.

https://dev.mysql.com/doc/mysql-errors/8.4/en/server-error-reference.html, https://mariadb.com/kb/en/mariadb-error-codes/
"""


def _refusal(packet: bytes, *, otherwise: str) -> _Refusal:
    fields = Fields(packet)
    fields.take(1)
    number = fields.little(2)
    message = fields.rest()
    if message[:1] == b"#":
        message = message[6:]  # the SQLSTATE
    detail = said(f"{number}: {message.decode(errors='replace')}")
    return _Refusal(number, Fault(_REASONS.get(number, otherwise), detail=detail))


def _unexpected(packet: bytes) -> Fault:
    return Fault("data", detail=f"no packet of MySQL stands there: it begins with {packet[:4]!r}")
