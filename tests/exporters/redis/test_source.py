"""A primary that is configured is asked, whoever chose the replica that is looked at."""

import asyncio
import ipaddress
from dataclasses import replace

from exporters.redis.source import Progress, Source
from slo.net.attempt import Endpoint
from slo.net.context import Context
from slo.net.guard import Guard, Reach
from slo.net.redis import RedisLogin
from slo.runner.clock import SteadyClock
from tests.hostile import serving

INFO = b"role:master\r\nmaster_replid:8c1f\r\nmaster_repl_offset:42\r\n"


async def answers(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while asked := await reader.read(1000):
        writer.write(b"$%d\r\n%b\r\n" % (len(INFO), INFO) if b"REPLICATION" in asked else b"+OK\r\n")
        await writer.drain()


async def test_a_reach_that_is_another_hosts_keeps_nobody_from_the_primary() -> None:
    reach = Reach(only=ipaddress.ip_address("127.0.0.2"))
    context = replace(Context.default(SteadyClock()), guard=Guard(reach))
    async with serving(answers) as port:
        source = Source(Endpoint(host="127.0.0.1", port=port, scheme="redis"), RedisLogin(), context)
        progress = await source.ask(context.clock.monotonic() + 20)
        source.close()
    assert progress == Progress(stream="8c1f", written=42.0)
