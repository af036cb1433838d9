"""A login to PostgreSQL: its protocol, version 3.

https://www.postgresql.org/docs/current/protocol-message-formats.html
"""

import hashlib

from slo.errors import Fault
from slo.net.attempt import Attempt, Endpoint
from slo.net.conversation import said
from slo.net.scram import MECHANISM, Scram
from slo.net.sql import Fields, Result, SQLLogin, SQLSession

_VERSION = (3 << 16).to_bytes(4, "big")
_TLS_REQUEST = (8).to_bytes(4, "big") + (80877103).to_bytes(4, "big")

_PASSED_OVER = frozenset(b"SKNAv1234nIs")
"""What a server says beside the answer: its settings, notices, and steps that went well."""


class PostgresSession(SQLSession):
    """See `slo.net.sql.SQLSession`. Works through PgBouncer as well: what is set is set for one transaction."""

    async def _begin(self, attempt: Attempt, endpoint: Endpoint, login: SQLLogin) -> None:
        if endpoint.tls is not None:
            await self._start_tls(attempt, endpoint)
        attempt.enter("auth")
        await self._log_in(login, private=endpoint.tls is not None)

    async def query(self, statement: str, *, seconds: float) -> Result:
        # The extended protocol takes one statement and no second one behind it, and all three are asked at once.
        milliseconds = max(int(seconds * 1000), 1)
        asked = (
            _message(b"Q", _text(f"BEGIN READ ONLY; SET LOCAL statement_timeout = {milliseconds}")),
            _message(b"P", _text("") + _text(statement) + bytes(2)),
            _message(b"B", bytes(8)),
            _message(b"D", b"P\0"),
            _message(b"E", _text("") + (self._limit_rows + 1).to_bytes(4, "big")),
            _message(b"S", b""),
            _message(b"Q", _text("ROLLBACK")),
        )
        with self._conversation.answering():
            self._conversation.send(b"".join(asked))
            begun, answer, _ = [await self._answer() for _ in range(3)]
        if isinstance(begun, Fault):
            raise begun
        if isinstance(answer, Fault):
            raise answer
        return answer

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
        body = _VERSION + b"".join(_text(key) + _text(value) for key, value in settings.items()) + b"\0"
        self._conversation.send((len(body) + 4).to_bytes(4, "big") + body)
        proof = _Proof(login, private=private)
        while True:
            kind, answer = await self._next()
            match kind:
                case b"Z":
                    return
                case b"R":
                    if reply := proof.reply(Fields(answer)):
                        self._conversation.send(_message(b"p", reply))
                case b"E":
                    raise _refusal(answer, otherwise="auth_refused")
                case _ if kind[0] not in _PASSED_OVER:
                    raise _unexpected(kind)

    async def _answer(self) -> Result | Fault:
        """The result of one question, up to where the server takes the next; a Fault where it was refused."""
        columns: tuple[str, ...] = ()
        rows: list[tuple[str | None, ...]] = []
        refusal: Fault | None = None
        while True:
            kind, answer = await self._next()
            match kind:
                case b"Z":
                    return refusal or Result(columns=columns, rows=tuple(rows))
                case b"T":
                    columns = _columns(Fields(answer))
                case b"D" if len(rows) < self._limit_rows:
                    rows.append(_row(Fields(answer)))
                case b"D":
                    raise Fault("result", detail=f"more than {self._limit_rows} rows")
                case b"E":
                    refusal = refusal or _refusal(answer, otherwise="query_refused")
                case b"C":
                    pass
                case _ if kind[0] not in _PASSED_OVER:
                    raise _unexpected(kind)

    async def _next(self) -> tuple[bytes, bytes]:
        """The kind of the next message, and what is in it."""
        head = await self._conversation.exactly(5)
        size = int.from_bytes(head[1:], "big") - 4
        if size < 0:
            raise _unexpected(head[:1])
        return head[:1], await self._conversation.exactly(size)


class _Proof:
    """Proves who we are, in the way that the server asks for."""

    def __init__(self, login: SQLLogin, *, private: bool) -> None:
        self._username = login.username
        self._password = login.password
        self._private = private
        self._scram: Scram | None = None

    def reply(self, asked: Fields) -> bytes:
        """What is said to one request of the server; empty where nothing is. Raises Fault."""
        method = asked.big(4)
        if method == 0:  # it is content
            if self._scram is not None and not self._scram.verified:
                raise Fault("data", detail="the server does not prove that it knows the password")
            return b""
        password = self._known()
        match method:
            case 3:  # cleartext
                if not self._private:
                    raise Fault("auth_method", detail="the server asks for the password itself, which needs tls")
                return _text(password)
            case 5:  # MD5
                return _text(_md5(self._username, password, asked.take(4)))
            case 10:  # SASL, of which SCRAM is one; 11 and 12 are its next steps
                return self._begin_scram(password, asked)
            case 11 if self._scram:
                return self._scram.final(asked.rest().decode(errors="replace")).encode()
            case 12 if self._scram:
                self._scram.verify(asked.rest().decode(errors="replace"))
                return b""
        raise Fault("auth_method", detail=f"the server asks for the way {method}, neither SCRAM nor MD5")

    def _known(self) -> str:
        if self._password is None:
            raise Fault("auth_refused", detail="the server asks for a password, and none is configured")
        return self._password.reveal()

    def _begin_scram(self, password: str, asked: Fields) -> bytes:
        offered = asked.rest().decode(errors="replace").split("\0")
        if MECHANISM not in offered:
            raise Fault("auth_method", detail=f"the server offers {said(' '.join(offered))!r} and not {MECHANISM}")
        self._scram = Scram(password)
        first = self._scram.first.encode()
        return _text(MECHANISM) + len(first).to_bytes(4, "big") + first


def _md5(username: str, password: str, salt: bytes) -> str:
    inner = hashlib.md5(password.encode() + username.encode(), usedforsecurity=False).hexdigest()
    return "md5" + hashlib.md5(inner.encode() + salt, usedforsecurity=False).hexdigest()


def _message(kind: bytes, body: bytes) -> bytes:
    return kind + (len(body) + 4).to_bytes(4, "big") + body


def _text(text: str) -> bytes:
    return text.encode() + b"\0"


def _columns(description: Fields) -> tuple[str, ...]:
    names: list[str] = []
    for _ in range(description.big(2)):
        names.append(description.text())
        description.take(18)  # where it comes from, and its type
    return tuple(names)


def _row(row: Fields) -> tuple[str | None, ...]:
    values: list[str | None] = []
    for _ in range(row.big(2)):
        size = row.big(4)
        values.append(None if size == 0xFFFFFFFF else row.take(size).decode(errors="replace"))
    return tuple(values)


_REASONS = {
    "3D000": "database_unknown",
    "53300": "too_many_connections",
    "57014": "query_timeout",
    "57P01": "not_ready",  # it is being shut down, or our connection was ended by hand
    "57P02": "not_ready",
    "57P03": "not_ready",
}
"""The reason of an error by its SQLSTATE, https://www.postgresql.org/docs/current/errcodes-appendix.html."""


def _refusal(answer: bytes, *, otherwise: str) -> Fault:
    """The fault that an error is."""
    fields = Fields(answer)
    named: dict[bytes, str] = {}
    while fields.left and (code := fields.take(1)) != b"\0":
        named[code] = fields.text()
    state = named.get(b"C", "")
    return Fault(_REASONS.get(state, otherwise), detail=said(f"{state}: {named.get(b'M', '')}"))


def _unexpected(kind: bytes) -> Fault:
    return Fault("data", detail=f"no message of PostgreSQL stands there: {kind!r}")
