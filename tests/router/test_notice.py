"""Notices say who did what, in words that need no monitoring."""

from typing import Any

import pytest

from slo.core.delivery import Action
from slo.core.eta import ETA, Confidence
from slo.router.notice import SAID_LIMIT, SUBJECT_LIMIT, State, lines_of, notice_of
from slo.router.summary import promised
from tests.router.making import STAGING, at, message, of_a_person

UNKNOWN = ETA(next_update_at=at(1800))
KNOWN = ETA(recover_at=at(7200), confidence=Confidence.HIGH)


@pytest.mark.parametrize(
    ("action", "about", "headline", "said"),
    [
        (Action.TRIGGER, {"summary": "it burns"}, "it burns", ""),
        (Action.UPDATE, {"summary": "it burns more"}, "it burns more", ""),
        (Action.UPDATE, {"by": "anna", "text": "P0 instead of P1", "why": "worse"}, "anna: P0 instead of P1", "worse"),
        (Action.ACKNOWLEDGE, {"by": "anna"}, "anna is working on it", ""),
        (Action.NOTE, {"by": "anna", "text": "a\nb"}, "anna wrote", "a\nb"),
        (Action.NOTE, {"text": "x"}, "somebody wrote", "x"),
        (
            Action.ETA,
            {"eta": KNOWN, "text": f"{promised(KNOWN)}: restoring"},
            "Recovery expected at 2026-01-01 05:00 UTC (high confidence)",
            "restoring",
        ),
        (
            Action.ETA,
            {"eta": UNKNOWN, "text": promised(UNKNOWN)},
            "Nobody knows yet when it will have recovered, next update by 03:30 UTC",
            "",
        ),
        (Action.REMIND, {"text": "the response is due"}, "The response is due", ""),
        (Action.TRIGGER, {"summary": "it burns", "text": "nobody has answered"}, "it burns", ""),
        (Action.RESOLVE, {"summary": "it is resolved by anna: fixed"}, "it is resolved by anna: fixed", ""),
    ],
)
def test_a_headline_says_what_happened_and_a_quote_what_was_said(
    action: Action, about: dict[str, Any], headline: str, said: str
) -> None:
    notice = notice_of(message(action=action, **about))
    assert (notice.headline, notice.said) == (headline, said)


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("triggered", State.OPEN),
        ("acknowledged", State.IN_HAND),
        ("waiting", State.IN_HAND),
        ("resolved", State.RESOLVED),
    ],
)
def test_a_state_is_a_shape_and_a_word(status: str, state: State) -> None:
    assert notice_of(message(status=status)).state is state
    assert len({each.shape for each in State}) == len({each.word for each in State}) == len(State)


def test_the_subject_is_the_same_from_beginning_to_end() -> None:
    subjects = {notice_of(message(f"m{n}", action=action, summary=f"{n}")).subject for n, action in enumerate(Action)}
    assert subjects == {"Incident 1: gate-availability (acme, production)"}


@pytest.mark.parametrize(
    ("labels", "services", "subject", "affected"),
    [
        ({}, (), "Incident 11: pipelines hang since noon", None),
        ({"environment": "live"}, (), "Incident 11: pipelines hang since noon (live)", "live"),
        ({"customer": "acme"}, ("gate", "orca"), "Incident 11: pipelines hang since noon (acme)", "gate, orca (acme)"),
        (STAGING, (), "Incident 11: pipelines hang since noon (acme, staging)", "gate (acme, staging)"),
    ],
)
def test_what_a_person_reported_is_said_in_the_subject_and_what_is_known_of_where(
    labels: dict[str, str], services: tuple[str, ...], subject: str, affected: str | None
) -> None:
    notice = notice_of(of_a_person(labels=labels, services=services))
    assert (notice.subject, notice.headline) == (subject, "pipelines hang since noon")
    assert dict(notice.facts).get("Affected") == affected
    assert "Reported" not in dict(notice.facts), "the headline says it"


def test_what_comes_later_says_again_what_was_reported() -> None:
    notice = notice_of(of_a_person(action=Action.NOTE, by="kim", text="On it."))
    assert (notice.headline, notice.said) == ("kim wrote", "On it.")
    assert dict(notice.facts)["Reported"] == "pipelines hang since noon"
    assert notice.subject == notice_of(of_a_person()).subject


def test_a_long_report_leaves_room_for_whose_it_is() -> None:
    subject = notice_of(of_a_person(summary="x" * 1000, reported="x" * 1000)).subject
    assert subject.endswith("x… (acme, live)")
    assert len(subject) <= SUBJECT_LIMIT


def test_facts_are_those_that_are_known() -> None:
    notice = notice_of(message(due=at(3660), eta=KNOWN, owner="anna", services=("gate", "deck")))
    assert dict(notice.facts) == {
        "Affected": "gate, deck (acme, production)",
        "Since": "2026-01-01 03:01 UTC",
        "Priority": "P0",
        "Response": "due by 2026-01-01 04:01 UTC",
        "Owner": "anna",
        "Recovery": "expected at 2026-01-01 05:00 UTC (high confidence)",
        "Last seen": "connect_refused at http://10.0.0.7:8084/health",
    }
    assert dict(notice_of(message(detected_at=at(-3600))).facts)["Since"] == "2026-01-01 02:00 UTC", (
        "not when it was typed"
    )
    answered = notice_of(message(due=at(3660), responded_at=at(300), action=Action.RESOLVE, at=at(900)))
    assert dict(answered.facts)["Response"] == "answered 2026-01-01 03:05 UTC"
    assert dict(answered.facts)["Resolved"] == "2026-01-01 03:15 UTC"


def test_what_a_person_wrote_keeps_its_lines_and_no_more_than_its_room() -> None:
    assert lines_of(" a \r\n\x00b\u2028c\n\n") == "a\nb\nc"
    assert len(lines_of("ä" * 100_000)) == SAID_LIMIT
