"""The keys of TLS: how the other side of a connection is verified. Connections are made with them in `slo.net.tls`."""

import ssl
import warnings
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, ValidationInfo, WithJsonSchema, model_validator

from slo.config.types import Section, wrong


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

    server_name: str | None = None
    """The name that the certificate must be for, instead of the host in the address."""

    insecure_skip_verify: bool = False
    """Take any certificate. The connection is then private from nobody who can stand in its middle."""

    cert_file: PEMFile | None = None
    """Our own certificate, for servers that ask for one, in PEM format."""

    key_file: PEMFile | None = None
    """The private key of `cert_file`, in PEM format, without a password."""

    min_version: TLSVersion = "1.2"
    """The oldest version of TLS that is spoken. With 1.0 or 1.1, ciphers of that time are offered too."""

    max_version: TLSVersion = "1.3"
    """The newest version of TLS that is spoken; with an old one, a probe is good where a server still speaks it."""

    @model_validator(mode="after")
    def _usable(self) -> "TLSSettings":
        if self.key_file and not self.cert_file:
            raise wrong("has key_file without cert_file", "name both, or neither")
        if self.server_name is not None and (not self.server_name or self.server_name.startswith(".")):
            raise wrong("has a server_name that no certificate can have", "write a name as www.example.org")
        if self.min_version > self.max_version:
            raise wrong("has a min_version that is newer than its max_version", "lower one, or raise the other")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        for file, load in ((self.ca_file, load_authorities), (self.cert_file, load_identity)):
            try:
                if file:
                    load(context, self)
            except (OSError, ValueError) as error:  # an SSLError is an OSError
                raise wrong(f"cannot use {file}: {openssl_sentence(error)}", "give it in PEM format") from None
        return self

    def elsewhere(self) -> "TLSSettings":
        """The settings for another host than the configured one: its name, and no identity of ours."""
        return self.model_copy(update={"server_name": None, "cert_file": None, "key_file": None})


def load_authorities(context: ssl.SSLContext, settings: TLSSettings) -> None:
    """Trust the authorities of the settings, where they name any. Raises OSError or ValueError."""
    if settings.ca_file:
        context.load_verify_locations(settings.ca_file)


def load_identity(context: ssl.SSLContext, settings: TLSSettings) -> None:
    """Show the certificate of the settings, where they name one. Raises OSError or ValueError."""
    if settings.cert_file:
        # An encrypted key would otherwise be asked for at the terminal.
        context.load_cert_chain(settings.cert_file, settings.key_file, password="")


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
