"""A replay of a file of OpenMetrics text, from its opening to its last figure."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Self

from slo.core.exclusion import Exclusion
from slo.core.selector import Selector
from slo.core.sli import CountersSLI
from slo.core.slo import SLO
from slo.core.status import SLOStatus
from slo.errors import ParseError, UsageError
from slo.exposition.openmetrics_file import read_series
from slo.replay.choice import chosen
from slo.replay.recording import Recording
from slo.replay.replay import Replay, Transition
from slo.replay.samples import Samples, counted_by, instances
from slo.sources.counters import Excess
from slo.sources.selection import Wanted

LONGEST_YEARS = 10
"""A recording that is longer has a wrong timestamp somewhere, and would be replayed for hours."""

_YEAR_MS = 366 * 86_400 * 1000
_YEAR_2_MS = -62_104_060_800_000
_YEAR_9999_MS = 253_370_764_800_000


class FileReplay:
    """A recording that was read, and the SLOs that it says something about."""

    def __init__(
        self,
        recording: Recording,
        slos: Sequence[SLO],
        *,
        slot_seconds: int,
        step_seconds: int,
        exclusions: Sequence[Exclusion] = (),
    ) -> None:
        judged = chosen(slos, lambda slo: _paced(slo, recording))
        counted = instances(judged, recording)
        self.passed_over = [slo for slo in slos if slo.key not in {each.key for each in judged}]
        self.unmatched = list(_unmatched(slos, recording))
        self._samples = Samples(recording, counted_by(counted), slot_seconds=slot_seconds, step_seconds=step_seconds)
        self._replay = Replay(
            counted,
            slot_seconds=slot_seconds,
            step_seconds=step_seconds,
            begin=self._samples.begin,
            exclusions=exclusions,
        )

    @classmethod
    @contextmanager
    def of(
        cls,
        path: Path,
        slos: Sequence[SLO],
        *,
        slot_seconds: int,
        step_seconds: int,
        exclusions: Sequence[Exclusion] = (),
    ) -> Iterator[Self]:
        """Read the file at `path`. Raises UsageError for one that is no recording, StoreError where no room is left."""
        recording = Recording(Wanted(counted_by(slos).values()))
        try:
            _read(path, recording)
            yield cls(recording, slos, slot_seconds=slot_seconds, step_seconds=step_seconds, exclusions=exclusions)
        finally:
            recording.close()

    def transitions(self) -> Iterator[Transition]:
        """Every transition, as the replay goes on. To be read to its end before anything else is asked."""
        return self._replay.run(self._samples.stretches())

    def statuses(self) -> Iterator[SLOStatus]:
        """The figures of every SLO at the end."""
        return self._replay.statuses()

    @property
    def lost(self) -> Sequence[tuple[datetime, SLO]]:
        """When which SLO lost the data of its SLI."""
        return self._replay.lost

    @property
    def excesses(self) -> Sequence[Excess]:
        """Parts that counted more than their totals."""
        return self._samples.excesses


def _read(path: Path, recording: Recording) -> None:
    try:
        with path.open("rb") as stream:
            for run in read_series(stream):
                recording.add(run.labels, run.timestamps_ms, run.values)
    except ParseError as error:
        mend = f"; {error.mend}" if error.mend else ""
        raise UsageError(f"{path}:{error.line}:{error.column}: {error.problem}{mend}") from error
    except OSError as error:
        raise UsageError(f"{path}: {(error.strerror or '').lower()}: name a file that can be read") from error
    recording.finish()
    if recording.bounds_ms is None:
        raise UsageError(f"{path}: holds no samples: record the counters of the SLOs, and `up` of their targets")
    _refuse_implausible(path, *recording.bounds_ms)


def _refuse_implausible(path: Path, first_ms: int, last_ms: int) -> None:
    if first_ms < _YEAR_2_MS or last_ms >= _YEAR_9999_MS:
        beyond = first_ms if first_ms < _YEAR_2_MS else last_ms
        problem = f"a sample has the time {beyond / 1000:.3f}, which no calendar has"
        raise UsageError(f"{path}: {problem}: write Unix seconds, not milliseconds: 1767225600.123")
    if last_ms - first_ms > LONGEST_YEARS * _YEAR_MS:
        first, last = (datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=at) for at in (first_ms, last_ms))
        problem = f"its samples lie from {first:%Y-%m-%d} to {last:%Y-%m-%d}, more than {LONGEST_YEARS} years"
        raise UsageError(f"{path}: {problem}: mend the timestamp that is wrong, or replay a part at a time")


def _unmatched(slos: Sequence[SLO], recording: Recording) -> Iterator[tuple[SLO, str, Selector]]:
    """The SLOs with a selector that matches no series of the recording: which it is, and the selector."""
    series = [each.labels for target in recording.targets.values() for each in target.series]
    for slo in slos:
        if isinstance(slo.definition, CountersSLI):
            for what, selector in (("total", slo.definition.total), (slo.definition.part_is, slo.definition.part)):
                if not any(selector.matches(labels) for labels in series):
                    yield slo, what, selector
                    break


def _paced(slo: SLO, recording: Recording) -> SLO | None:
    """An SLO that is made of counters, fed as often as the slowest target with series of its total was scraped."""
    if not isinstance(slo.definition, CountersSLI):
        return None
    total = slo.definition.total
    intervals_ms = [
        target.scraped.interval_ms
        for target in recording.targets.values()
        if any(total.matches(series.labels) for series in target.series)
    ]
    return replace(slo, interval=timedelta(milliseconds=max(intervals_ms))) if intervals_ms else slo
