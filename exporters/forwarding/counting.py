"""Counts of closed slots as records: totals for those who follow them, and what is new for those who add up.

What was told is kept in the spool with what was told of it, so that whatever happens, the sum of what is told is what
the ledger counted: what a kill kept from being told is in the next slot, and nothing is told twice.
"""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import reduce

from exporters.forwarding.selection import Selection
from slo.core.slo import SLO
from slo.core.telemetry import TOTALS, Counted, Counts3, Measured, Point, Rank, id_of
from slo.core.telemetry_document import written
from slo.exposition.render import slo_labels
from slo.store.spooled import New

MARK = "counted "
"""How the marks begin that say what was told of an SLO, by its key."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SlotCounts:
    """What was counted for one SLI in one slot."""

    end: int
    seconds: int
    counts: Counts3


@dataclass(frozen=True, kw_only=True, slots=True)
class Closing:
    """What is known when the slot that ends at `end` (Unix seconds) has closed and is on disk.

    What ended at `begun` or before had closed already. `slos` and their `totals` are by key, `slots` those that were
    counted since the last closing, by SLI.
    """

    begun: int
    end: int
    seconds: int
    slos: Mapping[str, SLO]
    totals: Mapping[str, Counts3]
    slots: Mapping[str, Sequence[SlotCounts]]


class Counting:
    """Makes the records of closings for one forwarder. `marks` are those that its spool has."""

    def __init__(self, selection: Selection, *, cumulative: bool, marks: Mapping[str, str]) -> None:
        self._selection = selection
        self._cumulative = cumulative
        self._labels: dict[str, dict[str, str]] = {}
        self._told = {
            name.removeprefix(MARK): Counts3(*json.loads(mark)) for name, mark in marks.items() if name.startswith(MARK)
        }

    def records(self, closing: Closing) -> tuple[list[New], dict[str, str | None]]:
        """What is to be told of a closing, and the marks that go with it."""
        wanted = {
            key: slo
            for key, slo in closing.slos.items()
            if self._selection.takes(slo.labels) and self._selection.takes_metric(TOTALS[0])
        }
        if self._cumulative:
            return [*(self._total(closing, key, slo) for key, slo in wanted.items()), *self._ended(closing, wanted)], {}
        records: list[New] = []
        marks: dict[str, str | None] = {}
        for key, slo in wanted.items():
            total, before = closing.totals[key], self._told.get(key)
            if total == before:
                continue
            records += self._changes(closing, key, slo, before)
            self._told[key] = total
            marks[MARK + key] = json.dumps(total)
        return records, marks

    def _total(self, closing: Closing, key: str, slo: SLO) -> New:
        slot = SlotCounts(end=closing.end, seconds=closing.seconds, counts=Counts3())
        return self._new(closing, key, slo, slot, closing.totals[key])

    def _ended(self, closing: Closing, wanted: Mapping[str, SLO]) -> Iterator[New]:
        """That there are no more totals of SLOs which are gone, or have other labels now."""
        before, self._labels = self._labels, {key: self._all_labels(slo) for key, slo in wanted.items()}
        gone = [labels for key, labels in before.items() if labels != self._labels.get(key)]
        if gone:
            points = [Point(name, "counter", labels, math.nan) for labels in gone for name in TOTALS]
            ended = Measured(at=datetime.fromtimestamp(closing.end, UTC), points=points, ended=True)
            yield New(rank=Rank.COUNT, at=float(closing.end), body=written(ended))

    def _all_labels(self, slo: SLO) -> dict[str, str]:
        return self._selection.labelled(slo_labels(slo))

    def _changes(self, closing: Closing, key: str, slo: SLO, before: Counts3 | None) -> Iterator[New]:
        """What is new of an SLO, slot by slot; whatever its slots do not say is told of the last one.

        Where the ledger lost what was told already, or nothing was told yet, only what the slots say is new.
        """
        total = closing.totals[key]
        slots = {slot.end: slot for slot in closing.slots.get(slo.sli, ())}
        said = reduce(Counts3.plus, (slot.counts for slot in slots.values()), Counts3())
        if before is None or any(now < then for now, then in zip(total, before, strict=True)):
            before = total.minus(said)
        rest = total.minus(before).minus(said)
        if any(rest):
            last = slots.get(closing.end)
            counts = last.counts.plus(rest) if last else rest
            slots[closing.end] = SlotCounts(end=closing.end, seconds=closing.seconds, counts=counts)
        running = before
        for _, slot in sorted(slots.items()):
            running = running.plus(slot.counts)
            yield self._new(closing, key, slo, slot, running)

    def _new(self, closing: Closing, key: str, slo: SLO, slot: SlotCounts, totals: Counts3) -> New:
        labels = self._all_labels(slo)
        # With the labels, by which two watches that send to one place are told apart.
        own = (part for pair in sorted(labels.items()) for part in pair)
        counted = Counted(
            id=id_of("counted", key, slot.end, *totals, *own),
            end=slot.end,
            seconds=slot.seconds,
            labels=labels,
            counts=slot.counts,
            totals=totals,
            correction=slot.end <= closing.begun,
        )
        return New(rank=Rank.COUNT, at=float(closing.end), body=written(counted))
