"""The body of a response while it arrives: decoded, counted, kept where it is wanted, and never more than allowed."""

from slo.errors import Fault
from slo.net.decoding import Compression, Decoder, decoder_for

FREE_BYTES = 1_048_576
EXPANSION = 1_032
"""How many bytes one byte may unfold to, beyond so many that are free: more than deflate is able to. Brotli makes
gigabytes of a few hundred bytes, which would be unfolded in one go.
"""


class Body:
    """At most `limit` bytes are taken, before and after decoding as `compression` says; they are kept with `keep`.

    `received` bytes have arrived, and are `decoded` bytes after decoding.
    """

    __slots__ = ("_compression", "_decoder", "_keep", "_limit", "_pieces", "decoded", "received")

    def __init__(self, *, limit: int, keep: bool, compression: Compression = "auto") -> None:
        self._compression = compression
        self._limit = limit
        self._keep = keep
        self._decoder: Decoder | None = None
        self._pieces: list[bytes] = []
        self.received = 0
        self.decoded = 0

    @property
    def content(self) -> bytes:
        """The decoded bytes, as many as there are; empty where they are not kept."""
        return b"".join(self._pieces)

    def expect(self, *, length: int | None, encoding: str) -> None:
        """Take in what the headers say of the body: its length in bytes, its encoding, where they do. Raises Fault."""
        if length is not None and length > self._limit:
            raise self._too_large(f"{length} bytes are announced")
        if self._compression != "auto":
            encoding = self._compression
        if encoding and encoding != "identity":
            self._decoder = decoder_for(encoding)
            if self._decoder is None and self._keep:
                raise Fault("body_encoding", detail=f"there is no decoder for {encoding}")

    def add(self, data: bytes) -> None:
        """Take in the next bytes. Raises Fault."""
        self.received += len(data)
        if self.received > self._limit:
            self.decoded = self._limit
            raise self._too_large("")
        limit = self._limit
        if self._decoder is not None:
            limit = min(limit, max(FREE_BYTES, EXPANSION * self.received))
            try:
                data = self._decoder.decode(data, limit + 1 - self.decoded)
            except ValueError as error:
                raise Fault("body_encoding", detail=str(error)) from None
        self.decoded += len(data)
        if self.decoded > limit:
            self.decoded = limit
            if limit < self._limit:
                raise Fault("body_too_large", detail=f"{self.received} bytes unfold to more than {limit}")
            raise self._too_large("after decoding")
        if self._keep:
            self._pieces.append(data)

    def end(self) -> Fault | None:
        """What is wrong with a body that ends here."""
        if self._decoder is None or self._decoder.complete or not self.received:
            return None
        return Fault("body_encoding", detail="the encoded body breaks off")

    def _too_large(self, what: str) -> Fault:
        return Fault("body_too_large", detail=f"more than {self._limit} bytes{', ' if what else ''}{what}")
