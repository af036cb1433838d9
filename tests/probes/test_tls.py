"""What a TLS probe takes for good, and which reason each bad certificate has; HTTP and TCP probes have the same."""

import asyncio
import contextlib
import json
import os
import socket
import ssl
import threading
import warnings
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType

import pytest
import trustme
from pydantic import ValidationError

from probes import http, tcp, tls
from slo.config.load import load
from slo.errors import Fault
from slo.kinds import Kinds
from slo.net.context import Context
from slo.runner.clock import SteadyClock
from tests import hostile
from tests.certificates import DAY, NOW, self_signed_context, server_context, written
from tests.hostile import HEAD, Behaviour, answering, serving
from tests.probes.looking import Seen, look
from tests.services import StartNginx

HUNG_SECONDS = 0.5
SECURE_HELLO = answering(HEAD + b"Content-Length: 0\r\n\r\n")


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA(organization_name="Trusted")


@pytest.fixture(scope="module")
def ca_file(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> str:
    return written(authority, tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def contexts(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, ssl.SSLContext]:
    old = server_context(authority, "localhost")
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    return {
        "good": server_context(authority, "localhost", "127.0.0.1"),
        "good, TLS 1.2": old,
        "expired": server_context(authority, "localhost", not_before=NOW - 9 * DAY, not_after=NOW - 2 * DAY),
        "not yet valid": server_context(authority, "localhost", not_before=NOW + DAY),
        "another name": server_context(authority, "www.example.org"),
        "unknown authority": server_context(trustme.CA(), "localhost"),
        "self-signed": self_signed_context(tmp_path_factory.mktemp("self-signed"), "localhost"),
        "asks for ours": server_context(authority, "localhost", clients=authority),
    }


REASONS = {
    "good": "ok",
    "good, TLS 1.2": "ok",
    "expired": "tls_expired",
    "not yet valid": "tls_not_yet_valid",
    "another name": "tls_hostname",
    "unknown authority": "tls_verify",
    "self-signed": "tls_self_signed",
}


def config_for(kind: ModuleType, port: int, **tls_settings: object) -> dict[str, object]:
    target = {"url": f"https://localhost:{port}/"} if kind is http else {"target": f"localhost:{port}"}
    return {**target, "tls": tls_settings}


@contextlib.asynccontextmanager
async def secure(context: ssl.SSLContext) -> AsyncIterator[int]:
    """A server over TLS."""
    async with serving(SECURE_HELLO, tls=context) as port:
        yield port


@contextlib.asynccontextmanager
async def alerting(context: ssl.SSLContext) -> AsyncIterator[int]:
    """A server for one connection that tells the other side why a handshake fails, which asyncio's does not."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            connection, _ = listening.accept()
            connection.settimeout(30)
            with context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False) as encrypted:
                try:
                    encrypted.do_handshake()
                    encrypted.recv(65_536)
                    encrypted.sendall(HEAD + b"Content-Length: 0\r\n\r\n")
                except ssl.SSLError:
                    socket.socket.recv(encrypted, 65_536)  # closing on unread bytes would reset, and lose the alert

        served = asyncio.create_task(asyncio.to_thread(serve))
        yield listening.getsockname()[1]
        await served


@pytest.mark.parametrize("kind", [http, tcp, tls], ids=["http", "tcp", "tls"])
@pytest.mark.parametrize("case", REASONS)
async def test_each_bad_certificate_has_its_reason(
    kind: ModuleType, case: str, contexts: Mapping[str, ssl.SSLContext], ca_file: str
) -> None:
    async with secure(contexts[case]) as port:
        seen = await look(kind, config_for(kind, port, ca_file=ca_file))
    assert seen.reason == REASONS[case]
    assert "tls" in seen.judgement.phases
    assert seen.value("probe_ssl_earliest_cert_expiry") is not None, "the certificate is shown also when it is refused"
    assert seen.value("probe_ssl_last_chain_info") == 1
    assert (seen.value("probe_ssl_last_chain_expiry_timestamp_seconds") is not None) == (REASONS[case] == "ok")


async def test_the_certificate_is_told_to_people(contexts: Mapping[str, ssl.SSLContext], ca_file: str) -> None:
    async with secure(contexts["expired"]) as port:
        seen = await look(tls, config_for(tls, port, ca_file=ca_file))
    assert seen.judgement.detail.startswith("certificate has expired: for localhost, issued by OU=Testing CA")
    assert seen.judgement.detail.endswith(f"{NOW - 9 * DAY:%Y-%m-%d} to {NOW - 2 * DAY:%Y-%m-%d}")
    assert seen.value("probe_ssl_earliest_cert_expiry") == int((NOW - 2 * DAY).timestamp())


@pytest.mark.parametrize("case", [case for case, reason in REASONS.items() if reason != "ok"])
async def test_any_certificate_is_good_without_verification(case: str, contexts: Mapping[str, ssl.SSLContext]) -> None:
    async with secure(contexts[case]) as port:
        seen = await look(tls, config_for(tls, port, insecure_skip_verify=True))
    assert seen.reason == "ok"
    assert seen.value("probe_ssl_last_chain_expiry_timestamp_seconds") is None, "nothing was verified"


async def test_the_systems_authorities_are_trusted_unless_said_otherwise(
    contexts: Mapping[str, ssl.SSLContext], ca_file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with secure(contexts["good"]) as port:
        assert (await look(tls, config_for(tls, port))).reason == "tls_verify"
        monkeypatch.setenv("SSL_CERT_FILE", ca_file)
        assert (await look(tls, config_for(tls, port))).reason == "ok"


async def test_another_name_may_be_asked_for(contexts: Mapping[str, ssl.SSLContext], ca_file: str) -> None:
    async with secure(contexts["another name"]) as port:
        assert (await look(tls, config_for(tls, port, ca_file=ca_file, server_name="www.example.org"))).reason == "ok"


async def test_an_address_is_verified_as_one(contexts: Mapping[str, ssl.SSLContext], ca_file: str) -> None:
    for case, reason in (("good", "ok"), ("another name", "tls_hostname")):
        async with secure(contexts[case]) as port:
            config = {"target": f"127.0.0.1:{port}", "tls": {"ca_file": ca_file}}
            assert (await look(tls, config)).reason == reason


async def test_our_own_certificate_is_shown_where_it_is_asked_for(
    contexts: Mapping[str, ssl.SSLContext], authority: trustme.CA, ca_file: str, tmp_path: Path
) -> None:
    identity = authority.issue_cert("watchkeep")
    identity.cert_chain_pems[0].write_to_path(str(tmp_path / "cert.pem"))
    identity.private_key_pem.write_to_path(str(tmp_path / "key.pem"))
    ours = {"cert_file": str(tmp_path / "cert.pem"), "key_file": str(tmp_path / "key.pem")}
    async with alerting(contexts["asks for ours"]) as port:
        assert (await look(http, config_for(http, port, ca_file=ca_file, **ours))).reason == "ok"
    async with alerting(contexts["asks for ours"]) as port:
        seen = await look(http, config_for(http, port, ca_file=ca_file))
    assert seen.reason == "tls_protocol"
    assert "certificate required" in seen.judgement.detail


async def test_certificates_may_stand_in_the_configuration_itself_and_come_to_no_disk(
    contexts: Mapping[str, ssl.SSLContext], authority: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    identity = authority.issue_cert("watchkeep")
    key, cert = identity.private_key_pem.bytes().decode(), identity.cert_chain_pems[0].bytes().decode()
    identity.private_key_pem.write_to_path(str(tmp_path / "key.pem"))
    monkeypatch.setenv("TMPDIR", str(tmp_path / "no such folder"))
    ca = authority.cert_pem.bytes().decode()
    for ours in (
        {"cert": cert, "key": key},
        {"cert": cert + key},
        {"cert": cert, "key_file": str(tmp_path / "key.pem")},
    ):
        config = http.Config.model_validate(config_for(http, 1, ca=ca, **ours))
        assert "PRIVATE" not in f"{config!r}{config.model_dump()}{config.model_dump_json()}"
        assert not [each for each in Path("/proc/self/fd").iterdir() if "memfd" in os.path.realpath(each)]
        async with alerting(contexts["asks for ours"]) as port:
            assert (await look(http, config_for(http, port, ca=ca, **ours))).reason == "ok"


async def test_certificates_of_a_module_may_stand_in_it(
    contexts: Mapping[str, ssl.SSLContext], authority: trustme.CA, tmp_path: Path
) -> None:
    identity = authority.issue_cert("watchkeep")
    tls_config = {
        "ca": authority.cert_pem.bytes().decode(),
        "cert": identity.cert_chain_pems[0].bytes().decode(),
        "key": identity.private_key_pem.bytes().decode(),
    }
    file = tmp_path / "blackbox.yml"
    file.write_text(json.dumps({"modules": {"m": {"prober": "http", "http": {"tls_config": tls_config}}}}))
    module = load(file, Kinds.installed(), {}).modules["m"]
    async with alerting(contexts["asks for ours"]) as port:
        config = module.aimed(f"https://localhost:{port}/")
        assert "BEGIN" not in config.model_dump_json()
        assert (await look(http, config)).reason == "ok"


# Handshakes that come to nothing


async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answers whatever comes as an HTTP server does that knows nothing of TLS."""
    await reader.read(1)
    writer.write(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")
    await writer.drain()


async def hanging_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(10_000)
    writer.close()


BROKEN: dict[str, tuple[Behaviour, str]] = {
    "speaks HTTP": (plain, "tls_protocol"),
    "speaks first": (hostile.speaking_first, "tls_protocol"),
    "answers before it is asked": (answering(), "tls_timeout"),
    "hangs": (hostile.silent, "tls_timeout"),
    "hangs up": (hanging_up, "tls_reset"),
    "resets": (hostile.resetting_at_once, "tls_reset"),
}


@pytest.mark.parametrize("kind", [http, tcp, tls], ids=["http", "tcp", "tls"])
@pytest.mark.parametrize(("behaviour", "reason"), BROKEN.values(), ids=BROKEN.keys())
async def test_a_handshake_that_breaks_has_a_reason(kind: ModuleType, behaviour: Behaviour, reason: str) -> None:
    timeout = HUNG_SECONDS if reason == "tls_timeout" else 10.0
    async with serving(behaviour) as port:
        config = config_for(kind, port, insecure_skip_verify=True) | {"ip_protocol": "ip4"}
        seen = await look(kind, config, timeout_seconds=timeout)
    assert seen.reason == reason
    assert list(seen.judgement.phases) == ["resolve", "connect", "tls"]


async def test_a_plain_answer_is_never_taken_for_an_encrypted_one() -> None:
    async def shouting(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(HEAD + b"Content-Length: 0\r\n\r\n")
        await writer.drain()
        await asyncio.Event().wait()

    async with serving(shouting) as port:
        seen = await look(http, config_for(http, port, insecure_skip_verify=True))
    assert seen.reason == "tls_protocol"
    assert seen.value("probe_http_status_code") == 0


async def test_no_version_in_common(authority: trustme.CA, ca_file: str) -> None:
    old = server_context(authority, "localhost")
    old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_3
    clock = SteadyClock()
    context = Context.default(clock)
    settings = tls.Config.model_validate({"target": "localhost:1", "tls": {"ca_file": ca_file}}).tls
    context.tls.get(settings).maximum_version = ssl.TLSVersion.TLSv1_2
    async with alerting(old) as port:
        seen = await look(tls, config_for(tls, port, ca_file=ca_file), context=context)
    await context.close()
    assert (seen.reason, "protocol version" in seen.judgement.detail) == ("tls_protocol", True)


# How long certificates last


async def lasting(remaining: timedelta, minimum: str, authority: trustme.CA, ca_file: str) -> Seen:
    context = server_context(authority, "localhost", not_after=datetime.now(UTC) + remaining)
    async with secure(context) as port:
        return await look(tls, {**config_for(tls, port, ca_file=ca_file), "min_remaining": minimum})


async def test_a_certificate_that_expires_soon_is_bad_where_that_was_asked_for(
    authority: trustme.CA, ca_file: str
) -> None:
    soon = await lasting(20 * DAY, "21d", authority, ca_file)
    assert (soon.reason, soon.judgement.detail[:10]) == ("tls_expires_soon", "in 19 days")
    assert (await lasting(22 * DAY, "21d", authority, ca_file)).reason == "ok"
    assert (await lasting(timedelta(minutes=5), "0", authority, ca_file)).reason == "ok"


# What else the other side accepts


async def asked(context: ssl.SSLContext, ca_file: str, **keys: object) -> Seen:
    tls_settings = {"ca_file": ca_file, **keys.pop("tls", {})}  # type: ignore[dict-item]
    async with secure(context) as port:
        return await look(tls, {**config_for(tls, port, **tls_settings), **keys})


def accepting(authority: trustme.CA, oldest: ssl.TLSVersion, newest: ssl.TLSVersion) -> ssl.SSLContext:
    context = server_context(authority, "localhost", "127.0.0.1", "*.example.org")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.set_ciphers("ALL:@SECLEVEL=0")
        context.minimum_version, context.maximum_version = oldest, newest
    return context


V = ssl.TLSVersion


@pytest.mark.parametrize(
    ("oldest", "newest", "minimum", "reason", "accepted"),
    [
        (V.TLSv1_2, V.TLSv1_3, "1.2", "ok", 0),
        (V.TLSv1, V.TLSv1_3, "1.2", "tls_version", 1),
        (V.TLSv1_1, V.TLSv1_2, "1.2", "tls_version", 1),
        (V.TLSv1_1, V.TLSv1_2, "1.1", "ok", 0),
        (V.TLSv1_3, V.TLSv1_3, "1.3", "ok", 0),
        (V.TLSv1_2, V.TLSv1_3, "1.3", "tls_version", 1),
        (V.TLSv1_2, V.TLSv1_2, "1.3", "tls_version", 1),
        (V.TLSv1, V.TLSv1_1, "1.2", "tls_reset", None),
    ],
)
async def test_no_older_version_than_allowed_is_taken(
    oldest: ssl.TLSVersion,
    newest: ssl.TLSVersion,
    minimum: str,
    reason: str,
    accepted: float | None,
    authority: trustme.CA,
    ca_file: str,
) -> None:
    seen = await asked(accepting(authority, oldest, newest), ca_file, min_version=minimum)
    assert seen.reason == reason, seen.judgement.detail
    assert seen.value("probe_tls_older_version_accepted") == accepted
    assert ("older version" in seen.findings) == (accepted == 1)
    if reason == "ok":
        assert seen.value("probe_tls_version_info", version=f"TLS 1.{newest - V.TLSv1}") == 1, "that of the first one"


async def test_the_certificate_is_for_all_names(authority: trustme.CA, ca_file: str) -> None:
    context = accepting(authority, V.TLSv1_2, V.TLSv1_3)
    assert (await asked(context, ca_file, names=["localhost", "127.0.0.1", "WWW.example.org."])).reason == "ok"
    seen = await asked(context, ca_file, names=["example.org", "a.b.example.org", "127.0.0.2", "::1", "localhost"])
    assert (seen.reason, seen.judgement.detail) == (
        "tls_hostname",
        "it is not for example.org, a.b.example.org, 127.0.0.2, ::1",
    )


async def test_a_protocol_is_agreed_on(authority: trustme.CA, ca_file: str) -> None:
    context = server_context(authority, "localhost")
    context.set_alpn_protocols(["h2"])
    seen = await asked(context, ca_file, alpn=["http/1.1", "h2"])
    assert (seen.reason, seen.value("probe_tls_alpn_info", protocol="h2")) == ("ok", 1)
    assert seen.findings["ALPN"] == "h2"
    seen = await asked(context, ca_file, alpn=["imap"])
    assert (seen.reason, seen.judgement.detail) == ("tls_alpn", "it takes none of imap")


def identity_of(authority: trustme.CA, folder: Path) -> dict[str, str]:
    identity = authority.issue_cert("watchkeep")
    identity.private_key_and_cert_chain_pem.write_to_path(str(folder / "ours.pem"))
    return {"cert_file": str(folder / "ours.pem")}


@pytest.mark.parametrize("newest", [V.TLSv1_2, V.TLSv1_3], ids=lambda version: version.name)
async def test_our_certificate_has_to_be_taken(
    newest: ssl.TLSVersion, authority: trustme.CA, ca_file: str, tmp_path: Path
) -> None:
    context = server_context(authority, "localhost", clients=authority)
    context.maximum_version = newest
    for of, reason, says in ((authority, "ok", ""), (trustme.CA(), "tls_protocol", "unknown ca")):
        async with alerting(context) as port:
            config = config_for(tls, port, ca_file=ca_file, **identity_of(of, tmp_path))
            seen = await look(tls, config)
        assert (seen.reason, says in seen.judgement.detail) == (reason, True), seen.judgement.detail


async def test_who_never_closes_has_taken_our_certificate(authority: trustme.CA, ca_file: str, tmp_path: Path) -> None:
    context = server_context(authority, "localhost", clients=authority)
    async with serving(hostile.silent, tls=context) as port:
        seen = await look(tls, config_for(tls, port, ca_file=ca_file, **identity_of(authority, tmp_path)))
    assert seen.reason == "ok"


@pytest.mark.parametrize("newest", [V.TLSv1_2, V.TLSv1_3], ids=lambda version: version.name)
@pytest.mark.parametrize(
    ("asks", "reason"),
    [(ssl.CERT_NONE, "tls_not_mutual"), (ssl.CERT_OPTIONAL, "ok"), (ssl.CERT_REQUIRED, "ok")],
    ids=["asks not", "asks", "insists"],
)
async def test_whether_it_asks_for_our_certificate(
    asks: ssl.VerifyMode, reason: str, newest: ssl.TLSVersion, authority: trustme.CA, ca_file: str, tmp_path: Path
) -> None:
    context = server_context(authority, "localhost", clients=authority)
    context.verify_mode, context.maximum_version = asks, newest
    seen = await asked(context, ca_file, mutual=True, tls=identity_of(authority, tmp_path))
    assert seen.reason == reason, seen.judgement.detail
    assert seen.value("probe_tls_client_certificate_requested") == (reason == "ok")
    assert seen.findings["mutual"] == f"it {'asks' if reason == 'ok' else 'does not ask'} for a certificate of ours"
    if newest is V.TLSv1_3 or asks is not ssl.CERT_REQUIRED:
        assert (await asked(context, ca_file, mutual=True)).reason == reason, "also without one of ours"


@contextlib.contextmanager
def once(context: ssl.SSLContext, then: Callable[[socket.socket], None]) -> Iterator[int]:
    """A server that shakes hands with the first who comes, and does something else with the second."""
    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            first, _ = listening.accept()
            with context.wrap_socket(first, server_side=True):
                second, _ = listening.accept()
                with second:
                    then(second)
                    over.wait(30)

        serving_thread = threading.Thread(target=serve)
        serving_thread.start()
        try:
            yield listening.getsockname()[1]
        finally:
            over.set()
            serving_thread.join()


def speaking(second: socket.socket) -> None:
    second.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n" * 10_000)


def hanging(second: socket.socket) -> None:
    """Says nothing."""


def leaving(second: socket.socket) -> None:
    second.recv(1)
    second.close()


@pytest.mark.parametrize(
    ("then", "closer", "older"),
    [
        (speaking, "tls_protocol", "ok"),
        (hanging, "tls_timeout", "tls_timeout"),
        (leaving, "tls_reset", "ok"),
    ],
)
async def test_a_server_that_shakes_hands_only_once(
    then: Callable[[socket.socket], None], closer: str, older: str, authority: trustme.CA, ca_file: str
) -> None:
    context = server_context(authority, "localhost")
    cases: list[tuple[dict[str, object], str]] = [({"mutual": True}, closer), ({"min_version": "1.2"}, older)]
    for keys, reason in cases:
        timeout = HUNG_SECONDS if reason == "tls_timeout" else 10.0
        with once(context, then) as port:
            config = {**config_for(tls, port, ca_file=ca_file), "ip_protocol": "ip4", **keys}
            seen = await look(tls, config, timeout_seconds=timeout)
        assert seen.reason == reason, seen.judgement.detail
        assert seen.value("probe_tls_version_info", version="TLS 1.3") == 1, "what the first one showed stays"


# What is said


async def test_samples_of_a_handshake(contexts: Mapping[str, ssl.SSLContext], ca_file: str) -> None:
    async with secure(contexts["good, TLS 1.2"]) as port:
        seen = await look(tls, config_for(tls, port, ca_file=ca_file))
    names = {sample.name for sample in seen.samples}
    assert names == {
        "probe_dns_lookup_time_seconds",
        "probe_ip_protocol",
        "probe_ip_addr_hash",
        "probe_ssl_earliest_cert_expiry",
        "probe_ssl_last_chain_expiry_timestamp_seconds",
        "probe_ssl_last_chain_info",
        "probe_tls_version_info",
        "probe_tls_cipher_info",
        "probe_tls_certificate_expiry_timestamp_seconds",
    }
    assert seen.value("probe_tls_version_info", version="TLS 1.2") == 1
    (leaf,) = [sample for sample in seen.samples if sample.name == "probe_ssl_last_chain_info"]
    assert leaf.labels["subjectalternative"] == "localhost"
    assert len(leaf.labels["fingerprint_sha256"]) == 64


async def test_http_over_tls_has_its_phase(contexts: Mapping[str, ssl.SSLContext], ca_file: str) -> None:
    async with secure(contexts["good"]) as port:
        seen = await look(http, config_for(http, port, ca_file=ca_file))
    assert list(seen.judgement.phases) == ["resolve", "connect", "tls", "processing", "transfer"]
    assert seen.value("probe_http_ssl") == 1


async def test_what_is_said_of_tls_is_of_the_last_response(
    contexts: Mapping[str, ssl.SSLContext], ca_file: str
) -> None:
    async with serving(SECURE_HELLO) as plain_port:
        leave = answering(b"HTTP/1.1 302 Found\r\nLocation: http://localhost:%d/\r\n\r\n" % plain_port)
        async with serving(leave, tls=contexts["good"]) as port:
            seen = await look(http, config_for(http, port, ca_file=ca_file))
    assert (seen.reason, seen.value("probe_http_redirects"), seen.value("probe_http_ssl")) == ("ok", 1, 0)
    assert "tls" in seen.judgement.phases, "phases are those of all hops"


def test_what_the_runner_says_of_a_round_is_judged_by_its_reason() -> None:
    probe = tls.build(tls.Config.of("127.0.0.1:1"), Context.default(SteadyClock()))
    assert [judgement.reason for judgement in probe.judge(Fault("timeout"))] == ["timeout"]
    assert list(probe.samples(Fault("timeout"))) == []


async def test_nginx_over_tls(nginx: StartNginx, authority: trustme.CA, ca_file: str, tmp_path: Path) -> None:
    authority.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(str(tmp_path / "server.pem"))
    pem = tmp_path / "server.pem"
    server = nginx(f"ssl_certificate {pem}; ssl_certificate_key {pem}; location / {{ return 200 'hi'; }}", listen="ssl")
    expect = {"body": "^hi$"}
    config = config_for(http, server.port, ca_file=ca_file) | {"expect": expect}
    assert (await look(http, config)).reason == "ok"
    assert (await look(tls, config_for(tls, server.port, ca_file=ca_file))).reason == "ok"
    assert (await look(http, config_for(http, server.port))).reason == "tls_verify"


# What may be configured


def test_files_are_looked_into_when_they_are_configured(tmp_path: Path, ca_file: str) -> None:
    (tmp_path / "empty.pem").write_text("")
    wrong: list[tuple[dict[str, object], str]] = [
        ({"ca_file": str(tmp_path / "none.pem")}, f"there is no file {tmp_path}/none.pem"),
        ({"ca_file": str(tmp_path / "empty.pem")}, f"cannot use {tmp_path}/empty.pem: no certificate or crl found"),
        ({"cert_file": ca_file}, f"cannot use {ca_file}: OpenSSL cannot make sense of it"),
        ({"key_file": ca_file}, "has key_file without cert_file, name both, or neither"),
        ({"key": "s3cret"}, "has key without cert_file, name both, or neither"),
        ({"ca": "x", "ca_file": ca_file}, "has ca and ca_file, leave one of them out"),
        ({"ca": "s3cret"}, "cannot use ca: "),
        ({"ca": "ünlesbar"}, "cannot use ca: it is no PEM, give it in PEM format"),
        ({"cert": "s3cret"}, "cannot use cert: "),
        ({"server_name": ""}, "has a server_name that no certificate can have"),
    ]
    for settings, message in wrong:
        with pytest.raises(ValidationError) as raised:
            tls.Config.model_validate({"target": "localhost:1", "tls": settings})
        assert message in str(raised.value)


def test_relative_files_are_beside_the_configuration(ca_file: str) -> None:
    path = Path(ca_file)
    config = {"target": "localhost:1", "tls": {"ca_file": path.name}}
    assert tls.Config.model_validate(config, context={"folder": path.parent}).tls.ca_file == ca_file
