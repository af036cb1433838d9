"""A statement that is asked, the metrics that its rows are, and how they are read.

What cannot be read is NaN, as NULL is: the exporter whose names these are says so too.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from slo.core.sample import Sample
from slo.exposition.catalogue import Family
from slo.net.sql import Result

OLDEST = 12
"""The oldest version that is known. Newer ones than those that are known are asked as the newest of these."""

ROWS = 5_000
"""How many rows of one statement are read: a server with more databases or tables tells of some of them."""


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
    until: int = 99


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
    until: int = 99

    def columns_of(self, version: int) -> tuple[Column, ...]:
        """The columns that this version of the server has."""
        version = max(version, OLDEST)
        return tuple(column for column in self.columns if column.since <= version <= column.until)

    def sql(self, version: int) -> str:
        """The statement for this version of the server."""
        values = (column.value or column.name for column in self.columns_of(version))
        return f"SELECT {', '.join((*self.labels.values(), *values))} {self.source} LIMIT {self.limit}"

    def rows(self, result: Result, version: int) -> Iterator[Mapping[str, str | None]]:
        """The rows by the names of labels and columns. A row of another length is no answer to this, and left out."""
        names = (*self.labels, *(column.name for column in self.columns_of(version)))
        return (dict(zip(names, row, strict=True)) for row in result.rows if len(row) == len(names))

    def families(self) -> Iterator[Family]:
        """What is said of each metric before its values."""
        for column in self.columns:
            if column.help:
                yield Family(name=f"{self.prefix}_{column.name}", type=column.type, help=column.help)


def of_version(statements: Sequence[Statement], version: int) -> tuple[Statement, ...]:
    """Those that this version of the server is asked."""
    return tuple(each for each in statements if each.since <= max(version, OLDEST) <= each.until)


def number(text: str | None) -> float:
    """The value of a metric; NaN where there is none."""
    if text is None:
        return math.nan
    try:
        return float(text)
    except ValueError:
        return math.nan


class Reader:
    """Makes samples of rows, with the same labels object for the same series in every round."""

    def __init__(self, server: str) -> None:
        """`server` is the label of that name, which every series has."""
        self.server: Mapping[str, str] = {"server": server}
        self._known: dict[tuple[str | None, ...], Mapping[str, str]] = {}
        self._used: dict[tuple[str | None, ...], Mapping[str, str]] = {}

    def begin(self) -> None:
        """A round begins: labels that were not used in the last one are forgotten."""
        self._known, self._used = self._used, {}

    def read(self, statement: Statement, result: Result, version: int) -> Iterator[Sample]:
        """The samples of a statement's rows, family by family."""
        columns = statement.columns_of(version)
        known = len(statement.labels)
        rows = [row for row in result.rows if len(row) == known + len(columns)]
        series = [(self.labels(tuple(statement.labels), row[:known]), row) for row in rows]
        for index, column in enumerate(columns, start=known):
            if column.help:
                name = f"{statement.prefix}_{column.name}"
                for labels, row in series:
                    yield Sample(name, number(row[index]), labels)

    def labels(self, names: tuple[str, ...], values: tuple[str | None, ...]) -> Mapping[str, str]:
        """The labels of these names, and that of the server. NULL is empty."""
        if not names:
            return self.server
        key = (*names, *values)
        labels = self._used.get(key) or self._known.get(key)
        if labels is None:
            labels = {**{name: value or "" for name, value in zip(names, values, strict=True)}, **self.server}
        self._used[key] = labels
        return labels
