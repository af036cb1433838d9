"""A server in memory, in the place of a client of a real one: what it holds, and what goes wrong with it."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar, cast

import numpy as np

from slo.errors import ServerFault
from slo.sources.prometheus.answers import Labels, Series
from slo.sources.prometheus.client import Client

T = TypeVar("T")

Samples = Mapping[Labels, Sequence[tuple[float, float]]]
"""Series by their labels: time (Unix seconds) and value."""


class Remembered:
    """Answers `selector[Ns]` from `samples`, and any other expression from `values`, a function of the point in time.

    While `fault` is set it answers nothing. An answer of more than `most_samples` samples is too much for it; with
    `partial` it lacks something in the time of these spans.
    """

    def __init__(
        self,
        samples: Mapping[str, Samples] | None = None,
        values: Mapping[str, Callable[[int], Mapping[Labels, float]]] | None = None,
    ) -> None:
        self.samples = dict(samples or {})
        self.values_of = dict(values or {})
        self.fault: ServerFault | None = None
        self.most_samples = 10**9
        self.partial: list[tuple[int, int]] = []
        self.asked: list[tuple[str, int, int]] = []

    @property
    def client(self) -> Client:
        """The same, as what it stands for."""
        return cast("Client", self)

    async def run(self, function: Callable[[], T]) -> T:
        return function()

    def query(self, expression: str, at: int) -> list[Series]:
        match = re.fullmatch(r"(.*)\[(\d+)s\]", expression)
        assert match, f"no selector with a range: {expression}"
        after = at - int(match[2])
        self._look_at(expression, after, at)
        found = [
            _series(labels, [(when, value) for when, value in samples if after <= when <= at])
            for labels, samples in self.samples.get(match[1], {}).items()
        ]
        return self._given(found)

    def values(self, expression: str, points: Sequence[int], now: float) -> list[Series]:
        assert all(point <= now for point in points)
        if points:
            self._look_at(expression, points[0], points[-1])
        found: dict[Labels, list[tuple[float, float]]] = {}
        for point in points:
            for labels, value in self.values_of[expression](point).items():
                found.setdefault(labels, []).append((point, value))
        return self._given([_series(labels, samples) for labels, samples in found.items()])

    def _look_at(self, expression: str, after: int, until: int) -> None:
        self.asked.append((expression, after, until))
        if self.fault is not None:
            raise self.fault
        if any(begin < until and after < end for begin, end in self.partial):
            raise ServerFault("partial", "a store is gone")

    def _given(self, found: list[Series]) -> list[Series]:
        if sum(len(series.times_ms) for series in found) > self.most_samples:
            raise ServerFault("too_much", "too many samples")
        return [series for series in found if len(series.times_ms)]


def _series(labels: Labels, samples: Sequence[tuple[float, float]]) -> Series:
    return Series(
        labels=labels,
        times_ms=np.array([round(at * 1000) for at, _ in samples], np.int64),
        values=np.array([value for _, value in samples], np.float64),
    )
