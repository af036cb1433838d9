"""Values and names as MySQL writes them, and as the metrics of mysqld_exporter have them."""

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from math import isfinite
from types import MappingProxyType
from typing import TypeAlias

from slo.core.sample import Sample
from slo.net.sql import Result

Series: TypeAlias = tuple[str, Mapping[str, str]]
"""The name of a metric, and its labels."""

LONGEST_NAME = 64
MOST_NAMES = 8192
LONGEST_LABEL = 128
_LONGEST_NUMBER = 64

_WORDS = {
    "yes": 1.0,
    "on": 1.0,
    "primary": 1.0,
    "no": 0.0,
    "off": 0.0,
    "disabled": 0.0,
    "connecting": 0.0,
    "preparing": 0.0,
    "non-primary": 0.0,
    "disconnected": 0.0,
}
"""Words that are numbers in metrics. A thread that is connecting, or prepares to, does not run."""

_AS_WRITTEN = {
    spelling: value
    for word, value in _WORDS.items()
    for spelling in (word, word.upper(), word.capitalize(), "non-Primary" if word == "non-primary" else word)
} | {str(digit): float(digit) for digit in range(10)}

_NUMBER = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
_AMOUNT = re.compile(r"\d+(?:\.\d+)?", re.ASCII)
_MOMENT = re.compile(r"[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \d{4} GMT", re.ASCII)
_NO_NAME = re.compile(r"[^a-z0-9_]")

_RENAMED = {"master": "source", "slave": "replica"}
_OLD = {new: old for old, new in _RENAMED.items()}


def number(text: str | None) -> float | None:
    """The value as a metric has it: a finite number, a word that stands for one, or a moment (Unix seconds)."""
    if text is None:
        return None
    if (known := _AS_WRITTEN.get(text)) is not None:
        return known
    if len(text) > _LONGEST_NUMBER:
        return None
    if _NUMBER.fullmatch(text):
        value = float(text)
        return value if isfinite(value) else None
    if _MOMENT.fullmatch(text):
        return _moment(text)
    return _WORDS.get(text.lower())


def amount(text: str | None) -> float | None:
    """A number of 0 or more that is written as one: no word, and no moment."""
    if text is None or not _AMOUNT.fullmatch(text):
        return None
    return number(text)


def _moment(text: str) -> float | None:
    try:
        return datetime.strptime(text, "%b %d %H:%M:%S %Y GMT").replace(tzinfo=UTC).timestamp()
    except ValueError:
        return None


class _Cleaned(dict[str, str]):
    """Names as they may stand in those of metrics; servers have the same thousand names in every round."""

    def __missing__(self, name: str) -> str:
        if len(name) > LONGEST_NAME:
            return ""
        found = _NO_NAME.sub("_", name.lower())
        if len(self) < MOST_NAMES:
            self[name] = found
        return found


_CLEANED = _Cleaned()


def cleaned(name: str | None) -> str:
    """A name as it may stand in that of a metric; empty for one that is too long, or is none."""
    return _CLEANED[name or ""]


def named(result: Result) -> dict[str, str]:
    """The values of a result that has a name and a value in each row, by their names in small letters."""
    if len(result.columns) != 2:
        return {}
    return {name: value for key, value in result.rows if value is not None and (name := _CLEANED[key or ""])}


def by_column(result: Result) -> Iterator[dict[str, str | None]]:
    """The rows of a result, their values by the names of the columns in small letters."""
    names = [cleaned(column) for column in result.columns]
    for row in result.rows:
        yield {name: value for name, value in zip(names, row, strict=True) if name}


@lru_cache(maxsize=8192)
def old_name(name: str) -> str:
    """A name of replication as it was before MySQL 8.0.22: slave_io_running for replica_io_running."""
    return "_".join(_OLD.get(word, word) for word in name.split("_"))


@lru_cache(maxsize=8192)
def new_name(name: str) -> str:
    """The same as it is since."""
    return "_".join(_RENAMED.get(word, word) for word in name.split("_"))


@lru_cache(maxsize=8192)
def _labels(pairs: tuple[tuple[str, str], ...]) -> Mapping[str, str]:
    return MappingProxyType(dict(pairs))


def labels(**values: str | None) -> Mapping[str, str]:
    """Labels, the same object for the same values; what is NULL is empty."""
    return _labels(tuple((name, (value or "")[:LONGEST_LABEL]) for name, value in values.items()))


class Numbers:
    """Values by name as samples. What is the same as the last time is not made anew: most of what a server says is."""

    def __init__(self, series_of: Callable[[str], Series | None]) -> None:
        """`series_of` gives the metric and the labels of a name, None where it has none."""
        self._series_of = series_of
        self._values: Mapping[str, str] = {}
        self._found: list[Sample] = []
        self._made: dict[str, tuple[str, Sample | None]] = {}

    def samples(self, values: Mapping[str, str]) -> list[Sample]:
        """The values that are numbers."""
        if values == self._values:
            return self._found
        last, self._made = self._made, {}
        found: list[Sample] = []
        for name, text in values.items():
            known = last.get(name)
            if known is None or known[0] != text:
                known = text, self._sample(name, text)
            self._made[name] = known
            if known[1] is not None:
                found.append(known[1])
        self._values, self._found = values, found
        return found

    def _sample(self, name: str, text: str) -> Sample | None:
        value = number(text)
        series = None if value is None else self._series_of(name)
        return None if value is None or series is None else Sample(series[0], value, series[1])
