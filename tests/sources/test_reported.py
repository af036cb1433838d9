"""What others report is counted once, and known as if it had come in its order: late, twice, after restarts."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from hypothesis import given
from hypothesis import strategies as st

from slo.core.counts import Counts
from slo.core.outcome import Outcome
from slo.core.reason import State
from slo.sources.checks import CheckSource, Fed, Watched
from slo.sources.reported import ReportedCheck, Reporting
from slo.sources.reported_state import labels_of, read, written
from tests.sources.test_checks import BAD, GOOD, UNKNOWN, Slots, outcome

BEGIN = 1_767_225_600
INTERVAL = 10
SLI = "probe:a"
SHARED = Fed(sli=SLI, check="a", shared=True)
REPORTING = Reporting(check="a", intervals=(INTERVAL, 60.0))


def round_of(target: str, after: float, state: State = GOOD) -> Outcome:
    """A round that is complete so many seconds after the beginning; they are ten seconds apart."""
    at = BEGIN + after
    return replace(outcome(at, state), target=target, number=int(at // INTERVAL))


def reported(slots: Slots, *slis: Fed) -> ReportedCheck:
    check = ReportedCheck(slots, REPORTING, slot_seconds=slots.slot_seconds, closed=BEGIN)
    check.replace(REPORTING, slis or (SHARED,))
    return check


def feed(check: ReportedCheck, *outcomes: Outcome) -> None:
    for each in outcomes:
        check.meet(each, INTERVAL)
        check.observe(each, arrived=each.at.timestamp())


@dataclass(frozen=True)
class Sent:
    """A round, and after how many slots it comes, once or more often; a gone target where it has no state."""

    target: str
    after: float
    state: State | None
    delays: tuple[int, ...]


@st.composite
def lives(draw: st.DrawFn, target: str) -> list[Sent]:
    delays = st.lists(st.integers(0, 40), min_size=1, max_size=3).map(tuple)
    sent, at = [], draw(st.integers(1, 120)) * INTERVAL + draw(st.sampled_from([0.25, 1.5, 9.75]))
    for steps in draw(st.lists(st.sampled_from([1, 1, 1, 2, 3, 4, 9]), max_size=12)):
        sent.append(Sent(target, at, draw(st.sampled_from([GOOD, GOOD, BAD, UNKNOWN])), draw(delays)))
        at += steps * INTERVAL
    leaves = draw(st.booleans())
    if sent and leaves:
        # Who is told to be gone before anything is heard of it is nobody.
        gone = sent[-1].after + draw(st.sampled_from([0.1, 3, 30]))
        sent.append(Sent(target, gone, None, (max(min(each.delays) for each in sent) + draw(st.integers(0, 5)),)))
    return sent


def in_order(all_sent: Sequence[Sent], last: int) -> Slots:
    """What a watch counts that looks by itself."""
    slots = Slots(10)
    source = CheckSource(slots, slot_seconds=10, slis=[SHARED], since=BEGIN)
    end = BEGIN + 10
    for each in sorted(all_sent, key=lambda each: each.after):
        while end < BEGIN + each.after:
            source.close(end)
            end += 10
        if each.state is None:
            source.change(gone=[("a", each.target)], watched=[])
            continue
        source.change(gone=[], watched=[Watched(check="a", target=each.target, interval_seconds=INTERVAL)])
        source.observe(round_of(each.target, each.after, each.state))
    for each_end in range(end, last + 1, 10):
        source.close(each_end)
    return slots


def as_they_come(all_sent: Sequence[Sent], last: int, restarts: Sequence[int]) -> tuple[Slots, ReportedCheck]:
    slots = Slots(10)
    check = reported(slots)
    for end in range(BEGIN + 10, last + 1, 10):
        for each in sorted(all_sent, key=lambda each: each.state is None):
            slot = -int(-(BEGIN + each.after) // 10) * 10
            for _ in range(sum(slot + delay * 10 == end for delay in each.delays)):
                if each.state is None:
                    check.leave(each.target, BEGIN + each.after)
                else:
                    feed(check, round_of(each.target, each.after, each.state))
        check.close(end)
        if (end - BEGIN) // 10 in restarts:
            check = read(written(check), labels_of(check), REPORTING, slots, slot_seconds=10)
    return slots, check


def events(slots: Slots) -> dict[int, tuple[int, int, int]]:
    counts = slots.counts[SLI].items()
    return {end: (each.good, each.bad, each.unknown) for end, each in counts if each.total + each.unknown}


LAST = BEGIN + (120 + 120 + 50) * 10
targets = st.lists(st.sampled_from("abcd"), min_size=1, max_size=4, unique=True)


@st.composite
def histories(draw: st.DrawFn) -> list[Sent]:
    names = draw(targets)
    sent: list[Sent] = draw(st.permutations([each for name in names for each in draw(lives(name))]))
    return sent


@given(histories(), st.lists(st.integers(1, 250), max_size=4))
def test_what_comes_late_twice_or_after_a_restart_counts_as_if_it_had_come_in_its_order(
    history: list[Sent], restarts: list[int]
) -> None:
    expected = in_order(history, LAST)
    found, check = as_they_come(history, LAST, restarts)
    assert events(found) == events(expected)
    # What was given out before something came late that makes less of it stays.
    surplus = check.indicators[SLI].surplus
    for end in range(BEGIN + 10, LAST + 1, 10):
        given, known = (slots.counts[SLI].get(end, Counts()).covered_ms for slots in (found, expected))
        assert given == known + surplus.get(end, 0)
