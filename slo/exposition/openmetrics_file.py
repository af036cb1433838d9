"""Files of OpenMetrics text with timestamps, as `promtool tsdb create-blocks-from openmetrics` reads them.

A file of gigabytes is read block by block, in bounded memory. A block is taken apart as columns, and only what is not
simply a known series with a value and a time is read letter by letter: the first line of each series, metadata,
exemplars, numbers that are not plain digits, and whatever is wrong.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from slo.errors import ParseError
from slo.exposition.columns import MARGIN, Columns, Floats, Ints, Mask
from slo.exposition.line import OPENMETRICS, Labels, Line, milliseconds_of, number_of

BLOCK_BYTES = 4 * 1024 * 1024
LINE_BYTES = 1_000_000
"""Longer lines are refused: a file without line ends is no file of metrics."""

_UNSEEN = -1
_LONG_AGO = np.iinfo(np.int64).min


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Run:
    """Samples of one series, in their order: all that a block of the file has of it.

    `labels` has the name of the metric as `__name__`; it is the same object for the same series, and not to be
    changed. `timestamps_ms` (Unix, ascending) and `values` have the shape (samples,). `line` is that of the first.
    """

    labels: Mapping[str, str]
    timestamps_ms: NDArray[np.int64]
    values: NDArray[np.float64]
    line: int


def read_series(stream: BinaryIO, *, block_bytes: int = BLOCK_BYTES) -> Iterator[Run]:
    """The samples of a file, one run for each series in each block of about `block_bytes`.

    The runs of one series follow one another in time; those of different series come in no order.

    Raises ParseError with the line, when it comes to it: for what is no OpenMetrics, for a sample without a timestamp
    or one that is not later than the one before it in its series, and where the file ends without `# EOF`.
    """
    reader = _Reader()
    for text in _blocks(stream, block_bytes):
        yield from reader.read(Columns(text))
    reader.end()


def _blocks(stream: BinaryIO, block_bytes: int) -> Iterator[bytes]:
    """The text in blocks of whole lines, each after `MARGIN`. What is too long for a line is handed out as one."""
    rest = b""
    while chunk := stream.read(block_bytes):
        lines, line_end, tail = chunk.rpartition(b"\n")
        if line_end:
            yield b"".join((MARGIN, rest, lines, line_end))
            rest = tail
        else:
            rest += tail
        if len(rest) > LINE_BYTES:
            break
    if rest:
        yield b"".join((MARGIN, rest, b"\n"))


class _SeriesTable:
    """The series that were seen, by number: their labels, and the time of their last sample."""

    def __init__(self) -> None:
        self._by_labels: dict[frozenset[tuple[str, str]], int] = {}
        self.numbers: dict[bytes, int] = {}
        """By how a series is written."""
        self.labels: list[Labels] = []
        self.last_ms: Ints = np.full(1024, _LONG_AGO, np.int64)

    def add(self, written: bytes, labels: Labels) -> int:
        """The number of a series. Two ways to write the same labels are one series."""
        number = self._by_labels.setdefault(frozenset(labels.items()), len(self.labels))
        if number == len(self.labels):
            self.labels.append(labels)
        if number == len(self.last_ms):
            self.last_ms = np.concatenate((self.last_ms, np.full_like(self.last_ms, _LONG_AGO)))
        self.numbers[written] = number
        return number


class _Samples(NamedTuple):
    """Samples as columns of the shape (samples,): the number of the series, the line, the time and the value."""

    series: Ints
    lines: Ints
    timestamps_ms: Ints
    values: Floats


class _Reader:
    """Reads a file block by block."""

    def __init__(self) -> None:
        self._table = _SeriesTable()
        self._lines = 0
        self._end = 0

    def read(self, block: Columns) -> Iterator[Run]:
        """The runs of a block."""
        longest = int(np.argmax(block.line_ends - block.line_starts))
        if len(block.line(longest)) > LINE_BYTES:
            problem = f"the line is longer than {LINE_BYTES:,} bytes"
            raise ParseError(self._lines + longest + 1, 1, problem, "give a file of OpenMetrics text")
        others = self._read_others(block)
        if self._end and self._end < self._lines + len(block.line_ends):
            raise ParseError(self._end + 1, 1, "there is more after # EOF", "end the file there")
        plain = self._read_plain(block)
        self._lines += len(block.line_ends)
        yield from self._runs(_in_file_order(others, plain) if len(others.lines) else plain)

    def end(self) -> None:
        """The file has ended. Raises ParseError where it did not say so."""
        if not self._end:
            mend = "the file was cut: write it again, to its end"
            raise ParseError(max(self._lines, 1), 1, "the last line is not # EOF", mend)

    def _read_others(self, block: Columns) -> _Samples:
        """The samples in lines that are not plain."""
        samples = []
        for index in block.others.tolist():
            content = block.line(index)
            if self._end:
                break
            if content == b"# EOF":
                self._end = self._lines + index + 1
            elif content.startswith(b"#"):
                Line(content, self._lines + index + 1, OPENMETRICS).metadata()
            else:
                series, timestamp_ms, value = self._read_line(block, index)
                samples.append((series, self._lines + index + 1, timestamp_ms, value))
        whole = np.array([sample[:3] for sample in samples], np.int64).reshape(-1, 3)
        values = np.array([sample[3] for sample in samples], np.float64)
        return _Samples(whole[:, 0], whole[:, 1], whole[:, 2], values)

    def _read_line(self, block: Columns, index: int) -> tuple[int, int, float]:
        """The number of the series of a line, its time in milliseconds and its value."""
        content = block.line(index)
        line = Line(content, self._lines + index + 1, OPENMETRICS)
        if b"\0" in content:
            line.refuse("there is a byte 0", "give a file of OpenMetrics text")
        labels = line.series()
        written = content[: line.at]
        series = self._table.add(written, labels)
        value, timestamp_ms = line.reading()
        if timestamp_ms is None:
            mend = f"write the Unix seconds after the value: {written.decode()} {value:g} 1767225600.123"
            line.refuse("a sample without a timestamp, which replay needs", mend)
        return series, timestamp_ms, value

    def _read_plain(self, block: Columns) -> _Samples:
        """The samples in the plain lines."""
        series = self._series_of(block)
        values, read = block.values()
        for at, index, token in _tokens(block, block.value_starts, block.time_starts - 1, read):
            value = number_of(token)
            values[at] = self._read_line(block, index)[2] if value is None else value
        timestamps_ms, read = block.milliseconds()
        for at, index, token in _tokens(block, block.time_starts, block.ends, read):
            time = milliseconds_of(token)
            timestamps_ms[at] = self._read_line(block, index)[1] if time is None else time
        return _Samples(series, block.plain + (self._lines + 1), timestamps_ms, values)

    def _series_of(self, block: Columns) -> Ints:
        """The numbers of the series of the plain lines."""
        firsts = block.firsts()
        text, known = block.text, self._table.numbers
        places = zip(block.starts[firsts].tolist(), (block.value_starts[firsts] - 1).tolist(), strict=True)
        series = np.array([known.get(text[start:stop], _UNSEEN) for start, stop in places], np.int64)
        for at in np.flatnonzero(series == _UNSEEN).tolist():
            first = firsts[at]
            written = text[block.starts[first] : block.value_starts[first] - 1]
            number = known.get(written)
            series[at] = self._read_line(block, int(block.plain[first]))[0] if number is None else number
        return np.repeat(series, np.diff(firsts, append=block.plain.size))

    def _runs(self, samples: _Samples) -> Iterator[Run]:
        """The samples by series."""
        if not samples.series.size:
            return
        last_ms, labels = self._table.last_ms, self._table.labels
        order = np.argsort(samples.series.astype(np.uint16 if len(labels) < 2**16 else np.int64), kind="stable")
        series, lines = samples.series[order], samples.lines[order]
        timestamps_ms, values = samples.timestamps_ms[order], samples.values[order]
        begins = np.flatnonzero(np.diff(series, prepend=_UNSEEN))
        before = np.concatenate((last_ms[series[:1]], timestamps_ms[:-1]))
        before[begins] = last_ms[series[begins]]
        if (late := np.flatnonzero(timestamps_ms <= before)).size:
            first = late[np.argmin(lines[late])]
            time, time_before = timestamps_ms[first] / 1000, before[first] / 1000
            problem = f"the time {time:.3f} is not after that of the sample before, {time_before:.3f}"
            mend = "sort every series by time, and leave out what comes twice"
            raise ParseError(int(lines[first]), 1, problem, mend)
        ends = np.append(begins[1:], len(series))
        last_ms[series[begins]] = timestamps_ms[ends - 1]
        for begin, end in zip(begins.tolist(), ends.tolist(), strict=True):
            yield Run(
                labels=labels[series[begin]],
                timestamps_ms=timestamps_ms[begin:end],
                values=values[begin:end],
                line=int(lines[begin]),
            )


def _in_file_order(some: _Samples, others: _Samples) -> _Samples:
    columns = [np.concatenate(pair) for pair in zip(some, others, strict=True)]
    order = np.argsort(columns[1], kind="stable")
    return _Samples(*(column[order] for column in columns))


def _tokens(block: Columns, starts: Ints, ends: Ints, read: Mask) -> Iterator[tuple[int, int, bytes]]:
    """What was not read in the plain lines: its place among them, the index of its line, and its text."""
    left = np.flatnonzero(~read)
    places = (left, block.plain[left], starts[left], ends[left])
    for at, index, start, end in zip(*(column.tolist() for column in places), strict=True):
        yield at, index, block.text[start:end]
