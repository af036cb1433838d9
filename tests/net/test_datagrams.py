"""Datagrams come from one peer, and never take more than their turn."""

import asyncio
import ipaddress
import socket

import pytest

from slo.errors import Fault
from slo.net.datagrams import Datagrams

HERE = ipaddress.ip_address("127.0.0.1")


async def test_what_has_arrived_is_read_in_turn_with_everything_else() -> None:
    """Else a peer that sends faster than we read would have the loop for itself, and no deadline would come."""
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        peer.bind(("127.0.0.1", 0))
        with Datagrams(HERE, peer.getsockname()[1]) as datagrams:
            datagrams.send(b"hello")
            _, us = peer.recvfrom(100)
            for number in range(50):
                peer.sendto(bytes([number]), us)
            counting = asyncio.create_task(count())
            assert [await datagrams.receive() for _ in range(50)] == [bytes([number]) for number in range(50)]
            counting.cancel()
    assert turns >= 49


async def test_only_the_peer_is_heard() -> None:
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other,
    ):
        peer.bind(("127.0.0.1", 0))
        with Datagrams(HERE, peer.getsockname()[1]) as datagrams:
            datagrams.send(b"hello")
            _, us = peer.recvfrom(100)
            other.sendto(b"forged", us)
            peer.sendto(b"true", us)
            assert await datagrams.receive() == b"true"


async def test_a_port_that_nobody_listens_on_is_told() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as gone:
        gone.bind(("127.0.0.1", 0))
        port = gone.getsockname()[1]
    with Datagrams(HERE, port) as datagrams:
        datagrams.send(b"hello")
        with pytest.raises(Fault) as raised:
            await datagrams.receive()
    assert (raised.value.reason, raised.value.detail) == ("connect_refused", f"127.0.0.1 port {port}")
