"""What people are told of a connection and of a response: everything that helps, and nothing that is secret."""

import ssl
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

import pytest
import trustme

from slo.errors import Fault
from slo.net.attempt import Reached
from slo.net.certificate import Handshake
from slo.net.findings import connection_findings, response_findings
from slo.net.http1 import Response

AT = datetime(2026, 6, 1, 12, tzinfo=UTC)


def leaf(*names: str, begins: timedelta = -timedelta(days=30), ends: timedelta = timedelta(days=60)) -> bytes:
    """A certificate in DER."""
    issued = trustme.CA(organization_name="Acme").issue_cert(*names, not_before=AT + begins, not_after=AT + ends)
    return ssl.PEM_cert_to_DER_cert(issued.cert_chain_pems[0].bytes().decode())


def told(handshake: Handshake | None, *, fault: Fault | None = None) -> dict[str, str]:
    reached = Reached(phases={}, address=ip_address("192.0.2.7"), handshake=handshake, fault=fault)
    return {finding.name: finding.text for finding in connection_findings(reached, AT)}


def test_a_connection_without_tls_is_its_address() -> None:
    assert told(None) == {"address": "192.0.2.7 (IPv4)"}


def test_a_name_is_told_with_all_that_it_resolved_to_also_where_none_of_it_was_connected_to() -> None:
    resolved = (ip_address("192.0.2.7"), ip_address("2001:db8::7"))
    reached = Reached(phases={"resolve": 0.1}, resolved=resolved, fault=Fault("not_permitted"))
    found = {finding.name: finding.text for finding in connection_findings(reached, AT)}
    assert found == {"resolved to": "192.0.2.7, 2001:db8::7"}


def test_a_certificate_is_told_in_full_with_what_it_was_verified_up_to() -> None:
    der = leaf("gate.example", "www.gate.example")
    found = told(Handshake(version="TLSv1.3", cipher="TLS_AES_256_GCM_SHA384", presented=(der,), verified=(der, der)))
    assert list(found) == ["address", "TLS", "certificate", "names", "issuer", "key", "valid", "chain"]
    assert found["TLS"] == "TLSv1.3, TLS_AES_256_GCM_SHA384"
    assert found["names"] == "gate.example, www.gate.example"
    assert "O=Acme" in found["issuer"]
    assert found["key"] == "EC secp256r1, signed over SHA256"
    assert found["valid"] == "2026-05-02 12:00 to 2026-07-31 12:00 UTC, 60 days left"
    assert found["chain"].endswith("(to 2026-07-31); verified")
    assert found["chain"].count(" < ") == 1


def test_a_certificate_that_was_refused_is_told_all_the_same() -> None:
    found = told(Handshake(presented=(leaf("gate.example"),)), fault=Fault("tls_verify"))
    assert found["names"] == "gate.example"
    assert found["chain"].endswith("; as it was sent, not verified")


@pytest.mark.parametrize(
    ("begins", "ends", "says"),
    [
        (-30, 60, "60 days left"),
        (-30, 1.5, "36 hours left"),
        (-30, 1 / 24, "1 hour left"),
        (-30, -3, "expired 3 days ago"),
        (2, 60, "not valid before 2 days have passed"),
    ],
)
def test_how_long_a_certificate_lasts(begins: float, ends: float, says: str) -> None:
    der = leaf("a.example", begins=timedelta(days=begins), ends=timedelta(days=ends))
    assert told(Handshake(presented=(der,)))["valid"].endswith(f"UTC, {says}")


def test_of_hundreds_of_names_the_first_are_told() -> None:
    names = told(Handshake(presented=(leaf(*(f"n{number}.example" for number in range(100))),)))["names"]
    assert names.startswith("n0.example, n1.example")
    assert names.endswith(", and 92 more")


def test_bytes_that_are_no_certificate_are_said_to_be_none() -> None:
    assert told(Handshake(presented=(b"garbage",)))["certificate"] == "cannot be read"


def test_a_response_is_told_without_its_secrets() -> None:
    headers = (
        (b"Server", b"nginx"),
        (b"Set-Cookie", b"session=s3cret"),
        (b"Authorization", b"Bearer s3cret"),
        (b"Location", b"https://user:s3cret@login.example/in?token=s3cret#s3cret"),
        (b"X-Request-Id", b"r" * 1000),
    )
    response = Response(status=302, version="1.1", headers=headers, body=b"s3cret", body_bytes=6, decoded_bytes=6)
    found = {finding.name: finding.text for finding in response_findings(response)}
    assert found == {
        "response": "status 302 over HTTP/1.1",
        "server": "nginx",
        "location": "https://login.example/in?...",
        "x-request-id": "r" * 200 + "...",
    }
    assert "s3cret" not in repr(found)


def test_a_location_that_is_no_address_is_not_shown() -> None:
    response = Response(status=302, version="1.1", headers=((b"location", b"http://[s3cret"),))
    assert [finding.text for finding in response_findings(response)][1:] == ["no usable address"]
