"""What the configurations of destinations share: whom they trust, and how long one delivery may take."""

import ssl
from datetime import timedelta
from typing import Annotated

from pydantic import AfterValidator

from slo.config.tls import PEMFile
from slo.config.types import PositiveDuration, wrong

LONGEST_SECONDS = 25
"""The longest timeout of a delivery; the router gives up after 30 s whatever the destination does."""


def _authorities(file: str) -> str:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(file)
    except (OSError, ValueError):
        raise wrong(f"{file} holds no certificates", "write the path of a file in PEM format") from None
    return file


def _not_too_long(value: timedelta) -> timedelta:
    if value > timedelta(seconds=LONGEST_SECONDS):
        raise wrong(f"is longer than {LONGEST_SECONDS}s", "what takes longer is better tried again: write 10s")
    return value


AuthoritiesFile = Annotated[PEMFile, AfterValidator(_authorities)]
"""The path of the certificate authorities to trust instead of the system's, in PEM format."""

DeliveryTimeout = Annotated[PositiveDuration, AfterValidator(_not_too_long)]
"""How long one attempt may take as a whole."""
