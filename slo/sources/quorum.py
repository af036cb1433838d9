"""Several vantage points look at one target: their outcomes of one round are joined, and count once.

A round is good if at least `quorum` vantage points see it good, bad if so many can no longer be reached, and unknown
otherwise. It is decided as soon as nothing that may still come could change that, or when those that are missing have
had their time: then they are unknown. So the state of a round is the same in whatever order its outcomes come.

Outcomes may come at least once, late, out of order, and from other machines: each round is counted once. A round is
open from its first outcome until it is decided. What comes afterwards is passed over, and so is what comes more than
`REMEMBERED` rounds after it: of those nobody remembers whether they were counted.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from slo.core.reason import State

REMEMBERED = 1_000
"""How many rounds back it is known which of them were decided, where nobody wants more."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Decided:
    """What a round came to, complete at a time (Unix seconds): that of the newest outcome that it was decided by."""

    number: int
    state: State
    at: float


Waiting: TypeAlias = tuple[int, float, Sequence[tuple[str, str, float]]]
"""A round that is not decided: its number, when it is over, and what each vantage point saw, and when."""


@dataclass(slots=True)
class _Open:
    """A round that is not decided: when it is over (Unix seconds), and what each vantage point saw, and when."""

    until: float
    seen: dict[str, tuple[State, float]]


class Quorum:
    """Joins the outcomes of one target. `patience_seconds` is how long a round waits for who is missing.

    `remembered` is how many rounds back it is known which of them were decided.
    """

    def __init__(
        self, vantage_points: Collection[str], *, quorum: int, patience_seconds: float, remembered: int = REMEMBERED
    ) -> None:
        if not 1 <= quorum <= len(vantage_points):
            raise ValueError(f"{quorum} of {len(vantage_points)} vantage points is no quorum")
        self._vantage_points = frozenset(vantage_points)
        self._quorum = quorum
        self._patience = patience_seconds
        self._open: dict[int, _Open] = {}
        self._decided = _Numbers(remembered)

    @property
    def state(self) -> list[object]:
        """What `restore` takes, as JSON has it."""
        return [
            self._decided.upto,
            self._decided.runs,
            [
                [number, this.until, [[point, state.value, at] for point, (state, at) in this.seen.items()]]
                for number, this in self._open.items()
            ],
        ]

    def restore(self, upto: int | None, runs: Sequence[int], waiting: Iterable[Waiting]) -> None:
        """Go on from where another one was."""
        self._decided.restore(upto, runs)
        self._open = {
            number: _Open(until, {point: (State(state), at) for point, state, at in seen})
            for number, until, seen in waiting
        }

    def add(self, number: int, vantage_point: str, state: State, *, at: float, arrived: float) -> Decided | None:
        """Take in what a vantage point saw of a round, complete `at`, which came here when it `arrived` (Unix seconds).

        Returns the round where that decides it. What is there already, what is decided, and what comes from elsewhere
        changes nothing.
        """
        if vantage_point not in self._vantage_points or number in self._decided:
            return None
        this = self._open.setdefault(number, _Open(arrived + self._patience, {}))
        this.seen.setdefault(vantage_point, (state, at))
        states = [seen for seen, _ in this.seen.values()]
        missing = len(self._vantage_points) - len(states)
        state = self._state(states)
        if state is State.UNKNOWN and missing:
            return None
        return self._decide(number, state)

    def close(self, now: float) -> Iterator[Decided]:
        """The rounds that have waited long enough at `now` (Unix seconds), by their numbers."""
        for number in sorted(number for number, this in self._open.items() if this.until <= now):
            yield self._decide(number, self._state([seen for seen, _ in self._open[number].seen.values()]))

    def _state(self, states: Collection[State]) -> State:
        """What these make of a round, if nothing more comes."""
        count = list(states).count
        if count(State.GOOD) >= self._quorum:
            return State.GOOD
        if count(State.BAD) > len(self._vantage_points) - self._quorum:
            return State.BAD
        return State.UNKNOWN

    def _decide(self, number: int, state: State) -> Decided:
        this = self._open.pop(number)
        self._decided.add(number)
        return Decided(number=number, state=state, at=max(at for _, at in this.seen.values()))


class _Numbers:
    """A set of numbers that mostly come one after another: all up to `upto`, and beyond it one bit for each."""

    def __init__(self, remembered: int) -> None:
        self.upto: int | None = None
        self._beyond = 0
        self._remembered = remembered

    @property
    def runs(self) -> list[int]:
        """What is beyond: how many numbers in a row are not there, how many are, and so on."""
        beyond, runs = self._beyond, []
        while beyond:
            missing = (beyond & -beyond).bit_length() - 1
            beyond >>= missing
            there = (beyond ^ (beyond + 1)).bit_length() - 1
            beyond >>= there
            runs += [missing, there]
        return runs

    def restore(self, upto: int | None, runs: Sequence[int]) -> None:
        """Be the set of which these were told."""
        self.upto, self._beyond, place = upto, 0, 0
        for missing, there in zip(runs[::2], runs[1::2], strict=True):
            self._beyond |= ((1 << there) - 1) << (place + missing)
            place += missing + there

    def __contains__(self, number: int) -> bool:
        if self.upto is None:
            return False
        return number <= self.upto or bool(self._beyond >> (number - self.upto - 1) & 1)

    def add(self, number: int) -> None:
        """Take in a number. Those that are so many behind it count as taken in from now on."""
        if number in self:
            return
        if self.upto is None:
            self.upto = number - self._remembered
        forgotten = max(0, number - self.upto - self._remembered)
        self.upto += forgotten
        self._beyond >>= forgotten
        self._beyond |= 1 << (number - self.upto - 1)
        in_a_row = (self._beyond ^ (self._beyond + 1)).bit_length() - 1
        self.upto += in_a_row
        self._beyond >>= in_a_row
