"""OCSP responses that servers staple to their certificates, RFC 6960: what they say, and whether to believe it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from cryptography.x509 import Certificate
    from cryptography.x509.ocsp import OCSPResponse

Status: TypeAlias = Literal["good", "revoked", "unknown", "stale", "invalid", "none"]
"""What a server staples: what its issuer says, else why that cannot be known. `none`: it staples nothing."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Staple:
    """One stapled response. `until` is when it is no longer to be believed, UTC; None where it does not say."""

    status: Status
    until: datetime | None = None
    detail: str = ""


def read_staple(der: bytes, chain: Sequence[bytes], at: datetime) -> Staple:
    """What a staple says at a time about the first certificate of a chain, in DER. It is signed by the second one."""
    from cryptography import x509
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
    from cryptography.x509 import ocsp

    if not der:
        return Staple(status="none", detail="nothing is stapled")
    try:
        response = ocsp.load_der_ocsp_response(der)
        if response.response_status is not ocsp.OCSPResponseStatus.SUCCESSFUL:
            return Staple(status="invalid", detail=f"the responder says {response.response_status.name.lower()}")
        if len(chain) < 2:
            return Staple(status="invalid", detail="the certificate of the issuer, who signs it, is not sent")
        leaf, issuer = (x509.load_der_x509_certificate(each) for each in chain[:2])
        problem = _problem(response, leaf, issuer)
    except (ValueError, TypeError, UnsupportedAlgorithm, InvalidSignature):
        return Staple(status="invalid", detail="it cannot be read, or its signature is wrong")
    if problem:
        return Staple(status="invalid", detail=problem)
    until = response.next_update_utc
    if response.this_update_utc > at or (until is not None and until < at):
        return Staple(status="stale", until=until, detail=f"it is from {response.this_update_utc:%Y-%m-%d %H:%M} UTC")
    statuses: dict[object, Status] = {
        ocsp.OCSPCertStatus.GOOD: "good",
        ocsp.OCSPCertStatus.REVOKED: "revoked",
        ocsp.OCSPCertStatus.UNKNOWN: "unknown",
    }
    since = response.revocation_time_utc
    return Staple(
        status=statuses[response.certificate_status],
        until=until,
        detail=f"since {since:%Y-%m-%d %H:%M} UTC" if since else "",
    )


def _problem(response: "OCSPResponse", leaf: "Certificate", issuer: "Certificate") -> str:
    """Why a response is not about this certificate, or not from who may say so; empty where it is.

    Raises InvalidSignature.
    """
    from cryptography.hazmat.primitives import hashes
    from cryptography.x509 import ExtendedKeyUsage, ExtensionNotFound
    from cryptography.x509.oid import ExtendedKeyUsageOID

    name_hash = hashes.Hash(response.hash_algorithm)
    name_hash.update(issuer.subject.public_bytes())
    if response.serial_number != leaf.serial_number or response.issuer_name_hash != name_hash.finalize():
        return "it is about another certificate"
    signer = issuer
    for delegate in response.certificates:
        if delegate.public_key() == issuer.public_key():
            continue
        delegate.verify_directly_issued_by(issuer)
        try:
            uses = delegate.extensions.get_extension_for_class(ExtendedKeyUsage).value
        except ExtensionNotFound:
            return "it is signed by who may not do so"
        if ExtendedKeyUsageOID.OCSP_SIGNING not in uses:
            return "it is signed by who may not do so"
        signer = delegate
        break
    _verify(response, signer)
    return ""


def _verify(response: "OCSPResponse", signer: "Certificate") -> None:
    """Raises InvalidSignature; TypeError for a key that no responder has."""
    from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

    key, algorithm = signer.public_key(), response.signature_hash_algorithm
    if algorithm is None:
        raise TypeError("a signature without a hash")
    if isinstance(key, rsa.RSAPublicKey):
        key.verify(response.signature, response.tbs_response_bytes, padding.PKCS1v15(), algorithm)
    elif isinstance(key, ec.EllipticCurvePublicKey):
        key.verify(response.signature, response.tbs_response_bytes, ec.ECDSA(algorithm))
    else:
        raise TypeError("a key of another kind")
