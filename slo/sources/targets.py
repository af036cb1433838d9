"""One target's scrapes: what its counters grew by in each slot, and how long they are known."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from slo.sources.increments import NEVER, Bools, Floats, Growth, Increments, Ints
from slo.sources.knowledge import Known, Span, cover, horizon_ms
from slo.sources.late import LateSpan, Spread
from slo.sources.selection import Labels, Selection
from slo.sources.series import Members
from slo.sources.stay import FOREVER, Stay


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Advance:
    """What one target added to `slots`, which are the numbers of those with scrapes: arrays of the shape (slots, SLIs).

    Scrapes that came late have slots before those that are counted now. `observations` are scrapes in which an SLI was
    seen, without those behind a gap. `spans` are what is known at once, with the SLIs that know it; `late` came late:
    with a late scrape, or with one after a gap, for the slots before it. `first` are the SLIs that were observed first.
    """

    slots: Ints
    total: Ints
    part: Ints
    observations: Ints
    first: Ints
    spans: Sequence[tuple[Sequence[Span], Ints]] = ()
    late: Sequence[Spread | LateSpan] = ()


class Target:
    """The series of one target, as far as SLIs want them; `selection` holds their selectors, see `selection_of`.

    `interval_ms` is how often it is scraped; `leaves_ms` is when it is gone for good, where that is known. Of each SLI,
    `decided_ms` and `until_ms` are what is `Known`; `stay` is when it was there to be observed.
    """

    def __init__(
        self, selection: Selection, *, slis: int, interval_ms: int, slot_ms: int, leaves_ms: int = FOREVER
    ) -> None:
        self.members = Members(selection)
        self.increments = Increments()
        self.decided_ms: Ints = np.zeros(slis, np.int64)
        self.until_ms: Ints = np.zeros(slis, np.int64)
        self.observed_last: Bools = np.zeros(slis, np.bool_)
        self.stay = Stay(slot_ms=slot_ms, first_ms=np.full(slis, FOREVER, np.int64), leaves_ms=leaves_ms)
        self.interval_ms = interval_ms
        self._slot_ms = slot_ms

    def follow(self, series: Iterable[Labels], *, followed_since_now: bool = False) -> None:
        """Take in series that have no column yet; see `Increments.widen`."""
        self.members.follow(series)
        self.increments.widen(self.members.series, followed_since_now=followed_since_now)

    def keep(self, columns: Ints) -> None:
        """Forget all series but those with these columns, which become the first ones."""
        labels, selection = self.members.labels, self.members.selection
        self.members = Members(selection)
        self.members.follow(labels[column] for column in columns.tolist())
        self.increments.keep(columns)

    def replace(self, selection: Selection, kept: Sequence[int]) -> None:
        """Count for other SLIs: for each of them, which of those before it was, or -1."""
        labels = self.members.labels
        self.members = Members(selection)
        self.members.follow(labels)
        self.decided_ms = np.append(self.decided_ms, 0)[kept]
        self.until_ms = np.append(self.until_ms, 0)[kept]
        self.observed_last = np.append(self.observed_last, False)[kept]
        self.stay.replace(kept)

    def advance(self, times_ms: Ints, values: Floats, ends_ms: Ints) -> Advance:
        """Take in the scrapes of the slots that end at `ends_ms`, in a row; `values` has the shape (scrapes, series).

        Times of scrapes ascend, from call to call as well. None is after these slots; those before them came late.
        """
        growth = self.increments.advance(times_ms, values)
        total, part = self.members.sums(growth.increments)
        observed, _ = self.members.shown(growth.present)
        first = self._remember_first(growth, observed)
        long_gap = (growth.previous_ms != NEVER) & (times_ms - growth.previous_ms > horizon_ms(self.interval_ms))
        gaps = np.flatnonzero(long_gap).tolist()
        spans, late_spans = self._cover(growth, observed, gaps, (int(ends_ms[0]) - self._slot_ms, int(ends_ms[-1])))
        spreads = [_spread(growth, row, total[row], part[row]) for row in gaps]
        seen = observed.astype(np.int64)
        for row in gaps:  # what is left of them is a part without its total, for the carry
            part[row] = np.maximum(part[row] - total[row], 0)
            total[row] = seen[row] = 0
        slots, rows = np.unique(-(-times_ms // self._slot_ms), return_inverse=True)
        shape = (len(slots), total.shape[1])
        summed = []
        for amounts in (total, part, seen):
            into = np.zeros(shape, np.int64)
            np.add.at(into, rows, amounts)
            summed.append(into)
        return Advance(
            slots=slots,
            total=summed[0],
            part=summed[1],
            observations=summed[2],
            spans=spans,
            late=[*spreads, *late_spans],
            first=first,
        )

    def _remember_first(self, growth: Growth, observed: Bools) -> Ints:
        """Remember when SLIs were observed first; which of them were observed first now."""
        before = self.stay.first_ms
        if not len(observed) or (before < FOREVER).all():
            return np.zeros(0, np.int64)
        first = np.where(observed.any(axis=0), growth.times_ms[np.argmax(observed, axis=0)], FOREVER)
        self.stay.first_ms = np.minimum(before, first)
        return np.flatnonzero(self.stay.first_ms < before)

    def _cover(
        self, growth: Growth, observed: Bools, gaps: Sequence[int], stretch: Span
    ) -> tuple[list[tuple[Sequence[Span], Ints]], list[LateSpan]]:
        """Known spans, computed once for all SLIs that were observed alike, and spans that came late."""
        known_at_once: list[tuple[Sequence[Span], Ints]] = []
        late: list[LateSpan] = []
        bridged = self._bridged(growth, observed, gaps)
        times = growth.times_ms.tolist()
        for members in self._alike(observed, bridged):
            one = members[0]
            seen, bridges = observed[:, one].tolist(), bridged[:, one].tolist()
            after, spans, late_spans = cover(
                Known(decided_ms=int(self.decided_ms[one]), until_ms=int(self.until_ms[one])),
                [(at, bridge) for at, bridge, is_seen in zip(times, bridges, seen, strict=True) if is_seen],
                since_ms=stretch[0],
                until_ms=stretch[1],
                horizon_ms=horizon_ms(self.interval_ms),
                slot_ms=self._slot_ms,
            )
            known_at_once.append((spans, members))
            late.extend(LateSpan(at_ms=at, span=span, slis=members) for at, span in late_spans)
            self.decided_ms[members], self.until_ms[members] = after.decided_ms, after.until_ms
        return known_at_once, late

    def _bridged(self, growth: Growth, observed: Bools, gaps: Sequence[int]) -> Bools:
        """Which observations say what happened in the gap before them: no counter was reset in it."""
        bridged = np.zeros_like(observed)
        for row in gaps:
            before = observed[row - 1] if row else self.observed_last
            of_total, of_part = self.members.shown(growth.reset[row : row + 1])
            bridged[row] = before & ~of_total[0] & ~of_part[0]
        if len(observed):
            self.observed_last = observed[-1].copy()
        return bridged

    def _alike(self, observed: Bools, bridged: Bools) -> Iterator[Ints]:
        """The SLIs that were ever observed here, those together that are known and were observed in the same way."""
        seen = np.flatnonzero(self.stay.first_ms < FOREVER)
        if not seen.size:
            return
        ways = np.vstack([self.decided_ms[seen], self.until_ms[seen], observed[:, seen], bridged[:, seen]])
        if (ways == ways[:, :1]).all():
            yield seen
            return
        _, way = np.unique(ways, axis=1, return_inverse=True)
        order = np.argsort(way, kind="stable")
        yield from np.split(seen[order], np.flatnonzero(np.diff(way[order])) + 1)


def _spread(growth: Growth, row: int, total: Ints, part: Ints) -> Spread:
    """What was counted over the gap before a scrape, as total and part."""
    return Spread(
        since_ms=int(growth.previous_ms[row]),
        at_ms=int(growth.times_ms[row]),
        total=total.copy(),
        part=np.minimum(part, total),
    )
