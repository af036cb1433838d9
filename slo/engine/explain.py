"""What an SLO means in practice: computed by running the engine over made-up outages, not by a formula beside it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from fractions import Fraction

import numpy as np

from slo.core.budgeting import Method
from slo.core.counts import Counts
from slo.core.deltas import COVERED_MS, GOOD, Block
from slo.core.policy import Severity
from slo.core.sli import AllOf, CheckSLI
from slo.core.slo import SLO
from slo.engine.evaluate import Engine, ledger_of
from slo.engine.windows import MINUTE_SECONDS

OUTAGES = (Fraction(1), Fraction(1, 2), Fraction(1, 10), Fraction(1, 100))
"""The shares of failing events that people ask about."""

STEADY_EVENTS = 1000
"""How many events an observation of counters has, in a service with steady traffic."""

FINE_SECONDS = 3600
"""Up to here every slot is looked at; later ones once a minute."""

RECENT_SECONDS = 6 * 3600
"""How much of the history before the outage is laid out by slots: longer windows move by whole minutes."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Detection:
    """How long an outage in which `share` of the events fail burns before it is told: None is never.

    Seconds from the beginning of the outage to the slot end at which the severity fires, after a whole window without
    failures. A round or a scrape adds at most one interval, and a delivery its own time.
    """

    share: Fraction
    page_seconds: int | None
    ticket_seconds: int | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Explanation:
    """The budget of an SLO in time and in events, and what is told of which outage after how long.

    `events` are those of a whole window that spend the budget, of which `budget_events` may be bad: slices of time, or
    what comes every `interval_seconds`; None where events come as people make them.
    """

    slo: SLO
    interval_seconds: float
    budget_seconds: float
    events: int | None
    budget_events: float | None
    detections: tuple[Detection, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Feed:
    """So many events every so often."""

    interval_seconds: float
    events: int

    def until(self, seconds: float) -> int:
        """How many there were in that time."""
        return int(seconds // self.interval_seconds) * self.events


def explain(slo: SLO, *, slot: timedelta) -> Explanation:
    """Explain an SLO. Its SLI is fed every `slo.interval`, or every slot where that is not known."""
    window_seconds = slo.window.total_seconds()
    interval_seconds = (slo.interval or slot).total_seconds()
    counted_singly = isinstance(slo.definition, (CheckSLI, AllOf))
    if isinstance(slo.definition, AllOf):
        interval_seconds = slot.total_seconds()
    every = interval_seconds if counted_singly else None
    if slo.budgeting.method is Method.TIMESLICES:
        every = slo.budgeting.slice.total_seconds()
    events = None if every is None else int(window_seconds // every)
    feed = _Feed(interval_seconds=interval_seconds, events=1 if counted_singly else STEADY_EVENTS)
    return Explanation(
        slo=slo,
        interval_seconds=interval_seconds,
        budget_seconds=float(slo.error_budget) * window_seconds,
        events=events,
        budget_events=None if events is None else float(slo.error_budget * events),
        detections=_detections(slo, int(slot.total_seconds()), feed),
    )


def _detections(slo: SLO, slot_seconds: int, feed: _Feed) -> tuple[Detection, ...]:
    names = tuple(f"{slo.name}/{share}" for share in OUTAGES)
    # Each copy is fed by itself, whatever the SLO is made of; how its budget is spent stays.
    copies = [
        replace(
            slo,
            name=name,
            sli=name,
            definition=None,
            calendar=None,
            more_windows=(),
            group_by=(),
            effective_from=None,
        )
        for name in names
    ]
    longest = max(int(window.total_seconds()) for window in (slo.window, *slo.windows))
    begin = longest * 2 // MINUTE_SECONDS * MINUTE_SECONDS + RECENT_SECONDS
    ledger = ledger_of(copies, slot_seconds=slot_seconds, now=begin)
    recent = begin - RECENT_SECONDS
    pieces = [
        (since, min(since + RECENT_SECONDS, recent), MINUTE_SECONDS) for since in range(0, recent, RECENT_SECONDS)
    ]
    pieces.append((recent, begin, slot_seconds))
    ledger.load(_healthy(names, since, until, seconds, feed) for since, until, seconds in pieces)
    engine = Engine(copies, ledger)
    found: dict[tuple[str, Severity], int] = {}
    last = max((int(pair.long.total_seconds() + pair.hold.total_seconds()) for pair in slo.pairs), default=0)
    failed = [0] * len(names)
    events, elapsed = 0, 0
    while elapsed < last and len(found) < 2 * len(names):
        step = slot_seconds if elapsed < FINE_SECONDS else max(slot_seconds, MINUTE_SECONDS)
        elapsed += step
        fresh, events = feed.until(elapsed) - events, feed.until(elapsed)
        for index, (name, share) in enumerate(zip(names, OUTAGES, strict=True)):
            bad = -int(-share * events // 1) - failed[index]
            failed[index] += bad
            counts = Counts(good=fresh - bad, bad=bad, covered_ms=step * 1000)
            ledger.add(name, begin + elapsed, counts)
        ledger.close(begin + elapsed)
        engine.evaluate()
        for name, pairs in engine.firing().items():
            for pair in pairs:
                found.setdefault((name, pair.severity), elapsed)
    keys = [copy.key for copy in copies]
    return tuple(
        Detection(
            share=share,
            page_seconds=found.get((key, Severity.PAGE)),
            ticket_seconds=found.get((key, Severity.TICKET)),
        )
        for key, share in zip(keys, OUTAGES, strict=True)
    )


def _healthy(names: Sequence[str], begin: int, end: int, span_seconds: int, feed: _Feed) -> Block:
    """History without failures from `begin` to `end`, in spans of `span_seconds`."""
    ends = np.arange(begin, end, span_seconds, dtype=np.int64) + span_seconds
    counts = np.zeros((4, len(ends), len(names)), np.int64)
    counted = np.floor(ends / feed.interval_seconds).astype(np.int64) * feed.events
    counts[GOOD] = np.diff(counted, prepend=feed.until(begin))[:, np.newaxis]
    counts[COVERED_MS] = span_seconds * 1000
    return Block(ends=ends, seconds=span_seconds, names=tuple(names), counts=counts)
