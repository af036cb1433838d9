"""A login to MySQL or MariaDB: their protocol, as of version 4.1.

https://dev.mysql.com/doc/dev/mysql-server/latest/PAGE_PROTOCOL.html, https://mariadb.com/kb/en/clientserver-protocol/
"""

from collections.abc import Mapping
from dataclasses import dataclass

from slo.errors import Fault
from slo.net.attempt import Attempt, Endpoint
from slo.net.conversation import Conversation
from slo.net.mysql_answer import HEAD_BYTES, NOTHING_KNOWN, Answer, Refusal, Row, out_of_order, refusal, unexpected
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


@dataclass(frozen=True, kw_only=True, slots=True)
class _Greeting:
    """What a server says first."""

    version: str
    abilities: int
    nonce: bytes
    plugin: str


class MySQLSession(SQLSession):
    """See `slo.net.sql.SQLSession`. `version` is what the server said of itself, `mariadb` whether it is one."""

    def __init__(self, conversation: Conversation, limit_rows: int) -> None:
        super().__init__(conversation, limit_rows)
        self._number = 0
        self.version = ""
        self.mariadb = False
        self._limited_to = 0.0
        self._known_rows: dict[str, Mapping[bytes, Row]] = {}

    async def _begin(self, attempt: Attempt, endpoint: Endpoint, login: SQLLogin) -> None:
        attempt.enter("auth")
        await self._log_in(attempt, endpoint, login)
        # Not by transaction: what defines tables commits the one that it stands in, and goes on in one that writes.
        await self._ask("SET SESSION TRANSACTION READ ONLY")

    async def query(self, statement: str, *, seconds: float) -> Result:
        await self.limit_time(seconds)
        return await self._ask(statement)

    async def is_primary(self, *, seconds: float) -> bool:
        return (await self.query("SELECT @@global.read_only", seconds=seconds)).first == "0"

    def close(self) -> None:
        self._number = 0
        self._conversation.close(self._packed(_QUIT))

    # Logging in

    async def _log_in(self, attempt: Attempt, endpoint: Endpoint, login: SQLLogin) -> None:
        greeting = _greeting(await self._packet())
        self.version, self.mariadb = greeting.version, "mariadb" in greeting.version.lower()
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
                    raise refusal(packet, otherwise="auth_refused").fault
                case 0xFE if fields.left:
                    plugin = fields.text()
                    self._send(scrambled(plugin, password, fields.rest()[:NONCE_BYTES]))
                case 0x01 if plugin == CACHING:
                    self._prove_in_full(fields.rest(), password, private=private)
                case _:
                    raise unexpected(packet)

    def _prove_in_full(self, asked: bytes, password: bytes, *, private: bool) -> None:
        """A server that has forgotten whom it let in before, as after a restart, wants the password itself."""
        if asked == b"\x03":  # it has not
            return
        if asked != b"\x04":
            raise unexpected(asked)
        if not private:
            # It would also take it encrypted with a key that it sends, and so would whoever stands in its middle.
            raise Fault("auth_method", detail=f"the server asks for the password itself ({CACHING}), which needs tls")
        self._send(password + b"\0")

    # Asking

    async def limit_time(self, seconds: float) -> None:
        """Have the server give up by itself each statement that takes longer, give or take a tenth. Raises Fault.

        One that does not know how is asked all the same.
        """
        if 0.9 * self._limited_to <= seconds <= self._limited_to:
            return
        if self.mariadb:
            setting = f"max_statement_time = {max(seconds, 0.001):.3f}"
        else:
            setting = f"max_execution_time = {max(int(seconds * 1000), 1)}"
        answer = await self.answer(f"SET SESSION autocommit = 1, {setting}")
        if isinstance(answer, Refusal) and answer.number != _UNKNOWN_VARIABLE:
            raise answer.fault
        self._limited_to = seconds

    async def _ask(self, statement: str) -> Result:
        answer = await self.answer(statement)
        if isinstance(answer, Refusal):
            raise answer.fault
        return answer

    async def answer(self, statement: str) -> Result | Refusal:
        """What the server says to one statement, also where that is an error. Raises Fault for anything else."""
        return await self._read(statement, Answer(self._limit_rows))

    async def answer_again(self, statement: str) -> Result | Refusal:
        """The same for a statement that is asked again and again, whose answer is nearly that of the last time."""
        answer = Answer(self._limit_rows, self._known_rows.get(statement, NOTHING_KNOWN))
        done = await self._read(statement, answer)
        self._known_rows[statement] = answer.read_rows
        return done

    async def _read(self, statement: str, answer: Answer) -> Result | Refusal:
        with self._conversation.answering():
            self._number = 0
            self._send(_QUERY + statement.encode())
            while answer.done is None:
                self._conversation.skip(answer.read(await self._conversation.ahead(answer.needs)))
            return answer.done

    # Packets

    async def _packet(self) -> bytes:
        head = await self._conversation.exactly(HEAD_BYTES)
        if head[3] != self._number:
            raise out_of_order()
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
            raise refusal(packet, otherwise="auth_refused").fault
        case 10:
            pass
        case _:
            raise unexpected(packet)
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
