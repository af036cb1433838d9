"""The login SCRAM-SHA-256: both sides prove that they know the password, and neither says it. RFC 5802, RFC 7677."""

import hashlib
import hmac
import secrets
import stringprep
import unicodedata
from base64 import b64decode, b64encode
from binascii import Error as NoBase64

from slo.errors import Fault

MECHANISM = "SCRAM-SHA-256"
ITERATIONS = 200_000
"""The most that a server may ask for: it would otherwise have us calculate for minutes. PostgreSQL asks for 4096."""

_HEADER = "n,,"
"""No binding to the TLS channel."""


class Scram:
    """One login. `first` is sent, then `final` for what the server says to that, then `verify` what it says last."""

    def __init__(self, password: str, nonce: str = "") -> None:
        self._password = prepared(password).encode()
        self._nonce = nonce or secrets.token_urlsafe(18)
        self._expected = b""
        self.verified = False
        self.first = f"{_HEADER}n=,r={self._nonce}"

    def final(self, challenge: str) -> str:
        """The proof that we know the password. Raises Fault for a challenge that is none."""
        fields = _fields(challenge)
        nonce, salt, iterations = fields.get("r", ""), _decoded(fields.get("s", "")), fields.get("i", "")
        if not nonce.startswith(self._nonce) or not salt or not (iterations.isdecimal() and len(iterations) < 10):
            raise Fault("data", detail="the server's challenge is not one of SCRAM")
        if not 0 < int(iterations) <= ITERATIONS:
            raise Fault("data", detail=f"the server asks for more than {ITERATIONS} iterations of SCRAM")
        salted = hashlib.pbkdf2_hmac("sha256", self._password, salt, int(iterations))
        bare = f"c={b64encode(_HEADER.encode()).decode()},r={nonce}"
        said = f"{self.first.removeprefix(_HEADER)},{challenge},{bare}".encode()
        client_key = _hmac(salted, b"Client Key")
        signature = _hmac(hashlib.sha256(client_key).digest(), said)
        proof = bytes(one ^ other for one, other in zip(client_key, signature, strict=True))
        self._expected = _hmac(_hmac(salted, b"Server Key"), said)
        return f"{bare},p={b64encode(proof).decode()}"

    def verify(self, last: str) -> None:
        """Raise Fault unless the server knows the password as well."""
        signature = _decoded(_fields(last).get("v", ""))
        if not self._expected or not hmac.compare_digest(signature, self._expected):
            raise Fault("data", detail="the server does not prove that it knows the password")
        self.verified = True


def prepared(password: str) -> str:
    """The password as both sides calculate with it: SASLprep, RFC 4013. What that prohibits stays as it is."""
    mapped = "".join(
        " " if stringprep.in_table_c12(each) else each for each in password if not stringprep.in_table_b1(each)
    )
    return unicodedata.ucd_3_2_0.normalize("NFKC", mapped)


def _fields(message: str) -> dict[str, str]:
    return {part[:1]: part[2:] for part in message.split(",") if part[1:2] == "="}


def _decoded(text: str) -> bytes:
    try:
        return b64decode(text, validate=True)
    except (NoBase64, ValueError):
        return b""


def _hmac(key: bytes, message: bytes) -> bytes:
    return hmac.digest(key, message, "sha256")
