"""A queue on disk: bodies in the order in which they came, kept until whoever reads them needs them no more.

A file that is damaged is set aside and a new queue begun, which has another `identity`: numbers of one queue say
nothing of another.
"""

import secrets
from collections.abc import Collection
from pathlib import Path

from slo.store.database import Database, Format, fitting

FORMAT = Format(
    of="queue",
    application_id=0x574B5155,  # `WKQU` in the header of the file
    version=1,
    schema=(
        "CREATE TABLE bodies (number INTEGER PRIMARY KEY AUTOINCREMENT, body BLOB NOT NULL)",
        "CREATE TABLE about (identity TEXT NOT NULL)",
    ),
)


class Queue:
    """The queue in the file `path`. Bodies are numbered from 1 on, and a number is never given again.

    Safe to use from several threads. Raises StoreError for a file of a newer version, StoreBusy or StoreFull where it
    cannot be used now.
    """

    def __init__(self, path: Path, *, busy_timeout_seconds: float = 2.0) -> None:
        self._file = Database.sound(path, FORMAT, busy_timeout_seconds=busy_timeout_seconds)
        with self._file.writing() as db:
            db.execute("INSERT INTO about SELECT ? WHERE NOT EXISTS (SELECT * FROM about)", (secrets.token_hex(8),))
            self.identity: str = db.execute("SELECT identity FROM about").fetchone()[0]
            self.held_bytes: int = db.execute("SELECT coalesce(sum(length(body)), 0) FROM bodies").fetchone()[0]

    def append(self, bodies: Collection[bytes]) -> int:
        """Put bodies at the end, all of them or none; the number of the last. Raises StoreError."""
        with self._file.writing() as db:
            last = 0
            for body in bodies:
                last = db.execute("INSERT INTO bodies (body) VALUES (?)", (body,)).lastrowid or 0
        self.held_bytes += sum(map(len, bodies))
        return last

    def after(self, number: int, *, most: int, most_bytes: int) -> list[tuple[int, bytes]]:
        """The bodies after a number, with theirs: the first in any case, and as many as fit. Raises StoreError."""
        with self._file.reading() as db:
            rows = db.execute(
                "SELECT number, body FROM bodies WHERE number > ? ORDER BY number LIMIT ?", (number, most)
            )
            return fitting(rows, most_bytes)

    def drop_through(self, number: int) -> None:
        """Forget everything up to a number. Raises StoreError."""
        with self._file.writing() as db:
            gone: int = db.execute(
                "SELECT coalesce(sum(length(body)), 0) FROM bodies WHERE number <= ?", (number,)
            ).fetchone()[0]
            db.execute("DELETE FROM bodies WHERE number <= ?", (number,))
        self.held_bytes -= gone
        if not self.held_bytes:
            self._file.shrink()

    def close(self) -> None:
        """Close the file."""
        self._file.close()
