"""The last outcomes of every check, for people who ask what happened there: the last rounds, and the last failures.

Thousands of checks are kept, so each has its outcomes packed into bytes: half a kilobyte where all is well, and never
more than `MOST_BYTES`.
"""

import struct
from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime

from slo.core.outcome import Outcome, Point
from slo.core.reason import State, state_of

ROUNDS = 10
"""How many of the last rounds are kept, whatever they saw."""

FAILURES = 10
"""How many are kept besides of those before them that were not good."""

DETAIL_BYTES = 160
"""How much of a detail is kept."""

MOST_BYTES = 2_400
"""How much is kept of one check; where details are long, the oldest outcomes go."""

_HEAD = struct.Struct("<dqfHBBB")  # at, number, duration, reason, extra, number of phases, bytes of the detail
_PHASE = struct.Struct("<Hf")  # name, seconds


class _Kept:
    """What is kept of one check, oldest first: `rounds` are the last ones, `failures` those before them.

    What all of them have in common is in `last`, which is kept elsewhere anyway.
    """

    __slots__ = ("failures", "last", "rounds")

    def __init__(self, outcome: Outcome) -> None:
        self.last = outcome
        self.rounds = b""
        self.failures = b""


class Recent:
    """The last outcomes of checks, by who looked."""

    def __init__(self) -> None:
        self._kept: dict[Point, _Kept] = {}
        self._words: list[str] = []
        self._numbers: dict[str, int] = {}

    def notice(self, outcome: Outcome) -> None:
        """Keep an outcome of a check, which is newer than those that are kept of it."""
        packed = self._packed(outcome)
        kept = self._kept.get(outcome.point)
        if kept is None:
            kept = self._kept[outcome.point] = _Kept(outcome)
        kept.last = outcome
        kept.rounds += packed
        rest, gone = _newest(kept.rounds, ROUNDS)
        if gone:
            kept.rounds = rest
            failed = b"".join(record for record in _records(gone) if self._state(record) is not State.GOOD)
            if failed:
                kept.failures = _newest(kept.failures + failed, FAILURES)[0]
        while len(kept.rounds) + len(kept.failures) > MOST_BYTES:
            if kept.failures:
                kept.failures = kept.failures[_length(kept.failures, 0) :]
            else:
                kept.rounds = kept.rounds[_length(kept.rounds, 0) :]

    def of(self, point: Point) -> list[Outcome]:
        """What is kept of a check, newest first."""
        kept = self._kept.get(point)
        if kept is None:
            return []
        return [self._unpacked(kept, record) for record in _records(kept.failures + kept.rounds)][::-1]

    def keep(self, points: Collection[Point]) -> None:
        """Keep nothing of any other check any more."""
        for point in [point for point in self._kept if point not in points]:
            del self._kept[point]

    def forget(self, points: Iterable[Point]) -> None:
        """These checks are no more."""
        for point in points:
            self._kept.pop(point, None)

    def _packed(self, outcome: Outcome) -> bytes:
        detail = outcome.detail.encode(errors="replace")
        if len(detail) > DETAIL_BYTES:
            detail = detail[:DETAIL_BYTES].decode(errors="ignore").encode()
        phases = list(outcome.phases.items())[:255]
        head = _HEAD.pack(
            outcome.at.timestamp(),
            outcome.number,
            outcome.duration_seconds,
            self._number(outcome.reason),
            outcome.extra,
            len(phases),
            len(detail),
        )
        return head + b"".join(_PHASE.pack(self._number(name), seconds) for name, seconds in phases) + detail

    def _unpacked(self, kept: _Kept, record: bytes) -> Outcome:
        at, number, duration, reason, extra, phases, _ = _HEAD.unpack_from(record)
        begin, end = _HEAD.size, _HEAD.size + phases * _PHASE.size
        return replace(
            kept.last,
            at=datetime.fromtimestamp(at, UTC),
            state=state_of(self._words[reason]),
            reason=self._words[reason],
            phases={self._words[name]: seconds for name, seconds in _PHASE.iter_unpack(record[begin:end])},
            detail=record[end:].decode(),
            duration_seconds=duration,
            lateness_seconds=0.0,
            number=number,
            extra=bool(extra),
        )

    def _state(self, record: bytes) -> State:
        return state_of(self._words[_HEAD.unpack_from(record)[3]])

    def _number(self, word: str) -> int:
        """The number of a reason or of a phase. There are few of them, and they are never forgotten."""
        number = self._numbers.get(word)
        if number is None:
            number = self._numbers[word] = len(self._words)
            self._words.append(word)
        return number


def _length(records: bytes, begin: int) -> int:
    """How long the record is that begins there."""
    *_, phases, detail = _HEAD.unpack_from(records, begin)
    length: int = _HEAD.size + phases * _PHASE.size + detail
    return length


def _records(records: bytes) -> Iterator[bytes]:
    begin = 0
    while begin < len(records):
        end = begin + _length(records, begin)
        yield records[begin:end]
        begin = end


def _newest(records: bytes, most: int) -> tuple[bytes, bytes]:
    """The newest records, at most so many; and those before them."""
    begins = []
    begin = 0
    while begin < len(records):
        begins.append(begin)
        begin += _length(records, begin)
    cut = begins[-most] if len(begins) > most else 0
    return records[cut:], records[:cut]
