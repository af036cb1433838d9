"""Answers over HTTP, as verdicts: what destinations make of a status and of a failed connection.

The reasons are few, because they are values of a label: `rate_limited`, `server_error`, `rejected`, `redirected`,
`unexpected_status`, `response_malformed`, `response_too_large`, `dns`, `connect_refused`, `connect_failed`,
`tls_verify`, `tls`, `timeout`, `reset`, and where PagerDuty has no incident to write a note on `incident_not_found`,
or `incident_ambiguous` where it may be any of several.
"""

import errno
import ssl
from socket import gaierror

from slo.router.summary import one_line

DETAIL_LIMIT = 500
"""How much of what the other side said is kept, in characters."""

_UNREACHABLE = frozenset({errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EADDRNOTAVAIL, errno.EHOSTDOWN, errno.ENETDOWN})


def connection_reason(error: BaseException) -> str:
    """Why a connection failed, from the error itself or whatever caused it."""
    chain: list[BaseException] = []
    following: BaseException | None = error
    while following is not None and following not in chain:
        chain.append(following)
        following = following.__cause__ or following.__context__
    for kinds, reason in (
        (ssl.SSLCertVerificationError, "tls_verify"),
        (gaierror, "dns"),
        (ConnectionRefusedError, "connect_refused"),
        (ssl.SSLError, "tls"),
        (TimeoutError, "timeout"),
    ):
        if any(isinstance(link, kinds) for link in chain):
            return reason
    unreachable = any(isinstance(link, OSError) and link.errno in _UNREACHABLE for link in chain)
    return "connect_failed" if unreachable else "reset"


def shown(text: str, *secrets: str) -> str:
    """What the other side said, on one line, not too long, and without our secrets if it sent them back."""
    for secret in secrets:
        if secret:
            text = text.replace(secret, "<secret>")
    return one_line(text, DETAIL_LIMIT)
