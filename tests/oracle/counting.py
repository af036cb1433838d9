"""Counts as they come: early or late, of members and of slices, before a restart and after it."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from fractions import Fraction

from slo.core.counts import Counts
from slo.core.exclusion import Exclusion
from slo.core.sli import AllOf
from slo.core.slo import SLO
from tests.oracle.history import HOUR, History, Watched, in_seconds


class Counting:
    """Every SLO, counted slot by slot.

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
                length = in_seconds(budgeting.slice)
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
                length = in_seconds(budgeting.slice)
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
        known_for = int(Fraction(5, 2) * in_seconds(slo.interval or timedelta()))
        back = known_for if not here.good + here.bad and here.covered_ms else 0
        for at in range(end, end - back - 1, -self.slot):
            counts = history.between(at - 1, at)
            if counts.good + counts.bad:
                return counts.bad <= (1 - slo.objective) * (counts.good + counts.bad)
        return None

    def _edge(self, seconds: int, now: int) -> int:
        """Where the window begins: slots that end after it are in the window."""
        if seconds <= HOUR:
            return now - seconds
        step = self.steps[seconds]
        return (now - seconds) // step * step
