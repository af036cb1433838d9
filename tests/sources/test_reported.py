"""What others report is counted once, and known as if it had come in its order: late, twice, after restarts."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slo.core.counts import Counts
from slo.core.outcome import Outcome
from slo.core.reason import State
from slo.sources.checks import CheckSource, Fed, Watched
from slo.sources.reported import ReportedCheck
from slo.sources.reported_state import labels_of, read, written
from slo.sources.reporting import REMEMBERED_SECONDS, Reporting
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


LATER = 500 * 10


@st.composite
def returns(draw: st.DrawFn) -> list[Sent]:
    """Targets that live twice: soon after the first life, or more than an hour later."""
    history: list[Sent] = []
    for name in draw(targets):
        first, second = draw(lives(name)), draw(lives(name))
        last, begin = (max([0, *(each.after for each in life)]) for life in (first, second[:1]))
        pause = (int(last - begin) // 10 + draw(st.sampled_from([2, 5, 20, 400]))) * 10
        history += [*first, *(replace(each, after=each.after + pause) for each in second)]
    return history


@given(returns(), st.lists(st.integers(1, 790), max_size=4))
def test_groups_come_and_go_with_their_targets_and_each_round_counts_once_or_is_seen_to_be_too_late(
    history: list[Sent], restarts: list[int]
) -> None:
    coming: dict[int, list[Sent]] = defaultdict(list)
    for each in history:
        for delay in each.delays:
            coming[-int(-(BEGIN + each.after) // 10) * 10 + delay * 10].append(each)
    slots = Slots(10)
    check, counted, seen = reported(slots), dict.fromkeys("abcd", 0), set[tuple[str, float]]()

    def regroup() -> None:
        names = sorted(each.target for each in check.watched)
        check.replace(REPORTING, [Fed(sli=one, check="a", shared=True, only=(("name", one),)) for one in names])

    for end in range(BEGIN + 10, LAST + LATER + 1, 10):
        rounds = [each for each in coming[end] if each.state is not None]
        met = [check.meet(labelled(each.target, each.after, name=each.target), INTERVAL) for each in rounds]
        if any(met):
            regroup()
        for each in rounds:
            fed = bool(check.fed_by(each.target))
            assert fed or check.has_left(each.target)
            counted[each.target] += fed and (each.target, each.after) not in seen
            seen.add((each.target, each.after))
            check.observe(labelled(each.target, each.after, each.state or GOOD, name=each.target), arrived=end)
        for each in coming[end]:
            if each.state is None:
                check.leave(each.target, BEGIN + each.after)
        check.close(end)
        if any(each.state is None for each in coming[end]) or end % 60 == 0:
            regroup()
        if (end - BEGIN) // 10 in restarts:
            check = read(written(check), labels_of(check), REPORTING, slots, slot_seconds=10)
            regroup()
    for name, number in counted.items():
        assert sum(each.total + each.unknown for each in slots.counts[name].values()) == number


def labelled(target: str, after: float, state: State = GOOD, **labels: str) -> Outcome:
    return replace(round_of(target, after, state), labels=labels)


def test_labels_say_which_slis_a_target_feeds_from_then_on() -> None:
    slots = Slots(10)
    slis = tuple(Fed(sli=region, check="a", shared=True, only=(("region", region),)) for region in ("eu", "us"))
    check = reported(slots, *slis)
    feed(check, labelled("one", 4, region="eu"), labelled("two", 4, BAD, region="us"))
    assert [check.fed_by(name) for name in ("one", "two", "three")] == [["eu"], ["us"], ()]
    check.close(BEGIN + 10)
    feed(check, labelled("one", 14, region="us"), labelled("two", 14, region="us"))
    check.close(BEGIN + 20)
    assert (slots.counts["eu"][BEGIN + 10].good, slots.counts["us"][BEGIN + 20].good) == (1, 2)
    assert slots.covered("eu") == {BEGIN + 10: 10}
    assert slots.covered("us") == {BEGIN + 10: 10, BEGIN + 20: 10}
    feed(check, labelled("one", 3, region="eu"))
    assert check.fed_by("one") == ["us"], "a round that is older than the newest says nothing of labels"


def test_a_good_round_that_took_too_long_is_bad_for_who_wants_it_fast() -> None:
    slots = Slots(10)
    check = reported(slots, SHARED, Fed(sli="fast", check="a", shared=True, latency_seconds=1.0))
    feed(check, replace(round_of("one", 4), phases={"connect": 1.5}))
    check.close(BEGIN + 10)
    assert (slots.counts[SLI][BEGIN + 10].good, slots.counts["fast"][BEGIN + 10].bad) == (1, 1)


def test_several_vantage_points_make_one_round_whichever_agents_they_are() -> None:
    slots = Slots(10)
    seen_from = replace(REPORTING, vantage_points=("a", "b", "c"), quorum=2)
    check = ReportedCheck(slots, seen_from, slot_seconds=10, closed=BEGIN)
    check.replace(seen_from, [SHARED])
    feed(check, *(replace(round_of("one", 4, state), vantage_point=name) for name, state in (("a", BAD), ("b", BAD))))
    feed(check, replace(round_of("two", 4), vantage_point="a"))
    check.close(BEGIN + 10)
    check = read(written(check), labels_of(check), seen_from, slots, slot_seconds=10)
    feed(check, replace(round_of("two", 5), vantage_point="c"))
    check.close(BEGIN + 20)
    assert (slots.counts[SLI][BEGIN + 10].good, slots.counts[SLI][BEGIN + 10].bad) == (1, 1)


def test_of_who_is_missing_a_round_waits_for_one_interval_also_over_a_restart() -> None:
    slots = Slots(10)
    seen_from = replace(REPORTING, vantage_points=("a", "b"), quorum=2)
    check = ReportedCheck(slots, seen_from, slot_seconds=10, closed=BEGIN)
    check.replace(seen_from, [SHARED])
    feed(check, replace(round_of("one", 4), vantage_point="a"))
    for end in (10, 20):
        check.close(BEGIN + end)
        check = read(written(check), labels_of(check), seen_from, slots, slot_seconds=10)
    assert slots.counts[SLI][BEGIN + 10] == Counts(unknown=1)


def test_a_round_tells_its_interval_by_its_number() -> None:
    check = reported(Slots(10))
    at = BEGIN + 4
    numbers = {
        at // 10: 10,
        at // 60: 60.0,
        at // 30: None,
        at // 10 + 300: 10,
        at // 10 + 400: None,
        0: None,
        2**62: None,
    }
    for number, interval in numbers.items():
        assert check.reporting.interval_of(replace(round_of("one", 4), number=number)) == interval


def test_another_interval_begins_to_number_anew() -> None:
    slots = Slots(10)
    check = reported(slots)
    feed(check, round_of("one", 4), round_of("one", 14))
    check.close(BEGIN + 20)
    slow = replace(round_of("one", 30), number=(BEGIN + 30) // 60)
    for _ in range(2):
        check.meet(slow, 60.0)
        check.observe(slow, arrived=BEGIN + 30)
    check.close(BEGIN + 30)
    assert sum(counts.good for counts in slots.counts[SLI].values()) == 3


def test_of_slots_of_long_ago_rounds_are_counted_and_nothing_more_is_known() -> None:
    slots = Slots(10)
    check = reported(slots)
    feed(check, round_of("one", 4))
    end = BEGIN + REMEMBERED_SECONDS + 600
    check.close(end)
    check.close(end + 10)
    before = slots.covered(SLI)
    feed(check, replace(round_of("one", 0), at=outcome(BEGIN + 54).at, number=(BEGIN + 54) // 10))
    check.close(end + 20)
    assert slots.counts[SLI][BEGIN + 60] == Counts(good=1)
    assert slots.covered(SLI) == before


@pytest.mark.parametrize("state", [b"", b"[]", b"{}", b'{"format": 2}', b'{"format": 1, "targets": 3}'])
def test_a_state_that_is_none_is_refused(state: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        read(state, b"{}", REPORTING, Slots(10), slot_seconds=10)
