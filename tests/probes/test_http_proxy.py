"""HTTP probes through proxies: what the proxy is asked, what goes around it, and what it may do to a round."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
import trustme

from probes import http
from slo.net.context import Context
from slo.net.guard import Guard, Reach
from slo.net.proxy import Around
from slo.runner.clock import SteadyClock
from tests.certificates import server_context, written
from tests.hostile import HEAD, answering, resetting_at_once, serving, silent
from tests.probes.looking import look
from tests.proxies import proxying
from tests.services import free_port

OK = answering(HEAD + b"Content-Length: 5\r\n\r\nhello")


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def ca_file(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> str:
    return written(authority, tmp_path_factory.mktemp("authority"))


def through(port: int, **more: object) -> Mapping[str, object]:
    return {"proxy": {"url": f"http://127.0.0.1:{port}", **more}}


async def test_http_is_asked_in_absolute_form() -> None:
    user = {"basic_auth": {"username": "watch", "password": "s3cret"}}
    with proxying("target.example") as proxy:
        async with serving(OK) as port:
            url = f"http://target.example:{port}/path?q=1"
            seen = await look(http, {"url": url, "expect": {"body": "hello"}, **through(proxy.port, **user)})
    assert seen.reason == "ok", seen.judgement.detail
    assert proxy.asked == [f"GET {url} HTTP/1.1"]
    assert proxy.headers["host"] == f"target.example:{port}"
    assert proxy.headers["proxy-authorization"] == "Basic d2F0Y2g6czNjcmV0"
    assert list(seen.judgement.phases) == ["connect", "processing", "transfer"]


async def test_https_goes_through_a_tunnel(authority: trustme.CA, ca_file: str) -> None:
    own = {"connect_headers": {"X-Watch": ["a", "b"]}, "basic_auth": {"username": "watch", "password": "s3cret"}}
    config = {"tls": {"ca_file": ca_file}, "expect": {"body": "hello"}, "headers": {"X-Own": "1"}}
    with proxying("target.example") as proxy:
        async with serving(OK, tls=server_context(authority, "target.example")) as port:
            url = f"https://target.example:{port}/"
            seen = await look(http, {"url": url, **config, **through(proxy.port, **own)})
    assert seen.reason == "ok", seen.judgement.detail
    assert proxy.asked == [f"CONNECT target.example:{port} HTTP/1.1"]
    assert proxy.headers["x-watch"] == "b"
    assert proxy.headers["proxy-authorization"] == "Basic d2F0Y2g6czNjcmV0"
    assert "x-own" not in proxy.headers
    assert list(seen.judgement.phases) == ["connect", "tls", "processing", "transfer"]
    assert seen.value("probe_http_ssl") == 1


async def test_the_certificate_of_a_target_behind_a_proxy_is_verified(authority: trustme.CA, ca_file: str) -> None:
    with proxying("target.example") as proxy:
        async with serving(OK, tls=server_context(authority, "www.example")) as port:
            url = f"https://target.example:{port}/"
            seen = await look(http, {"url": url, "tls": {"ca_file": ca_file}, **through(proxy.port)})
    assert seen.reason == "tls_hostname"


async def test_a_name_may_be_resolved_here(authority: trustme.CA, ca_file: str) -> None:
    with proxying() as proxy:
        async with (
            serving(OK) as port,
            serving(OK, tls=server_context(authority, "localhost")) as secure,
        ):
            here = {"ip_protocol": "ip4", **through(proxy.port, resolves=False)}
            plain = await look(http, {"url": f"http://localhost:{port}/", **here})
            over_tls = await look(http, {"url": f"https://localhost:{secure}/", "tls": {"ca_file": ca_file}, **here})
    assert (plain.reason, over_tls.reason) == ("ok", "ok")
    assert proxy.asked == [f"GET http://localhost:{port}/ HTTP/1.1", f"CONNECT 127.0.0.1:{secure} HTTP/1.1"]
    assert "resolve" in plain.judgement.phases


async def test_what_is_excepted_and_the_machine_itself_go_around() -> None:
    async with serving(OK) as port:
        gone = through(free_port(), **{"except": ["unrelated.example"]})
        assert (await look(http, {"url": f"http://127.0.0.1:{port}/", **gone})).reason == "ok"
        assert (await look(http, {"url": f"http://target.example:{port}/", **gone})).reason == "connect_refused"
        without_exceptions = through(free_port())
        assert (
            await look(http, {"url": f"http://127.0.0.1:{port}/", **without_exceptions})
        ).reason == "connect_refused"


async def test_the_environment_may_name_the_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    config = {"url": "http://target.example/", "proxy": {"from_environment": True}}
    with proxying("target.example") as proxy:
        async with serving(OK) as port:
            monkeypatch.setenv("HTTP_PROXY", f"watch:s3cret@127.0.0.1:{proxy.port}")
            monkeypatch.setenv("no_proxy", "other.example")
            seen = await look(http, config | {"url": f"http://target.example:{port}/"})
    assert seen.reason == "ok", seen.judgement.detail
    assert proxy.headers["proxy-authorization"] == "Basic d2F0Y2g6czNjcmV0"


@pytest.mark.parametrize("value", ["https://proxy/", "socks5://proxy/", "http://[", "http://"])
def test_a_proxy_of_the_environment_that_cannot_be_used_is_refused(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", value)
    with pytest.raises(ValueError, match="HTTPS_PROXY in the environment is no"):
        http.Config.model_validate({"url": "http://a/", "proxy": {"from_environment": True}})


async def test_a_proxy_that_makes_no_tunnel_is_a_reason() -> None:
    config = {"url": "https://target.example/"}
    with proxying(refuses=407) as proxy:
        seen = await look(http, {**config, **through(proxy.port)})
    assert (seen.reason, seen.judgement.detail) == ("proxy", f"the proxy 127.0.0.1 port {proxy.port} answered 407")
    async with serving(answering(b"SSH-2.0-x\r\n")) as port:
        assert (await look(http, {**config, **through(port)})).reason == "proxy"
    async with serving(resetting_at_once) as port:
        assert (await look(http, {**config, **through(port)})).reason == "proxy"
    async with serving(silent) as port:
        assert (await look(http, {**config, **through(port)}, timeout_seconds=0.5)).reason == "connect_timeout"
    assert (await look(http, {**config, **through(free_port())})).reason == "connect_refused"


async def test_a_redirect_within_the_proxy_is_asked_of_the_proxy() -> None:
    with proxying("a.example", "b.example") as proxy:
        async with serving(OK) as port:
            moved = answering(b"HTTP/1.1 302 F\r\nLocation: http://b.example:%d/\r\nContent-Length: 0\r\n\r\n" % port)
            async with serving(moved) as first:
                seen = await look(http, {"url": f"http://a.example:{first}/", **through(proxy.port)})
    assert seen.reason == "ok", seen.judgement.detail
    assert [line.split()[1] for line in proxy.asked] == [f"http://a.example:{first}/", f"http://b.example:{port}/"]


@pytest.mark.parametrize("resolves", [True, False])
@pytest.mark.parametrize("url", ["http://169.254.169.254/", "https://169.254.169.254/"])
async def test_no_redirect_leads_through_a_proxy_to_a_metadata_service(url: str, *, resolves: bool) -> None:
    moved = answering(b"HTTP/1.1 302 F\r\nLocation: %s\r\nContent-Length: 0\r\n\r\n" % url.encode())
    with proxying("a.example", "169.254.169.254") as proxy:
        async with serving(moved) as port:
            target = f"http://{'a.example' if resolves else 'localhost'}:{port}/"
            config = {"url": target, "ip_protocol": "ip4", **through(proxy.port, resolves=resolves)}
            seen = await look(http, config)
    assert seen.reason == "not_permitted"
    assert len(proxy.asked) == 1


@pytest.mark.parametrize(
    "host", ["2852039166", "0xa9fea9fe", "0251.0376.0251.0376", "169.254.43518", "169.254.169.254."]
)
async def test_no_spelling_of_an_address_is_left_to_a_proxy_that_would_read_it(host: str) -> None:
    moved = answering(b"HTTP/1.1 302 F\r\nLocation: http://%s/\r\nContent-Length: 0\r\n\r\n" % host.encode())
    with proxying("a.example", host) as proxy:
        async with serving(moved) as port:
            seen = await look(http, {"url": f"http://a.example:{port}/", **through(proxy.port)})
    assert seen.reason == "not_permitted"
    assert len(proxy.asked) == 1


async def test_the_guard_looks_at_the_target_behind_a_proxy() -> None:
    usual = Context.default(SteadyClock())
    context = replace(usual, guard=Guard(Reach(hosts=("127.0.0.1", "good.example"))))
    with proxying("good.example", "bad.example") as proxy:
        async with serving(OK) as port:
            for host, reason in {"good.example": "ok", "bad.example": "not_permitted"}.items():
                config = {"url": f"http://{host}:{port}/", **through(proxy.port)}
                assert (await look(http, config, context=context)).reason == reason
    await context.close()


AROUND = {
    "a name": ("example.org", "example.org", True),
    "what is below a name": ("example.org", "www.example.org", True),
    "a name that ends so": ("example.org", "notexample.org", False),
    "only what is below": (".example.org", "www.example.org", True),
    "the name itself": (".example.org", "example.org", False),
    "an asterisk before": ("*.example.org", "www.example.org", True),
    "capitals": ("Example.ORG", "www.EXAMPLE.org", True),
    "a name with its port": ("example.org:8080", "example.org", True),
    "a name with another port": ("example.org:80", "example.org", False),
    "an address": ("10.1.2.3", "10.1.2.3", True),
    "another address": ("10.1.2.3", "10.1.2.30", False),
    "a network": ("10.0.0.0/8", "10.1.2.3", True),
    "a network of IPv6": ("fd00::/8", "fd00::1", True),
    "an address of IPv6 with its port": ("[fd00::1]:8080", "fd00::1", True),
    "everything": ("*", "example.net", True),
    "nothing": (" , ", "example.net", False),
    "the machine by its name": ("a", "localhost", True),
    "the machine by its address": ("a", "127.1.2.3", True),
}


@pytest.mark.parametrize(("exceptions", "host", "around"), AROUND.values(), ids=AROUND.keys())
def test_what_goes_around_a_proxy(exceptions: str, host: str, *, around: bool) -> None:
    assert Around(exceptions.split(",")).takes(host, 8080) is around


async def test_no_secret_of_a_proxy_is_shown(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("s3cret")
    own = {"connect_headers": {"X": "s3cret"}, "basic_auth": {"username": "u", "password": "s3cret"}}
    config = {"url": "https://target.example/", **through(free_port(), **own)}
    seen = await look(http, config)
    assert "s3cret" not in f"{http.Config.model_validate(config)!r} {seen.facts!r} {seen.judgement}"
