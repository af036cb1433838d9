"""`/probe`, asked over HTTP, with real rounds of real targets."""

import json
from collections.abc import Iterator
from urllib.parse import urlencode

import pytest

from slo.app.probing import Probing
from slo.config.load import load
from slo.kinds import Kinds
from slo.net.context import Context
from slo.runner.clock import SteadyClock
from tests.services import free_port
from tests.web.served import Served, served
from tests.web.watches import FakeWatch

MODULES = """
modules:
  http_2xx: {prober: http, timeout: 5s, http: {headers: {X-Token: s3cret}}}
  tcp_connect: {prober: tcp}
  banner: {prober: tcp, timeout: 1s, tcp: {query_response: [{expect: '^SSH-2.0-', send: s3cret}]}}
  page:
    prober: http
    timeout: 1s
    http:
      body: s3cret
      fail_if_body_not_matches_regexp: [Welcome]
      fail_if_header_matches: [{header: Set-Cookie, allow_missing: true, regexp: '.*'}]
      fail_if_body_json_matches_cel: body.down
  zone: {prober: dns, timeout: 1s, dns: {query_name: a.example, validate_answer_rrs: {fail_if_matches_regexp: ["127"]}}}
  live: {prober: websocket, timeout: 1s, websocket: {query_response: [{expect: hello}]}}
guard: {allow: {networks: [127.0.0.0/8, 169.254.0.0/16]}}
"""
TIMEOUT = "X-Prometheus-Scrape-Timeout-Seconds"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    file = tmp_path_factory.mktemp("probing") / "watch.yaml"
    file.write_text(MODULES)
    kinds = Kinds.installed()
    probing = Probing(kinds, Context.default(SteadyClock()))
    probing.configure(load(file, kinds, {}))
    with served(FakeWatch(prober=probing)) as served_here:
        yield served_here


def test_the_module_is_http_2xx_where_none_is_named(site: Served) -> None:
    answer = site.get(f"/probe?target=127.0.0.1:{site.port}/-/healthy")
    assert answer.status == 200
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert "\nprobe_success 1.0\n" in answer.body.decode()


@pytest.mark.parametrize(
    ("query", "status", "sentence"),
    [
        ("module=http_2xx", 400, "the parameter target is missing"),
        (f"target={'a' * 2049}", 400, "the parameter target has more than 2048 characters"),
        ("module=http_3xx&target=a", 400, "Unknown module 'http_3xx': did you mean http_2xx?\n"),
        ("module=x&target=a", 400, "Unknown module 'x': there are: banner, http_2xx, live, page, tcp_connect, zone\n"),
        ("module=tcp_connect&target=169.254.169.254:80", 403, "169.254.169.254 is in a network that must not be asked"),
        ("module=tcp_connect&target=10.0.0.1:80", 403, "10.0.0.1 is in none of the networks that may be asked"),
    ],
)
def test_what_is_not_asked(site: Served, query: str, status: int, sentence: str) -> None:
    answer = site.get(f"/probe?{query}")
    assert (answer.status, sentence in answer.body.decode()) == (status, True)


@pytest.mark.parametrize("target", ["a:b:c", "127.0.0.1", "[::1", "127.0.0.1:99999"])
def test_a_target_that_nothing_can_be_is_a_failed_round(site: Served, target: str) -> None:
    from urllib.parse import quote

    text = site.get(f"/probe?module=tcp_connect&target={quote(target)}").body.decode()
    assert "\nprobe_success 0.0\n" in text
    assert 'reason="target_invalid"' in text


def test_a_name_that_cannot_be_is_a_failed_round(site: Served) -> None:
    text = site.get("/probe?module=tcp_connect&target=%E2%9C%93.example:1").body.decode()
    assert "\nprobe_success 0.0\n" in text
    assert 'reason="dns_nxdomain"' in text


@pytest.mark.parametrize(
    ("module", "header", "seconds"),
    [
        ("http_2xx", "", 5),
        ("http_2xx", "10", 5),
        ("http_2xx", "3", 2.5),
        ("http_2xx", "0.4", 0.4),
        ("tcp_connect", "", 120),
        ("tcp_connect", "0", 120),
        ("tcp_connect", "10", 9.5),
        ("tcp_connect", "1e9", 120),
    ],
)
def test_a_round_takes_no_longer_than_prometheus_waits(site: Served, module: str, header: str, seconds: float) -> None:
    headers = {TIMEOUT: header} if header else {}
    answer = site.ask("GET", f"/probe?module={module}&target=127.0.0.1:{site.port}", headers=headers)
    assert f"\nprobe_timeout_seconds {seconds!r}\n" in answer.body.decode().replace(".0\n", "\n")


@pytest.mark.parametrize("header", ["soon", "nan", "inf", "-1"])
def test_a_timeout_that_is_none_is_refused(site: Served, header: str) -> None:
    answer = site.ask("GET", f"/probe?module=tcp_connect&target=127.0.0.1:{site.port}", headers={TIMEOUT: header})
    assert (answer.status, TIMEOUT in answer.body.decode()) == (400, True)


def test_debug_says_what_happened_and_no_secret(site: Served) -> None:
    text = site.get(f"/probe?debug=true&target=127.0.0.1:{free_port()}").body.decode()
    assert "bad, connect_refused" in text
    assert "probe_success 0.0" in text
    assert json.loads(text.split("Module configuration:\n")[1])["headers"] == {"X-Token": ["<secret>"]}
    assert "s3cret" not in text


@pytest.mark.parametrize(
    ("module", "expression"),
    [("banner", "^SSH-2.0-"), ("page", "Welcome"), ("page", "body.down"), ("zone", "127"), ("live", "hello")],
)
def test_debug_shows_what_a_module_expects(site: Served, module: str, expression: str) -> None:
    scheme = "ws://" if module == "live" else ""
    answer = site.get(f"/probe?debug=true&module={module}&target={scheme}127.0.0.1:{free_port()}")
    text = answer.body.decode()
    assert answer.status == 200
    assert f'"{expression}"' in json.dumps(json.loads(text.split("Module configuration:\n")[1]))
    assert "s3cret" not in text


PASSWORDS = {
    "of a site": ("http_2xx", "http://user:pa55@127.0.0.1:1/", "http://127.0.0.1:1/: bad, connect_refused"),
    "of a site without a scheme": ("http_2xx", "user:pa55@127.0.0.1:1", "http://127.0.0.1:1: bad, connect_refused"),
    "with a slash in it": ("http_2xx", "http://user:pa55/x@127.0.0.1/", "...@127.0.0.1/: bad, target_invalid"),
    "that is not escaped": ("http_2xx", "http://user:pa55%zz@127.0.0.1/", "what has to be escaped"),
    "of a port that is none": ("http_2xx", "http://user:pa55@127.0.0.1:99999/", "...@127.0.0.1:99999/: bad, target_in"),
    "of another prober": ("tcp_connect", "user:pa55@127.0.0.1:1", "...@127.0.0.1:1: bad, target_invalid"),
    "of a websocket": ("live", "ws://user:pa55@127.0.0.1:1/", "...@127.0.0.1:1/: bad, target_invalid"),
}


@pytest.mark.parametrize(("module", "target", "said"), PASSWORDS.values(), ids=PASSWORDS.keys())
def test_a_password_in_a_target_is_shown_nowhere(
    site: Served, caplog: pytest.LogCaptureFixture, module: str, target: str, said: str
) -> None:
    query = urlencode({"module": module, "target": target})
    with caplog.at_level(0):
        debug = site.get(f"/probe?debug=true&{query}").body.decode()
        samples = site.get(f"/probe?{query}").body.decode()
    assert said in debug
    assert not any(secret in text for secret in ("pa55", "dXNlcjpw") for text in (debug, samples, caplog.text))


def test_a_hostname_that_would_end_the_header_is_refused(site: Served) -> None:
    text = site.get(f"/probe?target=127.0.0.1:{site.port}&hostname=a%0d%0aX-Evil:1&debug=true").body.decode()
    assert "no name of a host" in text
