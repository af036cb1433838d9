"""The prober `http` without TLS."""

import contextlib
import gzip
import socket
import threading
from collections.abc import Iterator

import pytest

from tests.blackbox.peers import Pair
from tests.services import Service, StartNginx, free_port

ALL = """
modules:
  http_2xx: {prober: http, timeout: 5s, http: {preferred_ip_protocol: ip4}}
  any_protocol: {prober: http, http: {}}
  created: {prober: http, http: {preferred_ip_protocol: ip4, valid_status_codes: [201]}}
  post: {prober: http, http: {method: POST, body: '{"a": 1}', headers: {Content-Type: application/json}}}
  head: {prober: http, http: {method: HEAD}}
  options: {prober: http, http: {method: OPTIONS, valid_status_codes: [405]}}
  short: {prober: http, timeout: 1s, http: {}}
  not_followed: {prober: http, http: {follow_redirects: false, valid_status_codes: [302]}}
  not_followed_of_old: {prober: http, http: {no_follow_redirects: true, valid_status_codes: [302]}}
  with_tls: {prober: http, http: {fail_if_not_ssl: true}}
  without_tls: {prober: http, http: {fail_if_ssl: true}}
  version_1: {prober: http, http: {valid_http_versions: [HTTP/1.1]}}
  version_2: {prober: http, http: {valid_http_versions: [HTTP/2.0]}}
  body_has: {prober: http, http: {fail_if_body_not_matches_regexp: [hel+o, '^hello$']}}
  body_has_not: {prober: http, http: {fail_if_body_matches_regexp: [world, made]}}
  body_both: {prober: http, http: {fail_if_body_matches_regexp: [made], fail_if_body_not_matches_regexp: [hello]}}
  header_is: {prober: http, http: {fail_if_header_not_matches: [{header: X-Node, regexp: '^a[0-9]$'}]}}
  header_may_be:
    {prober: http, http: {fail_if_header_not_matches: [{header: x-node, regexp: '^a[0-9]$', allow_missing: true}]}}
  header_is_not: {prober: http, http: {fail_if_header_matches: [{header: X-Node, regexp: b}]}}
  header_may_not_be: {prober: http, http: {fail_if_header_matches: [{header: X-Node, regexp: b, allow_missing: true}]}}
  basic: {prober: http, http: {basic_auth: {username: watch, password: s3cret}}}
  basic_file: {prober: http, http: {basic_auth: {username: watch, password_file: FOLDER/password}}}
  basic_wrong: {prober: http, http: {basic_auth: {username: watch, password: wrong}}}
  bearer: {prober: http, http: {bearer_token: t0ken}}
  bearer_file: {prober: http, http: {bearer_token_file: FOLDER/token}}
  authorization: {prober: http, http: {authorization: {credentials: t0ken}}}
  authorization_type: {prober: http, http: {authorization: {type: Token, credentials: t0ken}}}
  both: {prober: http, http: {headers: {Authorization: Basic d2F0Y2g6d3Jvbmc=}}}
  host: {prober: http, http: {headers: {Host: www.example.org}}}
  unquoted:
    prober: http
    http:
      headers: {X-1: true, X-2: True, X-3: 1.10, X-4: no, X-5: 0x1F, X-6: 1:30, X-7: .inf, X-8: 0123, X-9: 2020-01-01}
      fail_if_body_not_matches_regexp: ['^true True 1[.]10 no 0x1F 1:30 [.]inf 0123 2020-01-01$']
  unquoted_password: {prober: http, http: {basic_auth: {username: 1e3, password: 0x10}}}
  unquoted_expression: {prober: http, http: {fail_if_body_not_matches_regexp: [1.0, 99]}}
  gzip: {prober: http, http: {compression: gzip, headers: {Accept-Encoding: gzip}}}
  gzip_of_many: {prober: http, http: {compression: gzip, headers: {Accept-Encoding: 'br;q=1.0, gzip;q=0.5'}}}
  gzip_matched:
    {prober: http, http: {compression: gzip, headers: {Accept-Encoding: gzip}, fail_if_body_not_matches_regexp: [^xxx]}}
  asked_for_gzip: {prober: http, http: {headers: {Accept-Encoding: gzip}}}
  not_gzip: {prober: http, http: {compression: gzip}}
  identity: {prober: http, http: {compression: identity}}
  small: {prober: http, http: {body_size_limit: 1KB}}
  large_enough: {prober: http, http: {body_size_limit: 1MB}}
"""


def MODULES(request: pytest.FixtureRequest) -> str:  # noqa: N802 - the fixture knows it by this name
    """The modules, with the files that they name."""
    folder = request.getfixturevalue("tmp_path_factory").mktemp("files")
    for name, content in {"password": "s3cret\n", "token": "t0ken\n"}.items():
        (folder / name).write_text(content)
    return ALL.replace("FOLDER", str(folder))


LARGE = 300_000

LOCATIONS = """
add_header X-Node a1;
location = / { return 200 'hello'; }
location = /b { add_header X-Node b1; add_header X-Node a1; return 200 'hello'; }
location = /bare { add_header Unrelated 1; return 200 'hello'; }
location = /created { return 201 'made'; }
location = /empty { return 204; }
location = /same { return 304; }
location = /gone { return 404 'gone'; }
location = /broken { return 500 'broken'; }
location = /closed { return 444; }
location = /moved { return 302 /; }
location = /moved-relative { absolute_redirect off; return 307 /created; }
location = /moved-twice { add_header Location '/created' always; return 307; }
location = /to-user { absolute_redirect off; return 302 /user; }
location = /to-user-as-a-whole { return 302 /user; }
location = /said {
    return 200 '$http_x_1 $http_x_2 $http_x_3 $http_x_4 $http_x_5 $http_x_6 $http_x_7 $http_x_8 $http_x_9';
}
location = /numbers { return 200 '1.0 99'; }
location = /nowhere { return 302 ''; }
location = /loop { return 302 /loop; }
location = /ten { return 302 /hop/1; }
HOPS
location = /hop/10 { return 200 'hello'; }
location = /cookie { add_header Set-Cookie 'seen=yes; Path=/'; return 302 /with-cookie; }
location = /with-cookie { if ($cookie_seen = yes) { return 200 'hello'; } return 403; }
location = /user { auth_basic realm; auth_basic_user_file users; root .; try_files /large =404; }
location = /bearer { if ($http_authorization = 'Bearer t0ken') { return 200; } return 401; }
location = /token { if ($http_authorization = 'Token t0ken') { return 200; } return 401; }
location = /host { if ($http_host = 'www.example.org') { return 200; } return 421; }
location = /sized { if ($content_length = 8) { return 200; } return 400; }
location = /dated { add_header Last-Modified 'Thu, 01 Jan 1970 00:00:10 GMT'; return 200; }
location = /dated-otherwise { add_header Last-Modified yesterday; return 200; }
location = /large { root .; }
location /zipped { alias ./; gzip on; gzip_types *; gzip_min_length 1; }
"""


@pytest.fixture(scope="module")
def server(nginx: StartNginx) -> Service:
    hops = "".join(f"location = /hop/{hop} {{ return 302 /hop/{hop + 1}; }}\n" for hop in range(1, 10))
    started = nginx(LOCATIONS.replace("HOPS", hops))
    (started.folder / "large").write_bytes(b"x" * LARGE)
    (started.folder / "users").write_text("watch:{PLAIN}s3cret\n1e3:{PLAIN}0x10\n")
    return started


CASES = [
    ("http_2xx", "/", True),
    ("any_protocol", "/", True),
    ("http_2xx", "/gone", False),
    ("http_2xx", "/broken", False),
    ("http_2xx", "/empty", True),
    ("http_2xx", "/same", False),
    ("http_2xx", "/closed", False),
    ("http_2xx", "/moved", True),
    ("http_2xx", "/moved-relative", True),
    ("http_2xx", "/moved-twice", False),
    ("http_2xx", "/nowhere", False),
    ("http_2xx", "/loop", False),
    ("http_2xx", "/ten", True),
    ("http_2xx", "/cookie", True),
    ("http_2xx", "/with-cookie", False),
    ("http_2xx", "/dated", True),
    ("http_2xx", "/dated-otherwise", True),
    ("http_2xx", "/large", True),
    ("created", "/created", True),
    ("created", "/", False),
    ("post", "/sized", True),
    ("head", "/large", True),
    ("head", "/", True),
    ("head", "/gone", False),
    ("options", "/large", True),
    ("not_followed", "/moved", True),
    ("not_followed_of_old", "/moved", True),
    ("not_followed", "/", False),
    ("with_tls", "/", False),
    ("without_tls", "/", True),
    ("version_1", "/", True),
    ("version_2", "/", False),
    ("body_has", "/", True),
    ("body_has", "/created", False),
    ("body_has", "/gone", False),
    ("body_has_not", "/", True),
    ("body_has_not", "/created", False),
    ("body_both", "/", True),
    ("body_both", "/created", False),
    ("header_is", "/", True),
    ("header_is", "/b", True),
    ("header_is", "/bare", False),
    ("header_may_be", "/bare", True),
    ("header_is_not", "/", True),
    ("header_is_not", "/b", False),
    ("header_is_not", "/bare", False),
    ("header_may_not_be", "/bare", True),
    ("basic", "/user", True),
    ("basic_file", "/user", True),
    ("basic_wrong", "/user", False),
    ("http_2xx", "/user", False),
    ("bearer", "/bearer", True),
    ("bearer_file", "/bearer", True),
    ("authorization", "/bearer", True),
    ("authorization_type", "/token", True),
    ("http_2xx", "/bearer", False),
    ("host", "/host", True),
    ("unquoted", "/said", True),
    ("unquoted_password", "/user", True),
    ("unquoted_expression", "/numbers", True),
    ("unquoted_expression", "/", False),
    ("gzip", "/zipped/large", True),
    ("gzip_of_many", "/zipped/large", True),
    ("gzip_matched", "/zipped/large", True),
    ("asked_for_gzip", "/zipped/large", True),
    ("not_gzip", "/large", False),
    ("identity", "/large", True),
    ("small", "/large", False),
    ("small", "/", True),
    ("large_enough", "/large", True),
]


@pytest.mark.parametrize(("module", "path", "success"), CASES)
def test_the_same_is_said_of_a_site(pair: Pair, server: Service, module: str, path: str, *, success: bool) -> None:
    pair.ask(module, f"http://127.0.0.1:{server.port}{path}").agree(success=success)


def test_the_same_is_said_of_a_target_without_a_scheme(pair: Pair, server: Service) -> None:
    pair.ask("http_2xx", f"127.0.0.1:{server.port}").agree(success=True)


CREDENTIALS = [
    ("http_2xx", "watch:s3cret", "/user", True),
    ("http_2xx", "watch:s%33cret", "/user", True),
    ("http_2xx", "watch:wrong", "/user", False),
    ("http_2xx", "watch", "/user", False),
    ("http_2xx", "", "/user", False),
    ("http_2xx", "watch:s3cret", "/to-user", True),
    ("http_2xx", "watch:a@b", "/user", False),
    ("basic_wrong", "watch:s3cret", "/user", True),
    ("basic", "watch:wrong", "/user", False),
    ("bearer", "watch:s3cret", "/user", True),
    ("bearer", "watch:s3cret", "/bearer", False),
    ("authorization", "watch:s3cret", "/user", True),
    ("both", "watch:s3cret", "/user", False),
]


@pytest.mark.parametrize(("module", "credentials", "path", "success"), CREDENTIALS)
def test_the_same_is_said_of_a_target_with_credentials_in_it(
    pair: Pair, server: Service, module: str, credentials: str, path: str, *, success: bool
) -> None:
    both = pair.ask(module, f"http://{credentials}@127.0.0.1:{server.port}{path}")
    both.agree(success=success)
    assert "s3cret" not in both.ours.text


def test_credentials_in_a_target_are_kept_along_a_redirect_that_is_written_out(pair: Pair, server: Service) -> None:
    both = pair.ask("http_2xx", f"http://watch:s3cret@127.0.0.1:{server.port}/to-user-as-a-whole")
    assert (both.theirs.value("probe_success"), both.ours.value("probe_success")) == (0, 1)


@pytest.mark.parametrize("credentials", ["watch:%zz", "wat<h:x"])
def test_credentials_that_are_not_escaped_are_no_target(pair: Pair, server: Service, credentials: str) -> None:
    both = pair.ask("http_2xx", f"http://{credentials}@127.0.0.1:{server.port}/")
    assert (both.theirs.value("probe_success"), both.ours.value("probe_success")) == (0, 0)


def test_the_same_is_said_of_a_target_with_credentials_and_no_scheme(pair: Pair, server: Service) -> None:
    pair.ask("http_2xx", f"watch:s3cret@127.0.0.1:{server.port}/user").agree(success=True)
    wrong = f"watch:wrong@127.0.0.1:{server.port}/host"
    pair.ask("http_2xx", wrong, hostname="www.example.org").agree(success=True)


def test_the_same_is_said_of_a_name(pair: Pair, server: Service) -> None:
    pair.ask("http_2xx", f"http://localhost:{server.port}/").agree(success=True)


def test_the_same_is_said_of_a_target_under_another_name(pair: Pair, server: Service) -> None:
    pair.ask("http_2xx", f"http://127.0.0.1:{server.port}/host", hostname="www.example.org").agree(success=True)


def test_the_same_is_said_of_a_port_where_nobody_listens(pair: Pair) -> None:
    pair.ask("http_2xx", f"http://127.0.0.1:{free_port()}/").agree(success=False)


def test_the_same_is_said_of_a_name_that_is_none(pair: Pair) -> None:
    pair.ask("http_2xx", "http://no-such-host.invalid/").agree(success=False)


@contextlib.contextmanager
def answering(answer: bytes, *, hangs: bool = False) -> Iterator[int]:
    """The port of a server that answers every request with these bytes, and then closes, or `hangs`."""
    stop = threading.Event()

    def serve(listener: socket.socket) -> None:
        open_ones: list[socket.socket] = []
        while not stop.is_set():
            with contextlib.suppress(OSError):
                connection, _ = listener.accept()
                connection.settimeout(5)
                connection.recv(65_536)
                connection.sendall(answer)
                open_ones.append(connection)
                if not hangs:
                    open_ones.pop().close()
        for connection in open_ones:
            connection.close()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.1)
        thread = threading.Thread(target=serve, args=(listener,))
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            stop.set()
            thread.join()


HEAD = b"HTTP/1.1 200 OK\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
ZIPPED = gzip.compress(b"hello" * 1000)

BROKEN = {
    "says nothing": ("http_2xx", b""),
    "says garbage": ("http_2xx", b"garbage\r\n\r\n"),
    "is shorter than it said": ("http_2xx", HEAD + b"Content-Length: 10\r\n\r\nhello"),
    "breaks off its chunks": ("http_2xx", CHUNKED + b"5\r\nhello\r\n"),
    "breaks off its zip": (
        "gzip",
        HEAD + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % (len(ZIPPED) - 9) + ZIPPED[:-9],
    ),
    "redirects to no host": ("http_2xx", b"HTTP/1.1 302 Found\r\nLocation: http://\r\nContent-Length: 0\r\n\r\n"),
}


@pytest.mark.parametrize(("module", "answer"), BROKEN.values(), ids=BROKEN.keys())
def test_the_same_is_said_of_a_server_that_is_broken(pair: Pair, module: str, answer: bytes) -> None:
    with answering(answer) as port:
        pair.ask(module, f"http://127.0.0.1:{port}/").agree(success=False)


WHOLE = {
    "in chunks": CHUNKED + b"5\r\nhello\r\n0\r\n\r\n",
    "until it closes": HEAD + b"\r\nhello",
    "by an old version": b"HTTP/1.0 200 OK\r\n\r\nhello",
}


@pytest.mark.parametrize("answer", WHOLE.values(), ids=WHOLE.keys())
def test_the_same_is_said_of_a_body_however_it_is_framed(pair: Pair, answer: bytes) -> None:
    with answering(answer) as port:
        pair.ask("body_has", f"http://127.0.0.1:{port}/").agree(success=True)


HANGING = {"before the response": b"", "in the headers": HEAD, "in the body": HEAD + b"Content-Length: 10\r\n\r\nhello"}


@pytest.mark.parametrize("answer", HANGING.values(), ids=HANGING.keys())
def test_the_same_is_said_of_a_server_that_hangs(pair: Pair, answer: bytes) -> None:
    with answering(answer, hangs=True) as port:
        pair.ask("short", f"http://127.0.0.1:{port}/").agree(success=False)
