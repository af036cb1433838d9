"""The fold of events into incidents, and the keys that the world outside knows them by."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slo.core.alert import Evidence, FiringPair
from slo.core.events import (
    Acknowledged,
    Event,
    FiringChanged,
    Opened,
    PageCleared,
    Paged,
    Raised,
    Resolved,
    SentDirectly,
)
from slo.core.folding import fold, fold_all
from slo.core.incident import Incident
from slo.core.incident_key import KEY_LIMIT, incident_key
from slo.core.policy import Severity
from slo.core.priority import Priority

T0 = datetime(2026, 1, 1, tzinfo=UTC)
EVIDENCE = Evidence(objective=0.999, window="30d", sli=0.5, remaining=-1.0, coverage=1.0)
PAGE = FiringPair(severity=Severity.PAGE, long="1h", short="5m")
TICKET = FiringPair(severity=Severity.TICKET, long="1d", short="2h")
OPENED = Opened(
    incident="1",
    at=T0,
    slo="gate",
    scope="",
    generation=1,
    key="acme:gate:-:g1",
    severity=Severity.TICKET,
    priority=Priority.P1,
    summary="gate burns",
    labels={"environment": "production"},
    firing=frozenset({TICKET}),
    evidence=EVIDENCE,
    told=("hook",),
)


def at(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


def changed(seconds: float, *firing: FiringPair) -> FiringChanged:
    return FiringChanged(incident="1", at=at(seconds), firing=frozenset(firing), evidence=EVIDENCE)


def paged(seconds: float, generation: int = 1) -> Paged:
    return Paged(
        incident="1",
        at=at(seconds),
        generation=generation,
        key=f"acme:gate:-:g{generation}",
        summary=f"page {generation}",
        told=("oncall",),
    )


def acknowledged(seconds: float, by: str = "anna") -> Acknowledged:
    return Acknowledged(incident="1", at=at(seconds), by=by, via="api")


def resolved(seconds: float, why: str = "") -> Resolved:
    return Resolved(incident="1", at=at(seconds), by="", why=why)


def cleared(seconds: float) -> PageCleared:
    return PageCleared(incident="1", at=at(seconds), key="acme:gate:-:g1")


def folded(*events: Event) -> Incident:
    return fold_all(events)["1"]


def test_a_ticket_that_becomes_a_page_and_ends_is_folded_step_by_step() -> None:
    raised = Raised(incident="1", at=at(10), severity=Severity.PAGE, priority=Priority.P0, why="a page fires")
    events = [OPENED, changed(10, PAGE, TICKET), raised, paged(10)]

    incident = folded(*events)
    assert (incident.status, incident.priority, incident.summary) == ("triggered", Priority.P0, "page 1")
    assert (incident.page_open, incident.page_key, incident.paged_to) == (True, "acme:gate:-:g1", ("oncall",))
    assert (incident.paged_at, incident.told) == (at(10), ("hook",))

    incident = folded(*events, acknowledged(20))
    assert (incident.status, incident.acknowledged_at, incident.acknowledged_by) == ("acknowledged", at(20), "anna")

    incident = folded(*events, acknowledged(20), changed(600), resolved(900, "clear for 5m"))
    assert (incident.status, incident.open, incident.page_open) == ("resolved", False, False)
    assert (incident.resolved_at, incident.resolved_why) == (at(900), "clear for 5m")


def test_clear_since_is_the_first_time_of_the_last_run_of_clear() -> None:
    assert folded(OPENED).clear_since is None
    assert folded(OPENED, changed(10), changed(20)).clear_since == at(10)
    assert folded(OPENED, changed(10), changed(20, TICKET)).clear_since is None
    assert folded(OPENED, changed(10), changed(20, TICKET), changed(30)).clear_since == at(30)


def test_a_page_is_clear_while_only_a_ticket_fires() -> None:
    incident = folded(OPENED, changed(10, PAGE, TICKET), paged(10), changed(20, TICKET))
    assert (incident.page_clear_since, incident.clear_since) == (at(20), None)
    assert folded(OPENED, changed(20, TICKET), changed(30, PAGE)).page_clear_since is None


def test_a_new_page_has_not_been_acknowledged_and_the_first_response_stays() -> None:
    again = folded(OPENED, paged(10), acknowledged(20), cleared(400), paged(500, generation=2))
    assert (again.status, again.page_open, again.generation) == ("triggered", True, 2)
    assert again.page_key == "acme:gate:-:g2"
    assert (again.acknowledged_at, again.acknowledged_by, again.paged_at) == (at(20), "anna", at(10))

    second = fold(again, acknowledged(510, by="ben"))
    assert (second.status, second.acknowledged_at, second.acknowledged_by) == ("acknowledged", at(20), "anna")


def test_a_page_that_is_over_leaves_the_incident_as_acknowledged_as_it_was() -> None:
    assert folded(OPENED, paged(10), acknowledged(20), cleared(400)).status == "acknowledged"
    assert folded(OPENED, paged(10), cleared(400)).status == "triggered"


def test_what_fires_is_followed_after_the_resolution() -> None:
    incident = folded(OPENED, resolved(5), changed(10))
    assert (incident.status, incident.firing, incident.clear_since) == ("resolved", frozenset(), at(10))


def test_what_was_sent_directly_is_kept() -> None:
    direct = SentDirectly(incident="1", at=at(12), destination="oncall", key="acme:gate:-:g1")
    assert folded(OPENED, paged(0), direct).sent_directly == ("oncall",)


@pytest.mark.parametrize("event", [changed(1), paged(1), resolved(1)])
def test_only_an_opening_begins_an_incident(event: Event) -> None:
    with pytest.raises(ValueError, match="incident 1 begins with"):
        fold(None, event)


def test_an_incident_opens_once() -> None:
    with pytest.raises(ValueError, match="incident 1 was opened twice"):
        fold_all([OPENED, OPENED])


def test_an_event_of_an_unknown_kind_is_not_passed_over() -> None:
    with pytest.raises(TypeError, match="no fold for Event"):
        fold_all([OPENED, Event(incident="1", at=T0)])


SECONDS = st.integers(0, 10**6)
EVENTS = st.one_of(
    st.builds(lambda s, firing: changed(s, *firing), SECONDS, st.frozensets(st.sampled_from([PAGE, TICKET]))),
    st.builds(paged, SECONDS, st.integers(1, 9)),
    st.builds(acknowledged, SECONDS),
    st.builds(resolved, SECONDS),
    st.builds(cleared, SECONDS),
)


@given(st.lists(EVENTS, max_size=12))
def test_the_state_agrees_with_itself_whatever_happens(events: list[Event]) -> None:
    incident = folded(OPENED, *events)
    assert incident.opened_at == T0
    assert incident.open == (incident.resolved_at is None)
    assert (incident.status == "resolved") == (not incident.open)
    assert incident.clear_since is None or not incident.firing
    assert incident.page_clear_since is None or PAGE not in incident.firing
    responses = [event.at for event in events if isinstance(event, Acknowledged)]
    assert incident.acknowledged_at == (responses[0] if responses else None)


@given(st.lists(EVENTS, max_size=12), st.integers(0, 12))
def test_folding_in_two_parts_is_folding_at_once(events: list[Event], cut: int) -> None:
    state = folded(OPENED, *events[:cut])
    for event in events[cut:]:
        state = fold(state, event)
    assert state == folded(OPENED, *events)


Parts = tuple[str, str, str, int]
PARTS = st.one_of(st.text(max_size=8), st.text("-:%~ag1", max_size=6), st.text("ab", min_size=200, max_size=300))
KEYS = st.tuples(PARTS, PARTS, PARTS, st.integers(1, 10**6))


def key_of(parts: Parts) -> str:
    customer, slo, scope, generation = parts
    return incident_key(customer=customer, slo=slo, scope=scope, generation=generation)


@given(KEYS, KEYS)
def test_different_incidents_have_different_keys_within_the_limit(one: Parts, other: Parts) -> None:
    assert len(key_of(one)) <= KEY_LIMIT
    assert (key_of(one) == key_of(other)) == (one == other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("a:b", "c", "", 1), ("a", "b:c", "", 1)),
        (("", "c", "", 1), ("-", "c", "", 1)),
        (("%2D", "c", "", 1), ("-", "c", "", 1)),
        (("a", "c", "", 1), ("a", "c", "", 11)),
        (("a" * 300, "c", "", 1), ("a" * 300, "d", "", 1)),
        (("a" * 300, "c", "", 1), ("a" * 301, "c", "", 1)),
    ],
)
def test_keys_that_look_alike_are_kept_apart(one: Parts, other: Parts) -> None:
    assert key_of(one) != key_of(other)


def test_a_usual_key_reads_as_what_it_is() -> None:
    assert key_of(("acme", "gate-availability", "", 3)) == "acme:gate-availability:-:g3"
