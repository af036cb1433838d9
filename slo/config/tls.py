"""The keys of TLS: how the other side of a connection is verified. Connections are made with them in `slo.net.tls`."""

import os
import ssl
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, ValidationInfo, WithJsonSchema, model_validator

from slo.config.types import Secret, Section, wrong


def _existing_file(value: str, info: ValidationInfo) -> str:
    """The file's full path; a relative one is relative to the folder of the configuration."""
    path = (info.context["folder"] if info.context else Path()) / value
    if not path.is_file():
        raise wrong(f"there is no file {path}", "write the path of a file in PEM format")
    return str(path.absolute())


PEMFile = Annotated[str, AfterValidator(_existing_file)]


def number_as_written(value: object) -> object:
    """A version as text: YAML reads 1.1 as a number."""
    return str(value) if isinstance(value, float) else value


TLSVersion = Annotated[
    Literal["1.0", "1.1", "1.2", "1.3"],
    BeforeValidator(number_as_written),
    WithJsonSchema({"enum": ["1.0", "1.1", "1.2", "1.3", 1.0, 1.1, 1.2, 1.3]}),
]
"""A version of TLS, `1.2`."""

_VERSIONS = {
    "1.0": ssl.TLSVersion.TLSv1,
    "1.1": ssl.TLSVersion.TLSv1_1,
    "1.2": ssl.TLSVersion.TLSv1_2,
    "1.3": ssl.TLSVersion.TLSv1_3,
}


class TLSSettings(Section):
    """How the other side of a TLS connection is verified, and what we show of ourselves."""

    ca_file: PEMFile | None = None
    """The certificate authorities to trust instead of the system's, in PEM format."""

    ca: Secret | None = None
    """The same certificates themselves, in place of `ca_file`."""

    server_name: str | None = None
    """The name that the certificate must be for, instead of the host in the address."""

    insecure_skip_verify: bool = False
    """Take any certificate. The connection is then private from nobody who can stand in its middle."""

    cert_file: PEMFile | None = None
    """Our own certificate, for servers that ask for one, in PEM format."""

    cert: Secret | None = None
    """The same certificate itself, in place of `cert_file`."""

    key_file: PEMFile | None = None
    """The private key of our certificate, in PEM format, without a password; it may stand in `cert_file` instead."""

    key: Secret | None = None
    """The same key itself, in place of `key_file`."""

    min_version: TLSVersion = "1.2"
    """The oldest version of TLS that is spoken. With 1.0 or 1.1, ciphers of that time are offered too."""

    max_version: TLSVersion = "1.3"
    """The newest version of TLS that is spoken; with an old one, a probe is good where a server still speaks it."""

    @model_validator(mode="after")
    def _usable(self) -> "TLSSettings":
        for key, both in (
            ("ca", self.ca and self.ca_file),
            ("cert", self.cert and self.cert_file),
            ("key", self.key and self.key_file),
        ):
            if both:
                raise wrong(f"has {key} and {key}_file", "leave one of them out")
        if (self.key_file or self.key) and not self.shows_identity:
            raise wrong(f"has {'key_file' if self.key_file else 'key'} without cert_file", "name both, or neither")
        if self.server_name is not None and (not self.server_name or self.server_name.startswith(".")):
            raise wrong("has a server_name that no certificate can have", "write a name as www.example.org")
        if self.min_version > self.max_version:
            raise wrong("has a min_version that is newer than its max_version", "lower one, or raise the other")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        for named, load in (
            (self.ca_file or (self.ca and "ca"), load_authorities),
            (self.cert_file or (self.cert and "cert"), load_identity),
        ):
            try:
                if named:
                    load(context, self)
            except (OSError, ValueError) as error:  # an SSLError is an OSError
                raise wrong(f"cannot use {named}: {openssl_sentence(error)}", "give it in PEM format") from None
        return self

    @property
    def ca_text(self) -> str | None:
        """`ca` as OpenSSL takes it. Raises ValueError."""
        text = self.ca.reveal() if self.ca else None
        if text is not None and not text.isascii():
            raise ValueError("it is no PEM")
        return text

    @property
    def shows_identity(self) -> bool:
        """Whether there is a certificate of ours to show."""
        return bool(self.cert_file or self.cert)

    def elsewhere(self) -> "TLSSettings":
        """The settings for another host than the configured one: its name, and no identity of ours."""
        return self.model_copy(update=dict.fromkeys(("server_name", "cert_file", "cert", "key_file", "key")))


def load_authorities(context: ssl.SSLContext, settings: TLSSettings) -> None:
    """Trust the authorities of the settings, where they name any. Raises OSError or ValueError."""
    if settings.ca_file or settings.ca:
        context.load_verify_locations(settings.ca_file, cadata=settings.ca_text)


def load_identity(context: ssl.SSLContext, settings: TLSSettings) -> None:
    """Show the certificate of the settings, where they name one. Raises OSError or ValueError."""
    with _file_of(settings.cert) as cert, _file_of(settings.key) as key:
        if certificate := settings.cert_file or cert:
            # An encrypted key would otherwise be asked for at the terminal.
            context.load_cert_chain(certificate, settings.key_file or key, password="")


@contextmanager
def _file_of(secret: Secret | None) -> Iterator[str | None]:
    """The path of a file that holds a secret, for OpenSSL, which reads files alone: in memory, and gone afterwards."""
    if secret is None:
        yield None
        return
    with os.fdopen(os.memfd_create("pem"), "wb") as file:
        file.write(secret.reveal().encode())
        file.flush()
        yield f"/proc/self/fd/{file.fileno()}"


def set_versions(context: ssl.SSLContext, settings: TLSSettings) -> None:
    """Speak the versions of the settings, and no other.

    OpenSSL takes the signatures of TLS 1.0 and 1.1 at its lowest level of security alone.
    """
    if settings.min_version < "1.2":
        context.set_ciphers("DEFAULT:@SECLEVEL=0")
    with warnings.catch_warnings(action="ignore", category=DeprecationWarning):  # whoever asks for them knows
        context.minimum_version = _VERSIONS[settings.min_version]
        context.maximum_version = _VERSIONS[settings.max_version]


def openssl_sentence(error: Exception) -> str:
    """What OpenSSL says, without its names of functions and files."""
    if isinstance(error, ssl.SSLError):
        return error.reason.lower().replace("_", " ") if error.reason else "OpenSSL cannot make sense of it"
    return (error.strerror if isinstance(error, OSError) else None) or str(error)
