"""Certificates for test servers, good and bad."""

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

NOW = datetime.now(UTC)
DAY = timedelta(days=1)


def server_context(
    authority: trustme.CA,
    *names: str,
    not_before: datetime | None = None,
    not_after: datetime | None = None,
    clients: trustme.CA | None = None,
) -> ssl.SSLContext:
    """A server with a certificate for these names. With `clients` it asks for one that this authority has issued."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*names, not_before=not_before, not_after=not_after).configure_cert(context)
    if clients:
        clients.configure_trust(context)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def self_signed_pem(name: str) -> bytes:
    """The key of a server and the certificate that it signed itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(NOW - DAY).not_valid_after(NOW + DAY)
    certificate = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
    return pem_of(key, certificate.sign(key, hashes.SHA256()))


def issued_pem(
    authority: trustme.CA, *names: str, not_before: datetime | None = None, not_after: datetime | None = None
) -> bytes:
    """The key of a server and its certificate for these names."""
    return authority.issue_cert(
        *names, not_before=not_before, not_after=not_after
    ).private_key_and_cert_chain_pem.bytes()


def pem_of(key: ec.EllipticCurvePrivateKey, certificate: x509.Certificate) -> bytes:
    """A key and its certificate, as servers read them."""
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return private + certificate.public_bytes(serialization.Encoding.PEM)


def self_signed_context(folder: Path, name: str) -> ssl.SSLContext:
    """A server with a certificate that it signed itself."""
    (folder / "self-signed.pem").write_bytes(self_signed_pem(name))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "self-signed.pem")
    return context


def written(authority: trustme.CA, folder: Path) -> str:
    """The path of a file with the authority's certificate."""
    path = folder / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    return str(path)
