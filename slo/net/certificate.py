"""What a TLS handshake showed of the other side, kept also when its certificate was refused."""

import hashlib
import ssl
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

_DER = 2


@dataclass(frozen=True, kw_only=True, slots=True)
class Certificate:
    """One certificate, for people and for metrics. `names` are the DNS names and addresses that it is for."""

    subject: str
    issuer: str
    serial: str
    names: tuple[str, ...]
    not_before: datetime
    not_after: datetime
    sha256: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Handshake:
    """A handshake: as far as it got, what was agreed on, and the certificates in DER, the leaf first.

    `presented` is what the other side sent; `verified` is the chain up to a trusted authority, empty where the
    verification failed or was not asked for.
    """

    version: str = ""
    cipher: str = ""
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


def read_certificate(der: bytes) -> Certificate | None:
    """The certificate; None where the bytes are not one that can be read."""
    from cryptography import x509

    try:
        read = x509.load_der_x509_certificate(der)
        return Certificate(
            subject=read.subject.rfc4514_string(),
            issuer=read.issuer.rfc4514_string(),
            serial=f"{read.serial_number:x}",
            names=_names(read),
            not_before=read.not_valid_before_utc,
            not_after=read.not_valid_after_utc,
            sha256=hashlib.sha256(der).hexdigest(),
        )
    except (ValueError, x509.DuplicateExtension, x509.UnsupportedGeneralNameType):
        return None


def _names(read: Any) -> tuple[str, ...]:  # a certificate of cryptography, which is loaded late
    from cryptography import x509

    try:
        alternative = read.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()
    dns: list[str] = alternative.get_values_for_type(x509.DNSName)
    return (*dns, *(str(address) for address in alternative.get_values_for_type(x509.IPAddress)))


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
