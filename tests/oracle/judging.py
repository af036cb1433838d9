"""What fires: pairs of windows, each by itself, and data that is lost."""

from collections.abc import Collection
from datetime import timedelta
from fractions import Fraction

from slo.core.policy import Pair, Severity
from slo.core.sli import AllOf, Weighted
from slo.core.slo import SLO
from tests.oracle.figures import Figuring
from tests.oracle.history import HOUR, MINUTE, PairState, Watched, begins, in_seconds

CLEARING_COVERAGE = Fraction(80, 100)
"""The least coverage of its short window with which a pair may clear."""

LOST_AFTER = 300

Firing = frozenset[tuple[Severity, int, int]]
"""What fires: severity, seconds of the long window, seconds of the short one; no windows where data is lost."""


class Oracle(Figuring):
    """Every SLO, judged slot by slot."""

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
        known_for = -(-int(Fraction(5, 2) * in_seconds(slo.interval or timedelta())) // MINUTE) * MINUTE
        after = min(HOUR, max(LOST_AFTER, known_for))
        sources = members if isinstance(slo.definition, Weighted) else [watched]
        if all(one.histories[True].between(now - after, now).covered_ms for one in sources):
            watched.lost = None
            return frozenset()
        slis = [one.in_force(now).sli for one in sources]
        had = all((self.total(sli, now) + self.carried).covered_ms for sli in slis)
        blamed = any(d.sli in at_fault for one in members for d in one.definitions) or slo.sli in at_fault
        excused = any(one.excluded_seconds(now - after, now, self.slot) for one in (watched, *members))
        since = max(self.watching_since, *(begins(one.definitions[0]) for one in sources))
        if isinstance(slo.definition, Weighted):
            since = max(since, begins(slo))
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
            firing |= {(severity, in_seconds(pair.long), in_seconds(pair.short)) for severity in state.firing}
        return frozenset(firing)

    def _follow(self, key: str, pair: Pair, state: PairState, now: int) -> None:
        kept = self._holds(key, pair, now, raw=False)
        raw = self._holds(key, pair, now, raw=True) if self.exclusions else kept
        if kept is None:
            state.since = None
        else:
            state.since = now if state.since is None else state.since
        if min(look.weight for _, look in self._alert_looks(key, pair.short, now, raw=True)) >= CLEARING_COVERAGE:
            state.firing &= (kept or frozenset()) | (raw or frozenset())
        if kept and state.since is not None and now - state.since >= in_seconds(pair.hold):
            state.firing |= kept

    def _holds(self, key: str, pair: Pair, now: int, *, raw: bool) -> frozenset[Severity] | None:
        """At which severities a pair burns too fast, with how many bad events; None where it does not."""
        slo = self.watched[key].in_force(now)
        long, short = (self._alert_looks(key, window, now, raw=raw) for window in (pair.long, pair.short))
        factor = pair.budget * Fraction(in_seconds(slo.window), in_seconds(pair.long))
        if not all((self._burn(looks, slo) or 0) > factor for looks in (long, short)):
            return None
        bad = sum(look.counts.bad for _, look in long)
        if bad >= pair.min_bad_events:
            return frozenset({pair.severity})
        return frozenset({Severity.TICKET}) if pair.severity is Severity.PAGE else frozenset()
