"""What a Redis is asked in each round, and what came of it."""

from collections.abc import Mapping
from dataclasses import dataclass

from exporters.health.write import Write
from exporters.redis import sentinel, writing
from exporters.redis.info import Info, read_cluster, read_info
from exporters.redis.sentinel import Guarded
from slo.errors import Fault
from slo.net.redis import Answer, RedisSession, Refusal


@dataclass(frozen=True, kw_only=True, slots=True)
class Answers:
    """What the server said: `cluster` where it is part of one and tells, `sentinel` where it is a Sentinel.

    `write` is what came of the write probe, None where nothing was written: only a primary is written to.
    """

    info: Info
    cluster: Mapping[str, float] | None = None
    sentinel: tuple[Guarded, ...] | None = None
    write: Write | None = None


async def ask(session: RedisSession, *, write_to: str | None = None, token: str = "") -> Answers:
    """Ask how the server is, and write the token to a key where one is named. Raises Fault."""
    # Not INFO ALL, whose half are percentiles of latencies, which are asked for more seldom.
    plain, commands = await session.pipeline((("INFO",), ("INFO", "COMMANDSTATS")))
    info = read_info(_told(plain) + b"\n" + _told(commands))
    if info.is_sentinel:
        replies = await session.pipeline(sentinel.questions(info.watched))
        return Answers(info=info, sentinel=sentinel.guarded(info.watched, replies))
    cluster = write = None
    if info.number("cluster_enabled"):
        (reply,) = await session.pipeline((("CLUSTER", "INFO"),))
        cluster = read_cluster(reply) if isinstance(reply, bytes) else None
    if write_to is not None and info.word("role") == "master" and not info.number("loading"):
        write = writing.judged(token, await session.pipeline(writing.questions(write_to, token)))
    return Answers(info=info, cluster=cluster, write=write)


def _told(reply: Answer) -> bytes:
    """The answer to INFO, without which nothing is known. Raises Fault."""
    if isinstance(reply, Refusal):
        fault = reply.fault()
        raise Fault("permission", detail=fault.detail) if reply.code == "NOPERM" else fault
    if not isinstance(reply, bytes):
        raise Fault("data", detail="it answers INFO with something else than a text")
    return reply
