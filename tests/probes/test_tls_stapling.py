"""OCSP responses that nginx staples, good and bad, made by an authority of ours."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID

from probes import tls
from slo.net.staple import read_staple
from tests.certificates import DAY, NOW, pem_of
from tests.probes.looking import look
from tests.services import StartNginx

HOUR = timedelta(hours=1)


class Authority:
    """An authority that issues certificates, and responses about them."""

    def __init__(self, name: str = "Authority") -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        self.certificate = self._signed(self.subject, self.key, x509.BasicConstraints(ca=True, path_length=None))

    def _signed(
        self, subject: x509.Name, key: ec.EllipticCurvePrivateKey, extension: x509.ExtensionType
    ) -> x509.Certificate:
        builder = x509.CertificateBuilder().subject_name(subject).issuer_name(self.subject).public_key(key.public_key())
        builder = builder.serial_number(x509.random_serial_number()).not_valid_before(NOW - DAY)
        builder = builder.not_valid_after(NOW + DAY).add_extension(extension, critical=False)
        return builder.sign(self.key, hashes.SHA256())

    def issued(self, extension: x509.ExtensionType) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
        key = ec.generate_private_key(ec.SECP256R1())
        return key, self._signed(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "x")]), key, extension)

    def pem(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.PEM)


AUTHORITY = Authority()
KEY, LEAF = AUTHORITY.issued(x509.SubjectAlternativeName([x509.DNSName("localhost")]))
CHAIN = [each.public_bytes(serialization.Encoding.DER) for each in (LEAF, AUTHORITY.certificate)]


def response(
    status: ocsp.OCSPCertStatus = ocsp.OCSPCertStatus.GOOD,
    *,
    leaf: x509.Certificate = LEAF,
    issuer: Authority = AUTHORITY,
    signed_by: ec.EllipticCurvePrivateKey | None = None,
    delegate: x509.Certificate | None = None,
    made: datetime = NOW - HOUR,
    until: datetime | None = NOW + HOUR,
) -> bytes:
    revoked = status is ocsp.OCSPCertStatus.REVOKED
    builder = ocsp.OCSPResponseBuilder().add_response(
        cert=leaf,
        issuer=issuer.certificate,
        algorithm=hashes.SHA1(),
        cert_status=status,
        this_update=made,
        next_update=until,
        revocation_time=NOW - 2 * HOUR if revoked else None,
        revocation_reason=None,
    )
    builder = builder.responder_id(ocsp.OCSPResponderEncoding.HASH, delegate or issuer.certificate)
    if delegate is not None:
        builder = builder.certificates([delegate])
    return builder.sign(signed_by or issuer.key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


def delegated(*uses: x509.ObjectIdentifier, by: Authority = AUTHORITY) -> bytes:
    key, delegate = by.issued(x509.ExtendedKeyUsage(list(uses) or [ExtendedKeyUsageOID.OCSP_SIGNING]))
    return response(signed_by=key, delegate=delegate)


OTHER = Authority("Other")
STAPLES: dict[str, tuple[Callable[[], bytes], str]] = {
    "good": (response, "good"),
    "revoked": (lambda: response(ocsp.OCSPCertStatus.REVOKED), "revoked"),
    "unknown": (lambda: response(ocsp.OCSPCertStatus.UNKNOWN), "unknown"),
    "for ever": (lambda: response(until=None), "good"),
    "of yesterday": (lambda: response(made=NOW - DAY, until=NOW - HOUR), "stale"),
    "of tomorrow": (lambda: response(made=NOW + HOUR, until=NOW + DAY), "stale"),
    "by a delegate": (delegated, "good"),
    "by who is no delegate": (lambda: delegated(ExtendedKeyUsageOID.SERVER_AUTH), "invalid"),
    "by the delegate of another": (lambda: delegated(by=OTHER), "invalid"),
    "about another certificate": (
        lambda: response(leaf=AUTHORITY.issued(x509.BasicConstraints(ca=False, path_length=None))[1]),
        "invalid",
    ),
    "with a signature that is none": (lambda: bytes([*(made := response())[:-1], made[-1] ^ 1]), "invalid"),
    "by another authority": (lambda: response(issuer=OTHER), "invalid"),
    "try later": (
        lambda: ocsp.OCSPResponseBuilder.build_unsuccessful(ocsp.OCSPResponseStatus.TRY_LATER).public_bytes(
            serialization.Encoding.DER
        ),
        "invalid",
    ),
    "garbage": (lambda: b"garbage", "invalid"),
    "nothing": (lambda: b"", "none"),
}


@pytest.mark.parametrize(("make", "status"), STAPLES.values(), ids=STAPLES.keys())
def test_what_a_staple_says(make: Callable[[], bytes], status: str) -> None:
    assert read_staple(make(), CHAIN, datetime.now(UTC)).status == status


def test_who_signed_it_has_to_be_known() -> None:
    assert read_staple(response(), CHAIN[:1], datetime.now(UTC)).status == "invalid"


@pytest.mark.parametrize(
    ("staple", "status", "shown", "required"),
    [
        (response, "good", "ok", "ok"),
        (lambda: response(ocsp.OCSPCertStatus.REVOKED), "revoked", "tls_revoked", "tls_revoked"),
        (lambda: response(made=NOW - DAY, until=NOW - HOUR), "stale", "ok", "tls_not_stapled"),
        (None, "none", "ok", "tls_not_stapled"),
    ],
    ids=["good", "revoked", "stale", "none"],
)
async def test_what_nginx_staples(
    staple: Callable[[], bytes] | None,
    status: str,
    shown: str,
    required: str,
    nginx: StartNginx,
    tmp_path: Path,
) -> None:
    (tmp_path / "server.pem").write_bytes(pem_of(KEY, LEAF) + AUTHORITY.pem())
    (tmp_path / "ca.pem").write_bytes(AUTHORITY.pem())
    directives = f"ssl_certificate {tmp_path}/server.pem; ssl_certificate_key {tmp_path}/server.pem;"
    if staple:
        (tmp_path / "staple.der").write_bytes(staple())
        directives += f"ssl_stapling on; ssl_stapling_file {tmp_path}/staple.der;"
    target = f"localhost:{nginx(directives, listen='ssl').port}"
    for mode, reason in (("shown", shown), ("required", required)):
        config = {"target": target, "tls": {"ca_file": str(tmp_path / "ca.pem")}, "stapling": mode}
        seen = await look(tls, config)
        assert seen.reason == reason, seen.judgement.detail
        assert seen.value("probe_tls_ocsp_info", status=status) == 1
        assert seen.findings["staple"].startswith(status)
        assert (seen.value("probe_tls_ocsp_expiry_timestamp_seconds") is None) == (status == "none")
