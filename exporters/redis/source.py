"""What a replica should have: its primary is asked how far it has come, on a connection of its own."""

from dataclasses import dataclass, replace
from functools import partial

from exporters.health.kept import Kept
from exporters.redis.info import read_info
from exporters.redis.sessions import log_in
from slo.net.attempt import Attempt, Endpoint
from slo.net.context import Context
from slo.net.guard import Guard
from slo.net.redis import RedisLogin, RedisSession


@dataclass(frozen=True, kw_only=True, slots=True)
class Progress:
    """How far a stream of replication had come when its primary was last heard, in bytes; nothing of a primary that
    never was.
    """

    stream: str = ""
    written: float = 0.0


class Source:
    """Asks one primary. What it said last stands while it says nothing: it has written no less since."""

    def __init__(self, endpoint: Endpoint, who: RedisLogin, context: Context) -> None:
        self._kept = Kept(partial(log_in, endpoint=endpoint, who=who), context.clock)
        self._context = replace(context, guard=Guard())  # it is configured, whoever chose the replica
        self._progress = Progress()

    async def ask(self, deadline: float) -> Progress:
        """How far it has come. Takes half of the time until `deadline` at most, and raises no Fault."""
        attempt, now = Attempt(self._context), self._context.clock.monotonic()
        await attempt.run(self._look(attempt), now + (deadline - now) / 2)
        return self._progress

    def close(self) -> None:
        """Log out, without waiting for the other side."""
        self._kept.close()

    async def _look(self, attempt: Attempt) -> None:
        async def asked(session: RedisSession) -> None:
            attempt.enter("query")
            reply = await session.command("INFO", "REPLICATION")
            info = read_info(reply) if isinstance(reply, bytes) else None
            written = info.number("master_repl_offset") if info else None
            if info is not None and written is not None:
                self._progress = Progress(stream=info.word("master_replid"), written=written)

        await self._kept.ask(attempt, asked)
