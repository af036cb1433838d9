"""The body of a response while it arrives: decoded, counted, kept where it is wanted, and never more than allowed."""

from slo.errors import Fault
from slo.net.decoding import Compression, Decoder, decoder_for

SLICE_BYTES = 262_144
"""How much is unfolded at once: it takes about a millisecond, in which no other round goes on."""

FREE_BYTES = 1_048_576
EXPANSION = 1_032
"""How many bytes one byte may unfold to, beyond so many that are free: more than deflate is able to. Brotli makes
gigabytes of a few hundred bytes, which would keep this process busy for seconds.
"""


class Body:
    """At most `limit` bytes are taken, before and after decoding as `compression` says; they are kept with `keep`.

    `received` bytes have arrived, and are `decoded` bytes after decoding: `unfold` does that bit by bit.
    """

    __slots__ = ("_compression", "_decoder", "_encoded", "_keep", "_limit", "_pieces", "_room", "decoded", "received")

    def __init__(self, *, limit: int, keep: bool, compression: Compression = "auto") -> None:
        self._compression = compression
        self._limit = limit
        self._keep = keep
        self._decoder: Decoder | None = None
        self._encoded: list[bytes] = []
        self._room = SLICE_BYTES
        self._pieces: list[bytes] = []
        self.received = 0
        self.decoded = 0

    @property
    def content(self) -> bytes:
        """The decoded bytes, as many as there are; empty where they are not kept, or are too many."""
        if len(self._pieces) > 1:
            self._pieces = [b"".join(self._pieces)]
        return self._pieces[0] if self._pieces else b""

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
        if self._decoder is None:
            self._take(data)
        else:
            self._encoded.append(data)
            self._decode(self._decoder)

    def unfold(self) -> bool:
        """Decode on, up to a slice in each turn of the event loop that calls this once; returns whether there is more.

        Raises Fault.
        """
        if self._decoder is None:
            return False
        self._decode(self._decoder)
        self._room = SLICE_BYTES
        return self._decoder.pending or bool(self._encoded)

    def _decode(self, decoder: Decoder) -> None:
        limit = min(self._limit, max(FREE_BYTES, EXPANSION * self.received))
        while self._room > 0 and (decoder.pending or self._encoded):
            piece = b"" if decoder.pending else self._encoded.pop(0)
            try:
                data = decoder.decode(piece, min(self._room, limit + 1 - self.decoded))
            except ValueError as error:
                raise Fault("body_encoding", detail=str(error)) from None
            if self.decoded + len(data) > limit:
                self.decoded = limit
                if limit < self._limit:
                    self._pieces.clear()
                    raise Fault("body_too_large", detail=f"{self.received} bytes unfold to more than {limit}")
                raise self._too_large("after decoding")
            self._room -= len(data)
            self._take(data)

    def _take(self, data: bytes) -> None:
        self.decoded += len(data)
        if self._keep:
            self._pieces.append(data)

    def end(self) -> Fault | None:
        """What is wrong with a body that ends here."""
        if self._decoder is None or self._decoder.complete or not self.received:
            return None
        return Fault("body_encoding", detail="the encoded body breaks off")

    def _too_large(self, what: str) -> Fault:
        self._pieces.clear()  # nobody looks at a body that is refused, and it is large
        self._encoded.clear()
        return Fault("body_too_large", detail=f"more than {self._limit} bytes{', ' if what else ''}{what}")
