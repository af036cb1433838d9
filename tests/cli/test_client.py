"""What a command says when the watch is not there, or what is there is something else."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from slo.cli import client as client_module
from slo.cli.client import Client, understood
from slo.errors import UsageError, WatchkeepError
from tests.web.served import TOKEN, served
from tests.web.watches import a_busy_watch


@contextmanager
def answering(answer: bytes, *, keep_open: bool = False) -> Iterator[tuple[str, list[bytes]]]:
    """A server that says `answer` to whatever it is sent, and what it was sent."""
    asked: list[bytes] = []
    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            with connection:
                asked.append(connection.recv(65536))
                if not asked[-1]:
                    return
                with suppress(ConnectionError):
                    connection.sendall(answer)
                    while keep_open and connection.recv(1):
                        pass

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}", asked
    finally:
        with socket.create_connection(listening.getsockname()):
            pass
        thread.join()
        listening.close()


def response(status: str, body: bytes = b"", *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (b"", "what answers there is not a watch"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "what answers there is not a watch"),
        (b"\x00" * 100_000, "what answers there is not a watch"),
        (b"HTTP/1.1 200 OK\r\n" + b"X: 1\r\n" * 500 + b"\r\n", "what answers there is not a watch"),
        (response("200 OK", b"<html>"), "what answers there is not a watch"),
        (response("200 OK", b"[1]"), "what answers there is not a watch"),
        (response("200 OK", b"[" * 100_000), "what answers there is not a watch"),
        (response("200 OK", b"\xff\xfe"), "what answers there is not a watch"),
        (response("404 Not Found", b"404 page not found"), "what answers there is not a watch"),
        (response("404 Not Found", b'{"message": "no"}'), "what answers there is not a watch"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{", "what answers there is not a watch"),
        (response("302 Found", b"", "Location: http://evil.example/"), "sends us on to http://evil.example/: name the"),
        (response("404 Not Found", b'{"error": "there is no SLO"}'), "127.0.0.1:[0-9]+: there is no SLO$"),
        (response("401 Unauthorized", b'{"error": "no"}'), "wants its token: give the file `token` in the data folder"),
        (
            response("400 Bad Request", b'{"error": "wrong", "faults": [{"path": "by", "problem": "short"}]}'),
            "^by: short$",
        ),
    ],
)
def test_what_is_no_watch_or_refuses_is_told_in_a_sentence(answer: bytes, told: str) -> None:
    with answering(answer) as (url, _), pytest.raises(UsageError, match=told):
        Client(url).get("/api/v1/slos")


def test_a_fault_of_the_watch_is_not_a_fault_of_the_call() -> None:
    with answering(response("503 Unavailable", b'{"error": "no journal"}')) as (url, _):
        with pytest.raises(WatchkeepError, match="no journal") as raised:
            Client(url).get("/api/v1/slos")
        assert not isinstance(raised.value, UsageError)


def test_a_watch_that_is_not_there_is_told_with_the_mend() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(
        UsageError, match=f"no watch answers at http://127.0.0.1:{port}: start one with `watchkeep run`"
    ):
        Client(f"http://127.0.0.1:{port}").get("/")


def test_a_watch_that_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "QUIET_SECONDS", 0.1)
    with (
        answering(b"HTTP/1.1 200 OK\r\n", keep_open=True) as (url, _),
        pytest.raises(UsageError, match="no answer within"),
    ):
        Client(url).get("/")


def test_an_answer_without_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "LARGEST_ANSWER_BYTES", 1_000_000)
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 9999999999\r\n\r\n" + b" " * 2_000_000
    with answering(answer, keep_open=True) as (url, _), pytest.raises(UsageError, match="not a watch"):
        Client(url).get("/")


def test_an_unknown_host_is_told() -> None:
    with pytest.raises(UsageError, match="cannot be reached"):
        Client("http://no-such-host.invalid").get("/")


@pytest.mark.parametrize(
    "url",
    [
        "",
        "x",
        "127.0.0.1:9990",
        "ftp://h",
        "http://",
        "http://h:port",
        "http://h:99999",
        "http://[::1",
        "http://h/?q",
        "file:///",
    ],
)
def test_a_wrong_url_is_refused(url: str) -> None:
    with pytest.raises(UsageError, match=r"write it as http://127\.0\.0\.1:9990"):
        Client(url or " ")


def test_a_url_takes_no_password() -> None:
    with pytest.raises(UsageError, match="no name or password"):
        Client("http://me:secret@127.0.0.1/")


def test_a_path_before_the_api_is_kept() -> None:
    with answering(response("200 OK", b"{}")) as (url, asked):
        Client(f"{url}/watch/").get("/api/v1/slos", {"status": "open"})
    assert asked[0].startswith(b"GET /watch/api/v1/slos?status=open HTTP/1.1\r\n")


def test_a_proxy_of_the_environment_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    with served(a_busy_watch()) as site:
        assert Client(site.url).get("/-/healthy") == {"healthy": True}


def test_the_token_comes_from_the_file_before_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATCHKEEP_TOKEN", "of-the-environment")
    (tmp_path / "token").write_text("of-the-file\n")
    with answering(response("200 OK", b"{}")) as (url, asked):
        Client(url).get("/")
        Client(url, token_file=tmp_path / "token").get("/")
    assert b"Authorization: Bearer of-the-environment\r\n" in asked[0]
    assert b"Authorization: Bearer of-the-file\r\n" in asked[1]


def test_without_a_token_none_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATCHKEEP_TOKEN", " ")
    with answering(response("200 OK", b"{}")) as (url, asked):
        Client(url).get("/")
    assert b"Authorization" not in asked[0]


@pytest.mark.parametrize(
    "content", [b"", b"\n", b"two words", b"two\nlines", b"\xff\xfe\x00", "tökén".encode(), b"a\x00b"]
)
def test_a_file_that_holds_no_token_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "token").write_bytes(content)
    with pytest.raises(UsageError, match="holds no token"):
        Client(token_file=tmp_path / "token")


def test_a_token_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read: No such file"):
        Client(token_file=tmp_path / "token")


def test_a_wrong_token_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATCHKEEP_TOKEN", TOKEN[::-1])
    with served(a_busy_watch()) as site, pytest.raises(UsageError, match="refuses this token: give the file `token`"):
        Client(site.url).post("/-/reload", {})


def test_a_document_of_another_version_is_told() -> None:
    document: dict[str, str] = {}
    with pytest.raises(UsageError, match=r"no watch of this version \(KeyError: 'slos'\)"):
        understood("http://h", lambda: document["slos"])
