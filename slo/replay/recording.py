"""Recorded counters on disk, by series: read back by time, in memory that hardly grows with the recording.

OpenMetrics puts families one after another, so total and bad of one scrape lie far apart in a file. Each series is
spilled as it comes; afterwards all series of a target are read side by side.
"""

import errno
from array import array
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from tempfile import TemporaryFile, gettempdir
from typing import TypeAlias

import numpy as np

from slo.errors import StoreError, StoreFull
from slo.sources.increments import Floats, Ints

Labels: TypeAlias = Mapping[str, str]
TargetName: TypeAlias = tuple[str, str]
"""`job` and `instance`, empty where a series has none."""

UP = "up"
WAITING_SAMPLES = 1 << 21
"""How many samples wait in memory before they are spilled."""
READ_SAMPLES = 1024
"""How many samples of a series are read at a time."""
WAITING_TIMES = 1 << 16
"""How many times of a target's scrapes wait before they are put in order."""

_SAMPLE = np.dtype([("at_ms", "<i8"), ("value", "<f8")])


@dataclass(kw_only=True, slots=True, eq=False)
class Series:
    """One series that is wanted. `pieces` hold, one after the other, offset and count (in samples) of what is spilled.

    `position` is how many samples of them were read from the disk, `unread` are those that no call has taken yet.
    """

    labels: Labels
    waiting: list[tuple[Ints, Floats]] = field(default_factory=list)
    pieces: "array[int]" = field(default_factory=lambda: array("q"))
    piece: int = 0
    position: int = 0
    unread: np.ndarray = field(default_factory=lambda: np.zeros(0, _SAMPLE))


class Scraped:
    """When a target was scraped: the distinct times (Unix milliseconds) of its series, but for those with `up` 0."""

    def __init__(self) -> None:
        self.times_ms: Ints = np.zeros(0, np.int64)
        self._waiting: list[Ints] = []
        self._down: list[Ints] = []
        self._held = 0

    def add(self, times_ms: Ints) -> None:
        """Take in the times of a series, which ascend."""
        begin = int(np.searchsorted(self.times_ms, times_ms[0]))
        if np.array_equal(self.times_ms[begin : begin + len(times_ms)], times_ms):
            return
        self._waiting.append(times_ms)
        self._held += len(times_ms)
        if self._held > max(WAITING_TIMES, len(self.times_ms) // 2):
            self._settle()

    def failed(self, times_ms: Ints) -> None:
        """Take in times at which a scrape failed."""
        self._down.append(times_ms)

    def finish(self) -> None:
        """Put everything in order. Nothing is added afterwards."""
        self._settle()
        if self._down:
            self.times_ms = np.setdiff1d(self.times_ms, np.concatenate(self._down), assume_unique=False)

    @property
    def interval_ms(self) -> int:
        """The median distance of the scrapes; a minute where there are not two."""
        return int(np.median(np.diff(self.times_ms))) if len(self.times_ms) > 1 else 60_000

    def between(self, after_ms: int, until_ms: int) -> Ints:
        """The scrapes after a time, up to another."""
        first, last = np.searchsorted(self.times_ms, [after_ms, until_ms], side="right")
        return self.times_ms[first:last]

    def _settle(self) -> None:
        if self._waiting:
            self.times_ms = np.unique(np.concatenate([self.times_ms, *self._waiting]))
            self._waiting, self._held = [], 0


@dataclass(kw_only=True, slots=True, eq=False)
class RecordedTarget:
    """One target: its scrapes, and the series that are wanted of it."""

    scraped: Scraped = field(default_factory=Scraped)
    series: list[Series] = field(default_factory=list)


class Recording:
    """What was recorded of every target. `wanted` says which series are kept.

    Add everything, then `finish`, then read forward in time. It lies in a file of the folder for temporary files, which
    is gone when this process is; raises StoreFull where that folder has no room.
    """

    def __init__(self, wanted: Callable[[Labels], bool]) -> None:
        self.targets: dict[TargetName, RecordedTarget] = {}
        self._wanted = wanted
        self._known: dict[int, tuple[Labels, RecordedTarget, Series | None, bool]] = {}
        self._waiting = 0
        self._spilled = 0
        self._file = TemporaryFile(prefix="watchkeep-replay-")  # noqa: SIM115  closed by `close`

    def add(self, labels: Labels, times_ms: Ints, values: Floats) -> None:
        """Take in samples of one series, in the order of time; one series has one object of labels."""
        _, target, series, is_up = self._known.get(id(labels)) or self._begin(labels)
        target.scraped.add(times_ms)
        if is_up:
            target.scraped.failed(times_ms[values == 0])
        if series is None:
            return
        series.waiting.append((times_ms, values))
        self._waiting += len(times_ms)
        if self._waiting > WAITING_SAMPLES:
            self._spill()

    def finish(self) -> None:
        """Put everything where it is read from."""
        self._spill()
        for target in self.targets.values():
            target.scraped.finish()

    @property
    def bounds_ms(self) -> tuple[int, int] | None:
        """The first and the last scrape of all; None where there is none."""
        times = [target.scraped.times_ms for target in self.targets.values() if len(target.scraped.times_ms)]
        return (min(int(t[0]) for t in times), max(int(t[-1]) for t in times)) if times else None

    def scrapes(self, target: RecordedTarget, after_ms: int, until_ms: int) -> tuple[Ints, Floats]:
        """The scrapes after a time, up to another, which is where the next call goes on.

        Times, and values of the shape (scrapes, series); NaN where a series is missing.
        """
        times_ms = target.scraped.between(after_ms, until_ms)
        values = np.full((len(times_ms), len(target.series)), np.nan)
        for column, series in enumerate(target.series):
            samples = self._read(series, until_ms)
            if len(samples) == len(times_ms) and np.array_equal(samples["at_ms"], times_ms):
                values[:, column] = samples["value"]
                continue
            rows = np.searchsorted(times_ms, samples["at_ms"])
            scraped = rows < len(times_ms)
            scraped[scraped] = times_ms[rows[scraped]] == samples["at_ms"][scraped]
            values[rows[scraped], column] = samples["value"][scraped]
        return times_ms, values

    def close(self) -> None:
        """Give the disk back what it holds."""
        self._file.close()

    def _begin(self, labels: Labels) -> tuple[Labels, RecordedTarget, Series | None, bool]:
        name = (labels.get("job", ""), labels.get("instance", ""))
        target = self.targets.setdefault(name, RecordedTarget())
        series = None
        if self._wanted(labels):
            series = Series(labels=labels)
            target.series.append(series)
        known = self._known[id(labels)] = (labels, target, series, labels.get("__name__") == UP)
        return known

    def _spill(self) -> None:
        try:
            for target in self.targets.values():
                for series in target.series:
                    if series.waiting:
                        self._write(series)
        except OSError as error:
            if error.errno == errno.ENOSPC:
                raise StoreFull(
                    f"{gettempdir()}: has no room for the recording, which takes 16 bytes a sample: "
                    "set TMPDIR to a folder that has"
                ) from error
            raise StoreError(f"{gettempdir()}: the recording cannot be written: {error.strerror}") from error
        self._waiting = 0

    def _write(self, series: Series) -> None:
        samples = np.empty(sum(len(times_ms) for times_ms, _ in series.waiting), _SAMPLE)
        samples["at_ms"] = np.concatenate([times_ms for times_ms, _ in series.waiting])
        samples["value"] = np.concatenate([values for _, values in series.waiting])
        series.waiting = []
        self._file.write(samples.tobytes())
        series.pieces.extend((self._spilled, len(samples)))
        self._spilled += len(samples)

    def _read(self, series: Series, until_ms: int) -> np.ndarray:
        """The samples up to a time that were not read yet."""
        parts = [series.unread]
        while (not len(parts[-1]) or parts[-1]["at_ms"][-1] <= until_ms) and series.piece < len(series.pieces):
            offset, count = series.pieces[series.piece : series.piece + 2]
            taken = min(count - series.position, READ_SAMPLES)
            self._file.seek((offset + series.position) * _SAMPLE.itemsize)
            parts.append(np.frombuffer(self._file.read(taken * _SAMPLE.itemsize), _SAMPLE))
            series.position += taken
            if series.position == count:
                series.piece, series.position = series.piece + 2, 0
        samples = parts[0] if len(parts) == 1 else np.concatenate(parts)
        split = int(np.searchsorted(samples["at_ms"], until_ms, side="right"))
        series.unread = samples[split:]
        return samples[:split]
