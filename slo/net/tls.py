"""TLS: contexts that are made once, and which reason a failed handshake has."""

import logging
import ssl
from pathlib import Path
from typing import TypeAlias

from slo.config.tls import TLSSettings, load_identity, openssl_sentence, set_versions
from slo.errors import Fault

Versions: TypeAlias = tuple[tuple[int, int] | None, ...]
"""When each file was written, in nanoseconds, and its size in bytes."""

logger = logging.getLogger(__name__)


class TLSContexts:
    """Contexts of `ssl`, one for each distinct settings: loading the system's authorities takes 40 ms.

    Checks ask for theirs when they are built, so that a round never waits for it. Files that are replaced (an authority
    that is rotated must not look like a fault of the target) are read anew at the next call.
    """

    def __init__(self) -> None:
        self._contexts: dict[tuple[TLSSettings, tuple[str, ...]], tuple[Versions, ssl.SSLContext]] = {}

    def get(self, settings: TLSSettings, *, alpn: tuple[str, ...] = ()) -> ssl.SSLContext:
        """The context of these settings, made at the first call. `alpn` are the protocols that are offered.

        Raises OSError or ValueError for files that cannot be used, unless they could be before: then those stay.
        """
        import cryptography.x509  # noqa: F401 - certificates are read with it; loading it takes longer than a round may

        key = (settings.model_copy(update={"server_name": None}), alpn)
        versions = _versions(settings)
        known = self._contexts.get(key)
        if known is None:
            known = self._contexts[key] = versions, _context(settings, alpn)
        elif known[0] != versions:
            known = self._contexts[key] = versions, _replaced(known[1], settings, alpn)
        return known[1]


def _versions(settings: TLSSettings) -> Versions:
    """What tells one version of each file from the next; None for one that cannot be looked at."""
    versions: list[tuple[int, int] | None] = []
    for file in (settings.ca_file, settings.cert_file, settings.key_file):
        if file is not None:
            try:
                found = Path(file).stat()
            except OSError:
                versions.append(None)
            else:
                versions.append((found.st_mtime_ns, found.st_size))
    return tuple(versions)


def _replaced(old: ssl.SSLContext, settings: TLSSettings, alpn: tuple[str, ...]) -> ssl.SSLContext:
    """A context from files that changed; the old one where they cannot be used, until they change again."""
    try:
        return _context(settings, alpn)
    except (OSError, ValueError) as error:
        files = ", ".join(file for file in (settings.ca_file, settings.cert_file, settings.key_file) if file)
        logger.warning(
            "TLS files changed and cannot be used: the old ones stay", extra={"files": files, "error": error}
        )
        return old


def _context(settings: TLSSettings, alpn: tuple[str, ...]) -> ssl.SSLContext:
    if settings.insecure_skip_verify:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    else:
        context = ssl.create_default_context(cafile=settings.ca_file, cadata=settings.ca_text)
        # Python sets it since 3.13, browsers do not: a certificate shall be judged alike by every Python.
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        context.hostname_checks_common_name = False  # neither browsers nor Go do, RFC 9110 4.3.4
    load_identity(context, settings)
    set_versions(context, settings)
    if alpn:
        context.set_alpn_protocols(list(alpn))
    return context


# Codes of X509_verify_cert, https://docs.openssl.org/3.0/man3/X509_STORE_CTX_get_error/
_VERIFY_REASONS = {
    9: "tls_not_yet_valid",
    10: "tls_expired",
    18: "tls_self_signed",
    62: "tls_hostname",
    64: "tls_hostname",
}


def handshake_fault(error: Exception) -> Fault:
    """The reason for which a handshake failed, or a connection over TLS broke: `tls_*`."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return Fault(_VERIFY_REASONS.get(error.verify_code, "tls_verify"), detail=error.verify_message)
    return Fault("tls_protocol", detail=openssl_sentence(error))
