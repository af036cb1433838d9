"""Content encodings: bodies are inflated as they arrive, and never much further at once than asked for."""

import zlib
from typing import Literal, Protocol, TypeAlias

Compression: TypeAlias = Literal["auto", "identity", "gzip", "deflate", "br"]
"""How a body is decoded: by its header Content-Encoding, not at all, or as this encoding whatever the header says."""

_GZIP = 31
_DEFLATE = 15
"""What zlib calls `wbits`: the largest window, and whose wrapper is around it."""


class Decoder(Protocol):
    """Takes an encoded body piece by piece. `complete` says that the encoding has ended where the pieces did.

    `pending` says that the pieces may unfold to more than was returned: that comes with the next call, also of b"".
    """

    complete: bool
    pending: bool

    def decode(self, data: bytes, limit: int) -> bytes:
        """About `limit` decoded bytes at most, twice as many at worst. Raises ValueError for what was never encoded."""


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
        self._rest = b""
        self.complete = False
        self.pending = False

    def decode(self, data: bytes, limit: int) -> bytes:
        if not self._begun and data:
            self._begun = True
            if self._wbits == _DEFLATE and data[0] & 0x0F != zlib.DEFLATED:
                # Some servers leave out the wrapper that RFC 9110 asks for.
                self._wbits = -_DEFLATE
                self._inflate = zlib.decompressobj(self._wbits)
        data = self._rest + data
        decoded = bytearray()
        while data or self.pending:
            if self._inflate.eof:
                self._inflate = zlib.decompressobj(self._wbits)
            try:
                decoded += self._inflate.decompress(data, limit - len(decoded))
            except zlib.error as error:
                raise ValueError(str(error)) from None
            data = self._inflate.unused_data or self._inflate.unconsumed_tail
            # Where nothing is left of the data, the end of what it unfolds to may be left within.
            self.pending = len(decoded) >= limit and not (self._inflate.eof and not data)
            if self.pending:
                break
        self._rest = data
        self.complete = self._inflate.eof
        return bytes(decoded)


class _Brotli:
    """Brotli, RFC 7932."""

    def __init__(self) -> None:
        import brotli

        self._error = brotli.error
        self._decompressor = brotli.Decompressor()
        self.complete = False
        self.pending = False

    def decode(self, data: bytes, limit: int) -> bytes:
        try:
            decoded = self._decompressor.process(data, output_buffer_limit=limit)
        except self._error as error:
            raise ValueError(str(error)) from None
        # Where the limit was met, it has not looked whether the encoding ends there.
        self.pending = len(decoded) >= limit or not self._decompressor.can_accept_more_data()
        self.complete = self._decompressor.is_finished()
        return bytes(decoded)
