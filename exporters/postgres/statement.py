"""A statement that is asked, the metrics that its rows are, and how they are read.

What cannot be read is NaN, as NULL is: the exporter whose names these are says so too.
"""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

from slo.core.sample import Sample
from slo.exposition.families import Family
from slo.net.sql import Result

OLDEST, NEWEST = 12, 17
"""The versions that are known."""

ROWS = 5_000
"""How many rows of one statement are read: a server with more databases or tables tells of some of them."""


Row: TypeAlias = Mapping[str, str | None]
"""A row by the names of its values; None is NULL."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Column:
    """One value of each row. Without a `help` it is no metric, and only looked at.

    `value` is the expression that it comes from, the name itself where there is none; `since` and `until` are the
    first and the last version that has it.
    """

    name: str
    help: str = ""
    type: str = "gauge"
    value: str = ""
    since: int = OLDEST
    until: int = NEWEST


@dataclass(frozen=True, kw_only=True, slots=True)
class Question:
    """A statement as one version of the server is asked it: `names` are of its labels and, behind them, its columns."""

    name: str
    prefix: str
    sql: str
    names: tuple[str, ...]
    labels: tuple[str, ...]
    metrics: tuple[tuple[int, str], ...]
    """The columns that are metrics: where they stand in a row, and the whole name."""

    def rows(self, result: Result) -> list[Row]:
        """The rows by the names of labels and columns. A row of another length is no answer to this, and left out."""
        return [dict(zip(self.names, row, strict=True)) for row in result.rows if len(row) == len(self.names)]


@dataclass(frozen=True, kw_only=True, slots=True)
class Statement:
    """What is asked of versions `since` to `until`: labels with their expressions, and columns, of each row.

    The name of a metric is the prefix, `_`, and the name of its column.
    """

    name: str
    columns: tuple[Column, ...]
    source: str
    prefix: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    limit: int = ROWS
    since: int = OLDEST
    until: int = NEWEST

    def of(self, version: int) -> Question:
        """The statement for this version of the server."""
        columns = [column for column in self.columns if column.since <= version <= column.until]
        names = (*self.labels, *(column.name for column in columns))
        values = ", ".join((*self.labels.values(), *(column.value or column.name for column in columns)))
        return Question(
            name=self.name,
            prefix=self.prefix,
            sql=f"SELECT {values} {self.source} LIMIT {self.limit}",
            names=names,
            labels=tuple(self.labels),
            metrics=tuple(
                (index, f"{self.prefix}_{column.name}")
                for index, column in enumerate(columns, start=len(self.labels))
                if column.help
            ),
        )

    def families(self) -> Iterator[Family]:
        """What is said of each metric before its values."""
        for column in self.columns:
            if column.help:
                yield Family(name=f"{self.prefix}_{column.name}", type=column.type, help=column.help)


def questions(statements: Sequence[Statement], version: int) -> tuple[Question, ...]:
    """What this version of the server is asked; one that is not known is asked as the nearest that is."""
    version = min(max(version, OLDEST), NEWEST)
    return tuple(each.of(version) for each in statements if each.since <= version <= each.until)


def major(version: str) -> int:
    """The major version, of what a server says at the login: `15.6 (Debian 15.6-1)`; 0 where it says none."""
    match = re.match(r"[0-9]{1,4}", version)
    return int(match[0]) if match else 0


def number(text: str | None) -> float:
    """The value of a metric; NaN where there is none."""
    if text is None:
        return math.nan
    try:
        return float(text)
    except ValueError:
        return math.nan


class _Read(NamedTuple):
    """Rows that were read, the labels of each, and what was made of them."""

    rows: tuple[tuple[str | None, ...], ...]
    labels: Mapping[tuple[str | None, ...], Mapping[str, str]]
    samples: Sequence[Sample]


class Reader:
    """Makes samples of rows, with the same labels object for the same series from round to round.

    Most rows are what they were in the last round: nothing is made of them anew.
    """

    def __init__(self, server: str) -> None:
        """`server` is the label of that name, which every series has."""
        self.server: Mapping[str, str] = {"server": server}
        self._last: dict[str, _Read] = {}
        self._version: Mapping[str, str] = {}

    def read(self, question: Question, result: Result) -> Sequence[Sample]:
        """The samples of the rows, family by family."""
        last = self._last.get(question.name, _Read((), {}, ()))
        if last.rows == result.rows:
            return last.samples
        known = len(question.labels)
        rows = [row for row in result.rows if len(row) == len(question.names)]
        labels = {
            key: last.labels.get(key) or self.labelled(question.labels, key) for key in (row[:known] for row in rows)
        }
        series = [(labels[row[:known]], row) for row in rows]
        samples = [
            Sample(name, number(row[index]), labels) for index, name in question.metrics for labels, row in series
        ]
        self._last[question.name] = _Read(result.rows, labels, samples)
        return samples

    def of_version(self, short: str, version: str) -> Mapping[str, str]:
        """The labels that tell the version."""
        labels = self.labelled(("short_version", "version"), (short, version))
        if labels != self._version:
            self._version = labels
        return self._version

    def labelled(self, names: Sequence[str], values: Sequence[str | None]) -> Mapping[str, str]:
        """The labels of these names, and that of the server. NULL is empty."""
        if not names:
            return self.server
        return {**{name: value or "" for name, value in zip(names, values, strict=True)}, **self.server}
