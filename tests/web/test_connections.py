"""Connections: whoever takes them up, the others are answered; slow ones are cut."""

import asyncio
import contextlib
import http.client
import logging
import socket
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest

from slo.core.inbound import Inbound, Received
from slo.web.connections import _whose
from slo.web.server import DEFAULT_LIMITS, Limits
from tests.router.worlds import counted
from tests.web.served import Served, served
from tests.web.watches import FakeWatch, a_busy_watch

GET = b"GET /-/healthy HTTP/1.1\r\nHost: localhost\r\n\r\n"
POST = b"POST /webhooks/ticket HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n"
PATIENT = replace(DEFAULT_LIMITS, head_seconds=60.0, body_seconds=60.0)
"""Nothing is cut for being slow: what goes, goes because there are too many."""

FLOODER, SCRAPER, VENDOR = "127.0.0.2", "127.0.0.3", "127.0.0.4"


@contextlib.contextmanager
def held(
    site: Served, times: int, *, sends: bytes = b"", hosts: tuple[str, ...] = (FLOODER,)
) -> Iterator[list[socket.socket]]:
    """Connections that stay, after they have sent this, from these addresses in turn."""
    with contextlib.ExitStack() as stack:
        connections = []
        for number in range(times):
            source = (hosts[number % len(hosts)], 0)
            connection = socket.create_connection(("127.0.0.1", site.port), timeout=20, source_address=source)
            connections.append(stack.enter_context(connection))
            connection.sendall(sends)
        yield connections


def ask(site: Served, host: str, method: str, path: str, body: bytes | None = None) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", site.port, timeout=20, source_address=(host, 0))
    with contextlib.closing(connection):
        connection.request(method, path, body=body)
        return connection.getresponse().status


def cut(watch: FakeWatch, reason: str) -> float:
    return counted(watch.telemetry, "watchkeep_http_connections_cut_total", reason=reason)


@pytest.mark.parametrize(
    "sends",
    [b"", b"GET /metrics HTTP/1.1\r\nHost: local", GET + b"GET", POST + b"{"],
    ids=["nothing", "half of its headers", "half of its second request", "half of its body"],
)
@pytest.mark.parametrize("hosts", [(FLOODER,), tuple(f"127.0.1.{last}" for last in range(1, 255))], ids=["one", "many"])
def test_a_flood_of_half_open_connections_shuts_nobody_out(sends: bytes, hosts: tuple[str, ...]) -> None:
    watch = replace(a_busy_watch(), answers={"ticket": Received()})
    with served(watch, limits=PATIENT) as site, held(site, 300, sends=sends, hosts=hosts):
        for _ in range(3):
            assert ask(site, SCRAPER, "GET", "/metrics") == 200
            assert ask(site, VENDOR, "POST", "/webhooks/ticket", b"{}") == 202
        assert site.get("/").status == 200
        assert cut(watch, "displaced") >= 300 - PATIENT.connections
        assert cut(watch, "refused") == 0


def test_who_floods_pushes_out_himself_and_no_idle_client() -> None:
    watch = a_busy_watch()
    with (
        served(watch, limits=replace(PATIENT, connections=8)) as site,
        held(site, 1, sends=GET, hosts=(SCRAPER,)) as (scraper,),
    ):
        assert scraper.recv(65536).startswith(b"HTTP/1.1 200")
        with held(site, 30):
            scraper.sendall(GET)
            assert scraper.recv(65536).startswith(b"HTTP/1.1 200")
            assert counted(watch.telemetry, "watchkeep_http_connections") == 8


def test_bodies_that_never_end_are_pushed_out_as_well() -> None:
    watch = replace(a_busy_watch(), answers={"ticket": Received()})
    with served(watch, limits=replace(PATIENT, connections=4)) as site, contextlib.ExitStack() as stack:
        for _ in range(8):
            stack.enter_context(held(site, 4, sends=POST + b"{"))
            time.sleep(0.05)  # until they are read from
            assert ask(site, VENDOR, "POST", "/webhooks/ticket", b"{}") == 202
        assert cut(watch, "refused") == 0


def test_who_leaves_in_the_middle_of_a_body_is_no_line_of_the_log(caplog: pytest.LogCaptureFixture) -> None:
    watch = replace(a_busy_watch(), answers={"ticket": Received()})
    with caplog.at_level(logging.WARNING), served(watch) as site:
        for _ in range(20):
            with held(site, 1, sends=POST + b"{"):
                assert ask(site, VENDOR, "POST", "/webhooks/ticket", b"{}") == 202
        while counted(watch.telemetry, "watchkeep_http_requests_total", route="/webhooks/ticket", code="400") < 20:
            time.sleep(0.01)
    assert caplog.records == []


class Working(FakeWatch):
    """Works on each webhook until it is let go."""

    async def receive(self, way: str, inbound: Inbound) -> Received | None:
        self.inbound.append((way, inbound))
        while self.reasons:
            await asyncio.sleep(0.01)
        return Received()


def test_what_we_work_on_is_never_cut_and_what_comes_then_is_told_to_come_again() -> None:
    watch = Working(reasons=["working"])
    with (
        served(watch, limits=Limits(connections=2, head_seconds=0.2)) as site,
        held(site, 2, sends=POST + b"{}") as working,
    ):
        for connection in working:
            connection.settimeout(20)
        while len(watch.inbound) < 2:
            time.sleep(0.01)
        assert site.raw(b"").startswith(b"HTTP/1.1 503 Service Unavailable\r\n")
        assert cut(watch, "refused") >= 1
        watch.reasons = []
        assert [connection.recv(65536)[:12] for connection in working] == [b"HTTP/1.1 202"] * 2
        assert site.get("/-/healthy").status == 200


@pytest.mark.parametrize(
    "sends",
    [b"", b"GET", b"GET / HTTP/1.1\r\nHost: localhost\r\n"],
    ids=["nothing", "half a line", "half of its headers"],
)
@pytest.mark.parametrize("before", [0, 1], ids=["the first request", "the second request"])
def test_headers_that_never_end_do_not_hold_a_connection(sends: bytes, before: int) -> None:
    watch = a_busy_watch()
    with served(watch, limits=Limits(head_seconds=0.3, silence_seconds=0.6)) as site, held(site, 1) as (slow,):
        for _ in range(before):
            slow.sendall(GET)
            assert slow.recv(65536).startswith(b"HTTP/1.1 200")
        slow.sendall(sends)
        assert slow.recv(1) == b""
    assert cut(watch, "slow") == (1 if sends or not before else 0)


def test_headers_that_drip_are_cut_all_the_same() -> None:
    with served(a_busy_watch(), limits=Limits(head_seconds=0.5)) as site, held(site, 1, sends=GET[:9]) as (slow,):
        slow.settimeout(0.05)
        while not is_over(slow):
            with contextlib.suppress(ConnectionError):
                slow.sendall(b"X: y\r\n")


def is_over(connection: socket.socket) -> bool:
    try:
        return not connection.recv(1)
    except TimeoutError:
        return False
    except ConnectionError:
        return True


PROBE = b"GET /probe?target=a HTTP/1.1\r\nHost: localhost\r\n\r\n"


@pytest.mark.parametrize("request_sent", [GET, PROBE], ids=["framework", "express lane"])
def test_half_a_request_that_is_sent_ahead_has_no_longer_than_any(request_sent: bytes) -> None:
    watch = a_busy_watch()
    with served(watch, limits=Limits(head_seconds=0.5)) as site, held(site, 1) as (slow,):
        for piece in (request_sent, request_sent[:20]):
            slow.sendall(piece)
            time.sleep(0.1)
        assert slow.recv(65536).startswith(b"HTTP/1.1 ")
        assert slow.recv(1) == b""
    assert cut(watch, "slow") == 1


def test_who_leaves_before_the_answer_was_not_slow() -> None:
    watch = Working(reasons=["working"])
    with served(watch, limits=Limits(head_seconds=0.2)) as site:
        with held(site, 1, sends=POST + b"{}") as (leaver,):
            while not watch.inbound:
                time.sleep(0.01)
            leaver.sendall(GET[:20])
            time.sleep(0.1)
        time.sleep(0.1)
        watch.reasons = []
        time.sleep(0.5)
    assert cut(watch, "slow") == 0


def test_who_has_sent_a_body_in_pieces_may_be_silent_as_long_as_others() -> None:
    watch = replace(a_busy_watch(), answers={"ticket": Received()})
    with served(watch, limits=Limits(head_seconds=0.2)) as site, held(site, 1) as (idle,):
        for piece in (POST, b"{", b"}"):
            idle.sendall(piece)
            time.sleep(0.05)
        assert idle.recv(65536).startswith(b"HTTP/1.1 202")
        idle.settimeout(0.6)
        with pytest.raises(TimeoutError):
            idle.recv(1)


def test_who_has_asked_once_may_be_silent_for_longer() -> None:
    with served(a_busy_watch(), limits=Limits(head_seconds=0.1)) as site, held(site, 1) as (idle,):
        for _ in range(2):
            idle.sendall(GET)
            assert idle.recv(65536).startswith(b"HTTP/1.1 200")
            idle.settimeout(0.25)
            with pytest.raises(TimeoutError):
                idle.recv(1)
            idle.settimeout(20)


def test_the_log_hears_of_a_flood_once(caplog: pytest.LogCaptureFixture) -> None:
    with (
        caplog.at_level(logging.INFO),
        served(a_busy_watch(), limits=replace(PATIENT, connections=8)) as site,
        held(site, 50),
    ):
        assert site.get("/-/healthy").status == 200
    (record,) = [record for record in caplog.records if record.name == "slo.web.connections"]
    assert (record.message, record.__dict__["reason"]) == ("connections are cut", "displaced")
    assert record.__dict__["address"] == FLOODER


@pytest.mark.parametrize(
    ("peer", "whose"),
    [
        (("192.0.2.7", 4711), "192.0.2.7"),
        (("::ffff:192.0.2.7", 4711, 0, 0), "192.0.2.7"),
        (("2001:db8:1:2:3:4:5:6", 4711, 0, 0), "2001:db8:1:2::/64"),
        (("fe80::1%eth0", 4711, 0, 2), "fe80::/64"),
        (None, ""),
    ],
)
def test_an_address_of_ipv6_is_that_of_its_network(peer: object, whose: str) -> None:
    assert _whose(peer) == whose
