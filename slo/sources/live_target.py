"""One target that is scraped: its series by column, and the scrapes that wait to be counted."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from slo.core.sli import CountersSLI
from slo.exposition.parse import ScrapedSample
from slo.sources.increments import NEVER, Floats, Ints
from slo.sources.selection import Labels, Wanted
from slo.sources.targets import Target
from slo.sources.watermarks import Names, Watermark, encode

LONGEST_GAP_MS = 86_400_000
"""A target that was not scraped for longer begins anew: an even spread over days would be a guess."""

FORGOTTEN_AFTER_MS = 86_400_000
"""For how long a series that is missing is remembered."""

MOST_SERIES = 100_000
"""How many series of a target are remembered, those of its last scrape in any case."""


@dataclass(kw_only=True, slots=True, eq=False)
class _Waiting:
    """A scrape that was complete at `at_ms`, and the keys of the definitions that its samples were kept for.

    Where it has no series that are new, `found` has its values by column, and nothing holds its samples.
    """

    at_ms: int
    samples: Sequence[ScrapedSample]
    looked_for: frozenset[str]
    found: dict[int, float] | None = None


class LiveTarget:
    """A target under `scrapes`. Scrapes come in the order of their times, and are taken in when their slots close."""

    def __init__(self, target: Target, identity: str, mark: Watermark | None = None) -> None:
        self.target = target
        self.identity = identity
        self.mark = mark
        self.newest_ms = NEVER
        self._looked_for: frozenset[str] | None = None  # no scrape yet
        self._waiting: list[_Waiting] = []
        self._taken: list[tuple[int, dict[int, float]]] = []
        self._column: dict[tuple[tuple[str, str], ...], int] = {}
        self._last_ms: Ints = np.zeros(0, np.int64)
        # Samples of a series come with the same object of labels, scrape after scrape: its column by the object's id,
        # which is its own as long as the object is held.
        self._known: dict[int, int] = {}
        self._held: list[Labels] = []
        self._names: tuple[object, bytes] = (None, b"")
        if mark:
            mark.restore(target)
            self.newest_ms = mark.scraped_ms
            self._looked_for = frozenset(mark.names.looked_for) if mark.scraped_ms != NEVER else None
            self._last_ms = mark.last_ms
            self._index()
            self.is_now(identity, before=mark.names.identity)

    @property
    def series(self) -> Sequence[Labels]:
        """The labels of the series that are followed, by column."""
        return self.target.members.labels

    def add(self, at_ms: int, samples: Sequence[ScrapedSample], looked_for: frozenset[str]) -> None:
        """Let a scrape wait. One that comes while the clock stands still is passed over: the next one has it all."""
        if at_ms <= self.newest_ms:
            return
        self.newest_ms = at_ms
        scrape = _Waiting(at_ms=at_ms, samples=samples, looked_for=looked_for)
        if looked_for == self._looked_for and all(before.found is not None for before in self._waiting):
            scrape.found = self._by_column(samples)
        if scrape.found is not None:
            scrape.samples = ()
        self._waiting.append(scrape)

    def take_in(self, until_ms: int, followed: Mapping[str, CountersSLI]) -> list[Labels]:
        """Give the series of the scrapes up to a time their columns; those that are new.

        `followed` are the definitions, by key, whose series are looked out for now.
        """
        new: list[Labels] = []
        while self._waiting and self._waiting[0].at_ms <= until_ms:
            scrape = self._waiting.pop(0)
            if scrape.found is None:
                samples = scrape.samples
                if scrape.looked_for != followed.keys():
                    wanted = Wanted(followed.values())
                    samples = [sample for sample in samples if wanted(sample[1])]
                new += self._follow(samples, scrape.looked_for, followed)
                scrape.found = self._by_column(samples)
            self._taken.append((scrape.at_ms, scrape.found or {}))
        return new

    def scrapes(self, until_ms: int) -> tuple[Ints, Floats]:
        """What was taken in up to a time, to be counted: times, and values of the shape (scrapes, series)."""
        rows = [row for row in self._taken if row[0] <= until_ms]
        del self._taken[: len(rows)]
        values = np.full((len(rows), len(self.series)), math.nan)
        for row, (at_ms, found) in enumerate(rows):
            columns = np.fromiter(found, np.int64, len(found))
            values[row, columns] = np.fromiter(found.values(), np.float64, len(found))
            self._last_ms[columns] = at_ms
        before_ms = self.target.increments.scraped_ms
        if rows and before_ms != NEVER and rows[0][0] - before_ms > LONGEST_GAP_MS:
            self.target.increments.begin_anew()
        return np.array([at_ms for at_ms, _ in rows], np.int64), values

    def is_now(self, identity: str, *, before: str) -> None:
        """It has this identity from now on; where that is another one, its next scrape is its first."""
        self.identity = identity
        if identity != before:
            self._waiting, self._taken = [], []
            self._keep(np.zeros(0, np.int64))
            self.target.increments.begin_anew()

    def keep(self, wanted: Callable[[Labels], bool]) -> None:
        """Forget the series that are not wanted any more."""
        kept = [column for column, labels in enumerate(self.series) if wanted(labels)]
        if len(kept) < len(self.series):
            self._keep(np.array(kept, np.int64))

    def forget(self) -> None:
        """Forget the series that were missing for long, as of the newest scrape that was counted."""
        now_ms = self.target.increments.scraped_ms
        missing = self._last_ms < now_ms
        gone = missing & (self._last_ms < now_ms - FORGOTTEN_AFTER_MS)
        surplus = len(gone) - int(gone.sum()) - MOST_SERIES
        if surplus > 0:
            longest = np.argsort(np.where(missing & ~gone, self._last_ms, now_ms), kind="stable")[:surplus]
            gone[longest] |= missing[longest]
        if gone.any():
            self._keep(np.flatnonzero(~gone))

    def watermark(self, slis: Sequence[str], *, whole: bool) -> tuple[bytes | None, bytes]:
        """Its names and numbers; `slis` are the keys of the SLIs.

        Names that are those of the call before are None, if not `whole` is asked for.
        """
        made_of = (self.identity, self.target.members, len(self.series), slis, self._looked_for)
        before, names = self._names
        changed = whole or before != made_of
        if changed:
            looked_for = self._looked_for or ()
            names = Names(identity=self.identity, series=self.series, slis=slis, looked_for=looked_for).encoded()
            self._names = (made_of, names)
        return names if changed else None, encode(self.target, names, self._last_ms)

    def _by_column(self, samples: Iterable[ScrapedSample]) -> dict[int, float] | None:
        """The values of samples; None where one of them is of a series that has no column yet."""
        known = self._known
        try:
            return {known[id(labels)]: value for _, labels, value, _ in samples}
        except KeyError:
            return None

    def _follow(
        self, samples: Iterable[ScrapedSample], looked_for: frozenset[str], followed: Mapping[str, CountersSLI]
    ) -> list[Labels]:
        """Give a column to every series that has none; the new ones.

        What nobody looked out for until now may have been there for long: it does not count from 0. At the first scrape
        of all that goes without saying.
        """
        new: dict[bool, list[Labels]] = {False: [], True: []}
        looked_out = None
        if self._looked_for is not None and not looked_for <= self._looked_for:
            looked_out = Wanted(followed[key] for key in self._looked_for if key in followed)
        if len(self._known) > 2 * len(self.series):
            self._known, self._held = {}, []
        unseen = [labels for _, labels, _, _ in samples if id(labels) not in self._known]
        for labels in unseen:
            key = _key(labels)
            if key not in self._column:
                self._column[key] = NEVER
                new[looked_out is not None and not looked_out(labels)].append(labels)
        for since_now, series in new.items():
            if series:
                self._column |= {_key(labels): len(self.series) + place for place, labels in enumerate(series)}
                self.target.follow(series, followed_since_now=since_now)
        self._last_ms = np.concatenate([self._last_ms, np.zeros(len(self.series) - len(self._last_ms), np.int64)])
        for labels in unseen:
            self._known[id(labels)] = self._column[_key(labels)]
        self._held += unseen
        self._looked_for = looked_for
        return [labels for series in new.values() for labels in series]

    def _keep(self, columns: Ints) -> None:
        self.target.keep(columns)
        self._last_ms = self._last_ms[columns]
        self._index()
        place = {before: column for column, before in enumerate(columns.tolist())}
        for scrape in self._waiting:
            if scrape.found is not None:
                scrape.found = {place[column]: value for column, value in scrape.found.items() if column in place}

    def _index(self) -> None:
        self._known, self._held = {}, []
        self._column = {_key(labels): column for column, labels in enumerate(self.series)}


def _key(labels: Labels) -> tuple[tuple[str, str], ...]:
    """What two objects of the same labels have in common; of nothing that the garbage collector has to look into."""
    return tuple(sorted(labels.items()))
