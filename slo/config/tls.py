"""The keys of TLS: how the other side of a connection is verified. Connections are made with them in `slo.net.tls`."""

import ssl
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, ValidationInfo, model_validator

from slo.config.types import Section, wrong


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


def openssl_sentence(error: Exception) -> str:
    """What OpenSSL says, without its names of functions and files."""
    if isinstance(error, ssl.SSLError):
        return error.reason.lower().replace("_", " ") if error.reason else "OpenSSL cannot make sense of it"
    return (error.strerror if isinstance(error, OSError) else None) or str(error)
