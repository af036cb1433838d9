"""How a password is proved to MySQL and MariaDB, by the plugin that the server asks for.

https://dev.mysql.com/doc/dev/mysql-server/latest/page_caching_sha2_authentication_exchanges.html
"""

import hashlib

from slo.errors import Fault
from slo.net.conversation import said

NATIVE = "mysql_native_password"
CACHING = "caching_sha2_password"

SPOKEN = frozenset({NATIVE, CACHING})

NONCE_BYTES = 20


def scrambled(plugin: str, password: bytes, nonce: bytes) -> bytes:
    """The proof that is sent for a nonce of the server; nothing for no password. Raises Fault for another plugin."""
    if plugin == NATIVE:
        return _native(password, nonce) if password else b""
    if plugin == CACHING:
        return _caching(password, nonce) if password else b""
    raise Fault("auth_method", detail=f"the server asks for the plugin {said(plugin)!r}, not {NATIVE} or {CACHING}")


def _native(password: bytes, nonce: bytes) -> bytes:
    once = _sha1(password)
    return _xor(once, _sha1(nonce + _sha1(once)))


def _caching(password: bytes, nonce: bytes) -> bytes:
    once = hashlib.sha256(password).digest()
    twice = hashlib.sha256(once).digest()
    return _xor(once, hashlib.sha256(twice + nonce).digest())


def _sha1(data: bytes) -> bytes:
    return hashlib.sha1(data, usedforsecurity=False).digest()


def _xor(one: bytes, other: bytes) -> bytes:
    return bytes(left ^ right for left, right in zip(one, other, strict=True))
