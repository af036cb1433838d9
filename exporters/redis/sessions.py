"""Logins to a Redis: one that is kept between rounds, and one that only shows that somebody can log in."""

from slo.net.attempt import Attempt, Endpoint
from slo.net.redis import RedisLogin, RedisSession, Refusal

ANSWER_BYTES = 2 * 1024 * 1024
"""The largest answer. A server that uses all commands tells a twentieth of it, one with 40,000 databases two thirds."""

CLIENT_NAME = "watchkeep"
"""How we are called in CLIENT LIST."""


async def log_in(attempt: Attempt, endpoint: Endpoint, who: RedisLogin) -> RedisSession:
    """A session to be kept. Raises Fault."""
    session = await RedisSession.open(attempt, endpoint, who, limit_bytes=ANSWER_BYTES)
    attempt.enter("query")
    try:
        (reply,) = await session.pipeline((("CLIENT", "SETNAME", CLIENT_NAME),))
        # A server that has no connection left says so in the place of whatever is answered first.
        if isinstance(reply, Refusal) and (fault := reply.fault()).reason != "query_refused":
            raise fault
    except BaseException:
        session.close()
        raise
    return session


async def visit(attempt: Attempt, endpoint: Endpoint, who: RedisLogin) -> None:
    """Log in, be answered, and hang up. Raises Fault."""
    session = await RedisSession.open(attempt, endpoint, who)
    try:
        attempt.enter("query")
        await session.command("PING")
    finally:
        session.close()
