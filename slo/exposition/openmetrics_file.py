"""Interim reader of recordings, to be replaced by the fast one."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np

from slo.errors import ParseError
from slo.exposition.parse import parse


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Run:
    """Consecutive samples of one series."""

    labels: dict[str, str]
    timestamps_ms: "np.ndarray"
    values: "np.ndarray"
    line: int


def read_series(stream: BinaryIO) -> Iterator[Run]:
    """Every run of the file."""
    known: dict[bytes, dict[str, str]] = {}
    current, begun = b"", 0
    times: list[int] = []
    values: list[float] = []
    for number, line in enumerate(stream, 1):
        if line.startswith(b"#"):
            continue
        prefix, value, at = line.rstrip(b"\n").rsplit(b" ", 2)
        if prefix != current:
            if times:
                yield Run(labels=known[current], timestamps_ms=np.array(times), values=np.array(values), line=begun)
            current, times, values, begun = prefix, [], [], number
        if prefix not in known:
            try:
                known[prefix] = dict(parse(prefix + b" 1\n", "text/plain").samples[0][1])
            except ParseError as error:
                raise ParseError(number, error.column, error.problem, error.mend) from None
        times.append(round(float(at) * 1000))
        values.append(float(value))
    if times:
        yield Run(labels=known[current], timestamps_ms=np.array(times), values=np.array(values), line=begun)
