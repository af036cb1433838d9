"""The engine once more, scalar and slow: what the vectorised one is held against.

Written from the reference alone. Raw counts of every slot lie in plain lists; a window is the sum over the slots whose
end lies in it; ratios are fractions, so that a comparison is exact. It shares nothing with the engine but the records
of slo.core.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from fractions import Fraction

from slo.core.budgeting import Budgeting, Method
from slo.core.calendar import CalendarWindow, period_of
from slo.core.counts import Counts
from slo.core.exclusion import Exclusion, matches, occurrences
from slo.core.policy import Pair, Severity
from slo.core.sli import AllOf, Weighted
from slo.core.slo import SLO

HOUR = 3600
MINUTE = 60
CLEARING_COVERAGE = Fraction(80, 100)
"""The least coverage of its short window with which a pair may clear."""

FOREVER = 2**33
"""A time that no test reaches."""

LOST_AFTER = 300

Firing = frozenset[tuple[Severity, int, int]]
"""What fires: severity, seconds of the long window, seconds of the short one; no windows where data is lost."""


@dataclass(frozen=True, kw_only=True)
class Look:
    """What one column holds in one window, of which `elapsed` seconds of `whole` are over, and how much is excluded.

    `allowed_now` is how many of the events in it may be bad.
    """

    counts: Counts
    elapsed: int
    whole: int
    excluded: int
    excluded_whole: int
    allowed_now: Fraction

    @property
    def events(self) -> int:
        """Good and bad."""
        return self.counts.good + self.counts.bad

    @property
    def covered_ms(self) -> int:
        """How long there is knowledge, at most as long as the window is."""
        return min(self.counts.covered_ms, self.elapsed * 1000)

    @property
    def ratio(self) -> Fraction | None:
        """Bad over good and bad; None of nothing, and of time that is not covered."""
        return Fraction(self.counts.bad, self.events) if self.events and self.covered_ms else None

    @property
    def coverage(self) -> Fraction:
        """The share of what is not excluded that there is knowledge of."""
        return _share(self.covered_ms, self.elapsed - self.excluded)

    @property
    def weight(self) -> Fraction:
        """The share of everything that there is knowledge of, excluded or not: what alerts are weighed by."""
        return Fraction(self.covered_ms, self.elapsed * 1000)

    @property
    def projection(self) -> Fraction:
        """The share of the whole window that there is knowledge of."""
        return _share(self.covered_ms, self.whole - self.excluded_whole)


@dataclass(frozen=True, kw_only=True)
class Figures:
    """One window of one SLO, exact: what is shown of it, and what its alerts go by."""

    counts: Counts
    covered_ms: int
    coverage: Fraction
    alert_coverage: Fraction
    sli: Fraction | None
    burn: Fraction | None
    excluded_seconds: int


@dataclass(frozen=True, kw_only=True)
class Budget:
    """The budget over one window, exact. `elapsed` seconds of its `seconds` are over; `exhaustion` is in so many."""

    seconds: int
    elapsed: int
    counts: Counts
    covered_ms: int
    coverage: Fraction
    sli: Fraction | None
    allowed: Fraction | None
    remaining: Fraction | None
    exhaustion: Fraction | None
    excluded_seconds: int


@dataclass(kw_only=True)
class PairState:
    """What is remembered of one pair: since when it burns too fast, and the severities that it fires at.

    A page below its minimum of bad events is a ticket; where data is lost in between, neither is forgotten.
    """

    since: int | None = None
    firing: frozenset[Severity] = frozenset()


@dataclass(kw_only=True)
class History:
    """The raw counts of one SLI: entry i of each list is of the slot that ends at `first + i * slot`."""

    slot: int
    first: int | None = None
    good: list[int] = field(default_factory=list)
    bad: list[int] = field(default_factory=list)
    unknown: list[int] = field(default_factory=list)
    covered_ms: list[int] = field(default_factory=list)

    def add(self, end: int, counts: Counts) -> None:
        """Add to the slot that ends at `end`, whenever that is."""
        if self.first is None:
            self.first = end
        lists = (self.good, self.bad, self.unknown, self.covered_ms)
        before = (self.first - end) // self.slot
        if before > 0:
            for one in lists:
                one[:0] = [0] * before
            self.first = end
        at = (end - self.first) // self.slot
        for one, value in zip(lists, (counts.good, counts.bad, counts.unknown, counts.covered_ms), strict=True):
            if at >= len(one):
                one.extend([0] * (at + 1 - len(one)))
            one[at] += value

    def between(self, after: int, until: int) -> Counts:
        """The sum of the slots whose end is in (after, until]."""
        if self.first is None:
            return Counts()
        begin = max(0, (after - self.first) // self.slot + 1)
        stop = max(0, (until - self.first) // self.slot + 1)
        return Counts(
            good=sum(self.good[begin:stop]),
            bad=sum(self.bad[begin:stop]),
            unknown=sum(self.unknown[begin:stop]),
            covered_ms=sum(self.covered_ms[begin:stop]),
        )

    def total(self, now: int) -> Counts:
        """Everything up to `now`."""
        return self.between(self.first - 1, now) if self.first is not None else Counts()

    def begun(self, until: int) -> bool:
        """Whether anything is known of any slot up to `until`."""
        if self.first is None:
            return False
        stop = max(0, (until - self.first) // self.slot + 1)
        return any(any(one[:stop]) for one in (self.good, self.bad, self.covered_ms))


class Watched:
    """One SLO with its definitions in the order of time, and what is counted for it: raw, and without exclusions."""

    def __init__(self, definitions: Sequence[SLO], exclusions: Sequence[Exclusion], slot: int) -> None:
        self.definitions = tuple(sorted(definitions, key=_begins))
        self.slot = slot
        self.exclusions = [each for each in exclusions if self._matches(each)]
        self.histories = {raw: History(slot=slot) for raw in (False, True)}
        self.slices = self.no_slices()
        self.states: dict[object, PairState] = defaultdict(PairState)
        self.lost: Severity | None = None
        self._excluded: dict[int, set[int]] = {}

    def defined(self, end: int) -> SLO | None:
        """The definition that counts in the slot that ends at `end`."""
        begun = [slo for slo in self.definitions if _begins(slo) < end]
        return begun[-1] if begun else None

    def counts(self, sli: str, end: int) -> bool:
        """Whether that SLI counts for it in the slot that ends at `end`."""
        slo = self.defined(end)
        return slo is not None and slo.sli == sli

    def in_force(self, now: int) -> SLO:
        """The definition that alerts and figures go by."""
        return self.defined(now) or self.definitions[0]

    def add(self, sli: str, end: int, counts: Counts) -> None:
        """Count what counts for it."""
        if not self.counts(sli, end):
            return
        self.histories[True].add(end, counts)
        if not self.is_excluded(end, self.slot):
            self.histories[False].add(end, counts)

    def no_slices(self) -> dict[tuple[Budgeting, bool], History]:
        """Where the slices of each definition go; raw ones, and those without exclusions."""
        methods = {slo.budgeting for slo in self.definitions if slo.budgeting.method is not Method.OCCURRENCES}
        return {(budgeting, raw): History(slot=MINUTE) for budgeting in methods for raw in (False, True)}

    @property
    def budgetings(self) -> set[Budgeting]:
        """How its definitions judge slices."""
        return {budgeting for budgeting, _ in self.slices}

    def judge_slice(self, budgeting: Budgeting, end: int, *, begun: bool) -> None:
        """Judge the slice that ends at `end`, for the first time or anew."""
        length = _seconds(budgeting.slice)
        for raw in (False, True):
            slices = self.slices[budgeting, raw]
            counts = self.histories[raw].between(end - length, end)
            counted = _begins(self.definitions[0]) < end and (raw or not self.is_excluded(end, length))
            before = slices.between(end - 1, end)
            slices.add(end, _negative(before))
            slices.add(end, _judged(counts, budgeting, begun=begun and counted))

    def is_excluded(self, end: int, length: int) -> bool:
        """Whether every second of a slot, or of a slice, is excluded."""
        return end in self._excluded_ends(length)

    def excluded_seconds(self, after: int, until: int, length: int) -> int:
        """How much of (after, until] lies in slots of that length that are excluded."""
        return sum(max(0, min(end, until) - max(end - length, after)) for end in self._excluded_ends(length))

    def _excluded_ends(self, length: int) -> set[int]:
        """The ends of the slots of that length of which every second is excluded."""
        if length not in self._excluded:
            spans = [span for each in self.exclusions for span in occurrences(each, 0, FOREVER)]
            seconds = {second for start, end in spans for second in range(start, end)}
            ends = {second // length * length + length for second in seconds}
            self._excluded[length] = {end for end in ends if all(at in seconds for at in range(end - length, end))}
        return self._excluded[length]

    def _matches(self, exclusion: Exclusion) -> bool:
        newest = self.definitions[-1]
        return matches(exclusion, newest.name, newest.labels)


class Oracle:
    """Every SLO, judged slot by slot.

    `steps` says for each window over an hour (seconds) by which steps (seconds) its trailing edge moves; the reference
    leaves the choice to the engine, within bounds that are tested apart. `now` is where the story begins, with what is
    `carried` of every SLI.
    """

    def __init__(
        self,
        *,
        slot: int,
        slos: Iterable[SLO],
        steps: Mapping[int, int],
        now: int,
        exclusions: Sequence[Exclusion] = (),
        carried: Counts | None = None,
    ) -> None:
        self.slot = slot
        self.carried = carried or Counts()
        self.evaluated: int | None = None
        self.watching_since = now
        self.steps = steps
        # How far back a slice may begin that is judged anew when something arrives late: as far as slots are kept.
        self.judged_anew_for = max([HOUR] + [window for window, step in steps.items() if step == slot])
        self.now = self.began = now
        self.exclusions = exclusions
        self.histories: dict[str, History] = defaultdict(lambda: History(slot=slot))
        definitions: dict[str, list[SLO]] = defaultdict(list)
        for slo in slos:
            definitions[slo.key].append(slo)
        self.watched = {key: Watched(of_one, exclusions, slot) for key, of_one in definitions.items()}
        every = [slo for watched in self.watched.values() for slo in watched.definitions]
        self.all_of = {slo.sli: slo.definition for slo in every if isinstance(slo.definition, AllOf)}

    # What is counted

    def add(self, sli: str, end: int, counts: Counts) -> None:
        """Count something in its own slot, early or late."""
        anew = []
        for watched in (one for one in self.watched.values() if one.counts(sli, end)):
            for budgeting in watched.budgetings:
                length = _seconds(budgeting.slice)
                ended = -(-end // length) * length
                if ended <= self.now and ended - length >= self.now - self.judged_anew_for:
                    anew.append((watched, budgeting, ended, self._begun(watched, self.now)))
        self.histories[sli].add(end, counts)
        for watched in self.watched.values():
            watched.add(sli, end, counts)
        for watched, budgeting, ended, begun in anew:
            watched.judge_slice(budgeting, ended, begun=begun)

    def close(self, end: int) -> None:
        """Close every slot up to `end`; what is judged when it ends is judged."""
        before = self.now
        for at in range(before + self.slot, end + 1, self.slot):
            for name, definition in self.all_of.items():
                counts = self._of_each(definition, at)
                self.now = at - self.slot
                self.add(name, at, counts)
        self.now = end
        self._judge_slices(before)

    def restart(self, now: int) -> None:
        """Go on from what is on disk, from which every slice is judged anew."""
        self.now, self.evaluated = now, None
        for watched in self.watched.values():
            watched.slices = watched.no_slices()
        self._judge_slices(self.began)

    def total(self, sli: str, now: int) -> Counts:
        """Everything up to `now`."""
        return self.histories[sli].total(now)

    def counts(self, sli: str, seconds: int, now: int) -> Counts:
        """The sum of one window that ends at `now`."""
        return self.histories[sli].between(self._edge(seconds, now), now)

    def _judge_slices(self, after: int) -> None:
        for watched in self.watched.values():
            for budgeting in watched.budgetings:
                length = _seconds(budgeting.slice)
                for end in range((after // length + 1) * length, self.now + 1, length):
                    watched.judge_slice(budgeting, end, begun=self._begun(watched, end))

    def _begun(self, watched: Watched, until: int) -> bool:
        return any(self.histories[slo.sli].begun(until) for slo in watched.definitions)

    def _of_each(self, definition: AllOf, end: int) -> Counts:
        """One event: bad if it is bad for any member, else unknown if any is unknown."""
        states = [self._state(self.watched[name], end) for name in definition.slos]
        seen = [self.watched[name].defined(end) for name in definition.slos]
        if not any(slo and self.histories[slo.sli].between(end - 1, end) != Counts() for slo in seen):
            return Counts()
        if any(state is False for state in states):
            return Counts(bad=1, covered_ms=self.slot * 1000)
        if any(state is None for state in states):
            return Counts(unknown=1)
        return Counts(good=1, covered_ms=self.slot * 1000)

    def _state(self, member: Watched, end: int) -> bool | None:
        """Whether a member is good in a slot; None where that is not known."""
        slo = member.defined(end)
        if slo is None:
            return None
        history = self.histories[slo.sli]
        here = history.between(end - 1, end)
        known_for = int(Fraction(5, 2) * _seconds(slo.interval or timedelta()))
        back = known_for if not here.good + here.bad and here.covered_ms else 0
        for at in range(end, end - back - 1, -self.slot):
            counts = history.between(at - 1, at)
            if counts.good + counts.bad:
                return counts.bad <= (1 - slo.objective) * (counts.good + counts.bad)
        return None

    # What is made of it

    def figures(self, key: str, window: timedelta, now: int, *, raw: bool = False) -> Figures:
        """The window that ends at `now`."""
        seconds = _seconds(window)
        slo = self.watched[key].in_force(now)
        edge = self._edge(seconds, now)
        shown, alert = (self._looks(key, edge, seconds, now, now, of=of, raw=raw) for of in ("events", "alert"))
        known = _mean([(weight, look.ratio) for weight, look in alert])
        weighed = slo.budgeting.method is not Method.RATIO_TIMESLICES
        errors = [(w, look.ratio and look.ratio * (look.weight if weighed else 1)) for w, look in alert]
        burn = None if known is None else _spent(errors) / self._error_budget(alert, slo)
        ratio = _mean([(weight, look.ratio) for weight, look in shown])
        return Figures(
            counts=sum((look.counts for _, look in shown), Counts()),
            covered_ms=min(look.covered_ms for _, look in shown),
            coverage=min(look.coverage for _, look in shown),
            alert_coverage=min(look.weight for _, look in alert),
            sli=None if ratio is None else 1 - ratio,
            burn=burn,
            excluded_seconds=max(look.excluded for _, look in shown),
        )

    def budget(
        self, key: str, window: timedelta | CalendarWindow, now: int, *, raw: bool = False, forecast: bool = False
    ) -> Budget:
        """What is left of the whole window's budget, projected where the window is not covered.

        A `forecast` of when it is spent goes through the window slot by slot, which takes long where that is long.
        """
        slo = self.watched[key].in_force(now)
        if isinstance(window, timedelta):
            edge, seconds, end = self._edge(_seconds(window), now), _seconds(window), now
        else:
            edge, end = period_of(window, now)
            seconds = end - edge
        shown, looks = (self._looks(key, edge, seconds, now, end, of=of, raw=raw) for of in ("events", "budget"))
        ratio = _mean([(weight, look.ratio) for weight, look in looks])
        weighed = slo.budgeting.method is not Method.RATIO_TIMESLICES
        by_events = weighed and not isinstance(slo.definition, Weighted)
        spent = [(w, look.ratio and look.ratio * (look.projection if weighed else 1)) for w, look in looks]
        allowed = looks[0][1].allowed_now / looks[0][1].projection if by_events and ratio is not None else None
        remaining = None if ratio is None else 1 - _spent(spent) / self._error_budget(looks, slo)
        return Budget(
            seconds=seconds,
            elapsed=looks[0][1].elapsed,
            counts=sum((look.counts for _, look in shown), Counts()),
            covered_ms=min(look.covered_ms for _, look in looks),
            coverage=min(look.coverage for _, look in looks),
            sli=None if ratio is None else 1 - ratio,
            allowed=allowed,
            remaining=remaining,
            exhaustion=None
            if remaining is None or not forecast
            else self._exhaustion(key, window, now, remaining, end=end),
            excluded_seconds=max(look.excluded for _, look in looks),
        )

    def _exhaustion(
        self, key: str, window: timedelta | CalendarWindow, now: int, remaining: Fraction, *, end: int
    ) -> Fraction | None:
        """Seconds until nothing remains at the rate of the last hour: slot by slot, as errors leave the window."""
        seconds = end - period_of(window, now)[0] if isinstance(window, CalendarWindow) else _seconds(window)
        rate = self.figures(key, timedelta(seconds=min(HOUR, seconds)), now).burn
        if not rate:
            return None
        if isinstance(window, CalendarWindow):
            left = max(Fraction(0), remaining) * seconds / rate
            return left if now + left <= end else None
        if remaining <= 0:
            return Fraction(0)
        for ahead in range(0, seconds + 1, self.slot):
            left = (remaining + self._given_back(key, seconds, now, ahead)) * seconds / rate
            if left < ahead + self.slot and left <= seconds:
                return max(left, Fraction(ahead))
        return None

    def _given_back(self, key: str, seconds: int, now: int, ahead: int) -> Fraction:
        """Which share of the budget was spent by errors that leave the window in so many seconds."""
        edge, later, slo = self._edge(seconds, now), self._edge(seconds, now + ahead), self.watched[key].in_force(now)
        looks = self._looks(key, edge, seconds, now, now, of="budget", raw=False)
        gone = self._looks(key, edge, later - edge, later, later, of="budget", raw=False) if later > edge else looks
        weighed = slo.budgeting.method is not Method.RATIO_TIMESLICES
        whole = sum(weight for weight, _ in looks) * self._error_budget(looks, slo)
        shares = (
            weight * Fraction(left.counts.bad, look.events) * (look.projection if weighed else 1)
            for (weight, look), (_, left) in zip(looks, gone, strict=True)
            if look.events and later > edge
        )
        return sum(shares, Fraction(0)) / whole

    def _looks(
        self, key: str, edge: int, seconds: int, now: int, end: int, *, of: str, raw: bool
    ) -> list[tuple[Fraction, Look]]:
        """What an SLO is made of in (edge, now], with weights: itself, or what it is the mean of."""
        watched = self.watched[key]
        slo = watched.in_force(now)
        if not isinstance(slo.definition, Weighted):
            return [(Fraction(1), self._look(watched, watched, edge, seconds, now, end, of=of, raw=raw))]
        return [
            (weight, self._look(self.watched[name], watched, edge, seconds, now, end, of="events", raw=raw))
            for name, weight in slo.definition.weights
        ]

    def _look(
        self, column: Watched, watched: Watched, edge: int, seconds: int, now: int, end: int, *, of: str, raw: bool
    ) -> Look:
        slo = watched.in_force(now)
        method = slo.budgeting.method
        sliced = method is Method.TIMESLICES or (method is Method.RATIO_TIMESLICES and of == "budget")
        counts = column.slices[slo.budgeting, raw] if sliced else column.histories[raw]
        length = _seconds(slo.budgeting.slice) if sliced else self.slot
        allowed = Fraction(0)
        for definition, following in zip(watched.definitions, (*watched.definitions[1:], None), strict=True):
            until = min(now, _begins(following)) if following else now
            part = counts.between(max(edge, _begins(definition)), until)
            allowed += (1 - definition.objective) * (part.good + part.bad)
            if definition is slo:
                break
        return Look(
            counts=counts.between(edge, now),
            elapsed=seconds if end == now and now - edge >= seconds else now - edge,
            whole=seconds,
            excluded=0 if raw else column.excluded_seconds(edge, now, length),
            excluded_whole=0 if raw else column.excluded_seconds(edge, end, length),
            allowed_now=allowed,
        )

    def _error_budget(self, looks: Sequence[tuple[Fraction, Look]], slo: SLO) -> Fraction:
        """The share of the events in a window that may be bad, each by the objective of its time."""
        events = sum(look.events for _, look in looks)
        return sum((look.allowed_now for _, look in looks), Fraction(0)) / events if events else 1 - slo.objective

    # What fires

    def judge(self, now: int, at_fault: Collection[str] = ()) -> dict[str, Firing]:
        """What fires at the slot end `now`, for every SLO by key. To be called in the order of time."""
        if self.evaluated is None or now - self.evaluated > MINUTE:
            self.watching_since = now
        self.evaluated = now
        return {key: self._judge(key, now) | self._lost(key, now, at_fault) for key in self.watched}

    def _lost(self, key: str, now: int, at_fault: Collection[str]) -> Firing:
        """Whether nothing is known any more: a page where the target is at fault, and the SLO has pages."""
        watched = self.watched[key]
        slo = watched.in_force(now)
        members = self._members(slo)
        known_for = -(-int(Fraction(5, 2) * _seconds(slo.interval or timedelta())) // MINUTE) * MINUTE
        after = min(HOUR, max(LOST_AFTER, known_for))
        sources = members if isinstance(slo.definition, Weighted) else [watched]
        if all(one.histories[True].between(now - after, now).covered_ms for one in sources):
            watched.lost = None
            return frozenset()
        slis = [one.in_force(now).sli for one in sources]
        had = all((self.total(sli, now) + self.carried).covered_ms for sli in slis)
        blamed = any(d.sli in at_fault for one in members for d in one.definitions) or slo.sli in at_fault
        excused = any(one.excluded_seconds(now - after, now, self.slot) for one in (watched, *members))
        since = max(self.watching_since, *(_begins(one.definitions[0]) for one in sources))
        if isinstance(slo.definition, Weighted):
            since = max(since, _begins(slo))
        if watched.lost is None and not ((had or blamed) and now - since >= after and not excused):
            return frozenset()
        pages = any(pair.severity is Severity.PAGE for pair in slo.pairs)
        urgent = Severity.PAGE if blamed and pages else Severity.TICKET
        watched.lost = Severity.PAGE if Severity.PAGE in (urgent, watched.lost) else Severity.TICKET
        return frozenset({(watched.lost, 0, 0)})

    def _members(self, slo: SLO) -> list[Watched]:
        match slo.definition:
            case AllOf(slos=names):
                return [self.watched[name] for name in names]
            case Weighted(weights=weights):
                return [self.watched[name] for name, _ in weights]
        return []

    def _judge(self, key: str, now: int) -> Firing:
        firing: set[tuple[Severity, int, int]] = set()
        for pair in self.watched[key].in_force(now).pairs:
            state = self.watched[key].states[pair.severity, pair.long, pair.short]
            self._follow(key, pair, state, now)
            firing |= {(severity, _seconds(pair.long), _seconds(pair.short)) for severity in state.firing}
        return frozenset(firing)

    def _follow(self, key: str, pair: Pair, state: PairState, now: int) -> None:
        kept = self._holds(key, pair, now, raw=False)
        raw = self._holds(key, pair, now, raw=True) if self.exclusions else kept
        if kept is None:
            state.since = None
        else:
            state.since = now if state.since is None else state.since
        if self.figures(key, pair.short, now, raw=True).alert_coverage >= CLEARING_COVERAGE:
            state.firing &= (kept or frozenset()) | (raw or frozenset())
        if kept and state.since is not None and now - state.since >= _seconds(pair.hold):
            state.firing |= kept

    def _holds(self, key: str, pair: Pair, now: int, *, raw: bool) -> frozenset[Severity] | None:
        """At which severities a pair burns too fast, with how many bad events; None where it does not."""
        long, short = (self.figures(key, window, now, raw=raw) for window in (pair.long, pair.short))
        factor = pair.budget * Fraction(_seconds(self.watched[key].in_force(now).window), _seconds(pair.long))
        if not all(window.burn and window.burn > factor for window in (long, short)):
            return None
        bad = sum(look.counts.bad for _, look in self._alert_looks(key, pair, now, raw=raw))
        if bad >= pair.min_bad_events:
            return frozenset({pair.severity})
        return frozenset({Severity.TICKET}) if pair.severity is Severity.PAGE else frozenset()

    def _alert_looks(self, key: str, pair: Pair, now: int, *, raw: bool) -> list[tuple[Fraction, Look]]:
        seconds = _seconds(pair.long)
        return self._looks(key, self._edge(seconds, now), seconds, now, now, of="alert", raw=raw)

    def _edge(self, seconds: int, now: int) -> int:
        """Where the window begins: slots that end after it are in the window."""
        if seconds <= HOUR:
            return now - seconds
        step = self.steps[seconds]
        return (now - seconds) // step * step


def _judged(counts: Counts, budgeting: Budgeting, *, begun: bool) -> Counts:
    """What a slice is that holds these counts. `begun` is whether it matters that nothing is known of it."""
    length_ms = _seconds(budgeting.slice) * 1000
    events = counts.good + counts.bad
    if budgeting.method is Method.RATIO_TIMESLICES:
        if not events:
            return Counts(covered_ms=length_ms if counts.covered_ms else 0)
        bad = round(Fraction(counts.bad, events) * 10**13)
        return Counts(good=10**13 - bad, bad=bad, covered_ms=length_ms)
    if events:
        met = Fraction(counts.good, events) >= budgeting.target
        return Counts(good=int(met), bad=int(not met), covered_ms=length_ms)
    if counts.covered_ms:
        return Counts(good=int(budgeting.no_traffic_good), covered_ms=length_ms)
    if not begun:
        return Counts()
    return Counts(bad=1, covered_ms=length_ms) if budgeting.no_data_bad else Counts(unknown=1)


def _mean(parts: Sequence[tuple[Fraction, Fraction | None]]) -> Fraction | None:
    """The weighted mean of what is known."""
    known = [(weight, value) for weight, value in parts if value is not None]
    if not known:
        return None
    return sum((weight * value for weight, value in known), Fraction(0)) / sum(weight for weight, _ in known)


def _spent(parts: Sequence[tuple[Fraction, Fraction | None]]) -> Fraction:
    """The weighted mean, in which what is not known has no errors."""
    return sum((weight * (value or 0) for weight, value in parts), Fraction(0)) / sum(weight for weight, _ in parts)


def _share(covered_ms: int, seconds: int) -> Fraction:
    return min(Fraction(1), Fraction(covered_ms, seconds * 1000)) if seconds > 0 else Fraction(0)


def _begins(slo: SLO) -> int:
    """The whole minute from which on a definition counts."""
    return -(-int(slo.effective_from.timestamp()) // MINUTE) * MINUTE if slo.effective_from else 0


def _negative(counts: Counts) -> Counts:
    return Counts(good=-counts.good, bad=-counts.bad, unknown=-counts.unknown, covered_ms=-counts.covered_ms)


def _seconds(duration: timedelta) -> int:
    return duration // timedelta(seconds=1)
