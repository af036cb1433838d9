"""How the ledger stays small: completed hours are packed, old ones go, and the file keeps to its limit."""

import logging
from collections import defaultdict
from collections.abc import Iterator

import numpy as np

from slo.core.deltas import Block
from slo.store import hours
from slo.store.codec import HOUR_SECONDS, MINUTE_SECONDS, merged
from slo.store.database import WAL_LIMIT_BYTES
from slo.store.ledger_file import LedgerFile

KEEP_SLOTS_SECONDS = 7 * HOUR_SECONDS
"""For how long counts are kept by slot: the longest window that is exact to a slot is 6 h, and one hour is open."""

logger = logging.getLogger(__name__)


def compact(file: LedgerFile, now: int, *, retention_seconds: int, max_bytes: int) -> None:
    """Pack, forget and shrink; see `LedgerStore.compact`."""
    newest = file.number("SELECT max(hour) FROM blocks")
    if newest is not None:
        # A clock that was wrong when the watch started must not empty the ledger before anything is written with it.
        expire(file, min(now, newest) - retention_seconds)
        pack(file, now - KEEP_SLOTS_SECONDS)
        with file.transaction() as db:
            db.execute(
                "DELETE FROM layouts WHERE id NOT IN (SELECT layout FROM blocks UNION SELECT layout FROM latest)"
            )
        fit(file, max_bytes - max_bytes // 10 - WAL_LIMIT_BYTES - _largest_loose_hour(file, now))
    file.shrink()


def expire(file: LedgerFile, upto: int) -> None:
    """Delete the hours that ended at `upto` (Unix seconds) or before, one in a transaction."""
    hour = hours.next_hour(file, 0)
    while hour is not None and hour <= upto:
        _delete(file, hour)
        hour = hours.next_hour(file, hour)


def pack(file: LedgerFile, upto: int) -> None:
    """Make one row of minutes of each hour that ended at `upto` or before, one hour in a transaction.

    What arrived late for an hour that is packed already is packed into it.
    """
    loose = file.rows(
        "SELECT hour FROM blocks WHERE hour <= ? GROUP BY hour HAVING count(*) > 1 OR min(seconds) < ? ORDER BY hour",
        (upto, MINUTE_SECONDS),
    )
    for (hour,) in loose:
        found = hours.read(file, hour)
        blocks = [block for _, block in found if block]
        rows = [hours.row_of(merged(blocks, MINUTE_SECONDS), hour)] if blocks else []
        with file.transaction() as db:
            hours.insert(db, rows)
            db.executemany("DELETE FROM blocks WHERE id = ?", [(row,) for row, _ in found])


def fit(file: LedgerFile, limit_bytes: int) -> None:
    """Delete the oldest hours until the rest needs no more than the limit. The newest hour stays whatever it needs."""
    first = hour = hours.next_hour(file, 0)
    while hour is not None and file.needed_bytes() > limit_bytes:
        following = hours.next_hour(file, hour)
        if following is None:
            logger.error(
                "the limit is too small for one hour of the ledger",
                extra={"path": str(file.path), "needed_bytes": file.needed_bytes(), "limit_bytes": limit_bytes},
            )
            break
        _delete(file, hour)
        hour = following
    if hour != first:
        logger.warning(
            "the oldest history was deleted to keep the ledger within its limit",
            extra={"path": str(file.path), "history_since": hour},
        )


def by_kind(found: list[tuple[int, Block | None]]) -> Iterator[Block]:
    """The blocks of an hour, those with the same SLIs and spans joined into one."""
    alike: dict[tuple[int, tuple[str, ...]], list[Block]] = defaultdict(list)
    for _, block in found:
        if block:
            alike[block.seconds, block.names].append(block)
    for (seconds, names), blocks in alike.items():
        yield Block(
            ends=np.concatenate([block.ends for block in blocks]),
            seconds=seconds,
            names=names,
            counts=np.concatenate([block.counts for block in blocks], axis=1),
        )


def salvage(damaged: LedgerFile, into: LedgerFile) -> int:
    """Copy the hours of a damaged ledger that can still be read; their number."""
    copied = 0
    for hour, found in hours.readable(lambda: damaged, 0):
        with into.transaction() as db:
            hours.insert(db, [hours.row_of(block, hour) for block in by_kind(found)])
        copied += 1
    return copied


def _largest_loose_hour(file: LedgerFile, now: int) -> int:
    """How many bytes of counts were written in the largest of the hours that are not packed yet."""
    query = "SELECT max(size) FROM (SELECT sum(length(body)) AS size FROM blocks WHERE hour > ? GROUP BY hour)"
    return file.number(query, (now - KEEP_SLOTS_SECONDS,)) or 0


def _delete(file: LedgerFile, hour: int) -> None:
    with file.transaction() as db:
        db.execute("DELETE FROM blocks WHERE hour = ?", (hour,))
