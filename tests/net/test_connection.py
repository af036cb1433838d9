"""Connections: what this process lacks is unknown, and nothing stays behind."""

import asyncio
import resource
import ssl
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
import trustme

from slo.config.tls import TLSSettings
from slo.core.reason import REASONS, State
from slo.errors import Fault
from slo.net import connection
from slo.net.attempt import Attempt, Endpoint, Reached
from slo.net.certificate import described, earliest_expiry, read_certificate
from slo.net.connection import PIECE_BYTES, Connection
from slo.net.context import Context
from slo.net.samples import fnv32a
from slo.net.tls import TLSContexts
from slo.runner.clock import SteadyClock
from tests import hostile
from tests.certificates import server_context
from tests.hostile import serving


class Heard:
    """A receiver that keeps what it is told."""

    def __init__(self) -> None:
        self.data = b""
        self.ended: list[Exception | None] = []

    def received(self, data: bytes) -> None:
        self.data += data

    def closed(self, error: Exception | None) -> None:
        self.ended.append(error)


Steps = Callable[[Attempt, Heard], Awaitable[None]]


async def attempted(steps: Steps, *, context: Context | None = None) -> tuple[Reached, Heard]:
    context = context or Context.default(SteadyClock())
    attempt, heard = Attempt(context), Heard()
    return await attempt.run(steps(attempt, heard), context.clock.monotonic() + 10.0), heard


def connecting(port: int) -> Steps:
    async def steps(attempt: Attempt, heard: Heard) -> None:
        (await attempt.connect(heard, Endpoint(host="127.0.0.1", port=port))).close()

    return steps


async def test_no_descriptor_left_is_our_own_fault() -> None:
    context = Context.default(SteadyClock())
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    async with serving(hostile.silent) as port:
        highest = max(int(entry.name) for entry in Path("/proc/self/fd").iterdir())
        taken = [Path("/dev/null").open("rb") for _ in range(highest)]  # noqa: SIM115  # every gap below is filled
        resource.setrlimit(resource.RLIMIT_NOFILE, (highest, hard))
        try:
            reached, _ = await attempted(connecting(port), context=context)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
            for each in taken:
                each.close()
    assert reached.fault is not None
    assert reached.fault.reason == "no_file_descriptors"
    assert REASONS[reached.fault.reason].state is State.UNKNOWN


async def test_an_error_that_nobody_knows_is_a_mistake_of_ours() -> None:
    async def broken(attempt: Attempt, heard: Heard) -> None:
        raise OSError(9999, "no such error")

    with pytest.raises(OSError, match="no such error"):
        await attempted(broken)


async def test_a_cancelled_attempt_is_cancelled_and_leaves_nothing() -> None:
    async with serving(hostile.silent) as port:

        async def waiting(attempt: Attempt, heard: Heard) -> None:
            made = await attempt.connect(heard, Endpoint(host="127.0.0.1", port=port, tls=TLSSettings()))
            made.close()

        task = asyncio.create_task(attempted(waiting))
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_what_arrives_is_told_once_and_so_is_the_end() -> None:
    async def greeting(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"hello")
        await writer.drain()

    async with serving(greeting) as port:

        async def listening(attempt: Attempt, heard: Heard) -> None:
            made = await attempt.connect(heard, Endpoint(host="127.0.0.1", port=port))
            while not heard.ended:
                await asyncio.sleep(0.01)
            made.close()
            made.abort()
            made.write(b"nobody listens")

        reached, heard = await attempted(listening)
    assert (reached.fault, heard.data, len(heard.ended)) == (None, b"hello", 1)


async def test_a_flood_is_taken_in_pieces_with_others_in_between() -> None:
    """Each takes at most one piece in a turn of the loop, so that forty floods are no standstill."""
    flood = bytes(range(256)) * 8192

    async def pouring(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(flood)
        await writer.drain()

    class Turns(Heard):
        turn, turns = 0, list[int]()

        def received(self, data: bytes) -> None:
            super().received(data)
            self.turns.append(self.turn)

        def next(self) -> None:
            self.turn += 1
            if not self.ended:
                asyncio.get_running_loop().call_soon(self.next)

    async with serving(pouring) as port:
        heard, loop = Turns(), asyncio.get_running_loop()
        _, made = await loop.create_connection(lambda: Connection(heard, loop, secure=False), "127.0.0.1", port)
        heard.next()
        while not heard.ended:
            await asyncio.sleep(0.01)
        made.close()
    assert heard.data == flood
    assert len(heard.turns) >= len(flood) // PIECE_BYTES
    assert max(Counter(heard.turns).values()) <= 2, "the last of what was read, and the first of what came then"


async def test_a_flood_on_a_connection_that_was_given_up_while_it_was_made_is_no_mistake() -> None:
    class GivenUp(asyncio.Transport):
        def pause_reading(self) -> None:
            pass

        def is_closing(self) -> bool:
            return False

        def resume_reading(self) -> None:
            raise RuntimeError("unable to perform operation; the handler is closed")

    loop, heard, mistakes = asyncio.get_running_loop(), Heard(), list[object]()
    loop.set_exception_handler(lambda _, context: mistakes.append(context))
    made = Connection(heard, loop, secure=False)
    made.connection_made(GivenUp())
    made.data_received(bytes(2 * PIECE_BYTES))
    for _ in range(3):
        await asyncio.sleep(0)
    assert (len(heard.data), mistakes) == (2 * PIECE_BYTES, [])


async def test_what_arrives_before_the_handshake_never_reaches_whom_it_was_not_encrypted_for() -> None:
    loop = asyncio.get_running_loop()
    heard = Heard()
    async with serving(hostile.silent) as port:
        _, made = await loop.create_connection(lambda: Connection(heard, loop, secure=True), "127.0.0.1", port)
        made.data_received(b"HTTP/1.1 200 OK\r\n\r\n")
        with pytest.raises(Fault) as raised:
            await made.start_tls(ssl.create_default_context(), "localhost")
        made.close()
    assert raised.value.reason == "tls_protocol"
    assert (heard.data, heard.ended) == (b"", [])


async def test_a_handshake_that_failed_is_told_to_who_asked_for_it_alone() -> None:
    loop = asyncio.get_running_loop()
    heard = Heard()
    async with serving(hostile.silent, tls=server_context(trustme.CA(), "localhost")) as port:
        _, made = await loop.create_connection(lambda: Connection(heard, loop, secure=True), "127.0.0.1", port)
        with pytest.raises(Fault) as raised:
            await made.start_tls(ssl.create_default_context(), "localhost")
        made.close()
    assert raised.value.reason == "tls_verify"
    assert (heard.data, heard.ended) == (b"", [])


async def test_a_name_that_no_certificate_can_be_for() -> None:
    async with serving(hostile.silent) as port:

        async def shaking(attempt: Attempt, heard: Heard) -> None:
            settings = TLSSettings(server_name="x" * 64 + ".example")
            await attempt.connect(heard, Endpoint(host="127.0.0.1", port=port, tls=settings))

        reached, _ = await attempted(shaking)
    assert reached.fault is not None
    assert reached.fault.reason == "tls_hostname"


async def test_what_the_other_side_does_not_read_is_cut_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "LINGER_SECONDS", 0.05)
    async with serving(hostile.silent) as port:

        async def pouring(attempt: Attempt, heard: Heard) -> None:
            made = await attempt.connect(heard, Endpoint(host="127.0.0.1", port=port))
            made.write(bytes(50_000_000))
            made.close()
            transport = made._transport
            assert transport is not None
            while transport.get_write_buffer_size():
                await asyncio.sleep(0.01)

        reached, _ = await attempted(pouring)
    assert reached.fault is None


# Pieces


def test_contexts_are_made_once_for_the_same_settings() -> None:
    contexts = TLSContexts()
    trusting = contexts.get(TLSSettings(insecure_skip_verify=True))
    assert contexts.get(TLSSettings(insecure_skip_verify=True, server_name="other")) is trusting
    assert contexts.get(TLSSettings(insecure_skip_verify=True), alpn=("http/1.1",)) is not trusting
    assert contexts.get(TLSSettings()).verify_mode is ssl.CERT_REQUIRED
    assert trusting.verify_mode is ssl.CERT_NONE


@pytest.mark.parametrize("der", [b"", b"garbage", b"\x30\x82\xff\xff"])
def test_what_is_no_certificate_is_said_to_be_none(der: bytes) -> None:
    assert read_certificate(der) is None
    assert earliest_expiry([der]) is None
    assert described(der) == "a certificate that cannot be read"


@pytest.mark.parametrize(("data", "value"), [(b"", 0x811C9DC5), (b"a", 0xE40C292C), (b"foobar", 0xBF9CF968)])
def test_the_hash_of_addresses_is_fnv_1a(data: bytes, value: int) -> None:
    assert fnv32a(data) == value


def test_a_fault_that_is_kept_keeps_nothing_else() -> None:
    """The facts of a round outlive it; a traceback in them would keep its whole body in memory."""

    async def failing(attempt: Attempt, heard: Heard) -> None:
        raise Fault("data", detail="why")

    reached, _ = asyncio.run(attempted(failing))
    assert reached.fault is not None
    assert reached.fault.__traceback__ is None
    assert reached.fault.__context__ is None
