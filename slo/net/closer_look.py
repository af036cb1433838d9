"""A handshake that is made to look at what Python's `ssl` neither asks for nor tells: with pyOpenSSL.

These are the OCSP response that a server staples to its certificate, and whether it asks for a certificate of ours.
Nothing is verified here: the handshake that decides whether a certificate is good is another.
"""

import ipaddress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from slo.errors import Fault
from slo.net.attempt import Attempt, Endpoint
from slo.net.connection import READ_BYTES, Connection
from slo.net.lines import Lines

if TYPE_CHECKING:
    from OpenSSL import SSL

_ASKS = b"SSLv3/TLS read server certificate request"
"""What OpenSSL calls the state in which it reads that request."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CloserLook:
    """What a handshake told: the stapled OCSP response in DER, empty where there was none, and whether it asks."""

    staple: bytes
    asks_for_certificate: bool


class Looker:
    """Looks at servers. It shows no certificate of ours: who asks for one has told so before it is missed."""

    def __init__(self) -> None:
        from OpenSSL import SSL

        self._context = SSL.Context(SSL.TLS_CLIENT_METHOD)
        self._context.set_verify(SSL.VERIFY_NONE)
        self._context.set_ocsp_client_callback(_keep_staple, None)
        self._context.set_info_callback(_note_state)

    async def look(self, attempt: Attempt, endpoint: Endpoint, server_name: str) -> CloserLook:
        """Connect to an endpoint that has no TLS of its own, and shake hands on it as `server_name`. Raises Fault."""
        from OpenSSL import SSL

        pieces = Lines()
        connection = await attempt.connect(pieces, endpoint)
        attempt.enter("tls")
        seen = _Seen()
        tls = SSL.Connection(self._context, None)
        tls.set_app_data(seen)
        if not _is_address(server_name):
            tls.set_tlsext_host_name(server_name.encode("idna"))
        tls.request_ocsp()
        tls.set_connect_state()
        try:
            await _shake(tls, connection, pieces)
        except (SSL.Error, Fault) as error:
            if not seen.asks:  # a server that asks and gets none may well break off
                reason = error.reason if isinstance(error, Fault) else "tls_protocol"
                raise Fault(reason, detail="the handshake broke off when it was made once more") from None
        finally:
            connection.close()
        return CloserLook(staple=seen.staple, asks_for_certificate=seen.asks)


@dataclass(kw_only=True, slots=True)
class _Seen:
    """What the callbacks of one handshake were told."""

    staple: bytes = b""
    asks: bool = False


def _keep_staple(tls: "SSL.Connection", staple: bytes, _data: object) -> bool:
    seen: _Seen = tls.get_app_data()
    seen.staple = staple
    return True


def _note_state(tls: "SSL.Connection", _where: int, _value: int) -> None:
    if tls.get_state_string() == _ASKS:
        seen: _Seen = tls.get_app_data()
        seen.asks = True


async def _shake(tls: "SSL.Connection", connection: Connection, pieces: Lines) -> None:
    """Shake hands over memory. Raises Fault where the connection ends, and pyOpenSSL's Error for all else."""
    from OpenSSL import SSL

    while True:
        try:
            tls.do_handshake()
        except SSL.WantReadError:
            _send(tls, connection)
            tls.bio_write(await _arrived(pieces))
        else:
            _send(tls, connection)
            return


async def _arrived(pieces: Lines) -> bytes:
    """What the other side sends next. Raises Fault."""
    try:
        data = await pieces.read_some()
    except Fault as fault:
        raise Fault("tls_reset", detail=fault.detail) from None
    if data is None:
        raise Fault("tls_reset", detail="closed by the other side")
    return data


def _send(tls: "SSL.Connection", connection: Connection) -> None:
    from OpenSSL import SSL

    try:
        while data := tls.bio_read(READ_BYTES):
            connection.write(data)
    except SSL.WantReadError:  # that was all
        return


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
