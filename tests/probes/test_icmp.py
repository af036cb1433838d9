"""What an ICMP probe takes for a reply, over the sockets of root and over those of everybody."""

import asyncio
import contextlib
import ipaddress
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from probes import icmp
from slo.errors import Fault
from slo.net.context import Context
from slo.net.guard import Guard, Reach
from slo.runner.clock import SteadyClock
from tests.e2e.namespaces import HERE, THERE, Cable, cable, inside
from tests.probes.looking import look
from tests.services import program

HUNG_SECONDS = 0.5

PINGERS = Path("/proc/sys/net/ipv4/ping_group_range")
IGNORING = Path("/proc/sys/net/ipv4/icmp_echo_ignore_all")
SWITCHES = {
    "/proc/sys/net/ipv4/ip_forward": "1",
    "/proc/sys/net/ipv6/conf/all/forwarding": "1",
    "/proc/sys/net/ipv4/icmp_ratelimit": "0",
    "/proc/sys/net/ipv6/icmp/ratelimit": "0",
}
"""The far end forwards, and says at once what it cannot."""


NEIGHBOUR = "10.231.1.3"
"""A second address of the far end."""

Keys = Mapping[str, Any]


def ip(*arguments: str) -> None:
    subprocess.run([program("ip", package="iproute2"), *arguments], check=True)


@pytest.fixture(scope="module")
def lab() -> Iterator[Cable]:
    """A cable whose far end is a router, to nowhere and through a narrow place."""
    with cable() as laid:
        for name, address in ((laid.near, "fd01::1/64"), (laid.far, "fd01::2/64"), (laid.far, f"{NEIGHBOUR}/24")):
            ip("-n", name, "address", "add", address, "dev", "cable", *(["nodad"] if ":" in address else []))
        for narrow, there, back in (("10.96.0.0/16", THERE, HERE), ("fd96::/64", "fd01::2", "fd01::1")):
            ip("-n", laid.near, "route", "add", narrow, "via", there)
            ip("-n", laid.far, "route", "add", narrow, "via", back, "mtu", "lock", "1300")
        ip("-n", laid.near, "route", "add", "fd97::/64", "via", "fd01::2")
        ip("-n", laid.far, "route", "add", "unreachable", "fd97::/64")
        with inside(laid.far):
            for switch, value in SWITCHES.items():
                Path(switch).write_text(value)
        yield laid


@pytest.fixture(params=["everybody's socket", "root's socket"])
def near(lab: Cable, request: pytest.FixtureRequest) -> Iterator[Cable]:
    """This thread at the near end, where one or the other kind of socket is permitted."""
    with inside(lab.near):
        PINGERS.write_text("0 2147483647" if request.param == "everybody's socket" else "1 0")
        yield lab


async def ping(target: str, timeout_seconds: float = 10.0, **keys: Any) -> Any:
    return await look(icmp, {"target": target, **keys}, timeout_seconds=timeout_seconds)


# Replies


@pytest.mark.parametrize("target", ["127.0.0.1", "::1", THERE, "fd01::2"])
async def test_a_host_replies(near: Cable, target: str) -> None:
    seen = await ping(target)
    assert (seen.reason, seen.judgement.detail) == ("ok", "")
    assert list(seen.judgement.phases) == ["setup", "rtt"]
    assert seen.value("probe_icmp_reply_hop_limit") == 64
    assert seen.value("probe_ip_protocol") == (6 if ":" in target else 4)


async def test_a_neighbour_replies_at_the_address_of_its_cable(near: Cable) -> None:
    with inside(near.far):
        rows = [row.split() for row in Path("/proc/thread-self/net/if_inet6").read_text().splitlines()]
    (packed,) = [row[0] for row in rows if row[0].startswith("fe80")]
    assert (await ping(f"{ipaddress.ip_address(bytes.fromhex(packed))}%cable")).reason == "ok"


@pytest.mark.parametrize("size", [0, 1, 15, 16, 28, 1473, 65_507])
async def test_payloads_of_every_size(near: Cable, size: int) -> None:
    for target in (THERE, "fd01::2"):
        assert (await ping(target, payload_size=size)).reason == "ok"


async def test_the_source_can_be_chosen(near: Cable) -> None:
    assert (await ping("127.0.0.1", source_address="127.0.0.9")).reason == "ok"
    assert (await ping("fd01::2", source_address="fd01::1")).reason == "ok"
    for foreign in ("192.0.2.77", "::1"):
        seen = await ping(THERE, source_address=foreign)
        assert (seen.reason, foreign in seen.judgement.detail) == ("no_source_address", True)


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


async def test_thousands_of_targets_are_asked_over_one_socket(near: Cable) -> None:
    clock = SteadyClock()
    context = Context.default(clock)
    targets = [f"127.1.{high}.{low}" for high in range(8) for low in range(1, 251)]
    probes = [icmp.build(icmp.Config.of(target), context) for target in targets]
    files = open_files()
    asking = [asyncio.ensure_future(probe.observe(clock.monotonic() + 30)) for probe in probes]
    await asyncio.sleep(0)
    opened = open_files() - files
    facts = [await each for each in asking]
    await context.close()
    assert opened <= 2
    assert {probe.judge(found)[0].reason for probe, found in zip(probes, facts, strict=True)} == {"ok"}


# Errors on the way


@pytest.mark.parametrize(
    ("target", "keys", "reason", "says"),
    [
        ("fd97::1", {}, "connect_unreachable", "fd01::2 says: "),
        ("10.96.0.1", {"ttl": 1}, "echo_ttl", f"{THERE} says: the packet has passed as many routers as it may"),
        ("fd96::1", {"ttl": 1}, "echo_ttl", "fd01::2 says: the packet has passed as many routers as it may"),
        ("10.96.0.1", {"payload_size": 1400, "dont_fragment": True}, "echo_too_large", f"{THERE} says: "),
        (
            THERE,
            {"payload_size": 1473, "dont_fragment": True},
            "echo_too_large",
            "1473 bytes do not leave this machine",
        ),
        ("fe80::1%nowhere", {}, "network_down", "the network says that the address cannot be reached"),
        ("10.95.0.1", {}, "network_down", "the network says that the address cannot be reached"),
    ],
)
async def test_errors_of_routers_are_heard(near: Cable, target: str, keys: Keys, reason: str, says: str) -> None:
    seen = await ping(target, **keys)
    assert seen.reason == reason, seen.judgement.detail
    assert says in seen.judgement.detail


@pytest.mark.parametrize(
    ("code", "reason", "says"),
    [
        (0, "connect_unreachable", "the network cannot be reached"),
        (1, "connect_unreachable", "the host cannot be reached"),
        (4, "echo_too_large", "the packet is too large for the next part of the way"),
        (13, "connect_unreachable", "what is forbidden cannot be reached"),
        (8, "connect_unreachable", "what code 8 stands for cannot be reached"),
    ],
)
async def test_errors_of_every_code_are_heard(near: Cable, code: int, reason: str, says: str) -> None:
    with responding(near, lambda request: [packet(3, request, code=code, payload=quoted(request))]):
        seen = await ping(THERE)
    assert (seen.reason, seen.judgement.detail) == (reason, f"{THERE} says: {says}")


async def test_an_error_about_one_target_leaves_the_others_alone(near: Cable) -> None:
    context = Context.default(SteadyClock())
    for _ in range(20):
        lost, found = await asyncio.gather(
            look(icmp, {"target": "fd97::1"}, context=context), look(icmp, {"target": "fd01::2"}, context=context)
        )
        assert (lost.reason, found.reason) == ("connect_unreachable", "ok")
    await context.close()


# Who answers as it likes


class Responder:
    """Answers echo requests to the far end as it was told: `answers` makes packets of a request's ICMP."""

    def __init__(self, answers: Callable[[bytes], Sequence[bytes]], source: str) -> None:
        self.requests = 0
        self._answers = answers
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
        self._socket.bind((source, 0))
        self._socket.settimeout(0.05)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        while not self._over.is_set():
            with contextlib.suppress(TimeoutError):
                packet, peer = self._socket.recvfrom(65_535)
                if packet[20] == 8:
                    self.requests += 1
                    for answer in self._answers(packet[20:]):
                        self._socket.sendto(answer, peer)

    def close(self) -> None:
        self._over.set()
        self._thread.join()
        self._socket.close()


@contextlib.contextmanager
def responding(lab: Cable, answers: Callable[[bytes], Sequence[bytes]], *, source: str = "") -> Iterator[Responder]:
    """A far end that says nothing by itself. With a `source` it hears, and answers from, that address alone."""
    with inside(lab.far):
        IGNORING.write_text("1")
        responder = Responder(answers, source)
    try:
        yield responder
    finally:
        responder.close()
        with inside(lab.far):
            IGNORING.write_text("0")


def packet(
    kind: int,
    request: bytes,
    *,
    code: int = 0,
    identity: int = 0,
    sequence: int = 0,
    payload: bytes | None = None,
) -> bytes:
    """A packet of a type, with what the request has, and these differences."""
    own_identity, own_sequence = struct.unpack_from("!HH", request, 4)
    head = struct.pack("!HH", own_identity ^ identity, own_sequence ^ sequence)
    body = head + (request[8:] if payload is None else payload)
    return struct.pack("!BBH", kind, code, checksum(bytes([kind, code, 0, 0]) + body)) + body


def checksum(data: bytes) -> int:
    total: int = sum(struct.unpack(f"!{(len(data) + 1) // 2}H", data + b"\0" * (len(data) % 2)))
    total = (total >> 16) + (total & 0xFFFF)
    return ~(total + (total >> 16)) & 0xFFFF


def reply(request: bytes) -> bytes:
    return packet(0, request)


UNLIKE: dict[str, Callable[[bytes], bytes]] = {
    "half a header": lambda request: reply(request)[:6],
    "a header alone": lambda request: packet(0, request, payload=b""),
    "another payload": lambda request: packet(0, request, payload=bytes(28)),
    "a shorter payload": lambda request: packet(0, request, payload=request[8:-1]),
    "a longer payload": lambda request: packet(0, request, payload=request[8:] + b"\0"),
    "the wrong identity": lambda request: packet(0, request, identity=1),
    "the wrong sequence": lambda request: packet(0, request, sequence=1),
    "a request": lambda request: packet(8, request),
    "a type that is none": lambda request: packet(250, request),
    "an error about nothing": lambda request: packet(3, request, payload=b""),
    "an error about garbage": lambda request: packet(3, request, payload=b"\xff" * 40),
    "an error about another host": lambda request: packet(3, request, payload=quoted(request, "10.231.1.9")),
    "an error about somebody else's": lambda request: packet(
        3, request, payload=quoted(packet(8, request, identity=1))
    ),
}


def quoted(request: bytes, target: str = THERE) -> bytes:
    """The packet that an error quotes."""
    head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(request), 0, 0, 64, 1, 0)
    return head + socket.inet_aton(HERE) + socket.inet_aton(target) + request


def none_of_them(request: bytes) -> list[bytes]:
    return [unlike(request) for unlike in UNLIKE.values()]


async def test_what_is_no_reply_to_the_request_is_ignored(near: Cable) -> None:
    with responding(near, none_of_them) as responder:
        seen = await ping(THERE, HUNG_SECONDS)
    assert (seen.reason, list(seen.judgement.phases)) == ("echo_timeout", ["setup", "rtt"])
    assert seen.value("probe_icmp_reply_hop_limit") is None
    assert responder.requests == 1


async def test_a_reply_is_heard_among_what_is_none(near: Cable) -> None:
    with responding(near, lambda request: [*none_of_them(request), reply(request)]):
        assert (await ping(THERE)).reason == "ok"


async def test_a_reply_from_another_address_is_ignored(near: Cable) -> None:
    def from_elsewhere(request: bytes) -> Sequence[bytes]:
        with inside(near.far), socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP) as other:
            other.bind((NEIGHBOUR, 0))
            other.sendto(reply(request), (HERE, 0))
        return []

    with responding(near, from_elsewhere) as responder:
        seen = await ping(THERE, HUNG_SECONDS)
    assert (seen.reason, responder.requests) == ("echo_timeout", 1)


async def test_a_reply_that_comes_again_and_again_is_one(near: Cable) -> None:
    context = Context.default(SteadyClock())
    with responding(near, lambda request: [reply(request)] * 50):
        for _ in range(5):
            assert (await look(icmp, {"target": THERE}, context=context)).reason == "ok"
    await context.close()


async def test_a_flood_does_not_delay_the_outcome(near: Cable) -> None:
    with responding(near, lambda request: [packet(0, request, payload=bytes(28))] * 20_000):
        seen = await ping(THERE, HUNG_SECONDS)
    assert seen.reason == "echo_timeout"
    assert seen.judgement.phases["rtt"] < HUNG_SECONDS * 4


async def test_a_far_end_that_is_silent(near: Cable) -> None:
    with responding(near, lambda request: []):
        seen = await ping(THERE, HUNG_SECONDS)
    assert (seen.reason, seen.judgement.detail) == ("echo_timeout", f"waited for {THERE}")


async def test_our_own_network_gone_says_nothing_about_a_target(near: Cable) -> None:
    near.pull()
    try:
        seen = await ping(THERE, HUNG_SECONDS)
    finally:
        near.plug()
    assert seen.reason == "network_down"


# What a process may do


def test_a_process_without_rights_says_what_it_lacks(lab: Cable) -> None:
    """As a user of no rights, in a process of its own."""
    with inside(lab.near):
        for pingers, says in (("1 0", "no_icmp_socket"), ("0 2147483647", "is good")):
            PINGERS.write_text(pingers)
            command = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=-all"]
            code = (
                "import sys; from slo.cli.main import main; sys.argv[1:] = ['probe', '-m', 'icmp', '127.0.0.1']; main()"
            )
            asked = subprocess.run([*command, *python(code)], check=False, capture_output=True, text=True)
            assert says in asked.stdout, asked.stderr
            mend = "let net.ipv4.ping_group_range take in the group 65534, or give the process CAP_NET_RAW"
            assert (mend in asked.stdout) == (says == "no_icmp_socket")


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


async def test_the_guard_is_asked_before_a_packet_is_sent() -> None:
    clock = SteadyClock()
    usual = Context.default(clock)
    reach = Reach(schemes=("icmp",), denied=())
    for guard, reason in ((Guard(Reach(schemes=("http",))), "not_permitted"), (Guard(reach), "ok")):
        context = Context(
            clock=clock, resolver=usual.resolver, guard=guard, tls=usual.tls, connectivity=usual.connectivity
        )
        assert (await look(icmp, {"target": "127.0.0.1"}, context=context)).reason == reason
        await context.close()


# What may be configured


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"target": "localhost:1"}, "'localhost:1' is no host, write it as www.example.org, 192.0.2.1 or 2001:db8::1"),
        ({"payload_size": 65_508}, "less than or equal to 65507"),
        ({"ttl": 0}, "greater than or equal to 1"),
        ({"source_address": "eth0"}, "'eth0' is no IP address"),
    ],
)
def test_a_wrong_configuration_is_refused(config: Keys, message: str) -> None:
    with pytest.raises(ValidationError) as raised:
        icmp.Config.model_validate({"target": "localhost", **config})
    assert message in str(raised.value)


def test_what_the_runner_says_of_a_round_is_judged_by_its_reason() -> None:
    probe = icmp.build(icmp.Config.of("127.0.0.1"), Context.default(SteadyClock()))
    assert [judgement.reason for judgement in probe.judge(Fault("timeout"))] == ["timeout"]
    assert list(probe.samples(Fault("timeout"))) == []
