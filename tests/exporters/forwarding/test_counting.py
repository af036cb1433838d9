"""The sum of what is told of an SLO is what was counted for it, slot by slot, whatever a kill kept from being told."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporters.forwarding.counting import Closing, Counting, SlotCounts
from exporters.forwarding.selection import Selection
from slo.core.matching import parse_matcher
from slo.core.slo import SLO
from slo.core.telemetry import TOTALS, Counted, Counts3, Measured, Rank
from slo.core.telemetry_document import read

GATE = SLO(
    name="gate",
    objective=Fraction("0.999"),
    window=timedelta(days=30),
    sli="probe:gate",
    pairs=(),
    labels={"customer": "acme", "service": "gate"},
)
NOTHING = Counts3(0, 0, 0)


def everything(**labels: str) -> Selection:
    return Selection((), ("slo_*",), labels)


def closing(end: int, totals: Counts3, *slots: tuple[int, Counts3], slo: SLO = GATE) -> Closing:
    return Closing(
        begun=end - 10,
        end=end,
        seconds=10,
        slos={slo.key: slo},
        totals={slo.key: totals},
        slots={slo.sli: [SlotCounts(end=at, seconds=10, counts=counts) for at, counts in slots]},
    )


def told(counting: Counting, closing: Closing) -> list[Counted]:
    records, _ = counting.records(closing)
    assert all(record.rank is Rank.COUNT and record.at == closing.end for record in records)
    found = [read(record.body) for record in records]
    assert all(isinstance(each, Counted) for each in found)
    return [each for each in found if isinstance(each, Counted)]


def test_a_slot_is_told_with_what_is_new_and_with_the_totals() -> None:
    counting = Counting(everything(site="eu"), cumulative=False, marks={})
    (first,) = told(counting, closing(100, Counts3(5, 1, 0), (100, Counts3(2, 1, 0))))
    assert (first.counts, first.totals, first.correction) == (Counts3(2, 1, 0), Counts3(5, 1, 0), False)
    assert (first.end, first.seconds) == (100, 10)
    assert first.labels == {"slo": "gate", "customer": "acme", "service": "gate", "site": "eu"}


def test_late_counts_are_corrections_of_their_own_slot() -> None:
    counting = Counting(everything(), cumulative=False, marks={})
    told(counting, closing(100, Counts3(3, 0, 0), (100, Counts3(3, 0, 0))))
    late, now = told(counting, closing(110, Counts3(6, 2, 0), (90, Counts3(0, 2, 0)), (110, Counts3(3, 0, 0))))
    assert (late.end, late.counts, late.totals, late.correction) == (90, Counts3(0, 2, 0), Counts3(3, 2, 0), True)
    assert (now.end, now.counts, now.totals, now.correction) == (110, Counts3(3, 0, 0), Counts3(6, 2, 0), False)
    assert len({late.id, now.id}) == 2


def test_two_watches_with_a_label_of_their_own_tell_the_same_counts_of_the_same_slot_as_two() -> None:
    same = closing(100, Counts3(3, 0, 0), (100, Counts3(3, 0, 0)))
    one, other, again = (
        told(Counting(everything(watch=name), cumulative=False, marks={}), same)[0].id for name in ("eu", "us", "eu")
    )
    assert one == again != other


def test_slots_without_counts_are_told_only_to_those_who_follow_totals() -> None:
    quiet = closing(110, Counts3(3, 0, 0))
    adding, following = (Counting(everything(), cumulative=each, marks={}) for each in (False, True))
    told(adding, closing(100, Counts3(3, 0, 0), (100, Counts3(3, 0, 0))))
    assert told(adding, quiet) == []
    (counted,) = told(following, quiet)
    assert (counted.counts, counted.totals) == (NOTHING, Counts3(3, 0, 0))


def test_who_follows_totals_gets_one_record_of_each_closing() -> None:
    counting = Counting(everything(), cumulative=True, marks={})
    late = closing(110, Counts3(6, 2, 0), (90, Counts3(0, 2, 0)), (110, Counts3(3, 0, 0)))
    (counted,) = told(counting, late)
    assert (counted.end, counted.totals, counted.correction) == (110, Counts3(6, 2, 0), False)


@pytest.mark.parametrize("before", [Counts3(9, 0, 0), Counts3(0, 9, 0)])
def test_where_the_ledger_lost_what_was_told_only_what_is_new_is_told(before: Counts3) -> None:
    counting = Counting(everything(), cumulative=False, marks={"counted gate": str(list(before))})
    (counted,) = told(counting, closing(100, Counts3(2, 1, 0), (100, Counts3(1, 1, 0))))
    assert counted.counts == Counts3(1, 1, 0)
    (following,) = told(counting, closing(110, Counts3(3, 1, 0), (110, Counts3(1, 0, 0))))
    assert following.counts == Counts3(1, 0, 0)


@pytest.mark.parametrize(
    ("matchers", "metrics", "count"),
    [
        (["customer=acme"], ["slo_*"], 1),
        (["customer=other"], ["slo_*"], 0),
        (["customer=~acme|other", "service!=gate"], ["slo_*"], 0),
        ([], ["slo_sli_*"], 1),
        ([], ["slo_burn_rate"], 0),
    ],
)
def test_only_what_is_selected_is_told(matchers: Sequence[str], metrics: Sequence[str], count: int) -> None:
    selection = Selection([parse_matcher(each) for each in matchers], metrics, {})
    assert len(told(Counting(selection, cumulative=False, marks={}), closing(10, Counts3(1, 0, 0)))) == 0
    counting = Counting(selection, cumulative=True, marks={})
    assert len(told(counting, closing(10, Counts3(1, 0, 0)))) == count


def test_totals_of_an_slo_that_is_gone_or_has_other_labels_have_ended() -> None:
    counting, adding = (Counting(everything(), cumulative=each, marks={}) for each in (True, False))
    other = replace(GATE, labels={"customer": "acme", "service": "front"})
    gone = replace(closing(30, NOTHING), slos={}, totals={})
    found = []
    for each in (closing(10, NOTHING), closing(20, NOTHING, slo=other), gone, replace(gone, end=40)):
        told = [read(record.body) for record in counting.records(each)[0]]
        found.append([measured for measured in told if isinstance(measured, Measured)])
        assert not any(isinstance(read(record.body), Measured) for record in adding.records(each)[0])
    first, [renamed], [removed], last = found
    assert first == last == []
    for measured, service, end in ((renamed, "gate", 20), (removed, "front", 30)):
        assert (measured.ended, measured.at.timestamp()) == (True, end)
        assert [(point.name, point.labels["service"]) for point in measured.points] == [
            (name, service) for name in TOTALS
        ]


def test_a_group_has_its_own_totals() -> None:
    groups = [replace(GATE, scope=f"cluster={name}", sli=f"probe:gate{{{name}}}") for name in ("a", "b")]
    counting = Counting(everything(), cumulative=False, marks={})
    for slo in groups:
        (counted,) = told(counting, closing(10, Counts3(1, 0, 0), (10, Counts3(1, 0, 0)), slo=slo))
        assert counted.counts == Counts3(1, 0, 0)


COUNTS = st.builds(Counts3, st.integers(0, 3), st.integers(0, 3), st.integers(0, 2))
SLOTS = st.lists(st.tuples(st.integers(0, 3), COUNTS), max_size=4)
"""How many slots ago something happened, and what."""


@given(
    closings=st.lists(st.tuples(SLOTS, st.sampled_from(["told", "told", "killed before", "killed after"])), max_size=12)
)
def test_the_sum_of_what_is_told_is_what_was_counted(closings: list[tuple[list[tuple[int, Counts3]], str]]) -> None:
    marks: dict[str, str] = {"counted gate": "[0, 0, 0]"}
    counting = Counting(everything(), cumulative=False, marks=marks)
    totals, got, ids = NOTHING, NOTHING, set[str]()
    for number, (happened, fate) in enumerate(closings, 1):
        end = 1000 + 10 * number
        slots: dict[int, Counts3] = defaultdict(lambda: NOTHING)
        for ago, counts in happened:
            at = end - 10 * ago
            slots[at] = _plus(slots[at], counts)
            totals = _plus(totals, counts)
        if fate == "killed before":  # the next process knows nothing of these slots but the totals
            counting = Counting(everything(), cumulative=False, marks=marks)
            continue
        records, new = counting.records(closing(end, totals, *slots.items()))
        for record in records:
            counted = read(record.body)
            assert isinstance(counted, Counted)
            assert counted.id not in ids
            ids.add(counted.id)
            got = _plus(got, counted.counts)
        marks |= {name: mark for name, mark in new.items() if mark is not None}
        if fate == "killed after":
            counting = Counting(everything(), cumulative=False, marks=marks)
    records, _ = counting.records(closing(9000, totals))
    for record in records:
        counted = read(record.body)
        assert isinstance(counted, Counted)
        got = _plus(got, counted.counts)
    assert got == totals


def _plus(one: Counts3, other: Counts3) -> Counts3:
    return Counts3(*map(sum, zip(one, other, strict=True)))
