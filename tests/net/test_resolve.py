"""Names become addresses, and each way of failing has its reason."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace
from ipaddress import IPv4Address, ip_address

import pytest

from slo.config.hosts import IPAddress
from slo.errors import Fault
from slo.net.attempt import Attempt, Endpoint, Reached
from slo.net.connectivity import Connectivity
from slo.net.context import Context
from slo.net.lines import Lines
from slo.net.resolve import IPProtocol, Resolver
from slo.runner.clock import SteadyClock
from tests import hostile
from tests.hostile import serving
from tests.net.dns import A, NameServer, name_server


@contextlib.asynccontextmanager
async def resolving() -> AsyncIterator[tuple[Resolver, NameServer]]:
    async with name_server() as (address, server):
        resolver = Resolver([address])
        yield resolver, server
        await resolver.close()


ANSWERS: dict[str, tuple[str, IPProtocol, bool, list[str]]] = {
    "both, six preferred": ("both.test", "ip6", True, ["::1", "127.0.0.1"]),
    "both, four preferred": ("both.test", "ip4", True, ["127.0.0.1", "::1"]),
    "both, six alone": ("both.test", "ip6", False, ["::1"]),
    "both, four alone": ("both.test", "ip4", False, ["127.0.0.1"]),
    "four where six is preferred": ("four.test", "ip6", True, ["127.0.0.1"]),
    "six where four is preferred": ("six.test", "ip4", True, ["::1"]),
    "the hosts file": ("localhost", "ip4", False, ["127.0.0.1"]),
    "an address": ("192.0.2.7", "ip6", False, ["192.0.2.7"]),
    "an address of six": ("2001:db8::1", "ip4", False, ["2001:db8::1"]),
    "a name with its final dot": ("four.test.", "ip4", False, ["127.0.0.1"]),
}


@pytest.mark.parametrize(("host", "prefer", "fallback", "found"), ANSWERS.values(), ids=ANSWERS.keys())
async def test_answers(host: str, prefer: IPProtocol, *, fallback: bool, found: list[str]) -> None:
    async with resolving() as (resolver, _):
        assert await resolver.resolve(host, prefer=prefer, fallback=fallback) == tuple(map(ip_address, found))


FAILURES = {
    "no such name": ("nxdomain.test", "dns_nxdomain"),
    "a name without addresses": ("nothing.test", "dns_no_address"),
    "a failing server": ("servfail.test", "dns_servfail"),
    "a server that refuses us": ("refused.test", "resolver_down"),
    "an answer of garbage": ("garbage.test", "resolver_down"),
    "an empty label": ("a..test", "dns_nxdomain"),
    "a label that is too long": ("x" * 64 + ".test", "dns_nxdomain"),
    "a name that is no name": ("a b", "dns_nxdomain"),
}


@pytest.mark.parametrize(("host", "reason"), FAILURES.values(), ids=FAILURES.keys())
@pytest.mark.parametrize("fallback", [True, False])
async def test_failures(host: str, reason: str, *, fallback: bool) -> None:
    async with resolving() as (resolver, _):
        with pytest.raises(Fault) as raised:
            await resolver.resolve(host, prefer="ip6", fallback=fallback)
    assert raised.value.reason == reason


async def test_a_name_of_the_other_protocol_alone_has_no_address() -> None:
    async with resolving() as (resolver, _):
        with pytest.raises(Fault) as raised:
            await resolver.resolve("four.test", prefer="ip6", fallback=False)
    assert raised.value.reason == "dns_no_address"


async def test_a_resolver_that_is_not_there_is_down() -> None:
    resolver = Resolver(["127.0.0.1:1"])
    with pytest.raises(Fault) as raised:
        await resolver.resolve("four.test", prefer="ip4", fallback=False)
    await resolver.close()
    assert raised.value.reason == "resolver_down"


async def test_an_answer_is_good_for_its_ttl_and_a_failure_is_asked_for_again() -> None:
    async with resolving() as (resolver, server):
        for _ in range(50):
            await resolver.resolve("four.test", prefer="ip4", fallback=False)
            with pytest.raises(Fault):
                await resolver.resolve("servfail.test", prefer="ip4", fallback=False)
    assert server.asked["four.test", A] == 1
    assert server.asked["servfail.test", A] >= 50


async def test_a_second_server_is_asked_when_the_first_is_dead() -> None:
    async with name_server() as (address, _):
        resolver = Resolver(["127.0.0.1:1", address])
        found = await resolver.resolve("four.test", prefer="ip4", fallback=False)
        await resolver.close()
    assert found == (IPv4Address("127.0.0.1"),)


# As part of an attempt


async def attempted(
    host: str, port: int, *, timeout_seconds: float = 10.0, connectivity: Connectivity | None = None
) -> Reached:
    clock = SteadyClock()
    async with resolving() as (resolver, _):
        context = replace(Context.default(clock), resolver=resolver)
        if connectivity is not None:
            context = replace(context, connectivity=connectivity)
        attempt = Attempt(context)

        async def steps() -> None:
            (await attempt.connect(Lines(), Endpoint(host=host, port=port))).close()

        return await attempt.run(steps(), clock.monotonic() + timeout_seconds)


async def test_a_resolver_that_hangs_is_down_when_the_time_is_up() -> None:
    reached = await attempted("hang.test", 1, timeout_seconds=0.2)
    assert reached.fault is not None
    assert (reached.fault.reason, reached.fault.phase) == ("resolver_down", "resolve")
    assert reached.fault.detail == "waited for the resolver"


async def test_the_other_protocol_is_tried_where_one_cannot_be_connected_to() -> None:
    async with serving(hostile.silent) as port:
        reached = await attempted("both.test", port)
    assert (reached.fault, str(reached.address)) == (None, "127.0.0.1")


async def test_what_was_tried_last_is_the_reason() -> None:
    reached = await attempted("both.test", 1)
    assert reached.fault is not None
    assert (reached.fault.reason, reached.fault.detail) == ("connect_refused", "127.0.0.1 port 1")


async def test_an_address_without_a_route_is_left_out_where_there_is_another() -> None:
    class OnlyFour(Connectivity):
        def routed(self, address: IPAddress) -> bool:
            return address.version == 4

    async with serving(hostile.silent) as port:
        reached = await attempted("both.test", port, connectivity=OnlyFour())
    assert (reached.fault, str(reached.address)) == (None, "127.0.0.1")


async def test_a_resolver_of_another_loop_is_made_anew() -> None:
    resolver = Resolver()
    loop = asyncio.new_event_loop()
    thread = asyncio.to_thread(loop.run_until_complete, resolver.resolve("localhost", prefer="ip4", fallback=False))
    assert await thread == (IPv4Address("127.0.0.1"),)
    loop.close()
    assert await resolver.resolve("localhost", prefer="ip4", fallback=False) == (IPv4Address("127.0.0.1"),)
    await resolver.close()
