"""Content encodings: bodies are inflated as they arrive, and never further than asked for."""

import zlib
from typing import Literal, Protocol, TypeAlias

Compression: TypeAlias = Literal["auto", "identity", "gzip", "deflate", "br"]
"""How a body is decoded: by its header Content-Encoding, not at all, or as this encoding whatever the header says."""

_GZIP = 31
_DEFLATE = 15
"""What zlib calls `wbits`: the largest window, and whose wrapper is around it."""


class Decoder(Protocol):
    """Takes an encoded body piece by piece. `complete` says that the encoding has ended where the pieces did."""

    complete: bool

    def decode(self, data: bytes, limit: int) -> bytes:
        """At most `limit` decoded bytes; what goes beyond is dropped. Raises ValueError for what was never encoded."""


def decoder_for(encoding: str) -> Decoder | None:
    """The decoder of a content encoding in lower case; None for one that we do not know."""
    match encoding:
        case "gzip" | "x-gzip":
            return _Inflate(wbits=_GZIP)
        case "deflate":
            return _Inflate(wbits=_DEFLATE)
        case "br":
            return _Brotli()
    return None


class _Inflate:
    """gzip, also of several members, and deflate."""

    def __init__(self, *, wbits: int) -> None:
        self._wbits = wbits
        self._inflate = zlib.decompressobj(wbits)
        self._begun = False
        self.complete = False

    def decode(self, data: bytes, limit: int) -> bytes:
        if not self._begun and data:
            self._begun = True
            if self._wbits == _DEFLATE and data[0] & 0x0F != zlib.DEFLATED:
                # Some servers leave out the wrapper that RFC 9110 asks for.
                self._wbits = -_DEFLATE
                self._inflate = zlib.decompressobj(self._wbits)
        decoded = bytearray()
        while data and len(decoded) < limit:
            if self._inflate.eof:
                self._inflate = zlib.decompressobj(self._wbits)
            try:
                decoded += self._inflate.decompress(data, limit - len(decoded))
            except zlib.error as error:
                raise ValueError(str(error)) from None
            data = self._inflate.unused_data or self._inflate.unconsumed_tail
        self.complete = self._inflate.eof
        return bytes(decoded)


class _Brotli:
    """Brotli, RFC 7932."""

    def __init__(self) -> None:
        import brotli

        self._error = brotli.error
        self._decompressor = brotli.Decompressor()
        self.complete = False

    def decode(self, data: bytes, limit: int) -> bytes:
        decoded = bytearray()
        while (data or not self._decompressor.can_accept_more_data()) and len(decoded) < limit:
            try:
                # The buffer doubles until it is as large as the limit; more than that is dropped.
                decoded += self._decompressor.process(data, output_buffer_limit=limit - len(decoded))
            except self._error as error:
                raise ValueError(str(error)) from None
            data = b""
        self.complete = self._decompressor.is_finished()
        return bytes(decoded[:limit])
