"""An HTTP probe over HTTP/2: offered to every server over TLS, and spoken where the server chooses it."""

from collections.abc import Mapping
from pathlib import Path

import pytest
import trustme

from probes import http
from tests.certificates import issued_pem, written
from tests.probes.looking import Seen, look
from tests.services import StartNginx

SITE = """
ssl_certificate FOLDER/identity.pem;
ssl_certificate_key FOLDER/identity.pem;
ssl_protocols TLSv1.2 TLSv1.3;
location = / { add_header X-Node a1; return 200 'hello'; }
location = /large { root FOLDER; }
location = /moved { return 302 /with-cookie; add_header Set-Cookie 'seen=yes; Path=/'; }
location = /with-cookie { if ($cookie_seen = yes) { return 200; } return 403; }
location = /headers { if ($http_x_own = 'a, b') { return 200; } if ($http_x_own = a) { return 200; } return 400; }
location = /posted { if ($content_length = 100000) { return 200; } return 400; }
"""


class Site:
    """An nginx over TLS that speaks HTTP/2."""

    def __init__(self, nginx: StartNginx, folder: Path, *, listen: str = "ssl http2") -> None:
        authority = trustme.CA()
        (folder / "identity.pem").write_bytes(issued_pem(authority, "127.0.0.1"))
        (folder / "large").write_bytes(b"x" * 500_000)
        self._ca_file = written(authority, folder)
        self._port = nginx(SITE.replace("FOLDER", str(folder)), listen=listen).port

    async def look(self, path: str, **more: object) -> Seen:
        tls = {"ca_file": self._ca_file}
        return await look(http, {"url": f"https://127.0.0.1:{self._port}{path}", "tls": tls, **more})


@pytest.fixture(scope="module")
def site(nginx: StartNginx, tmp_path_factory: pytest.TempPathFactory) -> Site:
    return Site(nginx, tmp_path_factory.mktemp("site"))


async def test_http_2_is_spoken_with_the_phases_of_http_1(site: Site) -> None:
    expect = {"body": "^hello$", "http_version": [2], "headers": {"X-Node": "^a1$"}, "over_tls": True}
    seen = await site.look("/", expect=expect)
    assert seen.reason == "ok", seen.judgement.detail
    assert list(seen.judgement.phases) == ["connect", "tls", "processing", "transfer"]
    assert seen.value("probe_http_version") == 2
    assert seen.value("probe_http_content_length") == 5


async def test_http_2_may_be_left_out(site: Site) -> None:
    seen = await site.look("/", http2=False)
    assert (seen.reason, seen.value("probe_http_version")) == ("ok", 1.1)


async def test_a_server_without_http_2_is_asked_over_http_1(
    nginx: StartNginx, tmp_path_factory: pytest.TempPathFactory
) -> None:
    old = Site(nginx, tmp_path_factory.mktemp("old"), listen="ssl")
    seen = await old.look("/", expect={"http_version": [1.1]})
    assert seen.reason == "ok", seen.judgement.detail


ASKED: Mapping[str, tuple[str, Mapping[str, object], str]] = {
    "HEAD": ("/large", {"method": "HEAD"}, "ok"),
    "a body": ("/posted", {"method": "POST", "body": "x" * 100_000}, "ok"),
    "headers of ours": ("/headers", {"headers": {"X-Own": ["a", "b"]}}, "ok"),
    "a redirect with a cookie": ("/moved", {}, "ok"),
    "a large body": ("/large", {"expect": {"body": "^x+$"}}, "ok"),
    "a body that is too large": ("/large", {"max_body": "100KB"}, "body_too_large"),
    "nothing": ("/nothing", {}, "status"),
    "another body": ("/", {"expect": {"body": "DOWN"}}, "body"),
}


@pytest.mark.parametrize(("path", "config", "reason"), ASKED.values(), ids=ASKED.keys())
async def test_everything_is_asked_as_over_http_1(
    site: Site, path: str, config: Mapping[str, object], reason: str
) -> None:
    for http2 in (True, False):
        seen = await site.look(path, http2=http2, **config)
        assert seen.reason == reason, seen.judgement.detail
        assert seen.value("probe_http_version") == (2 if http2 else 1.1)


async def test_a_host_that_is_named_is_who_is_asked_and_verified(site: Site) -> None:
    assert (await site.look("/", headers={"Host": "www.example.org"})).reason == "tls_hostname"
