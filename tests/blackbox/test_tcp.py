"""The prober `tcp`."""

import asyncio
import contextlib
import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509 import NameAttribute, NameOID, ObjectIdentifier

from tests.blackbox.peers import Pair
from tests.certificates import DAY, NOW, pem_of, self_signed_pem, server_context
from tests.hostile import Behaviour, saying, serving
from tests.mail import mail_server
from tests.services import StartNginx, free_port

_TALK = """
  tcp_connect:
    prober: tcp
    timeout: 2s
    tcp: {preferred_ip_protocol: ip4}
  from_another:
    prober: tcp
    timeout: 2s
    tcp: {preferred_ip_protocol: ip4, source_ip_address: 127.0.0.9}
  banner:
    prober: tcp
    timeout: 1s
    tcp:
      query_response: [{expect: '^220 '}]
  numbers:
    prober: tcp
    timeout: 1s
    tcp:
      query_response: [{expect: 220, send: 1}, {send: '', starttls: false}, {expect: ''}]
  echo:
    prober: tcp
    timeout: 2s
    tcp:
      query_response:
        - expect: '^PING :(?P<cookie>\\S+) (.*)$'
          send: 'PONG $$${cookie}/$2/$1st$no_such $'
        - expect: '^HEARD (.*)$'
          send: '${1}'
        - send: 'LITERALLY ${1} $$'
        - expect: '^well done$'
"""
_TLS = """
  starttls:
    prober: tcp
    timeout: 5s
    tcp:
      preferred_ip_protocol: ip4
      query_response:
        - expect: '^220 '
          send: EHLO prober
        - expect: '^250.STARTTLS'
          send: STARTTLS
        - expect: '^220'
          starttls: true
        - send: EHLO prober
        - expect: '^250'
          send: QUIT
      tls_config: {{ca_file: {ca}}}
  tls:
    prober: tcp
    timeout: 5s
    tcp:
      preferred_ip_protocol: ip4
      tls: true
      tls_config: {{ca_file: {ca}}}
  tls_named:
    prober: tcp
    timeout: 5s
    tcp:
      tls: true
      tls_config: {{ca_file: {ca}, server_name: www.example.org}}
  tls_unverified:
    prober: tcp
    timeout: 5s
    tcp:
      preferred_ip_protocol: ip4
      tls: true
      tls_config: {{insecure_skip_verify: true}}
"""

AUTHORITY = trustme.CA(organization_name="Trusted, Inc.")


def MODULES(request: pytest.FixtureRequest) -> str:  # noqa: N802 - the fixture asks for it by that name
    folder: Path = request.getfixturevalue("tmp_path_factory").mktemp("ca")
    AUTHORITY.cert_pem.write_to_path(str(folder / "ca.pem"))
    return "modules:" + _TALK + _TLS.format(ca=folder / "ca.pem")


def test_a_port_that_is_open_and_one_that_is_not(pair: Pair, nginx: StartNginx) -> None:
    pair.ask("tcp_connect", f"127.0.0.1:{nginx('').port}").agree(success=True)
    pair.ask("tcp_connect", f"127.0.0.1:{free_port()}").agree(success=False)
    pair.ask("tcp_connect", f"[::1]:{free_port()}").agree(success=False)


def test_an_address_of_ours_may_be_chosen(pair: Pair, nginx: StartNginx) -> None:
    pair.ask("from_another", f"127.0.0.1:{nginx('').port}").agree(success=True)


# What is said


LONGEST = b"220 " + b"x" * (65_536 - 5)
SAID: dict[str, tuple[Behaviour, bool]] = {
    "a greeting": (saying(b"220 hello\r\n", then_hang=True), True),
    "after other lines": (saying(b"hello\n\n22", b"0 you\n", then_hang=True), True),
    "without its line end": (saying(b"220 hello"), True),
    "the longest line": (saying(LONGEST + b"\n"), True),
    "too long a line": (saying(LONGEST + b"x\n"), False),
    "a line that does not end": (saying(LONGEST + b"x", then_hang=True), False),
    "other lines, and it closes": (saying(b"554 no\n554 no\n"), False),
    "other lines, and it waits": (saying(b"554 no\n", then_hang=True), False),
    "half a line, and it waits": (saying(b"220 hel", then_hang=True), False),
    "nothing, and it closes": (saying(), False),
    "nothing": (saying(then_hang=True), False),
    "a reset": (saying(b"554 no\n", then_reset=True), False),
}


@pytest.mark.parametrize(("behaviour", "success"), SAID.values(), ids=SAID.keys())
async def test_the_same_is_made_of_what_is_said(pair: Pair, behaviour: Behaviour, *, success: bool) -> None:
    async with serving(behaviour) as port:
        both = await asyncio.to_thread(pair.ask, "banner", f"127.0.0.1:{port}")
    both.agree(success=success)


async def test_what_was_heard_is_said_alike(pair: Pair) -> None:
    heard: list[bytes] = []

    async def echoing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write("PING :a1 čau $x\r\n".encode())
        heard.append(await reader.readline())
        writer.write(b"HEARD $1\\0\n")
        heard.extend([await reader.readline(), await reader.readline()])
        writer.write(b"well done\n")

    async with serving(echoing) as port:
        both = await asyncio.to_thread(pair.ask, "echo", f"127.0.0.1:{port}")
    both.agree(success=True)
    theirs, ours = heard[:3], heard[3:]
    assert theirs == ours


async def test_numbers_are_texts_and_an_empty_expression_takes_any_line(pair: Pair) -> None:
    heard: list[bytes] = []

    async def counting(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220\n")
        heard.append(await reader.readline())
        writer.write(b"\n")
        await reader.read()

    async with serving(counting) as port:
        both = await asyncio.to_thread(pair.ask, "numbers", f"127.0.0.1:{port}")
    both.agree(success=True)
    assert heard == [b"1\n"] * 2


# TLS


def odd_names() -> x509.Name:
    """A subject with what is written differently by different programs."""
    pairs = {
        NameOID.COUNTRY_NAME: "DE",
        NameOID.DOMAIN_COMPONENT: "org",
        NameOID.ORGANIZATION_NAME: ' #1, "Žlutý" + <Co>; \\ ',
        NameOID.EMAIL_ADDRESS: "a@b.example",
        NameOID.SERIAL_NUMBER: "42",
        NameOID.POSTAL_CODE: "10115",
        NameOID.STREET_ADDRESS: "Street 1",
        NameOID.STATE_OR_PROVINCE_NAME: "#BE",
        NameOID.LOCALITY_NAME: "x" * 60,
        NameOID.COMMON_NAME: "localhost",
        ObjectIdentifier("1.2.3.4"): "y" * 200,
    }
    units = [NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, unit) for unit in ("one", "two")]
    return x509.Name([units[0], *(NameAttribute(oid, value) for oid, value in pairs.items()), units[1]])


def odd_pem() -> bytes:
    """A certificate with those names, whose serial number begins with a zero, for a name and an address."""
    key = ec.generate_private_key(ec.SECP256R1())
    builder = x509.CertificateBuilder().subject_name(odd_names()).issuer_name(odd_names())
    builder = builder.public_key(key.public_key()).serial_number(0x0ABCDE)
    builder = builder.not_valid_before(NOW - DAY).not_valid_after(NOW + DAY)
    alternative = x509.SubjectAlternativeName(
        [x509.DNSName("localhost"), x509.DNSName("*.example.org"), x509.RFC822Name("a@b.example")]
    )
    return pem_of(key, builder.add_extension(alternative, critical=False).sign(key, hashes.SHA256()))


def common_name_pem() -> bytes:
    """A certificate for localhost that says so where nobody looks any more."""
    issued = trustme.CA(parent_cert=AUTHORITY).issue_cert(common_name="localhost")
    return issued.private_key_and_cert_chain_pem.bytes()


@dataclass(frozen=True, kw_only=True)
class Case:
    """A certificate, the module that looks at it, and whether it is good."""

    pem: Callable[[], bytes]
    module: str
    success: bool


def issued(*names: str, old: bool = False) -> Callable[[], bytes]:
    def issue() -> bytes:
        first, last = (NOW - 9 * DAY, NOW - 2 * DAY) if old else (None, None)
        return AUTHORITY.issue_cert(*names, not_before=first, not_after=last).private_key_and_cert_chain_pem.bytes()

    return issue


def beside_an_expired_one() -> bytes:
    """A good certificate that is sent with one that nobody needs any more, as old cross-signed authorities are."""
    return issued("localhost")() + AUTHORITY.issue_cert("old", not_after=NOW - DAY).cert_chain_pems[0].bytes()


def by_one_in_between() -> bytes:
    """A certificate of an authority that the trusted one has issued, and is sent along."""
    return trustme.CA(parent_cert=AUTHORITY).issue_cert("localhost").private_key_and_cert_chain_pem.bytes()


CASES = {
    "by an authority in between": Case(pem=by_one_in_between, module="tls", success=True),
    "beside an expired one": Case(pem=beside_an_expired_one, module="tls", success=True),
    "good": Case(pem=issued("localhost", "127.0.0.1", "www.example.org"), module="tls", success=True),
    "good by its name": Case(pem=issued("www.example.org"), module="tls_named", success=True),
    "expired": Case(pem=issued("localhost", old=True), module="tls", success=False),
    "another name": Case(pem=issued("www.example.org"), module="tls", success=False),
    "no name but the common one": Case(pem=common_name_pem, module="tls", success=False),
    "self-signed": Case(pem=lambda: self_signed_pem("localhost"), module="tls", success=False),
    "self-signed, unverified": Case(pem=lambda: self_signed_pem("localhost"), module="tls_unverified", success=True),
    "odd names": Case(pem=odd_pem, module="tls_unverified", success=True),
}


@pytest.fixture(scope="module")
def secure(nginx: StartNginx, tmp_path_factory: pytest.TempPathFactory) -> Callable[[bytes], str]:
    def start(pem: bytes) -> str:
        file = tmp_path_factory.mktemp("pem") / "server.pem"
        file.write_bytes(pem)
        directives = f"ssl_certificate {file}; ssl_certificate_key {file}; ssl_protocols TLSv1.2 TLSv1.3;"
        return f"localhost:{nginx(directives, listen='ssl').port}"

    return start


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_the_same_is_said_of_a_certificate(pair: Pair, secure: Callable[[bytes], str], case: Case) -> None:
    target = secure(case.pem())
    both = pair.ask(case.module, target.replace("localhost", "127.0.0.1") if case.module == "tls_named" else target)
    both.agree(success=case.success)
    assert both.ours.family("probe_ssl_last_chain_info"), "an unverifiable certificate has its metrics, too"


def test_a_target_may_be_asked_under_another_name(pair: Pair, secure: Callable[[bytes], str]) -> None:
    target = secure(issued("www.example.org")())
    for name, success in (("www.example.org", 1), ("mail.example.org", 0)):
        said = pair.ask("tls", target, hostname=name)
        assert said.ours.value("probe_success") == success, "newer versions than 0.23 do so"


def test_a_target_may_be_an_address(pair: Pair, secure: Callable[[bytes], str]) -> None:
    for names, success in ((("localhost", "127.0.0.1"), True), (("localhost",), False)):
        pair.ask("tls", secure(issued(*names)()).replace("localhost", "127.0.0.1")).agree(success=success)


def test_tls_that_nobody_speaks(pair: Pair, nginx: StartNginx) -> None:
    pair.ask("tls", f"127.0.0.1:{nginx('').port}").agree(success=False)


@pytest.fixture
def mail() -> Iterator[Callable[[ssl.SSLContext], int]]:
    with contextlib.ExitStack() as running:
        yield lambda context: running.enter_context(mail_server(tls=context)).port


def test_a_mail_server_that_goes_over_to_tls(pair: Pair, mail: Callable[[ssl.SSLContext], int]) -> None:
    good = mail(server_context(AUTHORITY, "localhost"))
    pair.ask("starttls", f"localhost:{good}").agree(success=True)
    wrong = mail(server_context(AUTHORITY, "www.example.org"))
    pair.ask("starttls", f"localhost:{wrong}").agree(success=False)
