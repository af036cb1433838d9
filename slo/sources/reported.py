"""Outcomes that others report, as counts: late, twice, in any order, by whoever watched the target.

Each round of a target is one event of its slot, whoever sent it first. What is known of a slot is the same as
`slo.sources.checks` and `slo.sources.shares` say of rounds that come in their order: here it follows from the set of
rounds alone (see `slo.sources.stretches`). So what comes late brings what was missing, and a target that is heard of
late takes part from the slot of its first round on. What was given out is never taken back: where something that came
late makes less of a slot, that is made up for with what comes later.

Of slots that ended more than `REMEMBERED_SECONDS` ago rounds are counted, and nothing more is known.
"""

import math
from collections.abc import Callable, Collection, Iterable, Sequence
from functools import partial

from slo.core.counts import Counts, slot_end
from slo.core.outcome import Outcome
from slo.core.protocols import Counter
from slo.core.reason import State
from slo.sources.checks import Fed, Watched, state_for
from slo.sources.quorum import Decided
from slo.sources.reported_sli import Indicator, Target, Track
from slo.sources.reporting import REMEMBERED_SECONDS, Reporting, horizon_ms
from slo.sources.stretches import Stretches

FORGETTING_SECONDS = 600
"""How often what is too old is forgotten."""


class ReportedCheck:
    """Counts the rounds of one check into `counter`. Slots up to `closed` (Unix seconds) are over.

    `number` is how many targets it has that have not left.

    Whoever writes it down (see `slo.sources.reported_state`) takes back what `changed` says, that anything is other
    than it was written, and `relabelled`, that targets are.
    """

    def __init__(self, counter: Counter, reporting: Reporting, *, slot_seconds: int, closed: int) -> None:
        self.reporting = reporting
        self.slot_seconds = slot_seconds
        self.closed = closed
        self.targets: dict[str, Target] = {}
        self.indicators: dict[str, Indicator] = {}
        self.number = 0
        self.changed = self.relabelled = True
        self._counter = counter

    @property
    def watched(self) -> list[Watched]:
        """The targets that have not left."""
        return [target.watched for target in self.targets.values() if not self._has_left(target)]

    def replace(self, reporting: Reporting, slis: Iterable[Fed], *, counted_elsewhere: Collection[str] = ()) -> None:
        """Count these SLIs of the check as it is configured now. What is known of those that stay is kept.

        Targets that are known count for an SLI that is new from the next slot on. Of SLIs that were
        `counted_elsewhere` up to now the open slot is not known: it may have been given out there.
        """
        before, self.reporting = self.reporting, reporting
        known = self.indicators
        self.indicators = {}
        for fed in slis:
            indicator = self.indicators[fed.sli] = known.get(fed.sli) or Indicator(fed)
            indicator.fed = fed
            if fed.sli in counted_elsewhere and fed.sli not in known:
                indicator.fixed = self.closed + self.slot_seconds
        for name, target in self.targets.items():
            if (before.vantage_points, before.quorum) != (reporting.vantage_points, reporting.quorum):
                for track in target.tracks.values():
                    track.joined = reporting.joined(target.watched)
            self._feed(name, target)
        for sli, indicator in self.indicators.items():
            if sli not in known and any(map(self._is_counted, indicator.targets.values())):
                indicator.since = self.closed
                indicator.fixed = max(indicator.fixed, self.closed)
        self.number = len(self.watched)
        self.changed = True

    def meet(self, outcome: Outcome, interval_seconds: float) -> bool:
        """Look at the target of a round. Whether it is new or back, or has other labels or another rhythm than before.

        One that left is back with a round that is newer than that. Its SLIs count it as if it were new, but for the
        rounds that are counted.
        """
        name = outcome.target
        target = self.targets.get(name)
        at = outcome.at.timestamp()
        back = target is not None and self._has_left(target)
        if target is not None and back:
            if at <= max(target.newest, target.gone):
                return False
            target.newest = target.gone = -math.inf
            self.number += 1
        if target is not None and target.watched.interval_seconds == interval_seconds:
            target.heard = self.closed
            as_before = at < target.newest or target.watched.labels == outcome.labels
            if as_before:
                return back
        watched = Watched(
            check=self.reporting.check, target=name, interval_seconds=interval_seconds, labels=dict(outcome.labels)
        )
        if target is None:
            target = self.targets[name] = Target(watched)
            self.number += 1
        else:
            self._is_other_now(target, watched)
        target.heard = self.closed
        self._feed(name, target)
        self.changed = self.relabelled = True
        return True

    def has_left(self, name: str) -> bool:
        """Whether a target that was met has left."""
        return self._has_left(self.targets[name])

    def fed_by(self, target: str) -> Sequence[str]:
        """The SLIs that the rounds of a target count for."""
        found = self.targets.get(target)
        return [indicator.fed.sli for indicator in found.feeds] if found else ()

    def observe(self, outcome: Outcome, *, arrived: float) -> None:
        """Count one round of a target that was met, or the part that a vantage point has in one.

        `arrived` is when it came here (Unix seconds).
        """
        target = self.targets[outcome.target]
        at = outcome.at.timestamp()
        target.newest = max(target.newest, at)
        for latency, track in target.tracks.items():
            decided = track.joined.add(
                outcome.number, outcome.vantage_point, state_for(latency, outcome), at=at, arrived=arrived
            )
            if decided:
                self._count(target, latency, track, decided)
        self.changed = True

    def leave(self, name: str, at: float) -> None:
        """Nobody wants a target watched any more, since a time (Unix seconds)."""
        target = self.targets.get(name)
        if target is None:
            return
        target.gone = max(target.gone, at)
        for latency, track in target.tracks.items():
            self._change(target, latency, track, _ms(at), partial(track.known.leave, _ms(at)))
        self.changed = True

    def close(self, end: int) -> None:
        """Give out what is known up to the slot end `end`; to be called just before that slot is closed."""
        for target in self.targets.values():
            for latency, track in target.tracks.items():
                for decided in track.joined.close(end):
                    self._count(target, latency, track, decided)
                    self.changed = True
        ends = self._closing(end)
        oldest = end - REMEMBERED_SECONDS
        for indicator in self.indicators.values():
            self.changed |= indicator.close(ends, self._counter, oldest=oldest)
        forgetting = end // FORGETTING_SECONDS > self.closed // FORGETTING_SECONDS
        self.closed = max(self.closed, end)
        if forgetting:
            self._forget(oldest)
        self.number = len(self.watched)

    def _closing(self, end: int) -> range:
        """The slots that are over now, as far as anything is known of them."""
        slot = self.slot_seconds
        known = (track.known.known_until for target in self.targets.values() for track in target.tracks.values())
        last = min(end, -(-max(known, default=0) // (slot * 1000)) * slot)
        first = max(self.closed, (end - REMEMBERED_SECONDS) // slot * slot) + slot
        return range(first, last + 1, slot)

    def _forget(self, oldest: int) -> None:
        for name, target in list(self.targets.items()):
            for track in target.tracks.values():
                track.known.forget(oldest * 1000)
            if target.leaves < oldest:
                del self.targets[name]
                self.changed = self.relabelled = True
                for indicator in target.feeds:
                    del indicator.targets[name]

    def _is_counted(self, target: Target) -> bool:
        """Whether a target is there, and was before what comes now."""
        return target.newest > -math.inf and not self._has_left(target)

    def _has_left(self, target: Target) -> bool:
        return target.leaves <= self.closed

    def _count(self, target: Target, latency: float | None, track: Track, decided: Decided) -> None:
        """Count a round that is decided."""
        end, state = slot_end(decided.at, self.slot_seconds), decided.state
        counts = Counts(good=int(state is State.GOOD), bad=int(state is State.BAD), unknown=int(state is State.UNKNOWN))
        for indicator in target.feeds:
            if indicator.fed.latency_seconds == latency and end > indicator.since:
                self._counter.add(indicator.fed.sli, end, counts)
        if end > self.closed - REMEMBERED_SECONDS:
            at, observed = _ms(decided.at), state is not State.UNKNOWN
            self._change(target, latency, track, at, partial(track.known.add, at, observed=observed))

    def _change(
        self, target: Target, latency: float | None, track: Track, at_ms: int, change: Callable[[], None]
    ) -> None:
        """Make a change that happened at a time; what it makes of slots that are over is given out when one closes."""
        slot_ms = self.slot_seconds * 1000
        since, until = track.known.gap(at_ms)
        first = max(-(-since // slot_ms) * slot_ms, (self.closed - REMEMBERED_SECONDS) * 1000)
        last = self.closed * 1000 if until is None else min(self.closed * 1000, -(-until // slot_ms) * slot_ms)
        ends = range(first, last + 1, slot_ms)
        old = [track.known.covered_ms(end) for end in ends]
        change()
        for end, was in zip(ends, old, strict=True):
            if (now := track.known.covered_ms(end)) != was:
                for indicator in target.feeds:
                    if indicator.fed.latency_seconds == latency:
                        indicator.change(end // 1000, was, now)

    def _is_other_now(self, target: Target, watched: Watched) -> None:
        """A target has other labels, or another rhythm: what is known of slots that are over stays as it is."""
        if watched.interval_seconds != target.watched.interval_seconds:
            for track in target.tracks.values():
                track.joined = self.reporting.joined(watched)
                track.known.horizon_ms = horizon_ms(watched)
            for indicator in target.feeds:
                indicator.fix(self.closed)
        target.watched = watched

    def _feed(self, name: str, target: Target) -> None:
        """Have the rounds of a target count for the SLIs that they are to count for now."""
        feeds = tuple(each for each in self.indicators.values() if target.watched.feeds(each.fed))
        for indicator in target.feeds:
            if indicator not in feeds:
                indicator.targets.pop(name, None)
                indicator.fix(self.closed)
        latencies = dict.fromkeys(indicator.fed.latency_seconds for indicator in feeds)
        # Who left may come back, and what was counted then must not be counted twice.
        kept = target.tracks if not feeds or self._has_left(target) else {}
        new = {each: target.tracks.get(each) or self.track(target.watched) for each in latencies}
        target.tracks = {**kept, **new}
        for indicator in feeds:
            if indicator.targets.get(name) is not target:
                indicator.targets[name] = target
                if self._is_counted(target):
                    indicator.fix(self.closed)
        target.feeds = feeds

    def track(self, watched: Watched) -> Track:
        """A track of which nothing is known."""
        stretches = Stretches(horizon_ms=horizon_ms(watched), slot_ms=self.slot_seconds * 1000)
        return Track(self.reporting.joined(watched), stretches)


def _ms(at: float) -> int:
    return round(at * 1000)
