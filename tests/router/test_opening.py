"""Incidents that people open: their priority, their key, who is told, and that one ticket opens one."""

from dataclasses import replace
from typing import Any

import pytest

from slo.core.acts import Open, Target
from slo.core.contract import DEFAULT, Contract
from slo.core.incident import REPORTED, Incident
from slo.core.policy import Severity
from slo.core.priority import EnvironmentClass, Impact, Priority
from slo.core.response import response_of
from slo.errors import UsageError
from slo.router.decide import decide, decide_pages
from slo.router.messages import Decision
from slo.router.opening import doubts_about, opened_before, opening_of, refuse_stranger
from slo.router.people import decide_act
from tests.router.making import PAGE, SLO, alert, at, draft_of, ends

ISSUE = Open(
    target=Target(),
    by="kim",
    via="cli",
    summary="pipelines hang\nsince noon",
    customer="acme",
    environment="production",
    services=("orca",),
)


def opens(act: Open, incidents: dict[str, Incident], seconds: float = 0) -> Decision:
    draft = draft_of(incidents, at(seconds))
    if opened_before(act, incidents) is None:
        draft.open(opening_of(act, draft.take_id(), at=draft.now, contract=DEFAULT))
    incidents |= draft.incidents
    return draft.decision


def paged(incidents: dict[str, Incident]) -> Decision:
    draft = draft_of(incidents, at(0))
    decide_pages(draft)
    return draft.decision


@pytest.mark.parametrize(
    ("given", "priority", "severity", "pages"),
    [
        ({}, Priority.P1, Severity.TICKET, False),
        ({"impact": Impact.SEVERE}, Priority.P0, Severity.PAGE, True),
        ({"impact": Impact.SEVERE, "workaround": True}, Priority.P1, Severity.TICKET, False),
        ({"environment": "staging"}, Priority.P2, Severity.TICKET, False),
        ({"environment": "staging", "impact": Impact.BLOCKS_PROMOTION}, Priority.P1, Severity.TICKET, False),
        ({"environment": "staging", "security": True}, Priority.P0, Severity.PAGE, True),
    ],
)
def test_its_priority_follows_from_the_contract_and_a_p0_pages(
    given: dict[str, Any], priority: Priority, severity: Severity, *, pages: bool
) -> None:
    incidents: dict[str, Incident] = {}
    decision = opens(replace(ISSUE, **given), incidents)
    assert (incidents["1"].priority, incidents["1"].severity) == (priority, severity)
    told = [("oncall", "trigger"), ("hook", "trigger")] if pages else [("hook", "trigger")]
    assert [(message.destination, message.action.value) for message in decision.messages] == told
    assert not paged(incidents), "it has paged already"


ACME = replace(
    DEFAULT,
    customer="acme",
    title="Acme",
    environments={"live": EnvironmentClass.PRODUCTION, "staging": EnvironmentClass.NON_PRODUCTION},
)


@pytest.mark.parametrize(
    ("contract", "environment", "why"),
    [
        (ACME, "live", ""),
        (ACME, "staging", ""),
        (ACME, "stagin", "the contract of Acme names no environment stagin, only live, staging"),
        (ACME, "", "no environment was given"),
        (DEFAULT, "production", ""),
        (DEFAULT, "non-production", ""),
        (DEFAULT, "live", "no contract says what the environment live is"),
        (DEFAULT, "", "no environment was given"),
    ],
)
def test_an_environment_that_no_contract_names_is_doubted_with_the_clock_that_follows(
    contract: Contract, environment: str, why: str
) -> None:
    incidents: dict[str, Incident] = {}
    opens(replace(ISSUE, environment=environment), incidents)
    doubts = doubts_about(incidents["1"], response_of(incidents["1"].turns, contract))
    priority = incidents["1"].priority
    follows = (
        f"it is taken for non-production, so this is a {priority}, to be answered within 4 business days, by "
        "2026-01-06 17:00:00 UTC; where that is wrong, change its priority"
    )
    assert doubts == ([f"{why}: {follows}"] if why else [])


def test_it_is_an_incident_like_any_other_with_a_key_of_its_own() -> None:
    incidents: dict[str, Incident] = {}
    opens(ISSUE, incidents)
    opens(ISSUE, incidents)
    one = incidents["1"]
    assert (one.slo, one.scope) == (REPORTED, "1-20260101T030000Z")
    assert one.key == "acme:reported:1-20260101T030000Z:g1"
    assert (one.summary, one.labels) == (
        "pipelines hang since noon",
        {"customer": "acme", "environment": "production"},
    )
    assert (one.opened_by, one.found_by, one.services) == ("kim", "provider", ("orca",))
    assert incidents["2"].key == "acme:reported:2-20260101T030000Z:g1"


def test_whatever_is_told_of_it_says_what_was_reported() -> None:
    incidents: dict[str, Incident] = {}
    (began,) = opens(replace(ISSUE, summary=f"pipelines hang {'and hang ' * 50}"), incidents).messages
    assert began.reported == began.subject == incidents["1"].summary
    draft = draft_of(incidents, at(60))
    ended = decide_act(ends(by="kim", why="restarted"), incidents, teller=draft.teller).messages
    assert [told.summary.partition(" (pipelines hang")[0] for told in ended] == ["incident 1"]
    assert [told.summary.partition("…")[2] for told in ended] == [") is resolved by kim: restarted"]
    assert {told.reported for told in ended} == {began.reported}


def test_a_number_that_another_journal_gives_again_is_another_key() -> None:
    one: dict[str, Incident] = {}
    other: dict[str, Incident] = {}
    opens(ISSUE, one)
    opens(replace(ISSUE, summary="dashboards are slow"), other, seconds=3600)
    assert one["1"].key != other["1"].key


def test_no_alert_and_no_change_of_the_configuration_ends_it() -> None:
    incidents: dict[str, Incident] = {}
    opens(ISSUE, incidents)
    for seconds in (60, 86_400):
        draft = draft_of(incidents, at(seconds))
        decide([], draft, known_slos=())
        assert not draft.decision


def test_alerts_open_incidents_beside_it() -> None:
    incidents: dict[str, Incident] = {}
    opens(ISSUE, incidents)
    draft = draft_of(incidents, at(60))
    decide([alert(PAGE)], draft, known_slos={SLO})
    assert {event.incident for event in draft.decision.events} == {"2"}


def test_one_ticket_opens_one_incident_and_its_destination_knows_it_by_its_number() -> None:
    incidents: dict[str, Incident] = {}
    ticket = replace(ISSUE, target=Target(destination="hook", reference="OPS-7"), found_by="customer", source="hook:1")
    (told,) = opens(ticket, incidents).messages
    assert (told.destination, told.reference) == ("hook", "OPS-7")
    assert not opens(ticket, incidents)
    assert not opens(replace(ticket, source="hook:2"), incidents)
    assert not opens(replace(ticket, target=Target()), incidents), "the same act by another way"
    before = opened_before(ticket, incidents)
    assert before is not None
    assert before.id == "1"
    assert opens(replace(ticket, target=Target(destination="hook", reference="OPS-8"), source="hook:3"), incidents)


def test_its_clock_runs_from_when_the_ticket_was_written_but_not_from_the_future() -> None:
    for written, begins in ((at(-600), at(-600)), (at(600), at(0)), (None, at(0))):
        incidents: dict[str, Incident] = {}
        opens(replace(ISSUE, created_at=written), incidents)
        assert incidents["1"].turns[0].at == begins
        assert incidents["1"].opened_at == at(0)


def test_a_customer_that_nobody_knows_is_refused_and_a_ticket_of_theirs_is_not_lost() -> None:
    with pytest.raises(UsageError, match=r"there is no customer acme, .* write one of globex"):
        refuse_stranger(ISSUE, {"globex"})
    refuse_stranger(ISSUE, {"acme", "globex"})
    refuse_stranger(ISSUE, ())
    with pytest.raises(UsageError, match=r"no customer was given, .* write one of globex"):
        refuse_stranger(replace(ISSUE, customer=""), {"globex"})
    refuse_stranger(replace(ISSUE, target=Target(destination="hook", reference="OPS-7")), {"globex"})
