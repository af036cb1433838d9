"""Ledgers over two SLIs, what their windows hold and what they give to the disk."""

import numpy as np

from slo.core.counts import Counts
from slo.core.deltas import Block
from slo.engine.ledger import Ledger
from tests.engine.twin import NEW_YEAR

A, B = "probe:a", "probe:b"
ONE = Counts(good=3, bad=2, unknown=1, covered_ms=10_000)


def ledger(*windows: int, slot: int = 10, now: int = NEW_YEAR, names: tuple[str, ...] = (A, B)) -> Ledger:
    return Ledger(names, windows_seconds=windows or (60,), slot_seconds=slot, now=now)


def inside(ledger: Ledger, window: int, sli: str = A) -> Counts:
    """What one window of one SLI holds."""
    counts = ledger.window(window)
    column = ledger.column[sli]
    return Counts(
        good=int(counts.good[column]),
        bad=int(counts.bad[column]),
        unknown=int(counts.unknown[column]),
        covered_ms=int(counts.covered_ms[column]),
    )


def spans(blocks: list[Block], sli: str = A) -> list[tuple[int, Counts]]:
    """What blocks say of one SLI: slot ends and counts, in the order of the blocks."""
    return [
        (end, Counts(good=good, bad=bad, unknown=unknown, covered_ms=covered_ms))
        for block in blocks
        for end, (good, bad, unknown, covered_ms) in zip(
            block.ends.tolist(), block.counts[:, :, block.names.index(sli)].T.tolist(), strict=True
        )
    ]


def block(rows: dict[int, Counts], *, seconds: int = 10, names: tuple[str, ...] = (A,)) -> Block:
    """A block with the same counts for each of its SLIs."""
    counts = np.array([[one.good, one.bad, one.unknown, one.covered_ms] for one in rows.values()], np.int64)
    return Block(
        ends=np.array(list(rows), np.int64),
        seconds=seconds,
        names=names,
        counts=np.repeat(counts.T[:, :, np.newaxis], len(names), axis=2),
    )
