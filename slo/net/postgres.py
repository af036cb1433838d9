"""A login to PostgreSQL: its protocol, version 3.

https://www.postgresql.org/docs/current/protocol-message-formats.html
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from slo.errors import Fault
from slo.net.attempt import Attempt, Endpoint
from slo.net.conversation import said
from slo.net.postgres_answer import INSIDE_REASONS, PASSED_OVER, REASONS, Answer, Values, refusal, unexpected
from slo.net.postgres_auth import Proof, text
from slo.net.sql import Fields, Result, SQLLogin, SQLSession

_VERSION = (3 << 16).to_bytes(4, "big")
_TLS_REQUEST = (8).to_bytes(4, "big") + (80877103).to_bytes(4, "big")


class PostgresSession(SQLSession):
    """See `slo.net.sql.SQLSession`. Works through PgBouncer as well: what is set is set for one transaction."""

    version: str = ""
    """The version of the server as it says it at the login, `15.6 (Debian 15.6-1)`."""

    _known: Mapping[bytes, Values] = MappingProxyType({})
    """The rows of what was asked last."""

    async def _begin(self, attempt: Attempt, endpoint: Endpoint, login: SQLLogin) -> None:
        if endpoint.tls is not None:
            await self._start_tls(attempt, endpoint)
        attempt.enter("auth")
        await self._log_in(login, private=endpoint.tls is not None)

    async def query(self, statement: str, *, seconds: float) -> Result:
        asked = (_begun(" READ ONLY", seconds), self._extended(statement, described=True), _simple("ROLLBACK"))
        with self._conversation.answering():
            self._conversation.send(b"".join(asked))
            begun, answer, _ = [(await self._answer(REASONS)).result for _ in range(3)]
        if isinstance(begun, Fault):
            raise begun
        if isinstance(answer, Fault):
            raise answer
        return answer

    async def ask(self, statements: Sequence[str], *, seconds: float) -> list[Result | Fault]:
        """The rows of each statement, without the names of their columns, or why it was refused. Raises Fault.

        All are sent at once, and asked in one transaction that can write nothing: they see one state of the statistics.
        The first one that is refused ends that transaction, and the rest is asked for in another one. The server gives
        up each statement by itself after so many seconds, and so it does waiting for a lock.
        """
        answers: list[Result | Fault] = []
        while len(answers) < len(statements):
            answers += await self._ask_until_refused(statements[len(answers) :], seconds)
        return answers

    async def write(self, statement: str, *, seconds: float) -> None:
        """Do one statement, in a transaction of its own that is begun as anybody's is, and committed. Raises Fault.

        The server gives the statement up after so many seconds. Its commit may wait for synchronous standbys for ever.
        """
        asked = (_begun("", seconds), self._extended(statement, described=False), _simple("COMMIT"))
        with self._conversation.answering():
            self._conversation.send(b"".join(asked))
            answers = [(await self._answer(INSIDE_REASONS)).result for _ in range(3)]
        for answer in answers:
            if isinstance(answer, Fault):
                raise answer

    async def is_primary(self, *, seconds: float) -> bool:
        return (await self.query("SELECT pg_is_in_recovery()", seconds=seconds)).first == "f"

    def close(self) -> None:
        self._conversation.close(_message(b"X", b""))

    async def _start_tls(self, attempt: Attempt, endpoint: Endpoint) -> None:
        attempt.enter("tls")
        self._conversation.send(_TLS_REQUEST)
        if await self._conversation.exactly(1) != b"S":
            raise Fault("tls_protocol", detail="the server does not offer TLS")
        await self._conversation.start_tls(attempt, endpoint)

    async def _log_in(self, login: SQLLogin, *, private: bool) -> None:
        """Say who we are, prove it as the server wants it, and wait until it takes queries."""
        named = {"user": login.username, "database": login.database or login.username}
        settings = {**named, "application_name": "watchkeep", "client_encoding": "UTF8"}
        body = _VERSION + b"".join(text(key) + text(value) for key, value in settings.items()) + b"\0"
        self._conversation.send((len(body) + 4).to_bytes(4, "big") + body)
        proof = Proof(login, private=private)
        while True:
            kind, answer = await self._next()
            match kind:
                case b"Z":
                    return
                case b"R":
                    if reply := proof.reply(Fields(answer)):
                        self._conversation.send(_message(b"p", reply))
                case b"S":
                    setting = Fields(answer)
                    if setting.text() == "server_version":
                        self.version = said(setting.text())
                case b"E":
                    raise refusal(answer, "auth_refused")
                case _ if kind[0] not in PASSED_OVER:
                    raise unexpected(kind)

    async def _ask_until_refused(self, statements: Sequence[str], seconds: float) -> list[Result | Fault]:
        """The answers up to the first refusal, or all."""
        extended = [self._extended(statement, described=False) for statement in statements]
        with self._conversation.answering():
            self._conversation.send(b"".join((_begun(" READ ONLY", seconds), *extended, _simple("ROLLBACK"))))
            read = [await self._answer(INSIDE_REASONS) for _ in range(len(statements) + 2)]
        self._known = {raw: row for answer in read for raw, row in answer.read_rows.items()}
        begun, *answers, _ = [answer.result for answer in read]
        if isinstance(begun, Fault):
            raise begun
        refused = next((index for index, answer in enumerate(answers) if isinstance(answer, Fault)), len(answers))
        return answers[: refused + 1]

    def _extended(self, statement: str, *, described: bool) -> bytes:
        """The messages that ask for one statement: the extended protocol takes no second one behind it."""
        return b"".join(
            (
                _message(b"P", text("") + text(statement) + bytes(2)),
                _message(b"B", bytes(8)),
                _message(b"D", b"P\0") if described else b"",
                _message(b"E", text("") + (self._limit_rows + 1).to_bytes(4, "big")),
                _message(b"S", b""),
            )
        )

    async def _answer(self, reasons: Mapping[str, str]) -> Answer:
        """The answer to one question, up to where the server takes the next."""
        answer = Answer(self._limit_rows, reasons, self._known)
        while not answer.complete:
            self._conversation.skip(answer.read(await self._conversation.ahead(answer.needed)))
        return answer

    async def _next(self) -> tuple[bytes, bytes]:
        """The kind of the next message, and what is in it."""
        head = await self._conversation.exactly(5)
        size = int.from_bytes(head[1:], "big") - 4
        if size < 0:
            raise unexpected(head[:1])
        return head[:1], await self._conversation.exactly(size)


def _begun(access: str, seconds: float) -> bytes:
    """Begin a transaction, whose statements the server gives up after so many seconds."""
    milliseconds = max(int(seconds * 1000), 1)
    limits = f"SET LOCAL statement_timeout = {milliseconds}; SET LOCAL lock_timeout = {milliseconds}"
    return _simple(f"BEGIN{access}; {limits}")


def _simple(statements: str) -> bytes:
    return _message(b"Q", text(statements))


def _message(kind: bytes, body: bytes) -> bytes:
    return kind + (len(body) + 4).to_bytes(4, "big") + body
