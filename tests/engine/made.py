"""Watches whose columns are made of what is counted: of exclusions, slices, other SLOs, and definitions by date."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction

import numpy as np

from slo.core.counts import Counts
from slo.core.deltas import Block
from slo.core.exclusion import Exclusion, Once
from slo.core.policy import Pair
from slo.core.slo import SLO
from slo.engine.evaluate import Engine, ledger_of
from tests.engine.histories import DAY, SLI, slo
from tests.engine.twin import NEW_YEAR


def moment(seconds: int) -> datetime:
    """So many seconds into the year."""
    return datetime.fromtimestamp(NEW_YEAR + seconds, UTC)


def excluded(start: int, end: int, *, slos: tuple[str, ...] = (), labels: Mapping[str, str] | None = None) -> Exclusion:
    """An interval of the year that counts for nothing, in seconds."""
    return Exclusion(
        name=f"{start}-{end}",
        reason="maintenance",
        author="kim",
        created_at=moment(0),
        when=Once(start=moment(start), end=moment(end)),
        slos=slos,
        labels=labels or {},
    )


def promise(name: str, *pairs: Pair, sli: str = SLI, objective: str = "0.99", window: int = DAY, **more: object) -> SLO:
    """An SLO fed every 10 s; `window` in seconds."""
    plain = replace(slo(*pairs, name=name, objective=objective, window=window, sli=sli), interval=timedelta(seconds=10))
    return replace(plain, **more)  # type: ignore[arg-type]  # a table of a test, checked by the record itself


def begun(
    *slos: SLO, exclusions: Sequence[Exclusion] = (), now: int = 0, slot: int = 10, history: Iterable[Block] = ()
) -> Engine:
    """An engine at `now` (seconds into the year) with that past."""
    ledger = ledger_of(slos, slot_seconds=slot, now=NEW_YEAR + now, exclusions=exclusions)
    ledger.load(history)
    return Engine(slos, ledger, exclusions=exclusions)


def goes_on(engine: Engine, seconds: int, **seen: Counts) -> None:
    """Let slots pass that each hold the same counts of the SLIs `probe:NAME`, and evaluate each."""
    slot = engine.ledger.slot_seconds
    for _ in range(seconds // slot):
        end = engine.ledger.now + slot
        for name, counts in seen.items():
            engine.ledger.add(f"probe:{name}", end, counts)
        engine.ledger.close(end)
        engine.evaluate()


def rows(slots: Mapping[int, Counts], *, seconds: int = 10, sli: str = SLI) -> Block:
    """What was counted in slots, by their ends in seconds into the year."""
    counts = np.array([[c.good, c.bad, c.unknown, c.covered_ms] for c in slots.values()], np.int64)
    ends = np.array([NEW_YEAR + end for end in slots], np.int64)
    return Block(ends=ends, seconds=seconds, names=(sli,), counts=counts.T[:, :, np.newaxis])


def known(good: int = 0, bad: int = 0, *, seconds: int = 10) -> Counts:
    """What a slot holds that is wholly known."""
    return Counts(good=good, bad=bad, covered_ms=seconds * 1000)


def remaining(engine: Engine, key: str) -> float:
    """What is left of the budget."""
    left = engine.status(key).budget.remaining
    assert left is not None
    return left


HALF = Fraction(1, 2)
