"""What was promised goes on record, and an incident keeps what it was opened under, whatever is in force later."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slo.core.contract import DEFAULT, BusinessDays, Contract, DayReading, office_hours
from slo.core.contract_events import NO_CUSTOMER, ContractEnded, ContractRecorded, ContractsOnRecord
from slo.core.events import Acknowledged, Event, Opened, Raised, Reprioritized
from slo.core.folding import fold_all
from slo.core.hours import Span
from slo.core.incident import Incident
from slo.core.policy import Severity
from slo.core.priority import EnvironmentClass, Priority
from slo.core.response import Turn, TurnKind, response_of
from slo.core.written_contract import WrittenContract
from slo.store.records import event_from_text, event_to_text
from tests.core import calendars
from tests.core.calendars import MINUTE
from tests.oracle.clock import Stretch, watched
from tests.store.making import recorded

AT = datetime(2026, 6, 8, 14, tzinfo=UTC)
HOUR = timedelta(hours=1)
P0, P1, P2 = Priority.P0, Priority.P1, Priority.P2

ACME = Contract(
    customer="acme",
    title="Acme Corporation",
    agreement="MSA of 2026-01-05, section 4",
    environments={"live": EnvironmentClass.PRODUCTION},
    responses={P0: HOUR / 2, P1: BusinessDays(count=1), P2: BusinessDays(count=4)},
    hours=replace(office_hours("America/New_York"), closed=frozenset({date(2026, 6, 19), date(2026, 5, 25)})),
    holidays_version="0.84",
)


def opening(at: datetime, *, priority: Priority = P1, customer: str = "acme", digest: str = "") -> Opened:
    return Opened(
        incident="1",
        at=at,
        slo="gate",
        scope="",
        generation=1,
        key="acme:gate:-:g1",
        severity=Severity.TICKET,
        priority=priority,
        summary="gate burns",
        labels={"customer": customer},
        firing=frozenset(),
        contract_digest=digest,
    )


def put_on_record(record: ContractsOnRecord, contracts: Mapping[str, Contract], at: datetime) -> list[Event]:
    """What a start or a reload with these contracts writes."""
    news = record.news(contracts, at=at, via="reload")
    for event in news:
        record.take(event)
    return news


def digest_of(contract: Contract) -> str:
    return WrittenContract.of(contract).digest


# What is written


def test_a_contract_is_written_as_people_read_it() -> None:
    assert WrittenContract.of(ACME) == WrittenContract(
        agreement="MSA of 2026-01-05, section 4",
        environments={"live": "production"},
        response={"P0": "30m", "P1": "1 business day", "P2": "4 business days"},
        business_days="business_hours",
        zone="America/New_York",
        week=dict.fromkeys(("mon", "tue", "wed", "thu", "fri"), ("09:00-17:00",)),
        closed=("2026-05-25", "2026-06-19"),
        special={},
        ticket_update_within="15m",
    )


def test_anyone_can_work_out_the_digest_from_the_body_of_the_event() -> None:
    (_, event) = ContractsOnRecord().news({"acme": ACME}, at=AT, via="start")
    assert isinstance(event, ContractRecorded)
    body = json.loads(event_to_text(event))
    text = json.dumps(body["contract"], sort_keys=True, separators=(",", ":"))
    assert hashlib.sha256(text.encode()).hexdigest() == body["digest"] == event.digest


@pytest.mark.parametrize(
    ("change", "same"),
    [
        ({"responses": {**ACME.responses, P2: BusinessDays(count=3)}}, False),
        ({"days": DayReading.END_OF_NTH_DAY}, False),
        ({"hours": replace(ACME.hours, zone="America/Chicago")}, False),
        ({"hours": replace(ACME.hours, closed=frozenset())}, False),
        ({"hours": replace(ACME.hours, special={date(2026, 12, 24): ()})}, False),
        ({"hours": replace(ACME.hours, week={**ACME.hours.week, 5: ACME.hours.week[0]})}, False),
        ({"environments": {}}, False),
        ({"agreement": "Amendment 2 of 2026-09-01"}, False),
        ({"ticket_update_within": HOUR}, False),
        ({"hours": replace(ACME.hours, week={**ACME.hours.week, 5: ()})}, True),
        ({"hours": replace(ACME.hours, closed=frozenset(sorted(ACME.hours.closed, reverse=True)))}, True),
        ({"responses": {priority: ACME.responses[priority] for priority in (P2, P1, P0)}}, True),
        ({"title": "Acme"}, True),
        ({"holidays_version": "0.85"}, True),
    ],
)
def test_the_digest_changes_with_what_is_promised_alone(change: dict[str, object], *, same: bool) -> None:
    changed = replace(ACME, **change)  # type: ignore[arg-type]  # a table of a test, checked by the record itself
    assert (digest_of(changed) == digest_of(ACME)) is same


def contracts(change: calendars.Change) -> st.SearchStrategy[Contract]:
    """Contracts with calendars near a change of the clocks."""
    business_days = st.integers(1, 3).map(lambda count: BusinessDays(count=count))
    elapsed = st.integers(1, 3 * 24 * 60).map(lambda minutes: minutes * MINUTE)
    return st.builds(
        Contract,
        customer=st.just("acme"),
        title=st.just("Acme"),
        agreement=st.text(max_size=5),
        environments=st.dictionaries(st.text(max_size=5), st.sampled_from(EnvironmentClass), max_size=2),
        hours=calendars.hours(change),
        days=st.sampled_from(DayReading),
        responses=st.fixed_dictionaries({P0: elapsed, P1: business_days | elapsed, P2: business_days | elapsed}),
        ticket_update_within=elapsed,
    )


@given(st.data())
def test_what_is_read_back_promises_what_was_promised(data: st.DataObject) -> None:
    contract = data.draw(contracts(data.draw(st.sampled_from(calendars.CHANGES))))
    (_, event) = ContractsOnRecord().news({"acme": contract}, at=AT, via="start")
    back = event_from_text(event_to_text(event))
    assert back == event
    assert isinstance(back, ContractRecorded)
    read = back.contract.contract(customer="acme", title="Acme")
    open_days = {day: spans for day, spans in contract.hours.week.items() if spans}
    assert read == replace(contract, hours=replace(contract.hours, week=open_days))
    assert digest_of(read) == back.digest


@pytest.mark.parametrize(
    ("what", "instead", "why"),
    [
        ('"P2":"4 business days"', '"P2":"5 business days"', "is not that of its contract"),
        ('"2026-06-19"', '"2026-06-26"', "is not that of its contract"),
        ('"digest":"', '"digest":"0', "is not that of its contract"),
    ],
)
def test_a_contract_that_is_not_what_its_digest_says_is_not_read(what: str, instead: str, why: str) -> None:
    (_, event) = ContractsOnRecord().news({"acme": ACME}, at=AT, via="start")
    text = event_to_text(event)
    assert what in text
    with pytest.raises(ValueError, match=why):
        event_from_text(text.replace(what, instead))


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"response": {"P0": "1h"}}, "says nothing of 'P1'"),
        ({"response": {"P0": "1 business day", "P1": "1h", "P2": "1h"}}, "around the clock"),
        ({"response": {"P0": "1h", "P1": "soon", "P2": "1h"}}, "'soon' is no duration"),
        ({"zone": "Mars/Olympus"}, "no time zone"),
        ({"week": {}}, "never opens"),
        ({"week": {"someday": ("09:00-17:00",)}}, "not in tuple"),
        ({"closed": ("tomorrow",)}, "tomorrow"),
    ],
)
def test_what_is_no_contract_is_not_taken_for_one(wrong: dict[str, object], why: str) -> None:
    written = replace(WrittenContract.of(ACME), **wrong)  # type: ignore[arg-type]  # a table of a test
    with pytest.raises(ValueError, match=why):
        recorded(written)


# What goes on record, and when


def test_a_contract_is_recorded_when_it_is_first_in_force_and_when_it_has_changed() -> None:
    record = ContractsOnRecord()
    usual, first = put_on_record(record, {"acme": ACME}, AT)
    assert isinstance(usual, ContractRecorded)
    assert isinstance(first, ContractRecorded)
    assert (usual.customer, first.customer, first.holidays_version) == (NO_CUSTOMER, "acme", "0.84")
    assert not put_on_record(record, {"acme": ACME}, AT + HOUR)
    assert not put_on_record(record, {"acme": replace(ACME, title="Acme", holidays_version="1")}, AT + HOUR)

    (second,) = put_on_record(record, {"acme": replace(ACME, days=DayReading.END_OF_NTH_DAY)}, AT + 2 * HOUR)
    assert isinstance(second, ContractRecorded)
    assert (second.at, second.via) == (AT + 2 * HOUR, "reload")
    assert record.digest_in_force("acme") == second.digest != first.digest

    (third,) = put_on_record(record, {"acme": ACME}, AT + 3 * HOUR)
    assert isinstance(third, ContractRecorded)
    assert third.digest == first.digest, "it is as it was, and that is a change too"


def test_a_customer_that_is_gone_has_the_usual_contract_from_then_on() -> None:
    record = ContractsOnRecord()
    put_on_record(record, {"acme": ACME}, AT)
    (ended,) = put_on_record(record, {}, AT + HOUR)
    assert ended == ContractEnded(incident="", at=AT + HOUR, customer="acme", via="reload")
    assert record.digest_in_force("acme") == digest_of(DEFAULT)
    assert not put_on_record(record, {}, AT + 2 * HOUR)
    (again,) = put_on_record(record, {"acme": ACME}, AT + 3 * HOUR)
    assert isinstance(again, ContractRecorded)


def test_a_restart_finds_what_is_in_force_on_record() -> None:
    record = ContractsOnRecord()
    events = put_on_record(record, {"acme": ACME}, AT)
    events += put_on_record(record, {"umbrella": ACME}, AT + HOUR)
    again = ContractsOnRecord(events)
    assert not again.news({"umbrella": ACME}, at=AT + 2 * HOUR, via="start")
    assert again.digest_in_force("acme") == digest_of(DEFAULT)


# The contract of an incident


def opened(digest: str, customer: str = "acme") -> Incident:
    return fold_all([opening(AT, customer=customer, digest=digest)])["1"]


def test_an_incident_has_the_contract_that_it_was_opened_under() -> None:
    record = ContractsOnRecord()
    put_on_record(record, {"acme": ACME}, AT)
    incident = opened(record.digest_in_force("acme"))
    for at, contracts in ((HOUR, {"acme": replace(ACME, days=DayReading.END_OF_NTH_DAY)}), (2 * HOUR, {})):
        put_on_record(record, contracts, AT + at)
        found = record.contract_of(incident)
        assert found is not None
        assert (found.customer, found.responses, found.hours) == ("acme", ACME.responses, ACME.hours)


def test_a_stranger_has_the_usual_contract_and_keeps_it_when_it_becomes_a_customer() -> None:
    record = ContractsOnRecord()
    put_on_record(record, {}, AT)
    incident = opened(record.digest_in_force("acme"))
    put_on_record(record, {"acme": ACME}, AT + HOUR)
    found = record.contract_of(incident)
    assert found is not None
    assert (found.customer, found.responses) == ("", DEFAULT.responses)


@pytest.mark.parametrize(("customer", "title"), [("acme", "Acme Corporation"), ("umbrella", ""), ("", "")])
def test_what_was_opened_before_contracts_were_recorded_has_the_first_that_was(customer: str, title: str) -> None:
    record = ContractsOnRecord()
    assert record.contract_of(opened("", customer)) is None
    put_on_record(record, {"acme": ACME}, AT)
    put_on_record(record, {"acme": replace(ACME, title="New"), "umbrella": ACME}, AT + HOUR)
    found = record.contract_of(opened("", customer))
    assert found is not None
    assert found.title == title


def test_a_digest_that_is_not_on_record_names_nothing() -> None:
    record = ContractsOnRecord()
    put_on_record(record, {"acme": ACME}, AT)
    assert record.contract_of(opened("f" * 64)) is None
    assert record.response(opened("f" * 64)) is None


# Its clock, minute by minute


@settings(max_examples=40)
@given(st.data())
def test_no_change_of_the_configuration_changes_a_clock(data: st.DataObject) -> None:
    """In whatever order turns and changes of contract come, it is the clock of the contract at the opening."""
    change = data.draw(st.sampled_from(calendars.CHANGES))
    versions = data.draw(st.lists(contracts(change), min_size=2, max_size=4))
    turns = data.draw(calendars.turns(change))
    before, *later = versions
    changes = st.booleans()

    record = ContractsOnRecord()
    events: list[Event] = put_on_record(record, {"acme": before}, turns[0].at)
    digest = record.digest_in_force("acme")
    for turn in turns:
        if data.draw(changes) and later:
            events += put_on_record(record, {} if data.draw(changes) else {"acme": later.pop()}, turn.at)
        events += happened(turn, digest)

    incident = fold_all(events)["1"]
    now = turns[-1].at + data.draw(st.integers(0, 4 * 24 * 60)) * MINUTE
    stretch = Stretch(before.hours, change.date - calendars.BEFORE, calendars.STRETCH // MINUTE)
    expected = watched(incident.turns, before, stretch, now)
    for reader in (record, ContractsOnRecord(event_from_text(event_to_text(event)) for event in events)):
        response = reader.response(incident)
        assert response is not None
        assert response.due == expected.due == response_of(incident.turns, before).due
        assert response.breached_at(now) == expected.breached_at
        assert response.remaining(now) == expected.left_at(now) * MINUTE
        assert [response.moment_of(share) for share in (0.5, 0.75)] == [
            expected.moment_of(share) for share in (0.5, 0.75)
        ]


def happened(turn: Turn, digest: str) -> Sequence[Event]:
    """The event of a turn, as far as the clock knows one that has nothing else to it."""
    match turn.kind, turn.priority:
        case TurnKind.OPENED, Priority() as priority:
            return [opening(turn.at, priority=priority, digest=digest)]
        case TurnKind.PRIORITY, Priority() as priority:
            return [Reprioritized(incident="1", at=turn.at, by="anna", priority=priority, why="a closer look")]
        case TurnKind.RESPONDED, _:
            return [Acknowledged(incident="1", at=turn.at, by="anna")]
    return []


def test_a_page_inside_a_ticket_does_not_change_the_contract() -> None:
    record = ContractsOnRecord()
    put_on_record(record, {"acme": ACME}, AT)
    raised = Raised(incident="1", at=AT + HOUR, severity=Severity.PAGE, priority=P0, why="a page fires")
    events = [opening(AT, digest=record.digest_in_force("acme")), raised]
    put_on_record(record, {"acme": replace(ACME, responses={**ACME.responses, P0: 8 * HOUR})}, AT + HOUR / 2)
    response = record.response(fold_all(events)["1"])
    assert response is not None
    assert response.due == AT + HOUR + HOUR / 2


def test_spans_are_read_as_they_are_written() -> None:
    whole = Span(opens=timedelta(0), closes=timedelta(hours=24))
    hours = replace(office_hours("UTC"), week={6: (whole,)}, special={date(2026, 12, 24): ()})
    back = WrittenContract.of(replace(DEFAULT, hours=hours)).contract(customer="", title="")
    assert back.hours == hours
