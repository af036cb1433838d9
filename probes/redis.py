"""The kind `redis`: a login to a Redis or a Sentinel, a PING, and where asked for the role and one reading command."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from slo.config.types import wrong
from slo.core.outcome import Finding
from slo.core.sample import Sample
from slo.errors import Fault
from slo.net.attempt import Attempt, Endpoint, Reached
from slo.net.context import Context
from slo.net.conversation import said
from slo.net.reaching import ReachingProbe
from slo.net.redis import RedisLogin, RedisSession, Reply
from slo.net.redis_config import RedisConfig
from slo.net.samples import connection_samples, phase_samples
from slo.net.single_value import ExpectedValue

READING = frozenset(
    {
        *("BITCOUNT", "DBSIZE", "EXISTS", "GET", "GETBIT", "GETRANGE", "HEXISTS", "HGET", "HLEN", "LASTSAVE", "LINDEX"),
        *("LLEN", "PTTL", "SCARD", "SISMEMBER", "STRLEN", "TTL", "TYPE", "XLEN", "ZCARD", "ZSCORE"),
    }
)
"""The commands that may be asked: each only reads, whatever its arguments, takes its time from nobody, and has a short
answer that is one value."""


def _reading(words: tuple[str, ...]) -> tuple[str, ...]:
    if not words or words[0].upper() not in READING:
        raise wrong("is no command that only reads one value", f"write one of {', '.join(sorted(READING))}")
    return words


class Expected(ExpectedValue):
    """What is expected of the server, and of the answer to `command`."""

    role: Literal["master", "replica", "sentinel"] | None = None
    """What the server must be: master, replica or sentinel."""


class Config(RedisConfig):
    """One login, one PING, and what else is asked for."""

    database: Annotated[int, Field(ge=0)] | None = None
    """The number of the database to select."""

    command: Annotated[tuple[str, ...], AfterValidator(_reading)] | None = None
    """A command to ask after the PING, as [GET, canary]; only such as read one value."""

    expect: Expected = Expected()
    """What is expected beside the answer to the PING."""

    @model_validator(mode="after")
    def _meant(self) -> "Config":
        if self.expect.any and self.command is None:
            raise wrong("expects a value that nothing is asked for", "give it a command, as [GET, canary]")
        return self


@dataclass(frozen=True, kw_only=True, slots=True)
class Facts:
    """How far the attempt got, and what was answered: None where it was not asked, or not answered any more.

    `answered` says that there was a reply to the command, which may be None itself.
    """

    reached: Reached
    role: str | None = None
    reply: Reply = None
    answered: bool = False


class RedisProbe(ReachingProbe[Facts]):
    """Logs in, asks, and hangs up."""

    def __init__(self, config: Config, context: Context) -> None:
        self.target = str(config.target)
        self._context = context
        self._login = config.login(config.database)
        self._command = config.command
        self._expect = config.expect
        self._endpoint = config.reached_at()
        if config.tls:
            context.tls.get(config.tls)

    async def observe(self, deadline: float) -> Facts:
        """What the server answers."""
        attempt = Attempt(self._context)
        visit = _Visit(attempt, self._endpoint, self._login)
        reached = await attempt.run(visit.make(self._command, role=self._expect.role is not None), deadline)
        return Facts(reached=reached, role=visit.role, reply=visit.reply, answered=visit.answered)

    def verdict(self, facts: Facts) -> tuple[str, str]:
        """Whether the role and the answer are as expected."""
        if self._expect.role is not None and facts.role != self._expect.role:
            return "role", f"it is a {facts.role}, not a {self._expect.role}"
        mismatch = self._expect.mismatch(_text(facts.reply))
        return ("result", mismatch) if mismatch else ("ok", "")

    def findings(self, facts: Facts) -> Iterator[Finding]:
        """The role, and whether the answer was as expected; the answer itself is never shown."""
        if facts.role is not None:
            yield Finding(name="role", text=facts.role)
        if self._command is not None and facts.answered:
            text = self._expect.held_against(_text(facts.reply))
            yield Finding(name=f"answer to {self._command[0].upper()}", text=text)

    def samples(self, facts: Facts | Fault) -> Iterable[Sample]:
        """The connection in the blackbox exporter's metrics, and the phases; that exporter has no such prober."""
        if not isinstance(facts, Fault):
            yield from connection_samples(facts.reached)
            yield from phase_samples("probe_redis_duration_seconds", facts.reached)


class _Visit:
    """One login and what is asked in it."""

    def __init__(self, attempt: Attempt, endpoint: Endpoint, login: RedisLogin) -> None:
        self.role: str | None = None
        self.reply: Reply = None
        self.answered = False
        self._attempt = attempt
        self._endpoint = endpoint
        self._login = login

    async def make(self, command: Sequence[str] | None, *, role: bool) -> None:
        """Log in and ask. Raises Fault."""
        session = await RedisSession.open(self._attempt, self._endpoint, self._login)
        try:
            self._attempt.enter("exchange")
            if (pong := await session.command("PING")) != b"PONG":
                raise Fault("data", detail=f"it answers PING with {said(_text(pong) or 'nothing')!r}")
            if role:
                self.role = _role(await session.command("ROLE"))
            if command is not None:
                self.reply = await session.command(*command)
                self.answered = True
        finally:
            session.close()


def _role(reply: Reply) -> str:
    """What the server says that it is. Redis still calls a replica by its old name."""
    if not isinstance(reply, list) or not reply or not isinstance(reply[0], bytes):
        raise Fault("data", detail="it answers ROLE without a role")
    return "replica" if reply[0] == b"slave" else said(reply[0].decode(errors="replace"))


def _text(reply: Reply) -> str | None:
    """An answer as it is compared and shown; None where there is none."""
    if reply is None:
        return None
    return reply.decode(errors="replace") if isinstance(reply, bytes) else str(reply)


def build(config: Config, context: Context) -> RedisProbe:
    """The probe of a configuration."""
    return RedisProbe(config, context)
