"""The express lane: what it answers is what the framework would, and everything else is the framework's."""

import asyncio
import contextlib
import logging
import re
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest

from exporters.probing import Asked, Probed
from slo.core.outcome import Outcome
from slo.core.reason import state_of
from slo.errors import UsageError
from slo.web.express import LONGEST_BYTES, ExpressLane, Ordinary
from slo.web.server import DEFAULT_LIMITS, Limits
from tests.router.worlds import counted
from tests.web.served import TOKEN, Served, served
from tests.web.watches import AT, FakeWatch

HERE = "Host: localhost\r\n"
ELSEWHERE = "Host: watch.example\r\n"
DATE = re.compile(r"[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT")


@dataclass
class FakeProber:
    """Makes rounds that end as their target says, once they are let go."""

    begun: list[str] = field(default_factory=list)
    ended: list[str] = field(default_factory=list)
    held: bool = False

    def module_timeout(self, module: str) -> float:
        if module != "http_2xx":
            raise UsageError(f"Unknown module {module!r}")
        return 5.0

    def shown(self, asked: Asked) -> str:
        return "{}"

    async def probe(self, asked: Asked, timeout_seconds: float) -> Probed:
        self.begun.append(asked.target)
        while self.held:
            await asyncio.sleep(0.005)
        if asked.target == "broken":
            raise ZeroDivisionError
        self.ended.append(asked.target)
        reason = asked.target if asked.target in {"connect_refused", "not_permitted", "resolver_down"} else "ok"
        outcome = Outcome(
            check=asked.module,
            target=asked.target,
            module="http",
            at=AT,
            state=state_of(reason),
            reason=reason,
            detail=f"{asked.target!r} as {asked.hostname!r} in {timeout_seconds} s",
        )
        return Probed(outcome=outcome, samples=())


class Client:
    """One connection to the server."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self._left = b""

    def send(self, *pieces: bytes) -> None:
        """Each piece arrives by itself."""
        for number, piece in enumerate(pieces):
            time.sleep(0.05 if number else 0.0)
            self.connection.sendall(piece)

    def response(self) -> tuple[int, dict[str, str], str]:
        """Status, headers and body of the next one, without its date, which has to be there."""
        while b"\r\n\r\n" not in self._left:
            self._read()
        head, _, self._left = self._left.partition(b"\r\n\r\n")
        status, *lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        assert DATE.fullmatch(headers.pop("date"))
        length = int(headers["content-length"])
        while len(self._left) < length:
            self._read()
        body, self._left = self._left[:length], self._left[length:]
        assert status.startswith("HTTP/1.")
        return int(status[9:12]), headers, body.decode()

    def is_over(self) -> bool:
        """Whether the server closes it without another byte."""
        return not self._left and self.connection.recv(1) == b""

    def _read(self) -> None:
        more = self.connection.recv(65536)
        assert more, f"closed after {self._left!r}"
        self._left += more


@dataclass
class Lane:
    """A server, and the requests that went by its express lane."""

    site: Served
    watch: FakeWatch
    prober: FakeProber
    express: list[Ordinary] = field(default_factory=list)

    @contextmanager
    def client(self) -> Iterator[Client]:
        with socket.create_connection(("127.0.0.1", self.site.port), timeout=20) as connection:
            yield Client(connection)

    def begins(self, rounds: int) -> None:
        """Wait until so many rounds have begun."""
        while len(self.prober.begun) < rounds:
            time.sleep(0.01)

    def answered(self, code: str) -> float:
        return counted(self.watch.telemetry, "watchkeep_http_requests_total", route="/probe", code=code)


@contextmanager
def lane_of(limits: Limits = DEFAULT_LIMITS) -> Iterator[Lane]:
    watch = FakeWatch(prober=(prober := FakeProber()))
    with served(watch, limits=limits) as site, pytest.MonkeyPatch.context() as patch:
        lane = Lane(site, watch, prober)
        answer = ExpressLane.answer

        async def noted(self: ExpressLane, request: Ordinary) -> bytes:
            lane.express.append(request)
            return await answer(self, request)

        patch.setattr(ExpressLane, "answer", noted)
        yield lane


@pytest.fixture(scope="module")
def shared() -> Iterator[Lane]:
    with lane_of() as lane:
        yield lane


@pytest.fixture
def lane() -> Iterator[Lane]:
    with lane_of() as lane:
        yield lane


def request(query: str = "target=ok", headers: str = HERE, version: str = "1.1") -> bytes:
    return f"GET /probe?{query} HTTP/{version}\r\n{headers}\r\n".encode("latin-1")


@pytest.mark.parametrize("waited", ["", "10", "0.4", "nan", "soon", "-1", "\xe4"])
@pytest.mark.parametrize(
    "query",
    [
        "target=ok",
        "target=connect_refused&module=http_2xx&hostname=a.example",
        "target=ok&target=connect_refused",
        "target=o%6b&debug=true",
        "target=ok&debug=true&hostname=a+b%20c%2Bd%C3%A4%FF",
        "target=not_permitted",
        "target=resolver_down",
        "target=",
        "module=tcp&target=ok",
        "target=ok;module=tcp",
        "&&target=ok&=&x",
        "target=o%zz",
        "target=%0d%0aX:%20y&debug=true",
    ],
)
def test_an_answer_is_that_of_the_framework(query: str, waited: str, shared: Lane) -> None:
    headers = HERE + (f"X-Prometheus-Scrape-Timeout-Seconds: {waited}\r\n" if waited else "")
    went = len(shared.express)
    with shared.client() as client:
        client.send(request(query, headers))
        quick = client.response()
        assert len(shared.express) == went + 1
        client.send(request(query, headers + "X-Other: 1\r\n"))
        assert quick == client.response()
    assert len(shared.express) == went + 1


@pytest.mark.parametrize(
    ("pieces", "status"),
    [
        pytest.param([request(headers=ELSEWHERE)], 401, id="from a name of somebody else's"),
        pytest.param([request(headers=ELSEWHERE + "Authorization: Bearer no\r\n")], 401, id="with another token"),
        pytest.param([request(headers=HERE + "Via: 1.1 a\r\n")], 401, id="through a proxy"),
        pytest.param([request(headers=HERE * 2)], 400, id="two hosts"),
        pytest.param([request(headers="")], 400, id="no host"),
        pytest.param([request(version="1.0")], 200, id="an old version"),
        pytest.param([request(headers=HERE + "Connection: close\r\n")], 200, id="the last one"),
        pytest.param([request(headers=HERE + "Content-Length: 2\r\n") + b"{}"], 200, id="with a body"),
        pytest.param([request(headers=HERE + "Content-Length: 0\r\n")], 200, id="with an empty body"),
        pytest.param([request(f"target=ok&x={'x' * LONGEST_BYTES}")], 200, id="long"),
        pytest.param([request()[:30], request()[30:]], 200, id="in two pieces"),
        pytest.param([request() * 2], 200, id="two at once"),
        pytest.param([request().replace(b"\r\n", b"\n") * 2 + b"\r\n\r\n"], 400, id="with other ends of lines"),
        pytest.param([request("target=ok#x")], 200, id="with a fragment"),
        pytest.param([request("target=\xe4")], 400, id="not in ASCII"),
        pytest.param([request().replace(b"HTTP/1.1", b"HTTP/1.1 ")], 400, id="malformed"),
        pytest.param([request().replace(b"/probe?", b"/prob%65?")], 200, id="another spelling"),
        pytest.param([request().replace(b"/probe?", b"/probe/?")], 404, id="another path"),
    ],
)
def test_what_is_out_of_the_ordinary_is_for_the_framework(pieces: list[bytes], status: int, shared: Lane) -> None:
    went = len(shared.express)
    with shared.client() as client:
        client.send(*pieces)
        assert client.response()[0] == status
        assert len(shared.express) == went


def test_the_token_opens_it_from_everywhere(lane: Lane) -> None:
    with lane.client() as client:
        client.send(request(headers=f"{ELSEWHERE}Authorization: Bearer {TOKEN}\r\n"))
        assert client.response()[0] == 200
    assert len(lane.express) == 1


def test_its_requests_are_counted_as_all_are(lane: Lane) -> None:
    with lane.client() as client:
        for query in ("target=ok", "target=ok", "target=not_permitted"):
            client.send(request(query))
            client.response()
    assert (lane.answered("200"), lane.answered("403")) == (2, 1)


def test_requests_that_are_sent_ahead_are_answered_in_turn(lane: Lane) -> None:
    lane.prober.held = True
    with lane.client() as client:
        client.send(request("target=ok"), request("target=connect_refused") * 2, request("target=")[:-2], b"\r\n")
        time.sleep(0.05)
        assert lane.prober.begun == ["ok"]
        lane.prober.held = False
        answers = [client.response() for _ in range(4)]
    assert [status for status, _, _ in answers] == [200, 200, 200, 400]
    assert ["connect_refused" in body for _, _, body in answers] == [False, True, True, False]


def test_whoever_leaves_is_probed_for_no_longer(lane: Lane) -> None:
    lane.prober.held = True
    with lane.client() as client:
        client.send(request())
        lane.begins(1)
    while counted(lane.watch.telemetry, "watchkeep_http_connections"):
        time.sleep(0.01)
    lane.prober.held = False
    with lane.client() as client:
        client.send(request("target=connect_refused"))
        client.response()
    assert lane.prober.ended == ["connect_refused"]


def test_a_fault_of_ours_is_an_answer_and_a_line_of_the_log(lane: Lane, caplog: pytest.LogCaptureFixture) -> None:
    with lane.client() as client:
        client.send(request("target=broken"))
        status, headers, body = client.response()
        assert (status, headers["content-type"]) == (500, "application/json")
        assert "a fault of the watch" in body
        client.send(request())
        assert client.response()[0] == 200
    (record,) = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert record.message == "a request failed by a fault of ours"


def test_what_is_under_way_when_the_server_stops_is_answered_and_nothing_else_stays_open() -> None:
    with lane_of() as lane:
        stack = [socket.create_connection(("127.0.0.1", lane.site.port), timeout=20) for _ in range(3)]
        idle, working, silent = map(Client, stack)
        idle.send(request())
        idle.response()
        lane.prober.held = True
        working.send(request("target=connect_refused"))
        lane.begins(2)
        threading.Timer(0.3, setattr, (lane.prober, "held", False)).start()
    assert "connect_refused" in working.response()[2]
    assert idle.is_over()
    assert working.is_over()
    assert silent.is_over()
    for connection in stack:
        connection.close()


def test_what_does_not_end_when_the_server_stops_is_cut() -> None:
    with lane_of() as lane:
        connection = socket.create_connection(("127.0.0.1", lane.site.port), timeout=20)
        lane.prober.held = True
        connection.sendall(request())
        lane.begins(1)
    with connection, contextlib.suppress(ConnectionResetError):
        assert connection.recv(1) == b""
    assert lane.prober.ended == []


def test_a_client_that_does_not_read_is_not_worked_for(lane: Lane) -> None:
    with lane.client() as client:
        client.connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        client.connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2048)
        client.connection.settimeout(0.5)
        requests = request("target=connect_refused") * 50
        with contextlib.suppress(TimeoutError):
            for _ in range(100_000):
                client.connection.sendall(requests)
        client.connection.settimeout(20)
        for _ in range(100):
            assert client.response()[0] == 200


def test_a_silent_connection_is_closed_and_one_that_asks_now_and_then_is_not() -> None:
    with lane_of(Limits(silence_seconds=1.0)) as lane, lane.client() as client:
        for _ in range(4):
            client.send(request())
            assert client.response()[0] == 200
            time.sleep(0.4)
        assert client.is_over()
        assert len(lane.express) == 4
        assert counted(lane.watch.telemetry, "watchkeep_http_connections_cut_total", reason="slow") == 0


def test_whoever_waits_for_an_answer_is_displaced_by_nobody() -> None:
    with lane_of(Limits(connections=1)) as lane, lane.client() as working:
        lane.prober.held = True
        working.send(request())
        lane.begins(1)
        with lane.client() as turned_away:
            assert turned_away.connection.recv(65536).startswith(b"HTTP/1.1 503 ")
        lane.prober.held = False
        assert working.response()[0] == 200
