"""A login to Redis: the protocol RESP2, of which only replies that end are read.

https://redis.io/docs/latest/develop/reference/protocol-spec/
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self, TypeAlias

from slo.config.secret import Secret
from slo.errors import Fault
from slo.net.attempt import Attempt, Endpoint
from slo.net.conversation import Conversation, said

ANSWER_BYTES = 65_536
DEPTH = 8
"""How many lists a reply may have inside one another."""

Reply: TypeAlias = "bytes | int | list[Reply] | None"


Answer: TypeAlias = "Reply | Refusal"


@dataclass(frozen=True, kw_only=True, slots=True)
class RedisLogin:
    """Who logs in, and to which database. Without a password nobody logs in; `username` is that of an ACL."""

    username: str | None = None
    password: Secret | None = None
    database: int | None = None


@dataclass(frozen=True, slots=True)
class Refusal:
    """A reply that is an error, as `NOPERM this user has no permissions to run the 'info' command`."""

    text: str

    @property
    def code(self) -> str:
        """Its first word: NOPERM."""
        return self.text.partition(" ")[0]

    def fault(self, otherwise: str = "query_refused") -> Fault:
        """What it comes to; `otherwise` is the reason of an error that says no more than that it is one."""
        return Fault(_reason(self.text, otherwise), detail=said(self.text))


class RedisSession:
    """A connection to a Redis or a Sentinel that somebody is logged in on.

    An answer that does not come whole ends it; one that is an error does not.
    """

    def __init__(self, conversation: Conversation, password: Secret | None = None) -> None:
        self._conversation = conversation
        self._password = password

    @classmethod
    async def open(
        cls, attempt: Attempt, endpoint: Endpoint, login: RedisLogin, *, limit_bytes: int = ANSWER_BYTES
    ) -> Self:
        """Connect, log in and select the database, in the phases of the attempt and `auth`. Raises Fault.

        `limit_bytes` is how large one answer may be.
        """
        session = cls(await Conversation.begin(attempt, endpoint, limit_bytes=limit_bytes), login.password)
        try:
            await session._log_in(attempt, login)
        except BaseException:
            session._conversation.abort()
            raise
        return session

    @property
    def is_open(self) -> bool:
        """Whether more can be asked."""
        return self._conversation.open

    async def command(self, *words: str) -> Reply:
        """What the server answers to one command. Raises Fault, also where the answer is an error."""
        return await self._ask(words, otherwise="query_refused")

    async def pipeline(self, commands: Sequence[Sequence[str]]) -> list[Answer]:
        """What the server answers to each of several commands, which are sent at once.

        Raises Fault where an answer does not come whole, or all of them are larger than one may be.
        """
        with self._conversation.answering():
            self._conversation.send(b"".join(_packed(words) for words in commands))
            return [await self._reply(DEPTH) for _ in commands]

    def close(self) -> None:
        """Log out, without waiting for the other side."""
        self._conversation.close(_packed(("QUIT",)))

    async def _log_in(self, attempt: Attempt, login: RedisLogin) -> None:
        if login.password is not None or login.database is not None:
            attempt.enter("auth")
        if login.password is not None:
            user = () if login.username is None else (login.username,)
            await self._ask(("AUTH", *user, login.password.reveal()), otherwise="auth_refused")
        if login.database is not None:
            await self._ask(("SELECT", str(login.database)), otherwise="database_unknown")

    async def _ask(self, words: tuple[str, ...], *, otherwise: str) -> Reply:
        (reply,) = await self.pipeline((words,))
        if isinstance(reply, Refusal):
            raise reply.fault(otherwise)
        return reply

    async def _reply(self, depth: int) -> Answer:
        line = await self._conversation.line()
        kind, rest = line[:1], line[1:]
        match kind:
            case b"+":
                return rest
            case b"-":
                return Refusal(self._without_password(rest.decode(errors="replace")))
            case b":":
                return _number(rest)
            case b"$":
                return await self._bulk(_number(rest))
            case b"*":
                return await self._list(_number(rest), depth)
        raise Fault("data", detail=f"no reply of Redis begins with {said(kind.decode(errors='replace'))!r}")

    def _without_password(self, error: str) -> str:
        """An error as it may be shown: a server that knows no AUTH says what it was sent, or the beginning of it."""
        return self._password.hidden_in(error.partition(", with args")[0]) if self._password else error

    async def _bulk(self, size: int) -> bytes | None:
        if size < 0:
            return None
        data = await self._conversation.exactly(size + 2)
        if data[-2:] != b"\r\n":
            raise Fault("data", detail="a reply is longer than it says")
        return data[:-2]

    async def _list(self, size: int, depth: int) -> list[Reply] | None:
        """The elements as they come: what is announced takes no room before it is there."""
        if size < 0:
            return None
        if not depth:
            raise Fault("data", detail=f"more than {DEPTH} lists inside one another")
        found: list[Reply] = []
        for _ in range(size):
            element = await self._reply(depth - 1)
            found.append(element.text.encode() if isinstance(element, Refusal) else element)
        return found


def _number(text: bytes) -> int:
    # Longer than any number of 64 bits: Python takes its time over long ones, and takes 1_000 and spaces for some.
    if len(text) > 20 or not text.removeprefix(b"-").isdigit():
        raise Fault("data", detail="something else stands where Redis has a number")
    return int(text)


def _packed(words: Sequence[str]) -> bytes:
    """A command as it is sent."""
    encoded = [word.encode() for word in words]
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%b\r\n" % (len(word), word) for word in encoded)


_REASONS = {
    "NOAUTH": "auth_refused",
    "WRONGPASS": "auth_refused",
    "DENIED": "auth_refused",  # protected mode: nobody may come from elsewhere
    "NOPERM": "query_refused",
    "LOADING": "not_ready",
    "MASTERDOWN": "not_ready",
    "BUSY": "not_ready",  # a script keeps it from everything else
    "CLUSTERDOWN": "not_ready",
    "TRYAGAIN": "not_ready",
}
"""The reason of an error by its first word."""


def _reason(error: str, otherwise: str) -> str:
    if error.startswith("ERR max number of clients"):
        return "too_many_connections"
    return _REASONS.get(error.partition(" ")[0], otherwise)
