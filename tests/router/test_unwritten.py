"""What waits for the journal: complete, in order, and not without end."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slo.core.alert import FiringPair
from slo.core.events import Event, Opened, Resolved
from slo.core.folding import fold_all
from slo.core.incident import Incident
from slo.core.policy import Severity
from slo.router.decide import decide
from slo.router.messages import Decision
from slo.router.unwritten import Unwritten
from tests.router.making import PAGE, SLO, TICKET, alert, at, draft_of


def judged(state: Unwritten, seconds: float, *firing: FiringPair) -> None:
    draft = draft_of(state.incidents, at(seconds))
    decide([alert(*firing)], draft, known_slos={SLO})
    state.add(draft.decision)


def test_what_is_taken_stays_until_it_is_written() -> None:
    state = Unwritten([])
    judged(state, 0, PAGE)
    events, messages = state.take()
    assert isinstance(events[0], Opened)
    assert len(messages) == 2
    state.restore()
    assert state.take() == (events, messages)
    state.drop()
    assert not state
    assert state.take() == ([], [])
    assert list(state.incidents) == ["1"]


def test_what_comes_while_the_journal_is_written_is_written_next() -> None:
    state = Unwritten([])
    judged(state, 0, PAGE)
    state.take()
    judged(state, 10)
    judged(state, 310)
    state.drop()
    events, messages = state.take()
    assert [type(event) for event in events][-1] is Resolved
    assert [message.action for message in messages] == ["resolve", "resolve"]
    assert state.holds(events[-1].incident)
    assert not state.holds("2")
    assert state.holds_message(messages[-1])


def test_what_is_parted_from_what_comes_later_is_written_by_itself() -> None:
    state = Unwritten([])
    judged(state, 0, PAGE)
    state.part()
    judged(state, 10)
    judged(state, 310)
    first = state.take()
    assert isinstance(first[0][0], Opened)
    assert Resolved not in map(type, first[0])
    state.restore()
    assert state.take() == first
    state.drop()
    events, messages = state.take()
    assert type(events[-1]) is Resolved
    assert len(messages) == 2
    state.drop()
    assert not state


def test_an_alert_that_flaps_all_night_does_not_fill_the_memory() -> None:
    state = Unwritten([])
    judged(state, 0, TICKET, PAGE)
    for slot in range(1, 5000):
        judged(state, 10 * slot, *([TICKET] if slot % 2 else [TICKET, PAGE]))
    events, messages = state.take()
    assert len(events) < 6
    assert fold_all(events) == state.incidents
    assert len(messages) == 2


def test_what_is_being_written_is_not_changed() -> None:
    state = Unwritten([])
    judged(state, 0, TICKET)
    judged(state, 10, TICKET, PAGE)
    judged(state, 20, TICKET)
    events, _ = state.take()
    judged(state, 30, TICKET, PAGE)
    judged(state, 40, TICKET)
    state.drop()
    later, _ = state.take()
    assert fold_all([*events, *later]) == state.incidents


SLOTS = st.lists(
    st.tuples(st.sampled_from([1, 10, 300]), st.frozensets(st.sampled_from([PAGE, TICKET])), st.booleans()), max_size=25
)


@given(SLOTS)
def test_what_is_written_in_the_end_makes_the_state_that_was_decided_on(
    slots: list[tuple[int, frozenset[FiringPair], bool]],
) -> None:
    state, journal, seconds = Unwritten([]), list[Event](), 0
    for step, firing, writable in slots:
        seconds += step
        judged(state, seconds, *firing)
        if writable:
            journal += state.take()[0]
            state.drop()
    journal += state.take()[0]
    assert fold_all(journal) == dict(state.incidents)


def test_it_begins_with_what_the_journal_has() -> None:
    before = Unwritten([])
    judged(before, 0, PAGE)
    events, _ = before.take()
    after = Unwritten(events)
    assert not after
    assert after.incidents == before.incidents
    judged(after, 10, PAGE)
    assert not after


@pytest.mark.parametrize("firing", [(), (PAGE,)])
def test_an_empty_decision_changes_nothing(firing: tuple[FiringPair, ...]) -> None:
    state = Unwritten([])
    state.add(Decision())
    assert not state
    judged(state, 0, *firing)
    incidents: list[Incident] = list(state.incidents.values())
    assert [incident.severity for incident in incidents] == [Severity.PAGE] * len(firing)
