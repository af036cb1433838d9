"""Bodies, compressed as every one of these servers takes them."""

import zlib

LEVEL = 1
"""Documents say the same words again and again: higher levels cost several times as much, and save a few percent."""

_GZIP = 16 + zlib.MAX_WBITS


def zipped(raw: bytes) -> bytes:
    """The bytes as gzip."""
    compress = zlib.compressobj(LEVEL, wbits=_GZIP)
    return compress.compress(raw) + compress.flush()
