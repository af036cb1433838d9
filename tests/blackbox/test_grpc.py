"""The prober `grpc`."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from tests.blackbox.peers import Pair
from tests.certificates import written
from tests.probes.test_grpc import started
from tests.services import StartNginx, free_port

_FOLDER = "grpc-servers"


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def servers(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The addresses of real servers."""
    pem = tmp_path_factory.mktemp(_FOLDER) / "server.pem"
    authority.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(str(pem))
    with contextlib.ExitStack() as running:
        yield {
            name: f"127.0.0.1:{running.enter_context(started(tmp_path_factory.mktemp(name), *arguments)).port}"
            for name, arguments in {"clear": (), "tls": (str(pem),), "bare": ("bare",)}.items()
        }


def MODULES(request: pytest.FixtureRequest) -> str:  # noqa: N802 - the name that the fixture looks for
    authority: trustme.CA = request.getfixturevalue("authority")
    folder: Path = request.getfixturevalue("tmp_path_factory").mktemp(_FOLDER)
    ca_file = written(authority, folder)
    plain = "".join(
        f"""
  {service}:
    prober: grpc
    timeout: 5s
    grpc: {{service: {service}, preferred_ip_protocol: ip4}}"""
        for service in ("api", "down", "dark", "gone", "nobody", "denied")
    )
    return f"""
modules:
  whole:
    prober: grpc
    timeout: 5s
    grpc: {{preferred_ip_protocol: ip4}}
  named:
    prober: grpc
    timeout: 5s
    grpc: &named {{preferred_ip_protocol: ip4, tls: true, tls_config: {{ca_file: {ca_file}, server_name: localhost}}}}
  named_down:
    prober: grpc
    timeout: 5s
    grpc: {{<<: *named, service: down}}
  untrusted:
    prober: grpc
    timeout: 5s
    grpc: {{preferred_ip_protocol: ip4, tls: true}}{plain}
"""


@pytest.mark.parametrize(
    ("module", "server", "success"),
    [
        ("whole", "clear", True),
        ("api", "clear", True),
        ("down", "clear", False),
        ("dark", "clear", False),
        ("gone", "clear", False),
        ("nobody", "clear", False),
        ("denied", "clear", False),
        ("whole", "bare", False),
        ("named", "tls", True),
        ("named_down", "tls", False),
        ("untrusted", "tls", False),
    ],
)
def test_the_same_is_said_of_a_service(
    pair: Pair, servers: dict[str, str], module: str, server: str, *, success: bool
) -> None:
    pair.ask(module, servers[server]).agree(success=success)


def test_a_target_may_be_a_url_and_a_name(pair: Pair, servers: dict[str, str]) -> None:
    pair.ask("whole", f"http://{servers['clear']}/").agree(success=True)
    pair.ask("whole", servers["clear"].replace("127.0.0.1", "localhost")).agree(success=True)


def test_who_does_not_speak_grpc(pair: Pair, nginx: StartNginx) -> None:
    pair.ask("whole", f"127.0.0.1:{nginx(listen='http2').port}").agree(success=False)
    pair.ask("whole", f"127.0.0.1:{nginx('location / { return 503; }', listen='http2').port}").agree(success=False)
    pair.ask("whole", f"127.0.0.1:{nginx().port}").agree(success=False)
    pair.ask("whole", f"127.0.0.1:{free_port()}").agree(success=False)


def test_a_port_that_speaks_tls_asked_in_the_clear_and_the_other_way_round(pair: Pair, servers: dict[str, str]) -> None:
    pair.ask("whole", servers["tls"]).agree(success=False)
    pair.ask("untrusted", servers["clear"]).agree(success=False)
