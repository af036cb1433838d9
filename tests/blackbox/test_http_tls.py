"""The prober `http` over TLS: certificates, versions, HTTP/2, and redirects between names."""

from collections.abc import Mapping
from typing import Protocol

import pytest
import trustme

from tests.blackbox.peers import Pair
from tests.certificates import DAY, NOW, issued_pem, self_signed_pem, written
from tests.services import StartNginx, free_port

ALL = """
modules:
  trusting: {prober: http, timeout: 5s, http: {tls_config: {ca_file: FOLDER/ca.pem}}}
  of_the_system: {prober: http, timeout: 5s, http: {}}
  careless: {prober: http, timeout: 5s, http: {tls_config: {insecure_skip_verify: true}}}
  named: {prober: http, http: {tls_config: {ca_file: FOLDER/ca.pem, server_name: www.example.org}}}
  host: {prober: http, http: {tls_config: {ca_file: FOLDER/ca.pem}, headers: {Host: www.example.org}}}
  showing:
    prober: http
    http: {tls_config: {ca_file: FOLDER/ca.pem, cert_file: FOLDER/identity.pem, key_file: FOLDER/identity.pem}}
  with_tls: {prober: http, http: {fail_if_not_ssl: true, tls_config: {ca_file: FOLDER/ca.pem}}}
  without_tls: {prober: http, http: {fail_if_ssl: true, tls_config: {ca_file: FOLDER/ca.pem}}}
  version_2: {prober: http, http: {valid_http_versions: [HTTP/2.0], tls_config: {ca_file: FOLDER/ca.pem}}}
  only_1: {prober: http, http: {enable_http2: false, tls_config: {ca_file: FOLDER/ca.pem}}}
  version_2_body:
    prober: http
    http: {tls_config: {ca_file: FOLDER/ca.pem}, fail_if_body_not_matches_regexp: [hello]}
  version_2_header:
    prober: http
    http:
      tls_config: {ca_file: FOLDER/ca.pem}
      fail_if_header_not_matches: [{header: X-Node, regexp: a1}]
  version_2_post: {prober: http, http: {method: POST, body: hello, tls_config: {ca_file: FOLDER/ca.pem}}}
  version_2_head: {prober: http, http: {method: HEAD, tls_config: {ca_file: FOLDER/ca.pem}}}
  version_2_user:
    prober: http
    http: {tls_config: {ca_file: FOLDER/ca.pem}, basic_auth: {username: watch, password: s3cret}}
  tls_12: {prober: http, http: {tls_config: {ca_file: FOLDER/ca.pem, min_version: TLS12}}}
  tls_13: {prober: http, http: {tls_config: {ca_file: FOLDER/ca.pem, min_version: TLS13}}}
"""

SITE = """
ssl_certificate FOLDER/identity.pem;
ssl_certificate_key FOLDER/identity.pem;
add_header X-Node a1;
location = / { return 200 'hello'; }
location = /empty { return 204; }
location = /gone { return 404 'gone'; }
location = /large { root FOLDER; }
location = /zipped { root FOLDER; rewrite ^ /large break; gzip on; gzip_types *; }
location = /moved { return 302 https://localhost:$server_port/; }
location = /insecure { return 302 http://127.0.0.1:PORT/; }
location = /sized { if ($content_length = 5) { return 200; } return 400; }
location = /user { auth_basic realm; auth_basic_user_file FOLDER/users; root FOLDER; try_files /large =404; }
location = /host { if ($http_host = 'www.example.org') { return 200; } return 421; }
"""


class StartSecure(Protocol):
    """Starts an nginx with this identity, a certificate with its key."""

    def __call__(self, identity: bytes, *, more: str = ..., listen: str = ...) -> int: ...


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA(organization_name="Trusted")


@pytest.fixture(scope="module")
def clients() -> trustme.CA:
    return trustme.CA(organization_name="Clients")


def MODULES(request: pytest.FixtureRequest) -> str:  # noqa: N802 - the fixture knows it by this name
    """The modules, with the files that they name."""
    folder = request.getfixturevalue("tmp_path_factory").mktemp("files")
    written(request.getfixturevalue("authority"), folder)
    (folder / "identity.pem").write_bytes(issued_pem(request.getfixturevalue("clients"), "watch@example.org"))
    return ALL.replace("FOLDER", str(folder))


@pytest.fixture(scope="module")
def secure(nginx: StartNginx, clients: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> StartSecure:
    """Starts an nginx over TLS, and gives its port."""
    plain = nginx().port

    def start(identity: bytes, *, more: str = "ssl_protocols TLSv1.2 TLSv1.3;", listen: str = "ssl") -> int:
        folder = tmp_path_factory.mktemp("secure")
        (folder / "identity.pem").write_bytes(identity)
        written(clients, folder)
        (folder / "large").write_bytes(b"x" * 300_000)
        (folder / "users").write_text("watch:{PLAIN}s3cret\n")
        return nginx((SITE + more).replace("FOLDER", str(folder)).replace("PORT", str(plain)), listen=listen).port

    return start


@pytest.fixture(scope="module")
def ports(secure: StartSecure, authority: trustme.CA) -> Mapping[str, int]:
    """The ports of all sites, by what they are."""
    good = issued_pem(authority, "localhost", "127.0.0.1", "www.example.org")
    expired = issued_pem(authority, "localhost", not_before=NOW - 9 * DAY, not_after=NOW - 2 * DAY)
    early = issued_pem(authority, "localhost", not_before=NOW + DAY, not_after=NOW + 9 * DAY)
    asks = "ssl_client_certificate FOLDER/ca.pem; ssl_verify_client on;"
    return {
        "good": secure(good),
        "version 2": secure(good, listen="ssl http2"),
        "TLS 1.2": secure(good, more="ssl_protocols TLSv1.2;"),
        "expired": secure(expired),
        "early": secure(early),
        "another name": secure(issued_pem(authority, "www.example.net")),
        "another authority": secure(issued_pem(trustme.CA(), "localhost")),
        "self-signed": secure(self_signed_pem("localhost")),
        "asks for ours": secure(good, more=asks),
    }


CASES = [
    ("trusting", "good", "/", True),
    ("trusting", "good", "/gone", False),
    ("trusting", "good", "/empty", True),
    ("trusting", "good", "/large", True),
    ("trusting", "good", "/insecure", True),
    ("trusting", "TLS 1.2", "/", True),
    ("trusting", "expired", "/", False),
    ("trusting", "early", "/", False),
    ("trusting", "another name", "/", False),
    ("trusting", "another authority", "/", False),
    ("trusting", "self-signed", "/", False),
    ("trusting", "asks for ours", "/", False),
    ("of_the_system", "good", "/", False),
    ("careless", "good", "/", True),
    ("careless", "expired", "/", True),
    ("careless", "another name", "/", True),
    ("careless", "self-signed", "/", True),
    ("showing", "asks for ours", "/", True),
    ("showing", "good", "/", True),
    ("named", "good", "/", True),
    ("named", "another name", "/", False),
    ("host", "good", "/host", True),
    ("with_tls", "good", "/", True),
    ("with_tls", "good", "/insecure", False),
    ("without_tls", "good", "/", False),
    ("without_tls", "good", "/insecure", True),
    ("version_2", "version 2", "/", True),
    ("version_2", "version 2", "/empty", True),
    ("version_2", "version 2", "/gone", False),
    ("version_2", "version 2", "/large", True),
    ("version_2", "version 2", "/zipped", True),
    ("version_2", "version 2", "/insecure", False),
    ("version_2", "good", "/", False),
    ("only_1", "version 2", "/", True),
    ("version_2_body", "version 2", "/", True),
    ("version_2_body", "version 2", "/large", False),
    ("version_2_header", "version 2", "/", True),
    ("version_2_post", "version 2", "/sized", True),
    ("version_2_head", "version 2", "/large", True),
    ("version_2_user", "version 2", "/user", True),
    ("trusting", "version 2", "/user", False),
    ("tls_12", "good", "/", True),
    ("tls_13", "good", "/", True),
    ("tls_13", "TLS 1.2", "/", False),
]


@pytest.mark.parametrize(("module", "site", "path", "success"), CASES)
def test_the_same_is_said_of_a_site_over_tls(
    pair: Pair, ports: Mapping[str, int], module: str, site: str, path: str, *, success: bool
) -> None:
    pair.ask(module, f"https://localhost:{ports[site]}{path}").agree(success=success)


def test_the_same_is_said_of_an_address_under_another_name(pair: Pair, ports: Mapping[str, int]) -> None:
    target = f"https://127.0.0.1:{ports['good']}/host"
    pair.ask("trusting", target, hostname="www.example.org").agree(success=True)
    pair.ask("trusting", target, hostname="www.example.net").agree(success=False)


def test_a_redirect_to_another_name_leaves_the_forced_one_behind(pair: Pair, ports: Mapping[str, int]) -> None:
    """The certificate is for localhost too, and must be for that once the redirect leads there."""
    pair.ask("named", f"https://127.0.0.1:{ports['good']}/moved").agree(success=True)


def test_the_same_is_said_of_a_port_that_does_not_speak_tls(pair: Pair, nginx: StartNginx) -> None:
    pair.ask("trusting", f"https://localhost:{nginx('').port}/").agree(success=False)
    pair.ask("trusting", f"https://localhost:{free_port()}/").agree(success=False)
