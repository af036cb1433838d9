"""Servers that misbehave: each behaviour is a function of a connection. All on 127.0.0.1, in the test's own loop."""

import asyncio
import contextlib
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from pathlib import Path

import uvloop

LOOPS: Mapping[str, Callable[[], asyncio.AbstractEventLoop]] = {
    "uvloop": uvloop.new_event_loop,
    "asyncio": asyncio.new_event_loop,
}
"""The event loops that the network must behave on: the watch's own, and that of the standard library."""

LOOP: Mapping[str, Callable[[], asyncio.AbstractEventLoop]] = {"uvloop": LOOPS["uvloop"]}
"""The watch's own: what stands on the network, which is tried on both, needs no more."""

Behaviour = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"


@contextlib.asynccontextmanager
async def serving(behaviour: Behaviour, *, tls: ssl.SSLContext | None = None, path: str = "") -> AsyncIterator[int]:
    """A server that behaves like that on every connection; gives its port. Ends with all its connections.

    With a `path` it listens at that socket in the file system, and has no port.
    """
    tasks: set[asyncio.Task[None]] = set()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            with contextlib.suppress(ConnectionError, ssl.SSLError, RuntimeError):  # uvloop's word for a closed one
                await behaviour(reader, writer)
        except asyncio.CancelledError:
            pass  # the test is over
        finally:
            writer.transport.abort()

    if path:
        server = await asyncio.start_unix_server(handle, path, ssl=tls)
    else:
        server = await asyncio.start_server(handle, "127.0.0.1", 0, ssl=tls)
    try:
        yield 0 if path else server.sockets[0].getsockname()[1]
    finally:
        await _settle()  # a server that closes while it accepts forgets the connection
        server.close()
        for task in tasks:
            task.cancel()
        await _settle()
        if path:
            Path(path).unlink(missing_ok=True)


async def _settle() -> None:
    """Let the loop do what is under way."""
    for _ in range(10):
        await asyncio.sleep(0)


async def request(reader: asyncio.StreamReader) -> bytes:
    """The head of a request."""
    return await reader.readuntil(b"\r\n\r\n")


def reset(writer: asyncio.StreamWriter) -> None:
    """Cut the connection with a RST."""
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


def answering(*parts: bytes) -> Behaviour:
    """Reads a request, sends these parts each by itself, and closes."""

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request(reader)
        for part in parts:
            writer.write(part)
            await writer.drain()
            await asyncio.sleep(0)
        writer.close()
        await writer.wait_closed()

    return behave


def responding(status: str, body: str = "", *headers: str) -> Behaviour:
    """Reads a request, answers it with that status and body, and closes."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "Connection: close", "", body]
    return answering("\r\n".join(lines).encode())


def saying(*parts: bytes, then_hang: bool = False, then_reset: bool = False) -> Behaviour:
    """Says these parts one after the other, without listening."""

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for part in parts:
            writer.write(part)
            await writer.drain()
            await asyncio.sleep(0)
        if then_hang:
            await asyncio.Event().wait()
        if then_reset:
            await asyncio.sleep(0.05)  # a reset overtakes what was not read yet
            reset(writer)
        writer.close()
        await writer.wait_closed()

    return behave


def resetting(*parts: bytes) -> Behaviour:
    """Reads a request, sends these parts, and resets when the other side has had time to read them."""

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request(reader)
        for part in parts:
            writer.write(part)
            await writer.drain()
        await asyncio.sleep(0.05)  # a reset overtakes what was not read yet
        reset(writer)

    return behave


def hanging(*parts: bytes) -> Behaviour:
    """Reads a request, sends these parts, and then nothing, for ever."""

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request(reader)
        for part in parts:
            writer.write(part)
            await writer.drain()
        await asyncio.Event().wait()

    return behave


async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Accepts, and never says or reads anything."""
    await asyncio.Event().wait()


async def resetting_at_once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Accepts and resets when something arrives."""
    await reader.read(1)
    reset(writer)


def flooding(head: bytes, piece: bytes) -> Behaviour:
    """Reads a request, sends a head, and then the same piece, for ever, as fast as it can."""

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request(reader)
        writer.write(head)
        while True:
            writer.write(piece)
            await writer.drain()

    return behave


def trickling(head: bytes, byte: bytes) -> Behaviour:
    """Reads a request, sends a head, and then one byte now and then, for ever."""

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request(reader)
        writer.write(head)
        while True:
            writer.write(byte)
            await writer.drain()
            await asyncio.sleep(0.01)

    return behave


async def speaking_first(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Greets as another protocol does, without being asked."""
    writer.write(b"SSH-2.0-OpenSSH_9.2\r\n")
    await writer.drain()
    await asyncio.Event().wait()


@contextlib.contextmanager
def full_backlog() -> Iterator[int]:
    """A port that listens and lets nobody in: what connects to it gets no answer."""
    with socket.socket() as listening, socket.socket() as first:
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        first.connect(listening.getsockname())
        yield listening.getsockname()[1]
