"""How a client of PostgreSQL proves who it is: SCRAM-SHA-256, MD5, or the password itself.

https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-START-UP
"""

import hashlib

from slo.errors import Fault
from slo.net.conversation import said
from slo.net.scram import MECHANISM, Scram
from slo.net.sql import Fields, SQLLogin


class Proof:
    """Proves who we are, in the way that the server asks for."""

    def __init__(self, login: SQLLogin, *, private: bool) -> None:
        self._username = login.username
        self._password = login.password
        self._private = private
        self._scram: Scram | None = None

    def reply(self, asked: Fields) -> bytes:
        """What is said to one request of the server; empty where nothing is. Raises Fault."""
        method = asked.big(4)
        if method == 0:  # it is content
            if self._scram is not None and not self._scram.verified:
                raise Fault("data", detail="the server does not prove that it knows the password")
            return b""
        password = self._known()
        match method:
            case 3:  # cleartext
                if not self._private:
                    raise Fault("auth_method", detail="the server asks for the password itself, which needs tls")
                return text(password)
            case 5:  # MD5
                return text(_md5(self._username, password, asked.take(4)))
            case 10:  # SASL, of which SCRAM is one; 11 and 12 are its next steps
                return self._begin_scram(password, asked)
            case 11 if self._scram:
                return self._scram.final(asked.rest().decode(errors="replace")).encode()
            case 12 if self._scram:
                self._scram.verify(asked.rest().decode(errors="replace"))
                return b""
        raise Fault("auth_method", detail=f"the server asks for the way {method}, neither SCRAM nor MD5")

    def _known(self) -> str:
        if self._password is None:
            raise Fault("auth_refused", detail="the server asks for a password, and none is configured")
        return self._password.reveal()

    def _begin_scram(self, password: str, asked: Fields) -> bytes:
        offered = asked.rest().decode(errors="replace").split("\0")
        if MECHANISM not in offered:
            raise Fault("auth_method", detail=f"the server offers {said(' '.join(offered))!r} and not {MECHANISM}")
        self._scram = Scram(password)
        first = self._scram.first.encode()
        return text(MECHANISM) + len(first).to_bytes(4, "big") + first


def _md5(username: str, password: str, salt: bytes) -> str:
    inner = hashlib.md5(password.encode() + username.encode(), usedforsecurity=False).hexdigest()
    return "md5" + hashlib.md5(inner.encode() + salt, usedforsecurity=False).hexdigest()


def text(words: str) -> bytes:
    """A text as it stands in messages."""
    return words.encode() + b"\0"
