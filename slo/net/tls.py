"""TLS: how it is configured, contexts that are made once, and which reason a failed handshake has."""

import logging
import ssl
from pathlib import Path
from typing import Annotated, TypeAlias

from pydantic import AfterValidator, ValidationInfo, model_validator

from slo.config.types import Section, wrong
from slo.errors import Fault

Versions: TypeAlias = tuple[tuple[int, int] | None, ...]
"""When each file was written, in nanoseconds, and its size in bytes."""

logger = logging.getLogger(__name__)


def _existing_file(value: str, info: ValidationInfo) -> str:
    """The file's full path; a relative one is relative to the folder of the configuration."""
    path = (info.context["folder"] if info.context else Path()) / value
    if not path.is_file():
        raise wrong(f"there is no file {path}", "write the path of a file in PEM format")
    return str(path.absolute())


PEMFile = Annotated[str, AfterValidator(_existing_file)]


class TLSSettings(Section):
    """How the other side of a TLS connection is verified, and what we show of ourselves."""

    ca_file: PEMFile | None = None
    """The certificate authorities to trust instead of the system's, in PEM format."""

    server_name: str | None = None
    """The name that the certificate must be for, instead of the host in the address."""

    insecure_skip_verify: bool = False
    """Take any certificate. The connection is then private from nobody who can stand in its middle."""

    cert_file: PEMFile | None = None
    """Our own certificate, for servers that ask for one, in PEM format."""

    key_file: PEMFile | None = None
    """The private key of `cert_file`, in PEM format, without a password."""

    @model_validator(mode="after")
    def _usable(self) -> "TLSSettings":
        if self.key_file and not self.cert_file:
            raise wrong("has key_file without cert_file", "name both, or neither")
        if self.server_name is not None and (not self.server_name or self.server_name.startswith(".")):
            raise wrong("has a server_name that no certificate can have", "write a name as www.example.org")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        for file, load in ((self.ca_file, _load_authorities), (self.cert_file, _load_identity)):
            try:
                if file:
                    load(context, self)
            except (OSError, ValueError) as error:  # an SSLError is an OSError
                raise wrong(f"cannot use {file}: {_sentence(error)}", "give it in PEM format") from None
        return self

    def elsewhere(self) -> "TLSSettings":
        """The settings for another host than the configured one: its name, and no identity of ours."""
        return self.model_copy(update={"server_name": None, "cert_file": None, "key_file": None})


def _load_authorities(context: ssl.SSLContext, settings: TLSSettings) -> None:
    if settings.ca_file:
        context.load_verify_locations(settings.ca_file)


def _load_identity(context: ssl.SSLContext, settings: TLSSettings) -> None:
    if settings.cert_file:
        # An encrypted key would otherwise be asked for at the terminal.
        context.load_cert_chain(settings.cert_file, settings.key_file, password="")


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
        context = ssl.create_default_context(cafile=settings.ca_file)
        # Python sets it since 3.13, browsers do not: a certificate shall be judged alike by every Python.
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    _load_identity(context, settings)
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
    return Fault("tls_protocol", detail=_sentence(error))


def _sentence(error: Exception) -> str:
    """What OpenSSL says, without its names of functions and files."""
    if isinstance(error, ssl.SSLError):
        return error.reason.lower().replace("_", " ") if error.reason else "OpenSSL cannot make sense of it"
    return (error.strerror if isinstance(error, OSError) else None) or str(error)
