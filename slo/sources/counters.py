"""Counters as counts: scrapes of targets become good and bad events by slot.

Good and total come from the same scrape. What a target's counters grew by belongs to the slot of the scrape; over a gap
of more than 2.5 intervals between scrapes it is spread evenly over the gap's slots, which are then known, unless a
counter was reset in the gap. What several series and several targets count is added up; a slot is known as far as the
targets that are there know it, on the average.

Scrapes may come late: they count in the slots of their own times. Targets come and go; one that is gone is there for
the slots in which it was.

Where the part counts more than the total in a slot, the excess is carried to the SLI's next observation, since a client
may count the one before the other. If it is still there, that slot is unknown, and the fault is reported.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from slo.core.deltas import BAD, COVERED_MS, GOOD, Block
from slo.core.sli import CountersSLI
from slo.sources.increments import Bools, Floats, Ints
from slo.sources.knowledge import Span, by_slot
from slo.sources.late import LateSpan, Spread, pieces, shares
from slo.sources.selection import selection_of
from slo.sources.stay import FOREVER, Stay
from slo.sources.targets import Advance, Target

_NONE = np.zeros(0, np.int64)


@dataclass(frozen=True, kw_only=True, slots=True)
class Excess:
    """A part that counted more than its total twice in a row, in the slot that ends at `slot_end` (Unix seconds)."""

    sli: str
    slot_end: int
    total: int
    part: int


LONGEST_LATE_MS = 86_400_000
"""How late what is counted may come."""

MOST_GONE = 20_000
"""How many targets that are gone are remembered, so that what comes late is shared with them."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Counted:
    """What some slots hold, and what came late for slots before them: blocks, each with when it came.

    That is the end (Unix seconds) of the slot in which it came. The slots of a block follow one another.
    """

    block: Block
    late: Iterable[tuple[int, Block]]
    excesses: Sequence[Excess]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class _Turn:
    """What falls to one target, of those that are there: arrays of the shape (slots, SLIs). See `by_slot`."""

    there: Bools
    rank: Ints
    among: Ints

    def of(self, slots: slice) -> "_Turn":
        """The same of some of the slots."""
        return _Turn(there=self.there[slots], rank=self.rank[slots], among=self.among[slots])


class CounterSource:
    """Counts the SLIs of `slis` (by key) over the scrapes of any number of targets."""

    def __init__(self, slis: Mapping[str, CountersSLI], *, slot_seconds: int) -> None:
        self.names: tuple[str, ...] = ()
        self.targets: dict[str, Target] = {}
        self._stays: list[Stay] = []
        self.carried: Ints = np.zeros(0, np.int64)
        self._slot_ms = slot_seconds * 1000
        self.replace(slis)

    def begin(self, name: str, *, interval_ms: int, leaves_ms: int = FOREVER) -> Target:
        """A new target of that name; see `Target`."""
        target = Target(
            self._selection,
            slis=len(self.names),
            interval_ms=interval_ms,
            slot_ms=self._slot_ms,
            leaves_ms=leaves_ms,
        )
        self.targets[name] = target
        self._stays.append(target.stay)
        return target

    def end(self, names: Iterable[str], *, now_ms: int) -> None:
        """These targets are gone, each since its stay ended; what comes late is shared with them for a day more."""
        for name in names:
            del self.targets[name]
        live = {target.stay for target in self.targets.values()}
        gone = [stay for stay in self._stays if stay not in live and stay.leaves_ms > now_ms - LONGEST_LATE_MS]
        forgotten = {*self._stays} - live - {*gone[-MOST_GONE:]}
        self._stays = [stay for stay in self._stays if stay not in forgotten]

    def replace(self, slis: Mapping[str, CountersSLI]) -> None:
        """Count these SLIs from now on. What is known of those that stay is kept."""
        place = {name: index for index, name in enumerate(self.names)}
        kept = [place.get(name, -1) for name in slis]
        self.names = tuple(slis)
        self.carried = np.append(self.carried, 0)[kept]
        self._selection = selection_of(slis.values())
        self._good_parts = np.array([sli.part_is == "good" for sli in slis.values()], np.bool_)
        live = {target.stay for target in self.targets.values()}
        for stay in self._stays:
            if stay not in live:
                stay.replace(kept)
        for target in self.targets.values():
            target.replace(self._selection, kept)

    def close(self, ends: Ints, scrapes: Mapping[str, tuple[Ints, Floats]]) -> Counted:
        """Count the slots that end at `ends` (Unix seconds, in a row), with all scrapes in them by target.

        Scrapes are their times (Unix milliseconds, ascending) and their values, of the shape (scrapes, series).
        """
        advances = {}
        for name, target in self.targets.items():
            nothing = np.zeros(0, np.int64), np.zeros((0, target.members.series))
            advances[name] = self.advance(name, *scrapes.get(name, nothing), ends)
        counted = self.combine(ends, advances)
        return replace(counted, late=list(counted.late))

    def advance(self, name: str, times_ms: Ints, values: Floats, ends: Ints) -> Advance:
        """Take the scrapes of one target in these slots; see `close`."""
        return self.targets[name].advance(times_ms, values, ends * 1000)

    def combine(self, ends: Ints, advances: Mapping[str, Advance]) -> Counted:
        """What these slots hold, when every target has been advanced to them.

        What came late is worked out as it is asked for, which must be before any target is advanced further.
        """
        ends_ms = ends * 1000
        slots = np.unique(np.concatenate([ends_ms // self._slot_ms, *(each.slots for each in advances.values())]))
        shape, late = (len(slots), len(self.names)), len(slots) - len(ends)
        total, part, observations, covered_ms = (np.zeros(shape, np.int64) for _ in range(4))
        for advance in advances.values():
            rows = np.searchsorted(slots, advance.slots)
            total[rows] += advance.total
            part[rows] += advance.part
            observations[rows] += advance.observations
        self._join(advances, int(ends_ms[0]) - self._slot_ms)
        turns = self._turns(ends_ms)
        for name, advance in advances.items():
            if advance.spans and (turn := turns.get(self.targets[name].stay)):
                for spans, members in advance.spans:
                    covered_ms[late:, members] += self._covered(spans, members, ends_ms, turn)
        unknown, excesses = self._carry(total, part, observations, covered_ms, slots * self._slot_ms // 1000)
        good, bad = self._split(total, part)
        counts = np.stack([good, bad, unknown, covered_ms])
        return Counted(
            block=self._block(slots[late:], counts[:, late:]),
            late=self._late(advances, int(slots[late]), (slots[:late], counts[:, :late])),
            excesses=excesses,
        )

    def _join(self, advances: Mapping[str, Advance], closed_ms: int) -> None:
        """Have targets that were observed first in slots that are closed take part after those that others know.

        What these know of them is counted already, as if nobody else had been there.
        """
        late = {
            self.targets[name].stay: advance.first[self.targets[name].stay.first_ms[advance.first] <= closed_ms]
            for name, advance in advances.items()
            if advance.first.size
        }
        known_ms = np.zeros(len(self.names), np.int64)
        if not any(slis.size for slis in late.values()):
            return
        for stay in self._stays:
            last_ms = stay.last_end_ms(closed_ms)
            last_ms[late.get(stay, _NONE)] = 0
            known_ms = np.maximum(known_ms, last_ms)
        for stay, slis in late.items():
            stay.first_ms[slis] = np.maximum(stay.first_ms[slis], known_ms[slis] + 1)

    def _turns(self, ends_ms: Ints) -> dict[Stay, _Turn]:
        """What falls to each target that was there of the slots that end at `ends_ms`."""
        before = np.zeros((len(ends_ms), len(self.names)), np.int64)
        begin_ms = int(ends_ms[0]) - self._slot_ms
        theirs = {stay: stay.there(ends_ms) for stay in self._stays if stay.leaves_ms > begin_ms}
        among = sum(theirs.values(), before).clip(1)
        turns = {}
        for stay, there in theirs.items():
            turns[stay] = _Turn(there=there, rank=np.where(there, before, 0), among=among)
            before = before + there
        return turns

    def _covered(self, spans: Sequence[Span], members: Ints, ends_ms: Ints, turn: _Turn) -> Ints:
        """What spans of a target that some SLIs know contribute to the slots that end at `ends_ms`."""
        rank, among = turn.rank[:, members], turn.among[:, members]
        return by_slot(spans, ends_ms, self._slot_ms, rank=rank, among=among) * turn.there[:, members]

    def _carry(
        self, total: Ints, part: Ints, observations: Ints, covered_ms: Ints, ends: Ints
    ) -> tuple[Ints, list[Excess]]:
        """Bring parts down to their totals, in place; the unknown events and the faults where that cannot be."""
        unknown = np.zeros_like(total)
        excesses: list[Excess] = []
        for index in np.flatnonzero((part > total).any(axis=0) | (self.carried > 0)).tolist():
            carried = int(self.carried[index])
            for slot in np.flatnonzero((observations[:, index] > 0) | (part[:, index] > 0)).tolist():
                all_events, of_part = int(total[slot, index]), int(part[slot, index]) + carried
                if of_part > all_events and carried:
                    unknown[slot, index] = of_part
                    total[slot, index] = part[slot, index] = covered_ms[slot, index] = 0
                    excesses.append(
                        Excess(sli=self.names[index], slot_end=int(ends[slot]), total=all_events, part=of_part)
                    )
                    carried = 0
                else:
                    part[slot, index] = min(of_part, all_events)
                    carried = max(of_part - all_events, 0)
            self.carried[index] = carried
        return unknown, excesses

    def _late(
        self, advances: Mapping[str, Advance], first: int, scraped: tuple[Ints, Ints]
    ) -> Iterator[tuple[int, Block]]:
        """What came late, of all targets together, piece by piece, each with the end of the slot in which it came.

        `scraped` are the slots before the `first` that is counted now that had scrapes, with their counts.
        """
        came: defaultdict[int, list[tuple[Stay, Spread | LateSpan]]] = defaultdict(list)
        for name, advance in advances.items():
            for item in advance.late:
                came[max(first, -(-item.at_ms // self._slot_ms))].append((self.targets[name].stay, item))
        behind, held = scraped
        if behind.size:
            came.setdefault(first, [])
        for slot, items in sorted(came.items()):
            touched = [item.slots(self._slot_ms) for _, item in items]
            if slot == first and behind.size:
                touched.append(range(int(behind[0]), int(behind[-1]) + 1))
            slots = range(min(each.start for each in touched), max(each.stop for each in touched))
            for piece in pieces(slots, len(self.names) * (len(items) + 1)):
                counts = self._late_counts(items, piece)
                if slot == first:
                    inside = (behind >= piece.start) & (behind < piece.stop)
                    counts[:, behind[inside] - piece.start] += held[:, inside]
                if counts.any():
                    yield slot * self._slot_ms // 1000, self._block(np.array(piece, np.int64), counts)

    def _late_counts(self, items: Sequence[tuple[Stay, Spread | LateSpan]], slots: range) -> Ints:
        """What some slots hold of what came late."""
        counts = np.zeros((4, len(slots), len(self.names)), np.int64)
        turns = self._turns(np.array(slots, np.int64) * self._slot_ms)
        for stay, item in items:
            theirs = item.slots(self._slot_ms)
            both = range(max(theirs.start, slots.start), min(theirs.stop, slots.stop))
            if not both:
                continue
            inside = slice(both.start - slots.start, both.stop - slots.start)
            if isinstance(item, Spread):
                good, bad = self._split(item.total, item.part)
                first = both.start - theirs.start
                counts[GOOD, inside] += shares(good, first, first + len(both), len(theirs))
                counts[BAD, inside] += shares(bad, first, first + len(both), len(theirs))
            elif stay in turns:
                ends_ms = np.array(both, np.int64) * self._slot_ms
                covered = self._covered([item.span], item.slis, ends_ms, turns[stay].of(inside))
                counts[COVERED_MS][inside, item.slis] += covered
        return counts

    def _split(self, total: Ints, part: Ints) -> tuple[Ints, Ints]:
        """Good and bad events; the last axis is that of the SLIs."""
        good = np.where(self._good_parts, part, total - part)
        return good, total - good

    def _block(self, slots: Ints, counts: Ints) -> Block:
        """A block of slots by their numbers: their ends divided by their length."""
        seconds = self._slot_ms // 1000
        return Block(ends=slots * seconds, seconds=seconds, names=self.names, counts=counts)
