"""How counts are written: a row of the ledger is the spans of one hour, in as few bytes as they need.

The body of a row is compressed: one byte for the width of each of the four counts, how far before the end of its hour
each span ends (uint16, seconds), then the counts. Each of the four takes the smallest unsigned integer that holds it,
and nothing at all where all are zero. Bytes of the same weight stand together, which halves what counters need.
"""

import zlib
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from slo.core.deltas import Block

HOUR_SECONDS = 3600
MINUTE_SECONDS = 60

_LEVEL = 1
_WIDTHS = (1, 2, 4, 8)
_ROWS = 4

Ints = NDArray[np.int64]


def hour_of(end: int) -> int:
    """The end of the hour (Unix seconds) that holds a span which ends at `end`."""
    return -(-end // HOUR_SECONDS) * HOUR_SECONDS


def by_hour(block: Block) -> Iterator[tuple[int, Block]]:
    """The parts of a block that lie in one hour each, with the end of that hour.

    Raises ValueError for what the ledger cannot hold: negative counts, a name that comes twice, a span that does not
    divide a minute.
    """
    if block.counts.shape != (_ROWS, len(block.ends), len(block.names)):
        raise ValueError(f"counts of the shape {block.counts.shape} for {len(block.ends)} x {len(block.names)}")
    if block.seconds < 1 or MINUTE_SECONDS % block.seconds or (block.ends % block.seconds).any():
        raise ValueError(f"spans of {block.seconds} s do not divide a minute, or do not end where they must")
    if not block.counts.size:
        return
    if block.counts.min() < 0:
        raise ValueError("counts cannot be negative")
    if len(set(block.names)) != len(block.names):
        raise ValueError("a name comes twice")
    hours = -(-block.ends // HOUR_SECONDS) * HOUR_SECONDS
    for hour in np.unique(hours):
        chosen = hours == hour
        yield (
            int(hour),
            Block(ends=block.ends[chosen], seconds=block.seconds, names=block.names, counts=block.counts[:, chosen, :]),
        )


def encode(block: Block, hour: int) -> bytes:
    """The body of the row for a block that lies in the hour that ends at `hour`."""
    offsets = (hour - block.ends).astype("<u2")
    widths, planes = zip(*(_to_planes(row) for row in block.counts), strict=True)
    return zlib.compress(bytes(widths) + offsets.tobytes() + b"".join(planes), _LEVEL)


def decode(body: bytes, *, hour: int, seconds: int, spans: int, names: tuple[str, ...]) -> Block:
    """The block that `encode` was given. Raises ValueError for anything that it cannot have written."""
    try:
        raw = zlib.decompress(body)
    except zlib.error as error:
        raise ValueError(f"does not decompress: {error}") from error
    cells, at = spans * len(names), _ROWS + 2 * spans
    if len(raw) != at + cells * sum(raw[:_ROWS]) or any(width not in (0, *_WIDTHS) for width in raw[:_ROWS]):
        raise ValueError(f"has {len(raw)} bytes, which are not {spans} spans of {len(names)} SLIs")
    ends = hour - np.frombuffer(raw, "<u2", spans, _ROWS).astype(np.int64)
    counts = np.zeros((_ROWS, cells), np.int64)
    for row, width in enumerate(raw[:_ROWS]):
        counts[row] = _from_planes(raw[at : at + cells * width], width) if width else 0
        at += cells * width
    return Block(ends=ends, seconds=seconds, names=names, counts=counts.reshape(_ROWS, spans, len(names)))


def merged(blocks: Sequence[Block], seconds: int) -> Block:
    """The sum of blocks, in spans of `seconds`, which every block's own spans divide. The last one's names lead."""
    names = tuple(dict.fromkeys(name for block in reversed(blocks) for name in block.names))
    columns = {name: column for column, name in enumerate(names)}
    upto = [-(-block.ends // seconds) * seconds for block in blocks]
    ends = np.unique(np.concatenate(upto))
    counts = np.zeros((_ROWS, len(ends), len(names)), np.int64)
    for block, block_ends in zip(blocks, upto, strict=True):
        target = [columns[name] for name in block.names]
        for span, row in enumerate(np.searchsorted(ends, block_ends)):
            counts[:, row, target] += block.counts[:, span, :]
    return Block(ends=ends, seconds=seconds, names=names, counts=counts)


def _to_planes(row: Ints) -> tuple[int, bytes]:
    """The width in bytes of the counts in a row, and their bytes by weight."""
    largest = int(row.max())
    if not largest:
        return 0, b""
    width = next(width for width in _WIDTHS if largest < 1 << 8 * width)
    values = row.reshape(-1).astype(f"<u{width}")
    return width, values.view(np.uint8).reshape(-1, width).T.tobytes()


def _from_planes(planes: bytes, width: int) -> NDArray[np.unsignedinteger]:
    values = np.frombuffer(planes, np.uint8).reshape(width, -1).T.reshape(-1)
    return values.view(f"<u{width}")
