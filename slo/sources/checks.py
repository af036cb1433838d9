"""Outcomes of checks, as counts: one round of a target is one event, and speaks for the time around it.

A round is counted, by its state, in the slot that holds its completion. Covered time says how much of a slot there is
knowledge of:

- an observation (good or bad) covers the time back to the round before it;
- the time after it is known until 2.5 of its intervals have passed, or an unknown round ends that sooner;
- an observation without a round that near before it (the first of all, or one after a gap) covers its own slot from
  the slot's start, as far as that is not decided yet;
- an unknown round covers nothing.

Covered time is given out once: no millisecond is counted twice. Where several targets feed one SLI,
`slo.sources.shares` says what is known of it.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from slo.core.counts import KNOWN_FOR_INTERVALS, Counts, slot_end
from slo.core.outcome import CheckKey, Outcome
from slo.core.protocols import Counter
from slo.core.reason import State
from slo.sources.quorum import Quorum
from slo.sources.shares import Shared


@dataclass(frozen=True, kw_only=True, slots=True)
class Fed:
    """An SLI that the rounds of a probe feed.

    With `latency_seconds` a good round that took longer, all its phases together, is bad. `shared` says that the probe
    may have several targets; those whose labels have the values of `only` feed it.
    """

    sli: str
    check: str
    latency_seconds: float | None = None
    shared: bool = False
    only: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Watched:
    """A target of a probe: one round every `interval_seconds`.

    With `vantage_points` a round is what at least `quorum` of them see of it, see `slo.sources.quorum`.
    """

    check: str
    target: str
    interval_seconds: float
    labels: Mapping[str, str] = field(default_factory=dict)
    vantage_points: tuple[str, ...] = ()
    quorum: int = 1

    @property
    def key(self) -> CheckKey:
        """The key of its outcomes."""
        return self.check, self.target

    def quorum_round(self) -> Quorum | None:
        """What joins the rounds of its vantage points; None without any. Each of them has had its say, good, bad or
        missed, when the next round is due.
        """
        if not self.vantage_points:
            return None
        return Quorum(self.vantage_points, quorum=self.quorum, patience_seconds=self.interval_seconds)

    def feeds(self, fed: Fed) -> bool:
        """Whether its rounds count for an SLI of its probe."""
        return all(self.value(label) == value for label, value in fed.only)

    def value(self, label: str) -> str:
        """The value of a label, by which targets are grouped; empty where there is none."""
        return self.target if label == "target" else self.labels.get(label, "")


class _Knowledge:
    """What is known of one target for one SLI, in Unix milliseconds.

    Up to `decided` the time is given out or given up; up to `known` there is knowledge; an observation up to `reach` is
    near enough to the round before it, which was complete at `newest`. `into` is where its counts go. With several
    vantage points, `joined` makes one round of what each of them sees.
    """

    __slots__ = ("decided", "fed", "into", "joined", "known", "newest", "reach")

    def __init__(self, fed: Fed, into: Counter, since_ms: int, joined: Quorum | None) -> None:
        self.fed = fed
        self.into = into
        self.joined = joined
        self.decided = self.known = self.reach = since_ms
        self.newest = 0


class _Target:
    """A target with what is known of it for each SLI that it has fed; `fed` are those that it feeds."""

    __slots__ = ("fed", "horizon_ms", "knowledge", "watched")

    def __init__(self, watched: Watched) -> None:
        self.knowledge: dict[str, _Knowledge] = {}
        self.fed: tuple[Fed, ...] = ()
        self.watched = watched
        self.is_now(watched)

    def is_now(self, watched: Watched) -> None:
        """What is known of it stays; rounds that wait for vantage points are joined anew where these are others."""
        for knowledge in self.knowledge.values():
            if (watched.vantage_points, watched.quorum) != (self.watched.vantage_points, self.watched.quorum):
                knowledge.joined = watched.quorum_round()
        self.watched = watched
        self.horizon_ms = round(watched.interval_seconds * KNOWN_FOR_INTERVALS * 1000)


class CheckSource:
    """Feeds `counter` with the outcomes of probes, of which one may feed several SLIs.

    An outcome that comes after a later one of its target counts, and covers nothing. No time up to `since` (Unix
    seconds) is covered: it belongs to a run before this one.
    """

    def __init__(self, counter: Counter, *, slot_seconds: int, slis: Sequence[Fed], since: float = 0.0) -> None:
        self._counter = counter
        self._slot_seconds = slot_seconds
        self._slot_ms = slot_seconds * 1000
        self._since_ms = round(since * 1000)
        self._closed = int(since) // slot_seconds * slot_seconds
        self._fed: dict[str, list[Fed]] = {}
        self._targets: dict[CheckKey, _Target] = {}
        self._shared: dict[str, Shared] = {}
        self._anew: dict[str, int] = {}
        self.replace(slis)

    def replace(self, slis: Sequence[Fed]) -> None:
        """Count these SLIs from now on. What is known of the SLIs that stay is kept.

        One that is fed by several targets where it was by one, or the other way round, begins anew with the next slot.
        """
        before = {fed.sli: fed.shared for feeding in self._fed.values() for fed in feeding}
        following = self._closed + self._slot_seconds
        self._fed = defaultdict(list)
        for fed in slis:
            self._fed[fed.check].append(fed)
            if before.get(fed.sli, fed.shared) is not fed.shared:
                self._anew[fed.sli] = following
        self._shared = {fed.sli: self._shared.get(fed.sli) or self._begin_sli(fed.sli) for fed in slis if fed.shared}
        for target in self._targets.values():
            self._feed(target)

    def change(self, *, gone: Iterable[CheckKey], watched: Iterable[Watched]) -> None:
        """Count the rounds of these targets too, and no more those that are `gone`.

        What is known of a target that is there is kept. What is gone counts as known up to the end of the slot, as far
        as it would have been.
        """
        for key in gone:
            if target := self._targets.pop(key, None):
                for knowledge in target.knowledge.values():
                    self._leave(knowledge)
        for each in watched:
            target = self._targets.setdefault(each.key, _Target(each))
            target.is_now(each)
            self._feed(target)

    def fed_by(self, key: CheckKey) -> Sequence[str]:
        """The SLIs that the rounds of a target count for."""
        target = self._targets.get(key)
        return [fed.sli for fed in target.fed] if target else ()

    def observe(self, outcome: Outcome, *, arrived: float | None = None) -> None:
        """Count one round, or the part that a vantage point has in one. `arrived` is when it came here (Unix seconds),
        where that is later than its completion.

        Outcomes of checks that feed no SLI are passed over, and so are extra rounds: they are no events.
        """
        target = self._targets.get(outcome.key)
        if target is None or outcome.extra:
            return
        at = outcome.at.timestamp()
        for fed in target.fed:
            knowledge = target.knowledge.get(fed.sli) or self._begin(target, fed, at)
            state = state_for(fed.latency_seconds, outcome)
            if knowledge.joined is None:
                self._observe(knowledge, state, at, target.horizon_ms)
            elif decided := knowledge.joined.add(
                outcome.number, outcome.vantage_point, state, at=at, arrived=at if arrived is None else arrived
            ):
                self._observe(knowledge, decided.state, decided.at, target.horizon_ms)

    def close(self, end: int) -> None:
        """Give out the time that is known up to the slot end `end`; to be called just before that slot is closed."""
        end_ms = end * 1000
        for target in self._targets.values():
            for knowledge in target.knowledge.values():
                for decided in knowledge.joined.close(end) if knowledge.joined else ():
                    self._observe(knowledge, decided.state, decided.at, target.horizon_ms)
                upto_ms = min(knowledge.known, end_ms)
                if upto_ms > knowledge.decided:
                    self._cover(knowledge, upto_ms)
        for sli, shared in self._shared.items():
            shared.close(sli, end)
        self._closed = max(self._closed, end)

    def finish(self) -> None:
        """Give out what is known up to now of the slot that is not over: nothing will be counted any more."""
        for sli, shared in self._shared.items():
            shared.close(sli, self._closed + self._slot_seconds)

    def _begin_sli(self, sli: str) -> Shared:
        closed = max(self._closed, self._anew.get(sli, 0))
        return Shared(self._counter, slot_seconds=self._slot_seconds, closed=closed)

    def _feed(self, target: _Target) -> None:
        """Have the rounds of a target count for the SLIs that they are to count for now."""
        target.fed = tuple(fed for fed in self._fed.get(target.watched.check, ()) if target.watched.feeds(fed))
        into = {fed.sli: self._into(fed) for fed in target.fed}
        for sli, knowledge in list(target.knowledge.items()):
            if into.get(sli) is not knowledge.into:
                self._leave(knowledge)
                del target.knowledge[sli]
        for fed in target.fed:
            if fed.sli in target.knowledge:
                target.knowledge[fed.sli].fed = fed

    def _into(self, fed: Fed) -> Counter:
        return self._shared[fed.sli] if fed.shared else self._counter

    def _begin(self, target: _Target, fed: Fed, at: float) -> _Knowledge:
        """What is known of a target for one SLI at its first round: nothing."""
        since_ms = max(self._since_ms, self._anew.get(fed.sli, 0) * 1000)
        if fed.shared:
            shared = self._shared[fed.sli]
            end = slot_end(at, self._slot_seconds)
            shared.join(end, horizon_seconds=target.horizon_ms / 1000)
            since_ms = max(since_ms, shared.closed * 1000)
        knowledge = target.knowledge[fed.sli] = _Knowledge(
            fed, self._into(fed), since_ms, target.watched.quorum_round()
        )
        return knowledge

    def _leave(self, knowledge: _Knowledge) -> None:
        """A target counts no more for an SLI that others go on to feed."""
        if isinstance(knowledge.into, Shared):
            end = max(self._closed + self._slot_seconds, -(-knowledge.decided // self._slot_ms) * self._slot_seconds)
            self._cover(knowledge, min(knowledge.known, end * 1000))
            knowledge.into.leave(end)

    def _observe(self, knowledge: _Knowledge, state: State, at_seconds: float, horizon_ms: int) -> None:
        """Count a round that was complete at a time (Unix seconds)."""
        at_ms = round(at_seconds * 1000)
        end = slot_end(at_seconds, self._slot_seconds)
        if at_ms < knowledge.newest:  # a later round has spoken for its time
            counts = Counts(
                good=int(state is State.GOOD), bad=int(state is State.BAD), unknown=int(state is State.UNKNOWN)
            )
            knowledge.into.add(knowledge.fed.sli, end, counts)
            return
        knowledge.newest = at_ms
        if state is State.UNKNOWN:
            self._cover(knowledge, min(at_ms, knowledge.known))
            knowledge.decided = max(at_ms, knowledge.decided)
            knowledge.known = at_ms
            knowledge.reach = at_ms + horizon_ms
            knowledge.into.add(knowledge.fed.sli, end, Counts(unknown=1))
            return
        start_ms = end * 1000 - self._slot_ms
        if at_ms > knowledge.reach:
            self._cover(knowledge, knowledge.known)
            knowledge.decided = max(start_ms, knowledge.decided)
        self._cover(knowledge, min(at_ms, start_ms))
        covered_ms = max(0, at_ms - knowledge.decided)
        knowledge.decided += covered_ms
        knowledge.known = knowledge.reach = at_ms + horizon_ms
        good = state is State.GOOD
        knowledge.into.add(knowledge.fed.sli, end, Counts(good=int(good), bad=int(not good), covered_ms=covered_ms))

    def _cover(self, knowledge: _Knowledge, upto_ms: int) -> None:
        """Give out the time from what is decided up to `upto_ms`, slot by slot."""
        begin = knowledge.decided
        while begin < upto_ms:
            end = begin // self._slot_ms * self._slot_ms + self._slot_ms
            stop = min(end, upto_ms)
            knowledge.into.add(knowledge.fed.sli, end // 1000, Counts(covered_ms=stop - begin))
            knowledge.decided = begin = stop


def state_for(latency_seconds: float | None, outcome: Outcome) -> State:
    """What a round is to an SLI: good that took too long is bad."""
    if outcome.state is State.GOOD and latency_seconds is not None:
        return State.BAD if round(sum(outcome.phases.values()), 6) > latency_seconds else State.GOOD
    return outcome.state
