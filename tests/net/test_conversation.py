"""A conversation holds nobody up, however much the other side has to say."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from slo.net.conversation import Conversation

FLOOD_BYTES = 1_000_000

READERS: dict[str, Callable[[Conversation], Awaitable[bytes]]] = {
    "lines": Conversation.line,
    "bytes": lambda conversation: conversation.exactly(2),
}


@pytest.mark.parametrize("read", READERS.values(), ids=READERS.keys())
async def test_who_reads_a_flood_lets_others_run(read: Callable[[Conversation], Awaitable[bytes]]) -> None:
    conversation = Conversation(FLOOD_BYTES)
    conversation.received(b"\r\n" * (FLOOD_BYTES // 2))

    async def everything() -> None:
        for _ in range(FLOOD_BYTES // 2):
            await read(conversation)

    reading = asyncio.create_task(everything())
    turns = 0
    while not reading.done():
        turns += 1
        await asyncio.sleep(0)
    await reading
    assert turns > 3
