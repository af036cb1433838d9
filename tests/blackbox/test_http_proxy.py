"""The prober `http` through a proxy."""

from collections.abc import Iterator

import pytest
import trustme

from tests.blackbox.peers import Pair
from tests.certificates import issued_pem, written
from tests.proxies import Proxying, proxying
from tests.services import StartNginx, free_port

ALL = """
modules:
  through: {prober: http, http: {preferred_ip_protocol: ip4, proxy_url: 'http://127.0.0.1:PORT', TLS}}
  unresolved:
    prober: http
    http: {proxy_url: 'http://127.0.0.1:PORT', skip_resolve_phase_with_proxy: true, TLS}
  known: {prober: http, http: {preferred_ip_protocol: ip4, proxy_url: 'http://watch:s3cret@127.0.0.1:PORT', TLS}}
  gone: {prober: http, http: {preferred_ip_protocol: ip4, proxy_url: 'http://127.0.0.1:GONE'}}
"""

TLS = "tls_config: {ca_file: FOLDER/ca.pem}"

SITE = """
ssl_certificate FOLDER/identity.pem;
ssl_certificate_key FOLDER/identity.pem;
location = / { return 200 'hello'; }
location = /moved { return 302 /; }
"""


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def proxy() -> Iterator[Proxying]:
    with proxying("only-there.example") as running:
        yield running


def MODULES(request: pytest.FixtureRequest) -> str:  # noqa: N802 - the fixture knows it by this name
    """The modules, with the proxy and the authority."""
    folder = request.getfixturevalue("tmp_path_factory").mktemp("files")
    written(request.getfixturevalue("authority"), folder)
    ports = ALL.replace("PORT", str(request.getfixturevalue("proxy").port)).replace("GONE", str(free_port()))
    return ports.replace("TLS", TLS).replace("FOLDER", str(folder))


@pytest.fixture(scope="module")
def plain(nginx: StartNginx) -> int:
    return nginx("location = / { return 200 'hello'; } location = /moved { return 302 /; }").port


@pytest.fixture(scope="module")
def secure(nginx: StartNginx, authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> int:
    folder = tmp_path_factory.mktemp("secure")
    (folder / "identity.pem").write_bytes(issued_pem(authority, "localhost", "only-there.example"))
    return nginx(SITE.replace("FOLDER", str(folder)), listen="ssl").port


@pytest.mark.parametrize("module", ["through", "known", "unresolved"])
@pytest.mark.parametrize(("path", "success"), [("/", True), ("/moved", True), ("/gone", False)])
def test_the_same_is_said_of_a_site_behind_a_proxy(
    pair: Pair, proxy: Proxying, plain: int, module: str, path: str, *, success: bool
) -> None:
    proxy.asked.clear()
    pair.ask(module, f"http://localhost:{plain}{path}").agree(success=success)
    assert proxy.asked[: len(proxy.asked) // 2] == proxy.asked[len(proxy.asked) // 2 :]


@pytest.mark.parametrize("module", ["through", "known", "unresolved"])
def test_the_same_is_said_of_a_site_over_tls_behind_a_proxy(
    pair: Pair, proxy: Proxying, secure: int, module: str
) -> None:
    proxy.asked.clear()
    pair.ask(module, f"https://localhost:{secure}/").agree(success=True)
    theirs, ours = proxy.asked
    assert theirs == ours


def test_the_same_is_said_of_a_name_that_only_the_proxy_knows(pair: Pair, plain: int, secure: int) -> None:
    pair.ask("unresolved", f"http://only-there.example:{plain}/").agree(success=True)
    pair.ask("unresolved", f"https://only-there.example:{secure}/").agree(success=True)


def test_the_same_is_said_of_a_proxy_that_is_gone(pair: Pair, plain: int) -> None:
    pair.ask("gone", f"http://localhost:{plain}/").agree(success=False)
    pair.ask("gone", f"https://localhost:{plain}/").agree(success=False)
