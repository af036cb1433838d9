"""A name server for tests: answers by the first label of the name, over UDP on 127.0.0.1."""

import asyncio
import contextlib
import struct
from collections import Counter
from collections.abc import AsyncIterator
from ipaddress import ip_address
from typing import cast

A = 1
AAAA = 28
CODES = {"nxdomain": 3, "servfail": 2, "refused": 5}
ADDRESSES = {
    "four": {A: "127.0.0.1"},
    "six": {AAAA: "::1"},
    "both": {A: "127.0.0.1", AAAA: "::1"},
    "outside": {A: "192.0.2.1"},
    "routeless": {A: "127.0.0.1", AAAA: "::ffff:0:0:1"},
    "nothing": {},
}
TTL_SECONDS = 60


class NameServer(asyncio.DatagramProtocol):
    """`asked` counts the questions by name and type. `hang.*` gets no answer, and `garbage.*` none that can be read."""

    def __init__(self) -> None:
        self.asked: Counter[tuple[str, int]] = Counter()
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, peer: tuple[str, int]) -> None:
        assert self._transport is not None
        labels, at = [], 12
        while data[at]:
            labels.append(data[at + 1 : at + 1 + data[at]].decode().lower())
            at += data[at] + 1
        (kind,) = struct.unpack_from(">H", data, at + 1)
        question = data[12 : at + 5]
        self.asked[".".join(labels), kind] += 1
        if labels[0] == "hang":
            return
        if labels[0] == "garbage":
            self._transport.sendto(data[:2] + b"\xff" * 30, peer)
            return
        address = ADDRESSES.get(labels[0], {}).get(kind)
        answer = b""
        if address:
            packed = ip_address(address).packed
            answer = b"\xc0\x0c" + struct.pack(">HHIH", kind, 1, TTL_SECONDS, len(packed)) + packed
        head = struct.pack(">HHHHH", 0x8180 | CODES.get(labels[0], 0), 1, 1 if answer else 0, 0, 0)
        self._transport.sendto(data[:2] + head + question + answer, peer)


@contextlib.asynccontextmanager
async def name_server() -> AsyncIterator[tuple[str, NameServer]]:
    """A running name server: ADDRESS:PORT, and what it was asked."""
    loop = asyncio.get_running_loop()
    transport, server = await loop.create_datagram_endpoint(NameServer, local_addr=("127.0.0.1", 0))
    try:
        yield f"127.0.0.1:{transport.get_extra_info('sockname')[1]}", server
    finally:
        transport.close()
        await asyncio.sleep(0)
