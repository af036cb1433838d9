"""What a TLS handshake showed of the other side, kept also when its certificate was refused."""

import hashlib
import ipaddress
import ssl
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from slo.net.distinguished_name import name_text

if TYPE_CHECKING:
    from cryptography import x509

KEPT_CERTIFICATES = 1024
"""A target shows the same ones round after round, and reading one costs a third of a handshake."""

_DER = 2


@dataclass(frozen=True, kw_only=True, slots=True)
class Certificate:
    """One certificate, for people and for metrics, with its texts as the blackbox exporter has them.

    `serial` is in hexadecimal, whole bytes; `dns_names` and `addresses` are whom it is for. `key` is the kind of its
    key and its size in bits or its curve, `signature_hash` the hash that its issuer signed, empty where the kind of
    signature implies it.
    """

    subject: str
    issuer: str
    serial: str
    dns_names: tuple[str, ...]
    addresses: tuple[str, ...]
    not_before: datetime
    not_after: datetime
    sha256: str
    key: str
    signature_hash: str

    @property
    def names(self) -> tuple[str, ...]:
        """All that it is for."""
        return (*self.dns_names, *self.addresses)

    def is_for(self, name: str) -> bool:
        """Whether it is for that DNS name or address. An asterisk stands for one whole label, the first: RFC 9525."""
        try:
            return str(ipaddress.ip_address(name)) in self.addresses
        except ValueError:
            wanted = name.lower().rstrip(".")
        _, _, below = wanted.partition(".")
        return any(each.lower() in {wanted, f"*.{below}"} for each in self.dns_names)


@dataclass(frozen=True, kw_only=True, slots=True)
class Handshake:
    """A handshake: as far as it got, what was agreed on, and the certificates in DER, the leaf first.

    `presented` is what the other side sent; `verified` is the chain up to a trusted authority, empty where the
    verification failed or was not asked for.
    """

    version: str = ""
    cipher: str = ""
    alpn: str = ""
    presented: tuple[bytes, ...] = ()
    verified: tuple[bytes, ...] = ()

    @property
    def relied_on(self) -> tuple[bytes, ...]:
        """The chain that trust hangs on; where nothing was verified, whatever was sent."""
        return self.verified or self.presented


def handshake_of(tls: ssl.SSLObject, *, trusted: bool) -> Handshake:
    """What a connection shows after its handshake, successful or not. `trusted` says that verification succeeded."""
    cipher = tls.cipher()
    return Handshake(
        version=tls.version() or "",
        cipher=cipher[0] if cipher else "",
        alpn=tls.selected_alpn_protocol() or "",
        presented=_chain(tls, "get_unverified_chain"),
        verified=_chain(tls, "get_verified_chain") if trusted else (),
    )


def _chain(tls: ssl.SSLObject, method: str) -> tuple[bytes, ...]:
    """The chain in DER: from SSLObject, or in Python before 3.13 from the object below it, which has it since 3.10."""
    below: Any = tls if hasattr(tls, method) else getattr(tls, "_sslobj", None)
    try:
        chain: Iterable[Any] = getattr(below, method)() or ()
    except (AttributeError, ValueError, ssl.SSLError):  # there was no certificate yet
        return ()
    return tuple(each if isinstance(each, bytes) else each.public_bytes(_DER) for each in chain)


@lru_cache(maxsize=KEPT_CERTIFICATES)
def read_certificate(der: bytes) -> Certificate | None:
    """The certificate; None where the bytes are not one that can be read."""
    from cryptography import x509
    from cryptography.exceptions import UnsupportedAlgorithm

    try:
        read = x509.load_der_x509_certificate(der)
        dns_names, addresses = _alternative_names(read)
        return Certificate(
            subject=name_text(read.subject),
            issuer=name_text(read.issuer),
            serial=_whole_bytes(read.serial_number),
            dns_names=dns_names,
            addresses=addresses,
            not_before=read.not_valid_before_utc,
            not_after=read.not_valid_after_utc,
            sha256=hashlib.sha256(der).hexdigest(),
            key=_key(read),
            signature_hash=_signature_hash(read),
        )
    except (ValueError, UnsupportedAlgorithm, x509.DuplicateExtension, x509.UnsupportedGeneralNameType):
        return None


def _whole_bytes(number: int) -> str:
    size = (abs(number).bit_length() + 7) // 8
    return abs(number).to_bytes(size, "big").hex()


def _alternative_names(read: "x509.Certificate") -> tuple[tuple[str, ...], tuple[str, ...]]:
    """DNS names and addresses."""
    from cryptography import x509

    try:
        alternative = read.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return (), ()
    addresses = alternative.get_values_for_type(x509.IPAddress)
    return tuple(alternative.get_values_for_type(x509.DNSName)), tuple(str(address) for address in addresses)


def _key(read: "x509.Certificate") -> str:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric import ec, rsa

    try:
        key = read.public_key()
    except (ValueError, UnsupportedAlgorithm):
        return f"of the kind {read.public_key_algorithm_oid.dotted_string}"
    if isinstance(key, ec.EllipticCurvePublicKey):
        return f"EC {key.curve.name}"
    if isinstance(key, rsa.RSAPublicKey):
        return f"RSA {key.key_size}"
    return type(key).__name__.removesuffix("PublicKey").lstrip("_")


def _signature_hash(read: "x509.Certificate") -> str:
    from cryptography.exceptions import UnsupportedAlgorithm

    try:
        algorithm = read.signature_hash_algorithm
    except UnsupportedAlgorithm:
        return read.signature_algorithm_oid.dotted_string
    return algorithm.name.upper() if algorithm else ""


def earliest_expiry(chain: Iterable[bytes]) -> datetime | None:
    """When the first certificate of a chain expires; None without one that can be read."""
    read = (read_certificate(der) for der in chain)
    return min((certificate.not_after for certificate in read if certificate), default=None)


def described(der: bytes) -> str:
    """A certificate in a few words, for people."""
    read = read_certificate(der)
    if read is None:
        return "a certificate that cannot be read"
    names = ", ".join(read.names[:3]) + (", ..." if len(read.names) > 3 else "")
    return (
        f"for {names or read.subject}, issued by {read.issuer}, {read.not_before:%Y-%m-%d} to {read.not_after:%Y-%m-%d}"
    )
