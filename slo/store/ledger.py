"""The ledger on disk: the counts of every SLI as deltas, one transaction a slot.

Telemetry has a file of its own, so that it can be lost without the journal. It is written in WAL mode with
synchronous=NORMAL: a killed process loses nothing that was acknowledged; a machine that loses power may lose what the
kernel had not written yet, which is unknown time afterwards.
"""

import json
import logging
import threading
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TypeAlias

import numpy as np

from slo.core.counts import Counts
from slo.core.deltas import Block
from slo.errors import StoreDamaged, StoreError
from slo.exposition.catalogue import Telemetry
from slo.store import hours, packing
from slo.store.codec import MINUTE_SECONDS, by_hour, hour_of
from slo.store.faults import reason_of
from slo.store.files import set_aside
from slo.store.ledger_file import LedgerFile

Watermarks: TypeAlias = Mapping[tuple[str, str], bytes | None]
"""Where sources stand, each under a source and a name; None for what is to be forgotten."""

NONE: Watermarks = MappingProxyType({})

logger = logging.getLogger(__name__)


class LedgerStore:
    """The ledger in the file `path`. Safe to use from several threads.

    `slot_seconds` is the length of the slots that are appended; what was written with another one stays readable. A
    file that is damaged is set aside under a name with the time, which is logged, and a new one begun with what could
    be read of it. Raises StoreError for a file of a newer version, StoreBusy or StoreFull where it cannot be opened.
    """

    def __init__(
        self, path: Path, *, slot_seconds: int, telemetry: Telemetry, busy_timeout_seconds: float = 2.0
    ) -> None:
        if slot_seconds < 1 or MINUTE_SECONDS % slot_seconds:
            raise ValueError(f"a slot of {slot_seconds} s does not divide a minute")
        self._path = path
        self._spans = (slot_seconds, MINUTE_SECONDS)
        self._telemetry = telemetry
        self._busy_timeout_seconds = busy_timeout_seconds
        self._lock = threading.RLock()
        self._file: LedgerFile | None = None
        self._anew = 0
        self._totals: dict[str, Counts] = {}
        self._marks: dict[str, str] = {}
        try:
            self._totals, self._marks = self._read_latest(self._opened())
        except StoreDamaged as error:
            self._begin_anew(error)

    def append(
        self,
        blocks: Sequence[Block],
        totals: Mapping[str, Counts],
        marks: Mapping[str, str],
        watermarks: Watermarks = NONE,
    ) -> None:
        """Write counts, the totals and marks that go with them, all or nothing.

        Watermarks that are not given stay as they are. Raises StoreFull or StoreBusy; the same call may be made again.
        A file that turns out to be damaged is replaced.
        """
        if wrong := {block.seconds for block in blocks} - {*self._spans}:
            raise ValueError(f"spans of {sorted(wrong)} s: this ledger takes {self._spans} s")
        rows = [hours.row_of(part, hour) for block in blocks for hour, part in by_hour(block)]
        packed = {key: None if mark is None else zlib.compress(mark, 1) for key, mark in watermarks.items()}
        with self._lock:
            known = self._totals | dict(totals)
            try:
                self._write(self._opened(), rows, known, marks, packed)
            except StoreDamaged as error:
                self._write(self._begin_anew(error), rows, known, marks, packed)
            self._totals, self._marks = known, dict(marks)

    def totals(self) -> dict[str, Counts]:
        """The totals that were appended last; an SLI that has left keeps its own."""
        return dict(self._totals)

    def marks(self) -> dict[str, str]:
        """The marks that were appended last."""
        return dict(self._marks)

    def watermarks(self, source: str) -> dict[str, bytes]:
        """The watermarks of a source, by name, without those that do not read as they were written."""
        found: dict[str, bytes] = {}
        for name, body in self._opened().rows("SELECT name, body FROM watermarks WHERE source = ?", (source,)):
            try:
                found[name] = zlib.decompress(body)
            except (TypeError, zlib.error) as error:
                logger.warning("a watermark is damaged", extra={"source": source, "mark": name, "error": str(error)})
        return found

    @property
    def begun_anew(self) -> int:
        """How often the file was replaced by a new one, which has no watermarks but those that came since."""
        return self._anew

    def history(self, since: int) -> Iterator[Block]:
        """Every span that ends after `since` (Unix seconds), oldest hour first.

        Hours that are packed come in minutes, the others in slots of the length they were written with. Each hour is
        read by itself and while the ledger goes on; an hour that is damaged is left out, which is logged.
        """
        for _, found in hours.readable(self._opened, hour_of(since + 1) - 1):
            for block in packing.by_kind(found):
                later = _later(block, since)
                if later.ends.size:
                    yield later

    def compact(self, now: int, *, retention_seconds: int, max_bytes: int) -> None:
        """Keep the ledger small; to be called at least once an hour.

        Completed hours older than 7 h are packed to minutes. Hours older than the retention are deleted, then the
        oldest ones until the file is below `max_bytes` by a tenth of it, its write-ahead log and the largest hour
        lately: it may grow by that until the next call, so that `max_bytes` is never exceeded. What fails is logged and
        counted, and made up for at the next call.
        """
        with self._lock:
            try:
                packing.compact(self._opened(), now, retention_seconds=retention_seconds, max_bytes=max_bytes)
            except StoreDamaged as error:
                self._telemetry.ledger_failures.labels(reason_of(error)).inc()
                self._begin_anew(error)
            except StoreError as error:
                self._telemetry.ledger_failures.labels(reason_of(error)).inc()
                logger.warning("the ledger cannot be compacted now", extra={"error": str(error)})

    def size_bytes(self) -> int:
        """What the ledger takes on disk, its write-ahead log included."""
        return self._opened().size_bytes()

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            if self._file:
                self._file.close()
            self._file = None

    def _opened(self) -> LedgerFile:
        """The file, opened anew where an earlier attempt failed."""
        with self._lock:
            if self._file is None:
                self._file = LedgerFile(self._path, busy_timeout_seconds=self._busy_timeout_seconds)
            return self._file

    def _begin_anew(self, error: StoreDamaged) -> LedgerFile:
        self.close()
        self._anew += 1
        aside = set_aside(self._path)
        logger.error(
            "the ledger is damaged and was set aside, a new one is begun",
            extra={"error": str(error), "kept": str(aside)},
        )
        file = self._opened()
        self._write(file, (), self._totals, self._marks, NONE)
        try:
            damaged = LedgerFile(aside, busy_timeout_seconds=self._busy_timeout_seconds)
        except StoreError:
            return file
        try:
            copied = packing.salvage(damaged, file)
            logger.warning("history was copied from the damaged ledger", extra={"hours": copied})
        finally:
            damaged.close()
        return file

    def _write(
        self,
        file: LedgerFile,
        rows: Sequence[hours.Row],
        totals: Mapping[str, Counts],
        marks: Mapping[str, str],
        watermarks: Watermarks,
    ) -> None:
        layout = hours.layout_of(tuple(totals))
        table = np.array([(c.good, c.bad, c.unknown, c.covered_ms) for c in totals.values()], "<i8")
        body = zlib.compress(table.tobytes(), 1)
        with file.transaction() as db:
            hours.insert(db, rows)
            hours.keep_layout(db, layout)
            db.execute(
                "INSERT OR REPLACE INTO latest (id, layout, totals, marks) VALUES (1, ?, ?, ?)",
                (layout.number, body, json.dumps(dict(marks))),
            )
            db.executemany(
                "INSERT OR REPLACE INTO watermarks (source, name, body) VALUES (?, ?, ?)",
                [(*key, mark) for key, mark in watermarks.items() if mark is not None],
            )
            db.executemany(
                "DELETE FROM watermarks WHERE source = ? AND name = ?",
                [key for key, mark in watermarks.items() if mark is None],
            )

    def _read_latest(self, file: LedgerFile) -> tuple[dict[str, Counts], dict[str, str]]:
        for layout, body, marks in file.rows("SELECT layout, totals, marks FROM latest"):
            try:
                names = hours.names_of(file, layout)
                table = np.frombuffer(zlib.decompress(body), "<i8").reshape(len(names), 4).tolist()
                totals = {
                    name: Counts(good=good, bad=bad, unknown=unknown, covered_ms=covered_ms)
                    for name, (good, bad, unknown, covered_ms) in zip(names, table, strict=True)
                }
                return totals, dict(json.loads(marks))
            except (ValueError, zlib.error) as error:
                raise StoreDamaged(f"{self._path}: the totals do not read as they were written ({error})") from error
        return {}, {}


def _later(block: Block, since: int) -> Block:
    later = block.ends > since
    if later.all():
        return block
    return Block(ends=block.ends[later], seconds=block.seconds, names=block.names, counts=block.counts[:, later, :])
