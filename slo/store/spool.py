"""A spool on disk: telemetry that waits for one destination, by rank, and what that refused for good.

Everything that has to agree is in the one file and changes in one transaction: records with the marks of how far what
they were made of has been read; the batch that is under way; what is done with what became of it.
"""

import json
import sqlite3
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path

from slo.core.telemetry import Rank, Record
from slo.store.database import Database, Format, fitting
from slo.store.dead_letters import SCHEMA as DEAD_LETTERS
from slo.store.dead_letters import DeadLetters
from slo.store.spooled import Batch, DeadLetter, Depth, New

FORMAT = Format(
    of="spool",
    application_id=0x574B5350,  # `WKSP` in the header of the file
    version=1,
    schema=(
        """CREATE TABLE records (
            number INTEGER PRIMARY KEY AUTOINCREMENT, rank INTEGER NOT NULL, at REAL NOT NULL, body BLOB NOT NULL
        )""",
        "CREATE INDEX records_by_rank ON records (rank, number)",
        "CREATE INDEX records_by_age ON records (rank, at)",
        DEAD_LETTERS,
        "CREATE TABLE marks (name TEXT PRIMARY KEY, mark TEXT NOT NULL) WITHOUT ROWID",
    ),
)

UNDER_WAY = "under way"
"""The mark of a batch that is being sent, or may have arrived."""

_COLUMNS = "SELECT number, rank, at, body FROM records"
_FIRST = "ORDER BY number LIMIT ?"

SHARE_OF_THE_DEAD = 10
"""What was refused may have the tenth part of what a spool may have."""


class SpoolFile:
    """The spool in the file `path`. Numbers begin at 1, and none is given again. Safe to use from several threads.

    `dead` is what was refused for good.

    Raises StoreError for a file of a newer version, StoreBusy or StoreFull where it cannot be used now. One that is
    damaged is set aside, unless it is `opened` by `Database`, which raises StoreDamaged then.
    """

    def __init__(
        self, path: Path, *, busy_timeout_seconds: float = 2.0, opened: Callable[..., Database] = Database.sound
    ) -> None:
        self._file = opened(path, FORMAT, busy_timeout_seconds=busy_timeout_seconds)
        with self._file.reading() as db:
            rows = db.execute("SELECT rank, count(*), sum(length(body)) FROM records GROUP BY rank").fetchall()
            self._records: dict[Rank, int] = dict.fromkeys(Rank, 0) | {Rank(rank): count for rank, count, _ in rows}
            self._bytes: dict[Rank, int] = dict.fromkeys(Rank, 0) | {Rank(rank): size for rank, _, size in rows}
        self.dead = DeadLetters(self._file)

    @property
    def path(self) -> Path:
        """Where it is."""
        return self._file.path

    @property
    def replaces_damaged(self) -> bool:
        """Whether it was begun in the place of one that was damaged: nobody knows how far things were told."""
        return self._file.replaces_damaged

    @property
    def held_bytes(self) -> int:
        """What waits, and what was refused."""
        return self.waiting_bytes + self.dead.size_bytes

    @property
    def waiting_bytes(self) -> int:
        """What waits."""
        return sum(self._bytes.values())

    def bytes_of(self, rank: Rank) -> int:
        """What waits of one rank."""
        return self._bytes[rank]

    def append(self, records: Collection[New], marks: Mapping[str, str | None]) -> None:
        """Put records at the end, set marks, and take those away that are None: all or nothing. Raises StoreError."""
        with self._file.writing() as db:
            db.executemany(
                "INSERT INTO records (rank, at, body) VALUES (?, ?, ?)",
                [(record.rank, record.at, record.body) for record in records],
            )
            db.executemany(
                "INSERT OR REPLACE INTO marks VALUES (?, ?)",
                [(name, mark) for name, mark in marks.items() if mark is not None],
            )
            db.executemany(
                "DELETE FROM marks WHERE name = ?", [(name,) for name, mark in marks.items() if mark is None]
            )
        for record in records:
            self._change(record.rank, 1, len(record.body))

    def marks(self) -> dict[str, str]:
        """All marks but ours, by name. Raises StoreError."""
        with self._file.reading() as db:
            return dict(db.execute("SELECT name, mark FROM marks WHERE name != ?", (UNDER_WAY,)).fetchall())

    def head(self, *, most: int, most_bytes: int) -> Batch | None:
        """What is to be sent next: of what may have arrived the first; otherwise the first of the lowest rank.

        At least one record, and as many as fit; None where nothing waits. Raises StoreError.
        """
        with self._file.reading() as db:
            doubted = _under_way(db)
            if doubted is not None:
                rows = db.execute(f"{_COLUMNS} WHERE rank = ? AND number BETWEEN ? AND ? {_FIRST}", (*doubted, most))
                if found := _records(rows, most_bytes):
                    return Batch(records=found, again=True)
            lowest = "rank = (SELECT min(rank) FROM records)"
            rows = db.execute(f"{_COLUMNS} WHERE {lowest} {_FIRST}", (most,))
            found = _records(rows, most_bytes)
        return Batch(records=found) if found else None

    def begin(self, batch: Batch) -> None:
        """Keep that a batch is under way: until it is settled it is the head, as it is. Raises StoreError."""
        with self._file.writing() as db:
            db.execute("INSERT OR REPLACE INTO marks VALUES (?, ?)", (UNDER_WAY, json.dumps(batch.span)))

    def settle(
        self,
        done: Iterable[Record],
        dead: Sequence[DeadLetter] = (),
        *,
        doubted: bool = False,
        most_bytes: int | None = None,
    ) -> dict[Rank, int]:
        """Forget what is done, and keep what is dead. What is left of what was under way is not so any more.

        With `doubted` it is: it may have arrived, whatever was said of it since.

        Of the dead those go that matter least where they have more than their share of `most_bytes`; how many of each
        rank. Raises StoreError.
        """
        gone = [*done, *(letter.record for letter in dead)]
        with self._file.writing() as db:
            db.executemany("DELETE FROM records WHERE number = ?", [(record.number,) for record in gone])
            if not (doubted and _is_there(db, _under_way(db))):
                db.execute("DELETE FROM marks WHERE name = ?", (UNDER_WAY,))
            DeadLetters.put(db, dead)
        for record in gone:
            self._change(record.rank, -1, -len(record.body))
        self.dead.grow(sum(len(letter.record.body) for letter in dead))
        if not self.waiting_bytes:
            self._file.shrink()
        return {} if most_bytes is None else self.dead.bury(most_bytes // SHARE_OF_THE_DEAD)

    def expire(self, before: Mapping[Rank, float]) -> dict[Rank, int]:
        """Forget records about a time before that of their rank (Unix seconds); how many of each. Raises StoreError."""
        expired = Counter[Rank]()
        for rank, moment in before.items():
            if self._bytes[rank]:
                expired[rank] = self._forget(rank, "at < ?", moment)
        return +expired

    def make_room(self, most_bytes: int) -> dict[Rank, int]:
        """Forget records until at most so many bytes wait; how many of each rank.

        The highest rank goes first, the oldest of it before the others; what is under way, and events, stay in any
        case. Raises StoreError.
        """
        dropped = Counter[Rank]()
        for rank in sorted(Rank, reverse=True):
            surplus = self.waiting_bytes - most_bytes
            if surplus <= 0:
                break
            if rank is Rank.EVENT or not self._bytes[rank]:
                continue
            after, last = self._surplus(rank, surplus)
            dropped[rank] = self._forget(rank, "number > ? AND number <= ?", after, last)
        return +dropped

    def keep(self, wanted: Callable[[bytes], bool]) -> dict[Rank, int]:
        """Forget everything whose body is not wanted, waiting or refused; how many of each rank. Raises StoreError."""
        waiting: list[tuple[int, Rank, int]] = []
        dead: list[tuple[int, Rank, int]] = []
        with self._file.writing() as db:
            for table, unwanted in (("records", waiting), ("dead", dead)):
                rows = db.execute(f"SELECT number, rank, body FROM {table}")  # noqa: S608 - one of two
                unwanted += [(number, Rank(rank), len(body)) for number, rank, body in rows if not wanted(body)]
                numbers = [(number,) for number, _, _ in unwanted]
                db.executemany(f"DELETE FROM {table} WHERE number = ?", numbers)  # noqa: S608
        for _, rank, size in waiting:
            self._change(rank, -1, -size)
        self.dead.grow(-sum(size for _, _, size in dead))
        return Counter(rank for _, rank, _ in (*waiting, *dead))

    def depths(self) -> dict[Rank, Depth]:
        """What waits, by rank; those of which nothing does are left out. Raises StoreError."""
        with self._file.reading() as db:
            oldest = {
                rank: db.execute("SELECT min(at) FROM records WHERE rank = ?", (rank,)).fetchone()[0] for rank in Rank
            }
        return {
            rank: Depth(records=self._records[rank], size_bytes=self._bytes[rank], oldest=at)
            for rank, at in oldest.items()
            if at is not None
        }

    def retry(self) -> int:
        """Have everything sent again that was refused for good, after all that waits; how many. Raises StoreError."""
        with self._file.writing() as db:
            sizes = db.execute("SELECT rank, count(*), sum(length(body)) FROM dead GROUP BY rank").fetchall()
            db.execute("INSERT INTO records (rank, at, body) SELECT rank, at, body FROM dead ORDER BY number")
            db.execute("DELETE FROM dead")
        for rank, count, size in sizes:
            self._change(Rank(rank), count, size)
        self.dead.grow(-self.dead.size_bytes)
        return sum(count for _, count, _ in sizes)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _change(self, rank: Rank, records: int, size: int) -> None:
        self._records[rank] += records
        self._bytes[rank] += size

    def _surplus(self, rank: Rank, surplus: int) -> tuple[int, int]:
        """After which number, and up to which, records of a rank are to go to free so many bytes, if it has them."""
        with self._file.reading() as db:
            spared = _under_way(db)
            after = last = spared[2] if spared is not None and spared[0] == rank else 0
            for number, length in db.execute(
                "SELECT number, length(body) FROM records WHERE rank = ? AND number > ? ORDER BY number", (rank, after)
            ):
                last, surplus = number, surplus - length
                if surplus <= 0:
                    break
        return after, last

    def _forget(self, rank: Rank, where: str, *values: float) -> int:
        """Forget the records of a rank for which that holds; how many."""
        chosen = f"FROM records WHERE rank = ? AND {where}"
        with self._file.writing() as db:
            query = f"SELECT count(*), coalesce(sum(length(body)), 0) {chosen}"
            count, size = db.execute(query, (rank, *values)).fetchone()
            db.execute(f"DELETE {chosen}", (rank, *values))
        self._change(rank, -count, -size)
        return int(count)


def _under_way(db: sqlite3.Connection) -> tuple[int, int, int] | None:
    """The rank, and the first and the last number, of what is under way; see `Batch.span`."""
    mark = db.execute("SELECT mark FROM marks WHERE name = ?", (UNDER_WAY,)).fetchone()
    if mark is None:
        return None
    rank, first, last = json.loads(mark[0])
    return rank, first, last


def _is_there(db: sqlite3.Connection, span: tuple[int, int, int] | None) -> bool:
    """Whether any record of a span is still there."""
    query = "SELECT 1 FROM records WHERE rank = ? AND number BETWEEN ? AND ? LIMIT 1"
    return span is not None and db.execute(query, span).fetchone() is not None


def _records(rows: Iterable[tuple[int, int, float, bytes]], most_bytes: int) -> list[Record]:
    return [
        Record(number=number, rank=Rank(rank), at=at, body=body) for number, rank, at, body in fitting(rows, most_bytes)
    ]
