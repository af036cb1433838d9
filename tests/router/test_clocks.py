"""Clocks: what runs out while nobody acts, who hears of it, and that it is told once."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any

import pytest

from slo.core.acts import EndChat, GoOn, Open, Prioritize, Promise, Say, Target, Wait
from slo.core.contract import Contract, office_hours
from slo.core.eta import ETA
from slo.core.events import (
    PageCleared,
    Paged,
    PromiseMissed,
    Reminded,
    Reminder,
    Resolved,
    ResponseMissed,
    ResponseWarned,
    TicketNotUpdated,
    Told,
)
from slo.core.priority import Impact, Priority
from slo.core.routing import EscalationStep
from slo.router.audience import Audience
from slo.router.clocks import decide_clocks
from tests.router.desk import Desk, heard, keys, kinds
from tests.router.making import PAGE, PAGERS, SLO, STAGING, T0, TICKET, alert, at, draft_of, ends, routes, takes_on

MINUTE, HOUR = 60, 3600
G1, G2 = f"acme:{SLO}:-:g1", f"acme:{SLO}:-:g2"
BY: dict[str, Any] = {"target": Target(incident="1"), "by": "anna", "via": "slack"}


def step(after: str, *destinations: str) -> EscalationStep:
    return EscalationStep(after=Fraction(after), destinations=destinations)


def p0(desk: Desk | None = None) -> Desk:
    """A P0 that began at 0; its hour ends at 3600."""
    desk = desk or Desk()
    desk.slot(0, alert(PAGE))
    return desk


def p1(desk: Desk | None = None) -> Desk:
    """A P1 without a page that began at 03:00 on a Thursday; its business day is that of the default contract."""
    desk = desk or Desk(routes(repeat_interval=timedelta(days=9)))
    desk.slot(0, alert(TICKET))
    return desk


def shares(desk: Desk) -> list[float]:
    return [event.share for event in desk.of(ResponseWarned)]


def test_a_p0_is_warned_of_at_its_shares_and_missed_when_its_hour_is_over() -> None:
    desk = p0()
    moments = [29, 30, 31, 44, 45, 46, 53, 54, 59, 60, 61, 120]
    told = {minute: decision for minute in moments if (decision := desk.slot(minute * MINUTE))}
    assert list(told) == [30, 45, 54, 60]
    assert shares(desk) == [0.5, 0.75, 0.9]
    assert all(heard(decision) == [("oncall", "remind"), ("hook", "remind")] for decision in told.values())
    assert [decision.messages[0].text for decision in told.values()] == [
        "50% of the response time has gone, nobody has answered: due at 2026-01-01 04:00 UTC",
        "75% of the response time has gone, nobody has answered: due at 2026-01-01 04:00 UTC",
        "90% of the response time has gone, nobody has answered: due at 2026-01-01 04:00 UTC",
        "nobody has answered within 1h: the response time ended at 2026-01-01 04:00 UTC",
    ]
    assert [(event.at, event.due) for event in desk.of(ResponseMissed)] == [(at(HOUR), at(HOUR))]


def test_business_days_are_warned_of_in_business_time() -> None:
    desk = p1()
    first = datetime(2026, 1, 1, 9, tzinfo=UTC)
    for hours in (4, 6, 7.2, 8):
        moment = (first + timedelta(hours=hours) - T0).total_seconds()
        assert not desk.slot(moment - 1).events, "a second before it there is nothing"
        assert desk.slot(moment)
    assert shares(desk) == [0.5, 0.75, 0.9]
    assert desk.of(ResponseMissed)[0].due == first + timedelta(hours=8)


def test_a_contract_has_hours_of_its_own() -> None:
    contract = Contract(customer="acme", title="Acme", hours=office_hours("America/New_York"))
    desk = p1(Desk(contracts={"acme": contract}))
    desk.slot((datetime(2026, 1, 1, 21, 59, tzinfo=UTC) - T0).total_seconds())
    assert not desk.of(ResponseMissed)
    desk.slot((datetime(2026, 1, 1, 22, tzinfo=UTC) - T0).total_seconds())
    assert [event.due for event in desk.of(ResponseMissed)] == [datetime(2026, 1, 1, 22, tzinfo=UTC)]


def test_shares_that_passed_while_nothing_ran_are_one_warning_that_says_it_is_late() -> None:
    desk = p0()
    decision = desk.slot(56 * MINUTE)
    (event,) = desk.of(ResponseWarned)
    assert (event.share, event.planned_at, event.at) == (0.9, at(54 * MINUTE), at(56 * MINUTE))
    assert len(decision.messages) == 2
    assert decision.messages[0].text.endswith("due at 2026-01-01 04:00 UTC (told 2m late)")


def test_a_breach_while_nothing_ran_is_recorded_once_with_when_it_was() -> None:
    desk = p0()
    decision = desk.slot(3 * HOUR)
    assert kinds(decision) == [ResponseMissed]
    assert decision.messages[0].text.endswith("ended at 2026-01-01 04:00 UTC (told 2h late)")
    assert desk.of(ResponseMissed)[0].due == at(HOUR)
    assert not desk.slot(3 * HOUR + 10)


@pytest.mark.parametrize(("answered", "missed"), [(HOUR - 1, False), (HOUR, False), (HOUR + 1, True)])
def test_who_answers_in_the_very_moment_is_in_time(answered: float, *, missed: bool) -> None:
    desk = p0()
    desk.slot(54 * MINUTE)
    if answered > HOUR:
        desk.slot(HOUR)
    desk.does(answered, takes_on())
    desk.slot(HOUR + 10)
    assert bool(desk.of(ResponseMissed)) is missed


def test_an_answer_ends_the_warnings() -> None:
    desk = p0()
    desk.slot(30 * MINUTE)
    desk.does(31 * MINUTE, Say(**BY, text="looking"))
    desk.slot(54 * MINUTE)
    desk.slot(HOUR)
    assert shares(desk) == [0.5]
    assert not desk.of(ResponseMissed)


def test_a_raise_has_shares_of_its_own() -> None:
    desk = p1()
    desk.slot(10 * HOUR)
    desk.does(10 * HOUR + 10, Prioritize(**BY, priority=Priority.P0, why="it spreads"))
    since = 10 * HOUR + 10
    for minute in (29, 30, 45, 54, 60):
        desk.slot(since + minute * MINUTE)
    assert shares(desk) == [0.5, 0.5, 0.75, 0.9]
    assert desk.of(ResponseMissed)[0].due == at(since + HOUR)


def test_a_raise_that_makes_nothing_due_sooner_repeats_no_warning() -> None:
    desk = p1()
    late = (datetime(2026, 1, 1, 16, 30, tzinfo=UTC) - T0).total_seconds()
    desk.slot(late)
    assert shares(desk) == [0.9]
    desk.does(late + 10, Prioritize(**BY, priority=Priority.P0, why="it spreads"))
    desk.slot(late + 20)
    assert shares(desk) == [0.9]


def test_a_lower_priority_is_warned_of_by_its_own_time_and_undoes_no_breach() -> None:
    desk = p0()
    desk.slot(30 * MINUTE)
    desk.does(31 * MINUTE, Prioritize(**BY, priority=Priority.P1, why="there is a workaround"))
    assert not desk.slot(HOUR)
    desk.slot(10 * HOUR)
    assert shares(desk) == [0.5, 0.5]

    desk = p0()
    desk.slot(HOUR)
    desk.does(HOUR + 10, Prioritize(**BY, priority=Priority.P2, why="a drill"))
    assert desk.incident.missed_at == at(HOUR)
    assert not desk.slot(HOUR + 20)
    assert len(desk.of(ResponseMissed)) == 1


def test_the_next_level_hears_of_it_for_the_first_time_and_once() -> None:
    tree = routes(escalation=(step("1/4", "desk", "hook"), step("1/2", "second", "desk"), step("1", "chief")))
    desk = p0(Desk(tree))
    before = [("oncall", "remind"), ("hook", "remind")]
    assert heard(desk.slot(15 * MINUTE)) == [*before, ("desk", "trigger")]
    assert shares(desk) == [0.25], "a step has a share of its own"
    assert keys(desk.slot(30 * MINUTE))[3:] == [("second", "trigger", G1)], "who is paged joins the page that rings"
    reminded = [("oncall", "remind"), ("second", "remind"), ("hook", "remind"), ("desk", "remind")]
    assert heard(desk.slot(45 * MINUTE)) == reminded
    desk.slot(54 * MINUTE)
    assert heard(desk.slot(HOUR)) == [*reminded, ("chief", "trigger")]
    assert {name for name, action in heard(desk.does(HOUR + 10, takes_on())) if action == "acknowledge"} == {
        "oncall",
        "second",
        "hook",
        "desk",
        "chief",
    }
    assert len(desk.slot(HOUR + 20, alert()).messages) == 0
    assert len(heard(desk.slot(HOUR + 320))) == 5, "everyone who was told hears the end"


def test_a_pager_of_the_next_level_is_paged_by_itself_where_there_was_no_page() -> None:
    desk = p1(Desk(routes(escalation=(step("1/2", "second"),))))
    decision = desk.slot(10 * HOUR)
    assert kinds(decision) == [ResponseWarned, Paged]
    assert keys(decision) == [("hook", "remind", G1), ("second", "trigger", G1)]
    assert heard(desk.does(10 * HOUR + 60, takes_on())) == [("second", "acknowledge"), ("hook", "acknowledge")]


def test_and_where_the_page_of_the_alert_is_over_the_first_level_is_not_paged_again() -> None:
    desk = Desk(routes(escalation=(step("1/2", "second"),)))
    for seconds, firing in ((0, TICKET), (10, PAGE), (20, TICKET)):
        desk.slot(seconds, alert(firing))
    assert ("oncall", "resolve", G1) in keys(desk.slot(330))
    assert keys(desk.slot(1810)) == [("hook", "remind", G1), ("second", "trigger", G2)]
    assert keys(desk.slot(1820)) == []


def test_a_page_of_the_next_level_does_not_end_with_the_pairs_that_come_and_go() -> None:
    desk = p1(Desk(routes(escalation=(step("1/2", "second"),))))
    desk.slot(10 * HOUR)
    desk.slot(10 * HOUR + 10, alert(replace(TICKET, long="6h")))
    desk.slot(11 * HOUR)
    assert not desk.of(PageCleared)
    assert desk.incident.page_open
    desk.slot(11 * HOUR + 10, alert())
    assert heard(desk.slot(11 * HOUR + 310)) == [("second", "resolve"), ("hook", "resolve")]


def test_a_page_that_fires_after_the_next_level_was_paged_pages_the_first_as_well() -> None:
    desk = p1(Desk(routes(escalation=(step("1/2", "second"),))))
    desk.slot(10 * HOUR)
    decision = desk.slot(10 * HOUR + 10, alert(TICKET, PAGE))
    assert keys(decision) == [("second", "update", G1), ("oncall", "trigger", G1), ("hook", "update", G1)]
    assert desk.incident.priority is Priority.P0


def test_and_anew_where_somebody_had_taken_that_page() -> None:
    desk = p1(Desk(routes(escalation=(step("1/2", "second"),))))
    desk.slot(10 * HOUR)
    desk.does(10 * HOUR + 5, takes_on())
    decision = desk.slot(10 * HOUR + 10, alert(TICKET, PAGE))
    second = G1.replace("g1", "g2")
    assert keys(decision) == [
        ("second", "resolve", G1),
        ("oncall", "trigger", second),
        ("second", "trigger", second),
        ("hook", "update", G1),
    ]
    assert desk.incident.status == "triggered"


def test_what_resolved_by_itself_unanswered_keeps_its_clock_and_pages_nobody() -> None:
    desk = p0(Desk(routes(escalation=(step("1/2", "second", "desk"),))))
    desk.slot(60, alert())
    desk.slot(360)
    assert kinds(desk.slot(360)) == []
    assert desk.of(Resolved)
    assert heard(desk.slot(30 * MINUTE)) == [("hook", "remind")]
    assert heard(desk.slot(HOUR)) == [("hook", "remind")]
    assert desk.incident.settled
    assert not desk.slot(100 * HOUR)
    assert len(desk.of(ResponseMissed)) == 1


def test_a_late_answer_to_what_resolved_by_itself_ends_its_clock() -> None:
    desk = p0()
    desk.slot(60, alert())
    desk.slot(360)
    assert not desk.incident.settled
    desk.does(400, takes_on())
    assert desk.incident.settled
    assert not desk.slot(HOUR)


def test_while_it_is_silenced_what_runs_out_is_recorded_and_told_to_nobody() -> None:
    desk = Desk(routes(escalation=(step("1/2", "second", "desk"),)))
    desk.silence(-60, 50 * MINUTE, slo=SLO)
    p0(desk)
    assert not desk.slot(30 * MINUTE).messages
    assert not desk.slot(45 * MINUTE).messages
    assert [(warned.told, warned.paged) for warned in desk.of(ResponseWarned)] == [((), ())] * 2, "they were not told"
    assert heard(desk.slot(50 * MINUTE)) == [("oncall", "trigger"), ("hook", "trigger")]
    assert heard(desk.slot(54 * MINUTE)) == [
        ("oncall", "remind"), ("hook", "remind"), ("second", "trigger"), ("desk", "trigger"),
    ]  # fmt: skip


def test_a_silence_that_begins_later_ends_the_reminders() -> None:
    desk = p0()
    desk.silence(40 * MINUTE, 50 * MINUTE, slo=SLO)
    assert desk.slot(30 * MINUTE).messages
    assert not desk.slot(45 * MINUTE).messages
    assert desk.slot(54 * MINUTE).messages
    assert shares(desk) == [0.5, 0.75, 0.9]


def test_an_issue_of_the_customer_is_timed_from_when_it_was_written() -> None:
    desk = Desk()
    act = Open(target=Target(), by="kim", via="cli", summary="it hangs", environment="production",
               impact=Impact.SEVERE, created_at=at(-40 * MINUTE))  # fmt: skip
    desk.does(0, act)
    decision = desk.slot(10)
    assert shares(desk) == [0.5]
    assert decision.messages[0].text.endswith("due at 2026-01-01 03:20 UTC (told 10m10s late)")


def promises(desk: Desk) -> list[str]:
    return [event.what for event in desk.of(PromiseMissed)]


def working(recover_at: float | None = None, next_update_at: float | None = None) -> Desk:
    """A P0 that was taken on, with a promise at 100 s."""
    recovery, update = (None if seconds is None else at(seconds) for seconds in (recover_at, next_update_at))
    desk = p0()
    desk.does(100, takes_on())
    desk.does(100, Promise(**BY, eta=ETA(recover_at=recovery, next_update_at=update)))
    return desk


def test_an_overdue_update_is_said_once_for_each_promise() -> None:
    desk = working(next_update_at=1000)
    assert not desk.slot(999)
    decision = desk.slot(1000)
    assert heard(decision) == [("oncall", "remind"), ("hook", "remind")]
    assert decision.messages[0].text == "the next update was promised for 2026-01-01 03:16 UTC and is overdue"
    assert not desk.slot(2000)
    desk.does(2000, Promise(**BY, eta=ETA(next_update_at=at(3000))))
    desk.slot(3000)
    assert promises(desk) == ["update", "update"]


def test_what_was_said_since_is_the_update_and_a_customer_word_is_none() -> None:
    desk = working(next_update_at=1000)
    desk.does(500, Say(**BY, text="halfway"))
    assert not desk.slot(1000)
    desk = working(next_update_at=1000)
    desk.does(500, Say(**BY, text="and?", responds=False))
    desk.slot(1000)
    assert promises(desk) == ["update"]


def test_an_overdue_recovery_is_said_once_and_not_of_what_has_recovered() -> None:
    desk = working(recover_at=1000)
    desk.does(500, Say(**BY, text="halfway"))
    decision = desk.slot(1000)
    assert decision.messages[0].text == "the recovery was promised for 2026-01-01 03:16 UTC and is overdue"
    assert not desk.slot(1010)
    desk = working(recover_at=1000)
    desk.slot(990, alert())
    assert not desk.slot(1000)


def test_an_update_and_a_recovery_of_one_moment_are_both_said() -> None:
    desk = working(recover_at=1000, next_update_at=1000)
    decision = desk.slot(1000)
    assert promises(desk) == ["recovery", "update"]
    assert heard(decision) == [("oncall", "remind"), ("hook", "remind")] * 2
    assert len({message.id for message in decision.messages}) == 4


def test_an_update_promised_before_an_overdue_recovery_is_said_too() -> None:
    desk = working(recover_at=500, next_update_at=1000)
    desk.slot(500)
    desk.slot(1000)
    assert promises(desk) == ["recovery", "update"]


def test_nothing_is_overdue_while_the_next_step_is_the_customers() -> None:
    desk = p1()
    desk.does(100, Promise(**BY, eta=ETA(recover_at=at(1000), next_update_at=at(1000))))
    desk.does(200, Wait(**BY, why="asked for logs"))
    assert not desk.slot(1000)
    desk.does(1100, GoOn(**BY))
    desk.slot(1110)
    assert promises(desk) == ["recovery", "update"]


def test_a_chat_that_ended_without_an_update_of_the_ticket_is_said_once_for_each_end() -> None:
    desk = p0()
    desk.does(100, takes_on())
    desk.does(200, EndChat(**BY))
    assert not desk.slot(200 + 15 * MINUTE - 1)
    decision = desk.slot(200 + 15 * MINUTE)
    assert (
        decision.messages[0].text == "the chat ended at 2026-01-01 03:03 UTC and the ticket was not updated within 15m"
    )
    assert not desk.slot(2000)
    desk.does(2000, EndChat(**BY))
    desk.slot(2000 + 15 * MINUTE)
    assert [event.chat_ended_at for event in desk.of(TicketNotUpdated)] == [at(200), at(2000)]


def test_a_ticket_that_was_updated_in_time_is_no_violation_and_the_contract_says_the_time() -> None:
    contract = Contract(
        customer="acme", title="Acme", hours=office_hours("UTC"), ticket_update_within=timedelta(minutes=5)
    )
    for updated in (True, False):
        desk = p0(Desk(contracts={"acme": contract}))
        desk.does(100, takes_on())
        desk.does(200, EndChat(**BY))
        if updated:
            desk.does(300, Say(**BY, text="it was the disk"))
        desk.slot(500)
        assert bool(desk.of(TicketNotUpdated)) is not updated


def test_a_chat_about_what_is_over_is_watched_as_well() -> None:
    desk = p0()
    desk.does(100, ends())
    desk.does(200, EndChat(**BY))
    assert not desk.incident.settled
    assert heard(desk.slot(200 + 15 * MINUTE)) == [("hook", "remind")]
    assert desk.incident.settled


def test_what_nobody_has_taken_on_is_said_again_and_again() -> None:
    desk = p0(Desk(routes(repeat_interval=timedelta(hours=2))))
    desk.slot(HOUR)
    assert not desk.slot(2 * HOUR), "the breach was told an hour ago"
    assert kinds(desk.slot(3 * HOUR)) == [Reminded]
    assert not desk.slot(5 * HOUR - 1)
    decision = desk.slot(5 * HOUR)
    assert heard(decision) == [("oncall", "remind"), ("hook", "remind")]
    assert decision.messages[0].text == "open since 2026-01-01 03:00 UTC, and nobody has taken it on"
    desk.does(6 * HOUR, takes_on())
    assert not desk.slot(100 * HOUR)


def test_it_is_not_said_again_once_nothing_fires_or_while_the_customer_is_asked() -> None:
    desk = p0()
    desk.slot(HOUR)
    desk.slot(5 * HOUR - 10, alert())
    assert not [event for event in desk.slot(5 * HOUR).events if isinstance(event, Reminder)]
    desk = p1()
    desk.does(100, Say(**BY, text="which cluster?"))
    desk.does(110, Wait(**BY))
    assert not desk.slot(100 * HOUR)


def test_a_raise_tells_those_who_hear_of_what_is_so_urgent() -> None:
    desk = Desk(routes(escalation=(step("1/2", "desk"),)))
    desk.slot(0, alert(TICKET, labels=STAGING))
    decision = desk.does(10, Prioritize(**BY, priority=Priority.P0, why="it spreads"))
    assert not [event for event in decision.events if isinstance(event, Told)]
    assert heard(decision) == [("hook", "update"), ("oncall", "trigger")]


def test_clocks_look_at_an_incident_only_when_something_of_it_comes_due(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    response = Audience.response

    def counted(self: Audience, incident: Any) -> Any:
        asked.append(incident.id)
        return response(self, incident)

    monkeypatch.setattr(Audience, "response", counted)
    desk = p0()
    audience, incidents = Audience(desk.tree, PAGERS, {}), desk.incidents
    for seconds in range(10, 1000, 10):
        asked.clear()
        draft = draft_of(incidents, at(seconds), audience=audience)
        decide_clocks(draft)
        assert not draft.decision
        assert len(asked) == (1 if seconds == 10 else 0)
