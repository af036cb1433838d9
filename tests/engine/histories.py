"""Watches with a past: engines over histories that are long, short, or none."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import timedelta
from fractions import Fraction

import numpy as np

from slo.core.alert import FiringPair
from slo.core.counts import Counts
from slo.core.deltas import BAD, COVERED_MS, GOOD, Block
from slo.core.policy import POLICIES, Pair, Severity
from slo.core.slo import SLO
from slo.engine.evaluate import Engine, ledger_of
from tests.engine.twin import NEW_YEAR

SLI = "probe:gate"
DAY = 86_400
PAGE, TICKET = Severity.PAGE, Severity.TICKET


def pair(
    long: int,
    short: int,
    factor: Fraction | int,
    severity: Severity = PAGE,
    *,
    window: int,
    least: int = 0,
    hold: int = 0,
) -> Pair:
    """A pair by its factor; lengths in seconds."""
    return Pair(
        long=timedelta(seconds=long),
        short=timedelta(seconds=short),
        budget=Fraction(factor) * Fraction(long, window),
        severity=severity,
        min_bad_events=least,
        hold=timedelta(seconds=hold),
    )


def slo(*pairs: Pair, name: str = "gate", objective: str = "0.999", window: int = 30 * DAY, sli: str = SLI) -> SLO:
    """An SLO with a policy of its own; `window` in seconds."""
    return SLO(name=name, objective=Fraction(objective), window=timedelta(seconds=window), sli=sli, pairs=tuple(pairs))


def google_30d(*, objective: str = "0.999", least: int = 3) -> SLO:
    """An SLO with the usual policy, and the minimum of bad events that probes have."""
    pairs = (replace(one, min_bad_events=least if one.severity is PAGE else 0) for one in POLICIES["google-30d"])
    return slo(*pairs, objective=objective)


def steady(seconds: int, *, until: int = NEW_YEAR, a_minute: int = 6, bad: int = 0) -> Block:
    """Wholly known minutes, `seconds` long up to `until`, with so many events in each and `bad` of them bad."""
    ends = np.arange(until - seconds + 60, until + 1, 60, dtype=np.int64)
    counts = np.zeros((4, len(ends), 1), np.int64)
    counts[GOOD], counts[BAD], counts[COVERED_MS] = a_minute - bad, bad, 60_000
    return Block(ends=ends, seconds=60, names=(SLI,), counts=counts)


def watch(slos: SLO | Sequence[SLO], *, slot: int = 10, history: Iterable[Block] = (), now: int = NEW_YEAR) -> Engine:
    """An engine at the slot end `now`, with that past."""
    slos = [slos] if isinstance(slos, SLO) else slos
    ledger = ledger_of(slos, slot_seconds=slot, now=now)
    ledger.load(history)
    engine = Engine(slos, ledger)
    engine.evaluate()
    return engine


def tick(engine: Engine, counts: Counts | None = None, *, slots: int = 1) -> list[str]:
    """Let slots pass that each hold the same counts (None: nothing is known of them); what changed in the last."""
    changed: list[str] = []
    for _ in range(slots):
        end = engine.ledger.now + engine.ledger.slot_seconds
        if counts:
            engine.ledger.add(SLI, end, counts)
        engine.ledger.close(end)
        changed = engine.evaluate()
    return changed


def known(*, good: int = 0, bad: int = 0, slot: int = 10) -> Counts:
    """What a slot holds that is wholly known."""
    return Counts(good=good, bad=bad, covered_ms=slot * 1000)


def fires(engine: Engine, name: str = "gate") -> dict[str, Severity]:
    """What fires: the severity by the name of the pair, the more urgent where a pair fires at both."""
    firing = engine.firing().get(name, frozenset())
    return {fired.name: fired.severity for fired in sorted(firing, key=_urgency, reverse=True)}


def _urgency(fired: FiringPair) -> int:
    return list(Severity).index(fired.severity)
