"""What the other side of a spool refused for good: kept to be looked at, and to be sent again or discarded."""

import sqlite3
from collections.abc import Sequence

from slo.core.telemetry import Rank, Record
from slo.store.database import Database
from slo.store.spooled import DeadLetter

SCHEMA = """CREATE TABLE dead (
    number INTEGER PRIMARY KEY, rank INTEGER NOT NULL, at REAL NOT NULL, body BLOB NOT NULL,
    reason TEXT NOT NULL, detail TEXT NOT NULL, refused_at REAL NOT NULL
)"""


class DeadLetters:
    """Those in the file of a spool. Every call raises StoreError where the file cannot be used."""

    def __init__(self, file: Database) -> None:
        self._file = file
        with file.reading() as db:
            self.size_bytes: int = db.execute("SELECT coalesce(sum(length(body)), 0) FROM dead").fetchone()[0]

    @staticmethod
    def put(db: sqlite3.Connection, letters: Sequence[DeadLetter]) -> None:
        """Put some in, in a transaction; `grow` when that is through."""
        db.executemany(
            "INSERT INTO dead VALUES (?, ?, ?, ?, ?, ?, ?)",
            [
                (
                    *(letter.record.number, letter.record.rank, letter.record.at, letter.record.body),
                    *(letter.reason, letter.detail, letter.refused_at),
                )
                for letter in letters
            ],
        )

    def grow(self, size: int) -> None:
        """There are so many bytes more, or less."""
        self.size_bytes += size

    def newest(self, *, most: int) -> list[DeadLetter]:
        """The newest first."""
        with self._file.reading() as db:
            rows = db.execute(
                "SELECT number, rank, at, body, reason, detail, refused_at FROM dead ORDER BY number DESC LIMIT ?",
                (most,),
            ).fetchall()
        return [
            DeadLetter(
                record=Record(number=number, rank=Rank(rank), at=at, body=body),
                reason=reason,
                detail=detail,
                refused_at=refused_at,
            )
            for number, rank, at, body, reason, detail, refused_at in rows
        ]

    def count(self) -> dict[str, int]:
        """How many there are, by reason."""
        with self._file.reading() as db:
            return dict(db.execute("SELECT reason, count(*) FROM dead GROUP BY reason").fetchall())

    def discard(self) -> dict[Rank, int]:
        """Forget all of them, events too; how many of each rank."""
        with self._file.writing() as db:
            rows = db.execute("SELECT rank, count(*), sum(length(body)) FROM dead GROUP BY rank").fetchall()
            db.execute("DELETE FROM dead")
        self.grow(-sum(size for _, _, size in rows))
        return {Rank(rank): count for rank, count, _ in rows}

    def bury(self, most_bytes: int) -> dict[Rank, int]:
        """Forget what matters least, the oldest first, until at most so many bytes are left; how many of each rank.

        Events stay in any case.
        """
        surplus, buried = self.size_bytes - most_bytes, dict[Rank, int]()
        if surplus <= 0:
            return buried
        freed = 0
        with self._file.writing() as db:
            rows = db.execute(
                "SELECT number, rank, length(body) FROM dead WHERE rank != ? ORDER BY rank DESC, number", (Rank.EVENT,)
            ).fetchall()
            for number, rank, length in rows:
                if freed >= surplus:
                    break
                db.execute("DELETE FROM dead WHERE number = ?", (number,))
                buried[Rank(rank)] = buried.get(Rank(rank), 0) + 1
                freed += length
        self.grow(-freed)
        return buried
