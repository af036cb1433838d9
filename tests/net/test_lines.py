"""Lines come out as they were sent, however they arrive, and nothing piles up."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slo.errors import Fault
from slo.net.lines import LINE_BYTES, WAITING_BYTES, Lines


async def everything(lines: Lines) -> list[bytes]:
    read = []
    while (line := await lines.read()) is not None:
        read.append(line)
    return read


@given(st.lists(st.binary().map(lambda line: line.replace(b"\n", b"").rstrip(b"\r"))), st.lists(st.integers(1, 9)))
def test_lines_come_out_as_they_were_sent(sent: list[bytes], sizes: list[int]) -> None:
    data = b"".join(line + b"\r\n" for line in sent)

    async def receive() -> list[bytes]:
        lines, at = Lines(), 0
        for size in sizes:
            lines.received(data[at : at + size])
            at += size
        reading = asyncio.create_task(everything(lines))
        await asyncio.sleep(0)
        lines.received(data[at:])
        lines.closed(None)
        return await reading

    assert asyncio.run(receive()) == sent


async def test_what_nobody_reads_does_not_pile_up() -> None:
    lines = Lines()
    for _ in range(100):
        lines.received(b"line\n" * 20_000)
    assert len(lines._waiting) <= WAITING_BYTES + 100_000
    with pytest.raises(Fault) as raised:
        await everything(lines)
    assert raised.value.reason == "data"


@pytest.mark.parametrize(
    "sent",
    [b"x" * LINE_BYTES + b"\n", b"x" * LINE_BYTES],
    ids=["one that is too long", "one that does not end"],
)
async def test_a_line_has_an_end(sent: bytes) -> None:
    lines = Lines()
    lines.received(sent[1:-1] + b"\n" + sent)
    assert await lines.read() == sent[1:-1], "as long as may be"
    with pytest.raises(Fault) as raised:
        await lines.read()
    assert raised.value.reason == "data"


async def test_bytes_are_counted_as_they_come_lines_or_not() -> None:
    lines = Lines()
    lines.received(b"one\r\ntw")
    assert await lines.read() == b"one"
    reading = asyncio.create_task(lines.read_exactly(5))
    await asyncio.sleep(0)
    lines.received(b"o\n")
    lines.received(b"\x00rest\r")
    assert await reading == b"two\n\x00"
    lines.closed(None)
    assert await lines.read_exactly(9) is None
    assert await lines.read() == b"rest"
    assert await lines.read() is None


async def test_nothing_may_be_left_where_all_has_to_be_read() -> None:
    lines = Lines()
    lines.received(b"220 go ahead\r\n250 put in by somebody\r\n")
    await lines.read()
    with pytest.raises(Fault, match="it says more before TLS"):
        lines.settled()
    await lines.read()
    lines.settled()


async def test_what_came_before_a_reset_is_still_read() -> None:
    lines = Lines()
    lines.received(b"whole\nhalf")
    lines.closed(ConnectionResetError("reset"))
    assert await lines.read() == b"whole"
    with pytest.raises(Fault) as raised:
        await lines.read()
    assert raised.value.reason == "data_closed"


async def test_who_reads_a_flood_of_lines_lets_others_run() -> None:
    lines = Lines()
    lines.received(b"\n" * WAITING_BYTES)
    lines.closed(None)
    reading = asyncio.create_task(everything(lines))
    turns = 0
    while not reading.done():
        turns += 1
        await asyncio.sleep(0)
    assert len(reading.result()) == WAITING_BYTES
    assert turns > 3
