"""Targets that do the worst: a process that prints their ports, and serves until it is killed.

`python -m benchmarks._hostile` prints one line of JSON: the port of each kind. The name server `dns` never answers.
"""

import asyncio
import json
import socket
from collections.abc import Awaitable, Callable

import uvloop

Behaviour = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"


async def slowloris(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A head that comes byte by byte, for ever."""
    await reader.readuntil(b"\r\n\r\n")
    writer.write(HEAD + b"X-Slow: ")
    while True:
        writer.write(b"a")
        await writer.drain()
        await asyncio.sleep(0.05)


async def endless_body(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A body that never ends, slower than its limit would notice."""
    await reader.readuntil(b"\r\n\r\n")
    writer.write(HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
    while True:
        writer.write(b"1\r\na\r\n")
        await writer.drain()
        await asyncio.sleep(0.05)


async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A body that never ends, as fast as it is taken."""
    await reader.readuntil(b"\r\n\r\n")
    writer.write(HEAD + b"\r\n")
    while True:
        writer.write(b"x" * 65536)
        await writer.drain()


async def endless_headers(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Headers that never end, as fast as they are taken."""
    await reader.readuntil(b"\r\n\r\n")
    writer.write(HEAD)
    while True:
        writer.write(b"X-More: and more\r\n" * 100)
        await writer.drain()


async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:  # noqa: ARG001
    """Accepts, and says nothing: neither HTTP nor TLS."""
    await asyncio.Event().wait()


KINDS: dict[str, Behaviour] = {
    "slowloris": slowloris,
    "endless_body": endless_body,
    "flood": flood,
    "endless_headers": endless_headers,
    "silent": silent,
}


def guarded(behaviour: Behaviour) -> Behaviour:
    """The behaviour, until the other side has had enough."""

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await behaviour(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, RuntimeError):
            writer.transport.abort()

    return behave


async def main() -> None:
    """Serve every kind."""
    servers = {
        kind: await asyncio.start_server(guarded(behaviour), "127.0.0.1", 0, backlog=1024)
        for kind, behaviour in KINDS.items()
    }
    ports = {kind: server.sockets[0].getsockname()[1] for kind, server in servers.items()}
    with socket.socket() as listening, socket.socket() as first, socket.socket(type=socket.SOCK_DGRAM) as names:
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        first.connect(listening.getsockname())  # the queue is full: who connects now gets no answer
        names.bind(("127.0.0.1", 0))
        ports |= {"half_open": listening.getsockname()[1], "dns": names.getsockname()[1]}
        print(json.dumps(ports), flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(main())
