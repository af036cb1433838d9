"""A spool on disk: telemetry that waits for one destination, by rank, and what that refused for good.

Everything that has to agree is in the one file and changes in one transaction: records with the marks of how far what
they were made of has been read; the batch that is under way; what is done with what became of it.
"""

import json
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path

from slo.core.telemetry import Rank, Record
from slo.store.database import Database, Format
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
        """CREATE TABLE dead (
            number INTEGER PRIMARY KEY, rank INTEGER NOT NULL, at REAL NOT NULL, body BLOB NOT NULL,
            reason TEXT NOT NULL, detail TEXT NOT NULL, refused_at REAL NOT NULL
        )""",
        "CREATE TABLE marks (name TEXT PRIMARY KEY, mark TEXT NOT NULL) WITHOUT ROWID",
    ),
)

UNDER_WAY = "under way"
"""The mark of a batch that is being sent, or may have arrived."""

SHARE_OF_THE_DEAD = 10
"""What was refused may have the tenth part of what a spool may have."""


class SpoolFile:
    """The spool in the file `path`. Numbers begin at 1, and none is given again. Safe to use from several threads.

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
            self._dead_bytes: int = db.execute("SELECT coalesce(sum(length(body)), 0) FROM dead").fetchone()[0]

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
        return self.waiting_bytes + self._dead_bytes

    @property
    def dead_bytes(self) -> int:
        """What was refused."""
        return self._dead_bytes

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
        """What is to be sent next: a batch that may have arrived, as it was; otherwise the first of the lowest rank.

        At least one record, and as many as fit; None where nothing waits. Raises StoreError.
        """
        with self._file.reading() as db:
            mark = db.execute("SELECT mark FROM marks WHERE name = ?", (UNDER_WAY,)).fetchone()
            if mark is not None:
                rank, first, last = json.loads(mark[0])
                rows = db.execute(
                    "SELECT number, rank, at, body FROM records WHERE rank = ? AND number BETWEEN ? AND ?"
                    " ORDER BY number",
                    (rank, first, last),
                ).fetchall()
                if rows:
                    return Batch(records=[_record(row) for row in rows], again=True)
            found: list[Record] = []
            left = most_bytes
            for row in db.execute(
                "SELECT number, rank, at, body FROM records WHERE rank = (SELECT min(rank) FROM records)"
                " ORDER BY number LIMIT ?",
                (most,),
            ):
                left -= len(row[3])
                if found and left < 0:
                    break
                found.append(_record(row))
        return Batch(records=found) if found else None

    def begin(self, batch: Batch) -> None:
        """Keep that a batch is under way: until it is settled it is the head, as it is. Raises StoreError."""
        with self._file.writing() as db:
            db.execute("INSERT OR REPLACE INTO marks VALUES (?, ?)", (UNDER_WAY, json.dumps(batch.span)))

    def settle(
        self, done: Iterable[Record], dead: Sequence[DeadLetter] = (), *, most_bytes: int | None = None
    ) -> dict[Rank, int]:
        """Forget what is done, keep what is dead, and that nothing is under way any more.

        Of the dead those go that matter least where they have more than their share of `most_bytes`; how many of each
        rank. Raises StoreError.
        """
        gone = [*done, *(letter.record for letter in dead)]
        with self._file.writing() as db:
            db.execute("DELETE FROM marks WHERE name = ?", (UNDER_WAY,))
            db.executemany("DELETE FROM records WHERE number = ?", [(record.number,) for record in gone])
            db.executemany(
                "INSERT INTO dead VALUES (?, ?, ?, ?, ?, ?, ?)",
                [
                    (
                        *(letter.record.number, letter.record.rank, letter.record.at, letter.record.body),
                        *(letter.reason, letter.detail, letter.refused_at),
                    )
                    for letter in dead
                ],
            )
        for record in gone:
            self._change(record.rank, -1, -len(record.body))
        self._dead_bytes += sum(len(letter.record.body) for letter in dead)
        if not any(self._bytes.values()):
            self._file.shrink()
        return {} if most_bytes is None else self._bury(most_bytes // SHARE_OF_THE_DEAD)

    def expire(self, before: Mapping[Rank, float]) -> dict[Rank, int]:
        """Forget records about a time before that of their rank (Unix seconds); how many of each. Raises StoreError."""
        expired: dict[Rank, int] = {}
        for rank, moment in before.items():
            if self._bytes[rank]:
                expired[rank] = self._forget("rank = ? AND at < ?", (rank, moment)).get(rank, 0)
        return {rank: count for rank, count in expired.items() if count}

    def make_room(self, most_bytes: int) -> dict[Rank, int]:
        """Forget records until at most so many bytes wait; how many of each rank.

        The highest rank goes first, the oldest of it before the others; what is under way, and events, stay in any
        case. Raises StoreError.
        """
        dropped: dict[Rank, int] = {}
        for rank in sorted(Rank, reverse=True):
            surplus = sum(self._bytes.values()) - most_bytes
            if surplus <= 0:
                break
            if rank is Rank.EVENT or not self._bytes[rank]:
                continue
            last = self._last_of_surplus(rank, surplus)
            dropped |= self._forget("rank = ? AND number > ? AND number <= ?", (rank, *last))
        return {rank: count for rank, count in dropped.items() if count}

    def keep(self, wanted: Callable[[bytes], bool]) -> dict[Rank, int]:
        """Forget everything whose body is not wanted, waiting or refused; how many of each rank. Raises StoreError."""
        gone: dict[Rank, int] = {}
        with self._file.writing() as db:
            for table in ("records", "dead"):
                rows = db.execute(f"SELECT number, rank, body FROM {table}")  # noqa: S608 - one of two
                unwanted = [(number, Rank(rank), len(body)) for number, rank, body in rows if not wanted(body)]
                for number, rank, size in unwanted:
                    db.execute(f"DELETE FROM {table} WHERE number = ?", (number,))  # noqa: S608
                    gone[rank] = gone.get(rank, 0) + 1
                    if table == "records":
                        self._change(rank, -1, -size)
                    else:
                        self._dead_bytes -= size
        return gone

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

    def dead(self, *, most: int) -> list[DeadLetter]:
        """What was refused for good, the newest first. Raises StoreError."""
        with self._file.reading() as db:
            rows = db.execute(
                "SELECT number, rank, at, body, reason, detail, refused_at FROM dead ORDER BY number DESC LIMIT ?",
                (most,),
            ).fetchall()
        return [DeadLetter(record=_record(row[:4]), reason=row[4], detail=row[5], refused_at=row[6]) for row in rows]

    def count_dead(self) -> dict[str, int]:
        """How many were refused for good, by reason. Raises StoreError."""
        with self._file.reading() as db:
            return dict(db.execute("SELECT reason, count(*) FROM dead GROUP BY reason").fetchall())

    def retry(self) -> int:
        """Have everything sent again that was refused for good, after all that waits; how many. Raises StoreError."""
        with self._file.writing() as db:
            sizes = db.execute("SELECT rank, count(*), sum(length(body)) FROM dead GROUP BY rank").fetchall()
            db.execute("INSERT INTO records (rank, at, body) SELECT rank, at, body FROM dead ORDER BY number")
            db.execute("DELETE FROM dead")
        for rank, count, size in sizes:
            self._change(Rank(rank), count, size)
        self._dead_bytes = 0
        return sum(count for _, count, _ in sizes)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _change(self, rank: Rank, records: int, size: int) -> None:
        self._records[rank] += records
        self._bytes[rank] += size

    def _last_of_surplus(self, rank: Rank, surplus: int) -> tuple[int, int]:
        """After which number, and up to which, records of a rank are to go to free so many bytes, if it has them."""
        with self._file.reading() as db:
            mark = db.execute("SELECT mark FROM marks WHERE name = ?", (UNDER_WAY,)).fetchone()
            spared = json.loads(mark[0]) if mark is not None else (-1, 0, 0)
            after = last = spared[2] if spared[0] == rank else 0
            for number, length in db.execute(
                "SELECT number, length(body) FROM records WHERE rank = ? AND number > ? ORDER BY number", (rank, after)
            ):
                last, surplus = number, surplus - length
                if surplus <= 0:
                    break
        return after, last

    def _forget(self, where: str, values: tuple[float, ...]) -> dict[Rank, int]:
        with self._file.writing() as db:
            gone = db.execute(
                f"SELECT rank, count(*), sum(length(body)) FROM records WHERE {where} GROUP BY rank",  # noqa: S608
                values,
            ).fetchall()
            db.execute(f"DELETE FROM records WHERE {where}", values)  # noqa: S608 - the condition is ours
        for rank, count, size in gone:
            self._change(Rank(rank), -count, -size)
        return {Rank(rank): count for rank, count, _ in gone}

    def _bury(self, most_bytes: int) -> dict[Rank, int]:
        """Forget of the dead what matters least, the oldest first, until at most so many bytes are left; how many.

        Events stay in any case.
        """
        surplus, buried = self._dead_bytes - most_bytes, dict[Rank, int]()
        if surplus <= 0:
            return buried
        with self._file.writing() as db:
            rows = db.execute(
                "SELECT number, rank, length(body) FROM dead WHERE rank != ? ORDER BY rank DESC, number", (Rank.EVENT,)
            ).fetchall()
            for number, rank, length in rows:
                db.execute("DELETE FROM dead WHERE number = ?", (number,))
                buried[Rank(rank)] = buried.get(Rank(rank), 0) + 1
                surplus -= length
                self._dead_bytes -= length
                if surplus <= 0:
                    break
        return buried


def _record(row: tuple[int, int, float, bytes]) -> Record:
    number, rank, at, body = row
    return Record(number=number, rank=Rank(rank), at=at, body=body)
