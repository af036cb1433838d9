"""What an SLO means in practice: computed by running the engine over made-up outages, not by a formula beside it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from fractions import Fraction

import numpy as np

from slo.core.counts import Counts
from slo.core.deltas import COVERED_MS, GOOD, Block
from slo.core.policy import Severity
from slo.core.slo import SLO
from slo.engine.evaluate import Engine, windows_of
from slo.engine.ledger import Ledger

OUTAGES = (Fraction(1), Fraction(1, 2), Fraction(1, 10), Fraction(1, 100))
"""The shares of failing events that people ask about."""

FINE_SECONDS = 3600
"""Up to here every slot is looked at; later ones once a minute."""

MINUTE_SECONDS = 60

RECENT_SECONDS = 6 * 3600
"""How much of the history before the outage is laid out by slots: longer windows move by whole minutes."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Detection:
    """How long an outage in which `share` of the events fail burns before it is told: None is never.

    Seconds from the beginning of the outage to the slot end at which the severity fires, after a whole window without
    failures. A probe adds at most one interval and a delivery its own time.
    """

    share: Fraction
    page_seconds: int | None
    ticket_seconds: int | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Explanation:
    """The budget of an SLO in time and in events, and what is told of which outage after how long."""

    slo: SLO
    budget_seconds: float
    events: int
    budget_events: float
    detections: tuple[Detection, ...]


def explain(slo: SLO, *, slot: timedelta, interval: timedelta) -> Explanation:
    """Explain an SLO whose SLI gets one event every `interval`."""
    window_seconds = slo.window.total_seconds()
    events = int(window_seconds // interval.total_seconds())
    return Explanation(
        slo=slo,
        budget_seconds=float(slo.error_budget) * window_seconds,
        events=events,
        budget_events=float(slo.error_budget * events),
        detections=_detections(slo, int(slot.total_seconds()), interval.total_seconds()),
    )


def _detections(slo: SLO, slot_seconds: int, interval_seconds: float) -> tuple[Detection, ...]:
    names = tuple(f"{slo.name}/{share}" for share in OUTAGES)
    copies = tuple(
        SLO(name=name, objective=slo.objective, window=slo.window, sli=name, pairs=slo.pairs) for name in names
    )
    windows = windows_of(copies)
    begin = max(windows) * 2 // MINUTE_SECONDS * MINUTE_SECONDS + RECENT_SECONDS
    ledger = Ledger(names, windows_seconds=windows, slot_seconds=slot_seconds, now=begin)
    recent = begin - RECENT_SECONDS
    ledger.load(
        [
            _healthy(names, 0, recent, MINUTE_SECONDS, interval_seconds),
            _healthy(names, recent, begin, slot_seconds, interval_seconds),
        ]
    )
    engine = Engine(copies, ledger)
    found: dict[tuple[str, Severity], int] = {}
    last = max((int(pair.long.total_seconds() + pair.hold.total_seconds()) for pair in slo.pairs), default=0)
    failed = [0] * len(names)
    rounds, elapsed = 0, 0
    while elapsed < last and len(found) < 2 * len(names):
        step = slot_seconds if elapsed < FINE_SECONDS else max(slot_seconds, MINUTE_SECONDS)
        elapsed += step
        fresh, rounds = int(elapsed // interval_seconds) - rounds, int(elapsed // interval_seconds)
        for index, (name, share) in enumerate(zip(names, OUTAGES, strict=True)):
            bad = -int(-share * rounds // 1) - failed[index]
            failed[index] += bad
            counts = Counts(good=fresh - bad, bad=bad, covered_ms=step * 1000)
            ledger.add(name, begin + elapsed, counts)
        ledger.close(begin + elapsed)
        engine.evaluate()
        for name, pairs in engine.firing().items():
            for pair in pairs:
                found.setdefault((name, pair.severity), elapsed)
    return tuple(
        Detection(
            share=share,
            page_seconds=found.get((name, Severity.PAGE)),
            ticket_seconds=found.get((name, Severity.TICKET)),
        )
        for name, share in zip(names, OUTAGES, strict=True)
    )


def _healthy(names: Sequence[str], begin: int, end: int, span_seconds: int, interval_seconds: float) -> Block:
    """History without failures from `begin` to `end`, in spans of `span_seconds`."""
    ends = np.arange(begin, end, span_seconds, dtype=np.int64) + span_seconds
    counts = np.zeros((4, len(ends), len(names)), np.int64)
    rounds = np.floor(ends / interval_seconds).astype(np.int64)
    counts[GOOD] = np.diff(rounds, prepend=int(begin // interval_seconds))[:, np.newaxis]
    counts[COVERED_MS] = span_seconds * 1000
    return Block(ends=ends, seconds=span_seconds, names=tuple(names), counts=counts)
