"""Who is told what arrives on a connection, where that is known only after it was made."""

from slo.net.connection import Receiver


class Relay:
    """Hands what arrives on to whoever it was led to last, and keeps it while that is nobody."""

    __slots__ = ("_closed", "_error", "_kept", "_to")

    def __init__(self) -> None:
        self._to: Receiver | None = None
        self._kept: list[bytes] = []
        self._closed = False
        self._error: Exception | None = None

    def lead(self, to: Receiver | None) -> None:
        """From now on, and with what was kept, `to` is told; with None it is kept."""
        self._to = to
        if to is None:
            return
        kept, self._kept = self._kept, []
        for data in kept:
            busy = to.received(data)
            while busy:
                busy = to.received(b"")
        if self._closed:
            to.closed(self._error)

    def received(self, data: bytes) -> bool | None:
        """Called by the connection."""
        if self._to is None:
            self._kept.append(data)
            return False
        return self._to.received(data)

    def closed(self, error: Exception | None) -> None:
        """Called by the connection."""
        self._closed, self._error = True, error
        if self._to is not None:
            self._to.closed(error)
