"""What a login to a SQL database is, whichever protocol the database speaks."""

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import Self

from slo.config.secret import Secret
from slo.errors import Fault
from slo.net.attempt import Attempt, Endpoint
from slo.net.conversation import Conversation

ANSWER_BYTES = 1_000_000
ROWS = 1_000
"""How many rows a query may have: a probe needs no more."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SQLLogin:
    """Who logs in, and to which database; without one it is none in MySQL, and the user's own in PostgreSQL."""

    username: str
    password: Secret | None = None
    database: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Result:
    """The rows of a query, their values as text, None where they are NULL."""

    columns: tuple[str, ...] = ()
    rows: tuple[tuple[str | None, ...], ...] = ()

    @property
    def first(self) -> str | None:
        """The first value of the first row; None where there is none, or it is NULL."""
        return self.rows[0][0] if self.rows and self.rows[0] else None


class SQLSession(ABC):
    """A connection to a database that somebody is logged in on.

    An answer that does not come whole ends it; a query that is refused does not.
    """

    def __init__(self, conversation: Conversation, limit_rows: int) -> None:
        self._conversation = conversation
        self._limit_rows = limit_rows

    @classmethod
    async def open(
        cls,
        attempt: Attempt,
        endpoint: Endpoint,
        login: SQLLogin,
        *,
        limit_bytes: int = ANSWER_BYTES,
        limit_rows: int = ROWS,
    ) -> Self:
        """Connect and log in, in the phases of the attempt and `auth`. Raises Fault.

        The limits are for one answer.
        """
        plain = replace(endpoint, tls=None)  # both begin in plain text, and then go over to TLS
        session = cls(await Conversation.begin(attempt, plain, limit_bytes=limit_bytes), limit_rows)
        try:
            with session._conversation.answering():
                await session._begin(attempt, endpoint, login)
        except Fault as fault:
            if login.password is not None:  # which the other side may have been sent, and may say again
                fault.detail = login.password.hidden_in(fault.detail)
            raise
        return session

    @property
    def is_open(self) -> bool:
        """Whether more can be asked."""
        return self._conversation.open

    @abstractmethod
    async def _begin(self, attempt: Attempt, endpoint: Endpoint, login: SQLLogin) -> None:
        """Go over to TLS where the endpoint has it, and log in. Raises Fault."""

    @abstractmethod
    async def query(self, statement: str, *, seconds: float) -> Result:
        """The result of one statement, in a transaction of its own that can write nothing.

        The server gives up by itself after so many seconds, where it can. Raises Fault.
        """

    @abstractmethod
    async def is_primary(self, *, seconds: float) -> bool:
        """Whether the server takes writes, rather than following another one. Raises Fault."""

    @abstractmethod
    def close(self) -> None:
        """Log out, without waiting for the other side."""


class Fields:
    """The fields of one packet, read one after the other. Raises Fault where the packet ends too soon."""

    def __init__(self, packet: bytes) -> None:
        self._packet = packet
        self._at = 0

    @property
    def left(self) -> int:
        """How many bytes were not read yet."""
        return len(self._packet) - self._at

    def take(self, count: int) -> bytes:
        """The next bytes."""
        if count > self.left:
            raise Fault("data", detail="a packet is shorter than what is in it")
        self._at += count
        return self._packet[self._at - count : self._at]

    def rest(self) -> bytes:
        """All that is left."""
        return self.take(self.left)

    def big(self, size: int) -> int:
        """An unsigned number of so many bytes, the highest first, as in PostgreSQL."""
        return int.from_bytes(self.take(size), "big")

    def little(self, size: int) -> int:
        """An unsigned number of so many bytes, the lowest first, as in MySQL."""
        return int.from_bytes(self.take(size), "little")

    def text(self) -> str:
        """A text up to the zero byte after it."""
        end = self._packet.find(b"\0", self._at)
        if end < 0:
            raise Fault("data", detail="a text in a packet has no end")
        found = self._packet[self._at : end]
        self._at = end + 1
        return found.decode(errors="replace")
