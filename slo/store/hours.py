"""The rows of the ledger, hour by hour: what history, packing and retention all read and write.

A row refers to its columns by a layout: the names of its SLIs in their order. The number of a layout is the beginning
of the hash of those names, so it is known without asking, and names that were changed on disk are noticed.
"""

import hashlib
import json
import logging
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

from slo.core.deltas import Block
from slo.errors import StoreDamaged
from slo.store.codec import decode, encode
from slo.store.ledger_file import LedgerFile

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Layout:
    """The names of SLIs in the order of their columns, as they are stored."""

    number: int
    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One row of an hour, ready to be written. `last` is the end of its newest span (Unix seconds)."""

    hour: int
    last: int
    seconds: int
    spans: int
    layout: Layout
    body: bytes


@lru_cache(maxsize=32)
def layout_of(names: tuple[str, ...]) -> Layout:
    """The layout of these names."""
    text = json.dumps(names)
    return Layout(number=_number(text), text=text)


def row_of(block: Block, hour: int) -> Row:
    """The row for a block that lies in the hour that ends at `hour`."""
    return Row(
        hour=hour,
        last=int(block.ends.max()),
        seconds=block.seconds,
        spans=len(block.ends),
        layout=layout_of(block.names),
        body=encode(block, hour),
    )


def insert(db: sqlite3.Connection, rows: Iterable[Row]) -> None:
    """Write rows, with the layouts that they refer to."""
    for row in rows:
        keep_layout(db, row.layout)
        db.execute(
            "INSERT INTO blocks (hour, last, seconds, spans, layout, body) VALUES (?, ?, ?, ?, ?, ?)",
            (row.hour, row.last, row.seconds, row.spans, row.layout.number, row.body),
        )


def keep_layout(db: sqlite3.Connection, layout: Layout) -> None:
    """Write a layout that may be there already."""
    db.execute("INSERT OR IGNORE INTO layouts (id, names) VALUES (?, ?)", (layout.number, layout.text))


def names_of(file: LedgerFile, layout: int) -> tuple[str, ...]:
    """The names of a layout. Raises ValueError where they are not what they were."""
    rows = file.rows("SELECT names FROM layouts WHERE id = ?", (layout,))
    if not rows or _number(rows[0][0]) != layout:
        raise ValueError(f"the layout {layout} is missing or changed")
    return tuple(json.loads(rows[0][0]))


def next_hour(file: LedgerFile, after: int) -> int | None:
    """The first hour later than `after` that has rows."""
    return file.number("SELECT min(hour) FROM blocks WHERE hour > ?", (after,))


def read(file: LedgerFile, hour: int) -> list[tuple[int, Block | None]]:
    """The rows of an hour in the order they were written, each with its id.

    None stands for a row that does not read as it was written; its time is unknown from then on, which is said.
    """
    found: list[tuple[int, Block | None]] = []
    names: dict[int, tuple[str, ...]] = {}
    query = "SELECT id, seconds, spans, layout, body FROM blocks WHERE hour = ? ORDER BY id"
    for row, seconds, spans, layout, body in file.rows(query, (hour,)):
        block = None
        try:
            if layout not in names:
                names[layout] = names_of(file, layout)
            block = decode(body, hour=hour, seconds=seconds, spans=spans, names=names[layout])
        except ValueError as error:
            logger.warning(
                "counts in the ledger are damaged, their time counts as unknown",
                extra={"path": str(file.path), "hour": hour, "row": row, "error": str(error)},
            )
        found.append((row, block))
    return found


def readable(opened: Callable[[], LedgerFile], after: int) -> Iterator[tuple[int, list[tuple[int, Block | None]]]]:
    """Each hour later than `after` with its rows. An hour that is damaged is left out, which is said.

    The file is asked for again at every step, so that it may be replaced meanwhile.
    """
    hour = after
    try:
        while (following := next_hour(opened(), hour)) is not None:
            hour = following
            try:
                rows = read(opened(), hour)
            except StoreDamaged as error:
                logger.warning("an hour of the ledger cannot be read", extra={"hour": hour, "error": str(error)})
                continue
            yield hour, rows
    except StoreDamaged as error:
        logger.warning("the ledger cannot be read further", extra={"after": hour, "error": str(error)})


def _number(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big", signed=True)
