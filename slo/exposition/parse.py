"""Scrapes, parsed: Prometheus text 0.0.4 and OpenMetrics 1.0, strict where Prometheus is and lenient where it is.

A target says the same series at every scrape, so that what stands before a value is looked up in a `SeriesCache`; only
a series that was not seen before is read letter by letter (`slo.exposition.line`).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from slo.core.selector import METRIC_NAME
from slo.errors import ParseError
from slo.exposition.line import OPENMETRICS, TEXT, Format, Labels, Line, number_of

ScrapedSample: TypeAlias = tuple[str, Mapping[str, str], float, int | None]
"""Name, labels with the name as `__name__`, value, and the timestamp in milliseconds where the target gives one.

The labels of a series are one object as long as the cache keeps it, and are not to be changed.
"""

SPARE_SERIES = 1000

_Series: TypeAlias = tuple[str, Labels]
_UNSEEN: _Series = ("", {})


@dataclass(frozen=True, kw_only=True, slots=True)
class Exposition:
    """What one scrape said: its samples in their order, and the types of the families that have one.

    `contradicted` is the name of a series that had two values at one time, empty where none had.
    """

    samples: Sequence[ScrapedSample]
    types: Mapping[str, str]
    contradicted: str = ""


class SeriesCache:
    """The series of one target as they were written, with their labels.

    `labelled` adds to the labels what is not in the answer. `wanted` is asked once for each series; of those that it
    does not want nothing is read, not even the value. The cache forgets everything when it holds more than twice what
    the last scrape had: a target that names new series at each scrape costs a second reading of the others now and
    then, and no memory.
    """

    def __init__(
        self,
        wanted: Callable[[Mapping[str, str]], bool] | None = None,
        *,
        labelled: Callable[[Labels], Labels] | None = None,
    ) -> None:
        self._wanted = wanted
        self._labelled = labelled
        self._format: Format | None = None
        self._by_labels: dict[frozenset[tuple[str, str]], _Series] = {}
        self.series: dict[bytes, _Series | None] = {}
        """By what is written before the value; None for those that are not wanted."""
        self.metadata: dict[bytes, tuple[str, str] | None] = {}
        """By the line: the family and its type where it says that."""

    def use_for(self, form: Format) -> None:
        """Forget what was read in another format: what is valid in one may not be in the other."""
        if form is not self._format:
            self._forget()
            self._format = form

    def add(self, written: bytes, labels: Labels) -> _Series | None:
        """Remember a series. Two ways to write the same labels are one series."""
        if self._labelled is not None:
            labels = self._labelled(labels)
        if self._wanted is None or self._wanted(labels):
            series = self._by_labels.setdefault(frozenset(labels.items()), (labels[METRIC_NAME], labels))
        else:
            series = None
        self.series[written] = series
        return series

    def keep_within(self, lines: int) -> None:
        """Forget everything where it is much more than a scrape of so many lines can use."""
        if len(self.series) + len(self.metadata) > 2 * lines + SPARE_SERIES:
            self._forget()

    def _forget(self) -> None:
        self.series.clear()
        self.metadata.clear()
        self._by_labels.clear()


def parse(body: bytes, content_type: str, cache: SeriesCache | None = None) -> Exposition:
    """What a target answered. Raises ParseError, and nothing of the answer counts, where Prometheus would refuse it.

    `content_type` is that of the answer: `application/openmetrics-text` is OpenMetrics, anything else is taken for
    Prometheus text, as in Prometheus 2 (3 asks for `fallback_scrape_protocol`). Where a series comes twice, the first
    sample counts, as in Prometheus; with timestamps of their own both do, unless they are the same.
    """
    form = OPENMETRICS if content_type.partition(";")[0].strip().lower() == "application/openmetrics-text" else TEXT
    cache = cache or SeriesCache()
    cache.use_for(form)
    lines = body.split(b"\n")
    if not lines[-1]:
        lines.pop()
    reader = _Reader(form, cache, lines)
    try:
        reader.read()
    finally:
        cache.keep_within(len(lines))
    samples, contradicted = reader.samples, ""
    if len({id(sample[1]) for sample in samples}) < len(samples):
        samples, contradicted = _first_of_each(samples)
    return Exposition(samples=samples, types=reader.types, contradicted=contradicted)


class _Reader:
    """Reads the lines of one scrape."""

    def __init__(self, form: Format, cache: SeriesCache, lines: Sequence[bytes]) -> None:
        self._form = form
        self._cache = cache
        self._lines = enumerate(lines, 1)
        self._ended = False
        self.samples: list[ScrapedSample] = []
        self.types: dict[str, str] = {}

    def read(self) -> None:
        """Read every line."""
        seen, append = self._cache.series.get, self.samples.append
        number = 1
        for number, line in self._lines:
            before, _, token = line.rpartition(b" ")
            series = seen(before, _UNSEEN)
            if series is None:
                continue
            if series is not _UNSEEN and len(token) < 16 and token.isdigit():
                append((series[0], series[1], float(token), None))
            elif series is not _UNSEEN and (value := number_of(token)) is not None:
                append((series[0], series[1], value, None))
            else:
                self._read_line(line, number)
        if self._form is OPENMETRICS and not self._ended:
            raise ParseError(number, 1, "the last line is not # EOF", "send the whole answer")

    def _read_line(self, line: bytes, number: int) -> None:
        """Read a line that is not simply a known series with a value."""
        if line == b"# EOF" and self._form is OPENMETRICS:
            self._end(number)
        elif line.lstrip(b" \t").startswith(b"#"):
            if line not in self._cache.metadata:
                self._cache.metadata[line] = Line(line, number, self._form).metadata()
            if said := self._cache.metadata[line]:
                self.types[said[0]] = said[1]
        elif line.strip(b" \t") or self._form is OPENMETRICS:
            self._read_sample(line, number)

    def _read_sample(self, line: bytes, number: int) -> None:
        before = line.partition(b" # {")[0].rpartition(b" ")[0]
        written = before if before in self._cache.series else before.rpartition(b" ")[0]
        series = self._cache.series.get(written, _UNSEEN)
        if series is None:
            return
        if series is not _UNSEEN:
            rest = Line(line, number, self._form, at=len(written))
        else:
            if self._form is TEXT:
                line = self._whole(line)
            rest = Line(line, number, self._form)
            labels = rest.series()
            series = self._cache.add(line[: rest.at], labels)
        if series is not None:
            self.samples.append((*series, *rest.reading()))

    def _whole(self, line: bytes) -> bytes:
        """The line with those that follow it, up to the quote that closes one it leaves open."""
        parts = [line]
        if _leaves_open(line):
            for _, more in self._lines:
                parts.append(more)
                if _leaves_open(more):
                    break
        return b"\n".join(parts)

    def _end(self, number: int) -> None:
        self._ended = True
        if next(self._lines, None):
            raise ParseError(number + 1, 1, "there is more after # EOF", "end the answer there")


def _leaves_open(line: bytes) -> bool:
    """Whether the line has an odd number of quotes that no backslash escapes."""
    unescaped = line.replace(rb"\\", b"").replace(rb"\"", b"")
    return unescaped.count(b'"') % 2 == 1


def _first_of_each(samples: Sequence[ScrapedSample]) -> tuple[list[ScrapedSample], str]:
    """The samples without those that repeat a series at the same time, and the name of one that does so otherwise."""
    first: dict[tuple[int, int | None], ScrapedSample] = {}
    contradicted = ""
    for sample in samples:
        value, known = sample[2], first.setdefault((id(sample[1]), sample[3]), sample)[2]
        if value != known and not (value != value and known != known):  # noqa: PLR0124  two NaN are one value
            contradicted = contradicted or sample[0]
    return list(first.values()), contradicted
