"""The server itself: what it does with clients that are broken, slow, greedy or hostile."""

import logging
import socket
import time
from collections.abc import Iterator

import pytest

from slo.core.status import SLOStatus
from slo.errors import UsageError
from slo.web.server import Limits
from tests.web.served import TOKEN, WITH_TOKEN, served
from tests.web.watches import AT, FakeWatch, a_busy_watch, opened


class BrokenWatch(FakeWatch):
    def statuses(self) -> Iterator[SLOStatus]:
        raise ZeroDivisionError("the secret inside")


def test_a_fault_of_ours_is_logged_once_and_told_without_its_insides(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG), served(BrokenWatch()) as site:
        answer = site.get("/api/v1/slos")
    assert (answer.status, answer.document) == (500, {"error": "a fault of the watch; its log has it"})
    (record,) = (record for record in caplog.records if record.levelno >= logging.ERROR)
    assert record.message == "a request failed by a fault of ours"
    assert record.exc_info
    assert "Traceback" not in answer.body.decode()


@pytest.mark.parametrize("path", ["/", "/metrics", "/api/v1/slos/x"])
def test_a_fault_of_one_route_leaves_the_others_at_work(path: str) -> None:
    with served(BrokenWatch()) as site:
        assert site.get(path).status == 500
        assert site.get("/-/healthy").status == 200


@pytest.mark.parametrize(
    "garbage",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET / HTTP/1.1\r\nno colon\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: x\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * 20_000 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\n" + b"X: 1\r\n" * 200 + b"\r\n",
        b"\x00" * 100_000,
    ],
)
def test_what_is_no_http_is_refused_without_a_word_in_the_log(garbage: bytes, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO), served(a_busy_watch()) as site:
        try:
            answer = site.raw(garbage)
        except ConnectionError:
            answer = b""
        assert site.get("/-/healthy").status == 200
    assert answer[:12] in {b"", b"HTTP/1.0 400", b"HTTP/1.1 400"}
    assert b"Traceback" not in answer
    assert [record.message for record in caplog.records if record.levelno >= logging.WARNING] == []


def test_a_body_that_is_too_large_is_refused_and_changes_nothing() -> None:
    watch = a_busy_watch()
    with served(watch) as site:
        body = b'{"action": "resolve", "by": "kim", "why": "' + b"w" * 70_000 + b'"}'
        answer = site.ask("POST", "/api/v1/incidents/2026-0001", body=body, headers=WITH_TOKEN)
    assert (answer.status, answer.document) == (413, {"error": "the body is larger than 65536 bytes"})
    assert watch.incidents()[0].open


def test_a_compressed_body_is_not_unpacked() -> None:
    with served(a_busy_watch()) as site:
        headers = {**WITH_TOKEN, "Content-Encoding": "gzip"}
        answer = site.ask("POST", "/api/v1/incidents/2026-0001", body=b"\x1f\x8b" + b"\x00" * 100, headers=headers)
    assert answer.status == 400


def test_a_body_that_never_ends_does_not_hold_a_request() -> None:
    head = f"POST /api/v1/incidents/2026-0001 HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}\r\n"
    with served(a_busy_watch(), limits=Limits(body_seconds=0.2)) as site:
        answer = site.raw(head.encode() + b"Content-Length: 100\r\n\r\n{")
    assert answer.startswith(b"HTTP/1.1 408")
    assert b"the body did not arrive within 0.2 s" in answer


def test_an_answer_that_nobody_reads_does_not_hold_a_connection() -> None:
    watch = FakeWatch(events=[opened(f"i-{number}", at=AT, summary="s" * 20_000) for number in range(1000)])
    with (
        served(watch, limits=Limits(silence_seconds=1.0, connections=2)) as site,
        socket.create_connection(("127.0.0.1", site.port), timeout=20) as lazy,
    ):
        lazy.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        lazy.sendall(b"GET /api/v1/incidents?limit=1000 HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert _is_cut_off(lazy)


def _is_cut_off(connection: socket.socket) -> bool:
    ends = time.monotonic() + 15
    try:
        while time.monotonic() < ends:
            time.sleep(0.05)
            connection.send(b"\r\n")
    except ConnectionError:
        return True
    return False


@pytest.mark.parametrize(
    ("target", "host", "status"),
    [
        (b"/api/v1/slos", b"localhost", b"200"),
        (b"/api/v1/slos", b"evil.example", b"401"),
        (b"http://evil.example/api/v1/slos", b"localhost", b"401"),
        (b"http://localhost/api/v1/slos", b"evil.example", b"401"),
        (b"http://localhost/api/v1/slos", b"localhost", b"200"),
    ],
)
def test_a_foreign_host_is_no_friend_wherever_it_stands(target: bytes, host: bytes, status: bytes) -> None:
    with served(a_busy_watch()) as site:
        answer = site.raw(b"GET " + target + b" HTTP/1.1\r\nHost: " + host + b"\r\nConnection: close\r\n\r\n")
    assert answer.split()[1] == status


@pytest.mark.parametrize("header", ["Forwarded: for=10.0.0.1", "X-Forwarded-For: 10.0.0.1", "x-real-ip: 10.0.0.1"])
def test_what_a_proxy_sends_on_needs_the_token(header: str) -> None:
    name, value = header.split(": ")
    with served(a_busy_watch()) as site:
        assert site.ask("GET", "/metrics", headers={name: value}).status == 401
        assert site.ask("GET", "/metrics", headers={name: value, **WITH_TOKEN}).status == 200


def test_on_an_address_that_others_reach_everything_but_the_two_words_needs_the_token() -> None:
    with served(a_busy_watch(), host="0.0.0.0") as site:
        for path in ("/", "/metrics", "/api/v1/slos", "/nothing"):
            assert site.get(path).status == 401
        assert site.ask("GET", "/metrics", headers=WITH_TOKEN).status == 200
        assert site.get("/-/healthy").status == 200
        assert site.get("/-/ready").status == 200


def test_an_address_that_others_reach_is_refused_without_a_token() -> None:
    with pytest.raises(UsageError, match="there is no token"), served(a_busy_watch(), host="0.0.0.0", token=""):
        pass


def test_a_browser_changes_nothing_for_another_site() -> None:
    watch = a_busy_watch()
    with served(watch) as site:
        answer = site.ask("POST", "/-/reload", headers={**WITH_TOKEN, "Sec-Fetch-Site": "cross-site"})
    assert (answer.status, watch.reloads) == (403, 0)


def test_an_unknown_path_is_told_without_markup() -> None:
    with served(a_busy_watch()) as site:
        answer = site.get("/%3Cscript%3E")
    assert (answer.status, answer.headers["content-type"]) == (404, "application/json")
    assert answer.document == {"error": "there is nothing at '/<script>'; see docs/api.md"}


def test_an_address_in_use_is_told_with_the_mend() -> None:
    told = "Address already in use; stop what listens there, or choose another port"
    with (
        socket.create_server(("127.0.0.1", 0)) as taken,
        pytest.raises(UsageError, match=told),
        served(a_busy_watch(), port=taken.getsockname()[1]),
    ):
        pass


def test_requests_are_counted_by_route_and_never_by_what_clients_make_up() -> None:
    watch = a_busy_watch()
    with served(watch) as site:
        for path in ("/api/v1/slos/a", "/api/v1/slos/b", "/made/up", "/api/v1/slos"):
            site.get(path)
    counted = {
        (sample.labels["route"], sample.labels["code"]): sample.value
        for metric in watch.telemetry.registry.collect()
        for sample in metric.samples
        if sample.name == "watchkeep_http_requests_total"
    }
    assert counted == {("/api/v1/slos/{name}", "404"): 2, ("none", "404"): 1, ("/api/v1/slos", "200"): 1}
