"""Names of TLS ciphers: OpenSSL has its own, and dashboards know those of IANA, which Go has."""

import re

_OLD = re.compile(r"(?:((?:EC)?DHE-(?:RSA|ECDSA|DSS))-)?([A-Z]+)([0-9]*)-?(.*)")
_IMPLIED_HASH = {"POLY1305": "POLY1305_SHA256", "CCM8": "CCM_8"}


def iana_name(cipher: str) -> str:
    """The name that IANA has for a cipher of OpenSSL: those of TLS 1.3 are the same.

    Of the older ones OpenSSL leaves out RSA as the way to exchange keys, and CBC as the mode.
    Source: https://docs.openssl.org/3.0/man1/openssl-ciphers/#cipher-suite-names
    """
    match = _OLD.fullmatch(cipher)
    if match is None or cipher.startswith("TLS_"):
        return cipher
    exchange, algorithm, bits, rest = match.groups()
    bits = f"_{bits}" if algorithm in {"AES", "CAMELLIA", "ARIA"} else bits
    rest = rest.replace("-", "_")
    rest = f"CBC_{rest}" if rest.startswith("SHA") else _IMPLIED_HASH.get(rest, rest)
    return f"TLS_{(exchange or 'RSA').replace('-', '_')}_WITH_{algorithm}{bits}_{rest}"
