"""The judging half of the oracle: windows, burn rates, alerts and the report, from the counts of oracle_counts.py.

Written from docs/counting.md, docs/decisions.md and the reference of the engine alone, in whole numbers and fractions.
It judges one SLO at a time and shares no code with what it judges. Times and lengths are milliseconds.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from fractions import Fraction
from functools import cache
from typing import Literal, NamedTuple, TypeAlias

from tests.replay.oracle_counts import MINUTE, Entry, Indicator, Series, Target, entries_of, slot_of, targets_of

SECOND = 1_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR

Severity: TypeAlias = Literal["page", "ticket"]
SEVERITIES: tuple[Severity, ...] = ("page", "ticket")
ENOUGH = Fraction(4, 5)
"""The coverage of its short window that a pair needs to clear."""


@dataclass(frozen=True, kw_only=True)
class Pair:
    """A long and a short window, the share of the budget that may be spent in the long one, and what follows."""

    long: int
    short: int
    budget: Fraction
    severity: Severity
    min_bad_events: int = 0
    hold: int = 0


@dataclass(frozen=True, kw_only=True)
class Objective:
    """One SLO."""

    name: str
    objective: Fraction
    window: int
    indicator: Indicator
    pairs: Sequence[Pair]


class Tally(NamedTuple):
    """The counts of a window."""

    good: int
    bad: int
    unknown: int
    covered: int


@dataclass
class Book:
    """What is known of an SLI so far: the counts of each slot, and their running totals."""

    slot: int
    first: int
    entries: Sequence[Entry]
    counts: list[list[int]] = field(default_factory=list)
    _totals: list[tuple[int, int, int, int]] = field(default_factory=lambda: [(0, 0, 0, 0)])
    _read: int = 0

    def close(self, now: int) -> None:
        """Close the slots up to `now`: what arrives with them becomes known."""
        self.counts += [[0, 0, 0, 0] for _ in range(self._index(now) + 1 - len(self.counts))]
        changed = len(self._totals) - 1
        while self._read < len(self.entries) and self.entries[self._read].arrives <= now:
            entry = self.entries[self._read]
            index = self._index(entry.slot)
            for column, more in enumerate(entry[2:]):
                self.counts[index][column] += more
            changed = min(changed, index)
            self._read += 1
        del self._totals[changed + 1 :]
        for good, bad, unknown, covered in self.counts[changed:]:
            g, b, u, c = self._totals[-1]
            self._totals.append((g + good, b + bad, u + unknown, c + covered))

    def over(self, begin: int, now: int) -> Tally:
        """The counts of the slots whose end lies in (begin, now]; `begin` and `now` are ends of slots."""
        before, upto = self._totals[max(self._index(begin) + 1, 0)], self._totals[self._index(now) + 1]
        return Tally(*(later - earlier for earlier, later in zip(before, upto, strict=True)))

    def _index(self, closes: int) -> int:
        return (closes - self.first) // self.slot


class Figures(NamedTuple):
    """What a window says: its counts, its weight (covered time / window), and its weighed error ratio, if any."""

    counts: Tally
    weight: Fraction
    errors: Fraction | None


@dataclass
class Latch:
    """Whether one pair at one severity fires; it clears only where data shows that it is over."""

    pair: Pair
    severity: Severity
    fires: bool = False
    moved: bool = False

    def move(self, *, burns: bool, held: bool, enough_bad: bool, knows: bool) -> None:
        was = self.fires
        mine = enough_bad is (self.severity == self.pair.severity) or not self.pair.min_bad_events
        if burns and mine:
            self.fires = self.fires or held
        elif knows:
            self.fires = False
        self.moved = self.fires is not was


def replay(
    recording: Sequence[Series], objectives: Sequence[Objective], *, slot: int, step: int
) -> list[dict[str, object]]:
    """The objects that `watchkeep replay --json` prints; ratios and burn rates are fractions."""
    targets = targets_of(recording)
    watches = [Watch(objective, targets, slot=slot) for objective in objectives]
    told: list[dict[str, object]] = []
    times = evaluations(recording, slot=slot, step=step)
    for now in times:
        for watch in watches:
            told += watch.evaluate(now)
    return told + [watch.report(now) for watch in watches for now in times[-1:]]


def evaluations(recording: Sequence[Series], *, slot: int, step: int) -> range:
    """Every multiple of the step after the slot before the first scrape, up to the first at or after the last one."""
    scrapes = [at for target in targets_of(recording) for at in (target.scrapes[0], target.scrapes[-1])]
    if not scrapes:
        return range(0)
    before_first = slot_of(min(scrapes), slot) - slot
    return range(before_first // step * step + step, slot_of(max(scrapes), step) + 1, step)


class Watch:
    """One SLO, from slot end to slot end; `stops` are those of `entries_of`."""

    def __init__(
        self,
        objective: Objective,
        targets: Sequence[Target],
        *,
        slot: int,
        stops: Sequence[tuple[int, int]] = (),
    ) -> None:
        self.slo = objective
        self.slot = slot
        entries = entries_of(targets, objective.indicator, slot, stops)
        first = min((slot_of(target.scrapes[0], slot) for target in targets), default=slot)
        self.book = Book(slot=slot, first=first, entries=entries)
        self.latches = [Latch(pair, severity) for pair in objective.pairs for severity in _severities(pair)]
        self.limits = {
            pair: pair.budget * Fraction(objective.window, pair.long) * (1 - objective.objective)
            for pair in objective.pairs
        }
        self.burning_since: dict[Pair, int | None] = dict.fromkeys(objective.pairs)
        self.firing = dict.fromkeys(SEVERITIES, False)

    def evaluate(self, now: int) -> Iterator[dict[str, object]]:
        """Close the slots up to `now`, and tell what changed."""
        self.book.close(now)
        for pair in self.slo.pairs:
            long, short = self.figures(pair.long, now), self.figures(pair.short, now)
            burns = all(one.errors is not None and one.errors > self.limits[pair] for one in (long, short))
            since = self.burning_since[pair]
            since = None if not burns else now if since is None else since
            self.burning_since[pair] = since
            for latch in self.latches:
                if latch.pair is pair:
                    latch.move(
                        burns=burns,
                        held=since is not None and now - since >= pair.hold,
                        enough_bad=long.counts.bad >= pair.min_bad_events,
                        knows=short.weight >= ENOUGH,
                    )
        for severity in SEVERITIES:
            mine = [latch for latch in self.latches if latch.severity == severity]
            fires = any(latch.fires for latch in mine)
            if fires is not self.firing[severity]:
                self.firing[severity] = fires
                cause = next(latch.pair for latch in mine if latch.moved)
                yield {
                    "event": "alert",
                    "at": moment(now),
                    "slo": self.slo.name,
                    "severity": severity,
                    "state": "firing" if fires else "resolved",
                    "long": spelt(cause.long),
                    "short": spelt(cause.short),
                    "burn_long": self.burn(cause.long, now),
                    "burn_short": self.burn(cause.short, now),
                }

    def figures(self, window: int, now: int) -> Figures:
        """What a window says at `now`."""
        counts = self.book.over(self._begin(window, now), now)
        total = counts.good + counts.bad
        weight = Fraction(min(counts.covered, window), window)
        return Figures(counts, weight, Fraction(counts.bad, total) * weight if total and weight else None)

    def burn(self, window: int, now: int) -> Fraction | None:
        """The burn rate over a window."""
        errors = self.figures(window, now).errors
        return None if errors is None else errors / (1 - self.slo.objective)

    def report(self, now: int) -> dict[str, object]:
        """The figures at the end. The budget is that of the whole window, projected where that is young."""
        budget = self.figures(self.slo.window, now)
        good, bad = budget.counts.good, budget.counts.bad
        spent = self.burn(self.slo.window, now)
        windows = sorted({window for pair in self.slo.pairs for window in (pair.long, pair.short)})
        return {
            "event": "report",
            "at": moment(now),
            "slo": self.slo.name,
            "windows": {spelt(window): self._window(window, now) for window in windows},
            "budget": {
                "window": spelt(self.slo.window),
                "good": good,
                "bad": bad,
                "sli": Fraction(good, good + bad) if spent is not None else None,
                "remaining": 1 - spent if spent is not None else None,
                "coverage": budget.weight,
            },
        }

    def _window(self, window: int, now: int) -> Mapping[str, object]:
        counts, weight, errors = self.figures(window, now)
        return {
            "good": counts.good,
            "bad": counts.bad,
            "unknown": counts.unknown,
            "excluded": 0,
            "burn_rate": self.burn(window, now),
            "sli": None if errors is None else Fraction(counts.good, counts.good + counts.bad),
            "coverage": weight,
        }

    def _begin(self, window: int, now: int) -> int:
        step = trailing_step(window, self.slot)
        return (now - window) // step * step


def _severities(pair: Pair) -> tuple[Severity, ...]:
    """A page that has a minimum is a ticket below it."""
    return SEVERITIES if pair.severity == "page" and pair.min_bad_events else (pair.severity,)


@cache
def trailing_step(window: int, slot: int) -> int:
    """How far the trailing edge of a window moves at once: a slot up to an hour; beyond, the largest divisor in whole
    slots that is at most 1/360 of it, in whole minutes where there is one, and above a minute in any case.
    """
    if window <= HOUR:
        return slot
    steps = [step for step in range(slot, window // 360 + 1, slot) if window % step == 0]
    return max([step for step in steps if step % MINUTE == 0] or [step for step in steps if step < MINUTE] or [slot])


@cache
def spelt(length: int) -> str:
    """A length as people write it: `1h30m`."""
    parts = []
    for unit, size in (("d", DAY), ("h", HOUR), ("m", MINUTE), ("s", SECOND)):
        count, length = divmod(length, size)
        parts += [f"{count}{unit}"] if count else []
    return "".join(parts)


def moment(at: int) -> str:
    """A time as JSON has it."""
    return datetime.fromtimestamp(at // SECOND, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
