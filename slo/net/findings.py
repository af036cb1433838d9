"""What a connection and a response showed, in words for people: see `slo.core.protocols.Explaining`."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from urllib.parse import urlsplit, urlunsplit

from slo.core.outcome import Finding
from slo.net.attempt import Reached
from slo.net.certificate import Certificate, Handshake, read_certificate
from slo.net.http1 import Response

MOST_NAMES = 8
"""How many of the names of a certificate are shown; some are for hundreds."""

LONGEST_VALUE = 200
"""How many characters of a header are shown."""

TELLING = (
    "server",
    "via",
    "date",
    "content-type",
    "content-length",
    "content-encoding",
    "location",
    "retry-after",
    "www-authenticate",
    "cache-control",
    "age",
    "x-cache",
    "x-request-id",
)
"""The headers that help whoever looks for the fault, and that hold no secret. Cookies are not among them."""


def connection_findings(reached: Reached, at: datetime) -> Iterator[Finding]:
    """Where an attempt got to, and what TLS showed there, also where the certificate was refused."""
    if "resolve" in reached.phases and reached.resolved:
        yield Finding(name="resolved to", text=", ".join(map(str, reached.resolved)))
    if reached.address is not None:
        yield Finding(name="address", text=f"{reached.address} (IPv{reached.address.version})")
    if reached.handshake is not None:
        yield from _handshake_findings(reached.handshake, at)


def response_findings(response: Response) -> Iterator[Finding]:
    """The status of a response, and those of its headers that tell something."""
    yield Finding(name="response", text=f"status {response.status} over HTTP/{response.version}")
    for name in TELLING:
        value = response.header(name)
        if value is not None:
            yield Finding(name=name, text=shortened(_without_query(value) if name == "location" else value))


def _handshake_findings(handshake: Handshake, at: datetime) -> Iterator[Finding]:
    if handshake.version:
        yield Finding(name="TLS", text=", ".join(filter(None, (handshake.version, handshake.cipher))))
    chain = [read_certificate(der) for der in handshake.relied_on]
    if not chain:
        return
    leaf = chain[0]
    if leaf is None:
        yield Finding(name="certificate", text="cannot be read")
        return
    yield Finding(name="certificate", text=leaf.subject or "(no subject)")
    yield Finding(name="names", text=_names(leaf))
    yield Finding(name="issuer", text=leaf.issuer)
    yield Finding(name="key", text=leaf.key + (f", signed over {leaf.signature_hash}" if leaf.signature_hash else ""))
    yield Finding(name="valid", text=_validity(leaf, at))
    links = (f"{each.subject or each.issuer} (to {each.not_after:%Y-%m-%d})" if each else "?" for each in chain)
    trust = "verified" if handshake.verified else "as it was sent, not verified"
    yield Finding(name="chain", text=f"{' < '.join(links)}; {trust}")


def _names(certificate: Certificate) -> str:
    shown, more = certificate.names[:MOST_NAMES], len(certificate.names[MOST_NAMES:])
    return ", ".join(shown) + (f", and {more} more" if more else "") or "none: it is for no host"


def _validity(certificate: Certificate, at: datetime) -> str:
    begins, ends = certificate.not_before, certificate.not_after
    if at < begins:
        state = f"not valid before {_days(begins - at)} have passed"
    elif at > ends:
        state = f"expired {_days(at - ends)} ago"
    else:
        state = f"{_days(ends - at)} left"
    return f"{begins:%Y-%m-%d %H:%M} to {ends:%Y-%m-%d %H:%M} UTC, {state}"


def _days(span: timedelta) -> str:
    """`34 days`, and below two of them `31 hours`: what is nearly over is told by the hour."""
    if span >= timedelta(days=2):
        return f"{span.days} days"
    hours = span // timedelta(hours=1)
    return f"{hours} hour{'' if hours == 1 else 's'}"


def _without_query(location: str) -> str:
    """A Location without its query and its credentials: servers put tokens into them."""
    try:
        parts = urlsplit(location)
    except ValueError:
        return "no usable address"
    host = parts.netloc.rpartition("@")[2]
    shown = urlunsplit((parts.scheme, host, parts.path, "", ""))
    return shown + ("?..." if parts.query else "")


def shortened(text: str) -> str:
    """The beginning of a text that may be long."""
    return text if len(text) <= LONGEST_VALUE else f"{text[:LONGEST_VALUE]}..."
