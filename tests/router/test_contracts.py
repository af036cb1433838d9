"""Contracts on record: before what was opened under them, once, and whatever the store does meanwhile."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from slo.core.acts import EndChat, Target
from slo.core.contract import DEFAULT, Contract
from slo.core.contract_events import ContractRecorded
from slo.core.events import Opened, Paged, SentDirectly
from slo.core.priority import EnvironmentClass, Priority
from slo.core.routing import Route
from slo.errors import StoreFull
from slo.router.terms import Terms
from tests.router.making import PAGE, SLO, STAGING, TICKET, alert
from tests.router.test_router import Watch
from tests.router.worlds import MovableClock, Recorder, until


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


def terms_of(*contracts: Contract) -> Terms:
    """The configuration of the watch with these contracts."""
    names = {contract.customer: contract for contract in contracts}
    return Terms(paging={"oncall"}, routes=Route(destinations=("oncall",)), contracts=names)


EIGHT_HOURS = replace(DEFAULT, customer="acme", responses={**DEFAULT.responses, Priority.P0: timedelta(hours=8)})


async def test_a_reload_changes_the_contract_of_what_is_opened_later_and_of_nothing_else(
    path: Path, clock: MovableClock
) -> None:
    oncall = Recorder()
    async with Watch(path, clock, oncall=oncall).running() as watch:
        await watch.sees(PAGE)
        first = watch.router.response(watch.router.incidents["1"])
        assert first.due == first.opened_at + timedelta(hours=1)
        await watch.router.reconfigure(destinations=watch.router.destinations, terms=terms_of(EIGHT_HOURS))
        await watch.judges(alert(PAGE), alert(PAGE, slo="deck"), known=(SLO, "deck"))
        assert watch.router.response(watch.router.incidents["1"]) == first
        second = watch.router.response(watch.router.incidents["2"])
        assert second.due == second.opened_at + timedelta(hours=8)
        await watch.router.reconfigure(destinations=watch.router.destinations, terms=terms_of())
        assert watch.router.response(watch.router.incidents["2"]) == second
        await until(watch.is_delivered)
    assert {message.incident: message.due for message in oncall.begun} == {"1": first.due, "2": second.due}


async def test_what_an_incident_was_opened_under_is_on_record_before_it(path: Path, clock: MovableClock) -> None:
    async with Watch(path, clock, oncall=Recorder()).running() as watch:
        await watch.router.reconfigure(destinations=watch.router.destinations, terms=terms_of(EIGHT_HOURS))
        await watch.sees(PAGE)
        await until(watch.is_delivered)
        kinds = [type(event) for _, event in watch.journal.events()]
        assert kinds == [ContractRecorded, ContractRecorded, Opened, Paged]
        events = [event for _, event in watch.journal.events()]
        assert isinstance(events[1], ContractRecorded)
        assert isinstance(events[2], Opened)
        assert events[1].digest == events[2].contract_digest


async def test_a_contract_that_could_not_be_written_is_written_before_what_was_opened_under_it(
    path: Path, clock: MovableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("slo.router.router.RETRY_SECONDS", 0.01)
    async with Watch(path, clock, oncall=Recorder()).running() as watch:
        await until(lambda: not watch.router._unwritten)
        watch.journal.failing["commit"] = StoreFull("the disk is full")
        await watch.router.reconfigure(destinations=watch.router.destinations, terms=terms_of(EIGHT_HOURS))
        await watch.sees(PAGE)
        assert len(watch.journal.events()) == 1, "the usual one, of the start"
        del watch.journal.failing["commit"]
        await until(watch.is_delivered)
        kinds = [type(event) for _, event in watch.journal.events()]
        assert [kind for kind in kinds if kind is not SentDirectly] == [
            ContractRecorded,
            ContractRecorded,
            Opened,
            Paged,
        ]


async def test_killed_before_a_contract_was_written_the_next_process_writes_it(path: Path, clock: MovableClock) -> None:
    first = Watch(path, clock, oncall=Recorder())
    await first.killed()
    async with Watch(path, clock, oncall=Recorder()).running() as second:
        await second.sees(PAGE)
        await until(second.is_delivered)
        assert [type(event) for _, event in second.journal.events()] == [ContractRecorded, Opened, Paged]
    third = Watch(path, clock, oncall=Recorder())
    assert not third.router._unwritten, "what is on record is not written again"
    await third.killed()


async def test_what_an_environment_is_stays_as_well(path: Path, clock: MovableClock) -> None:
    async with Watch(path, clock, oncall=Recorder()).running() as watch:
        await watch.judges(alert(TICKET, labels=STAGING), known=(SLO,))
        stricter = replace(EIGHT_HOURS, environments={"staging": EnvironmentClass.PRODUCTION})
        await watch.router.reconfigure(destinations=watch.router.destinations, terms=terms_of(stricter))
        pages = alert(PAGE, labels=STAGING)
        await watch.judges(pages, replace(pages, slo="deck"), known=(SLO, "deck"))
        assert [each.priority for each in watch.router.incidents.values()] == [Priority.P1, Priority.P0]


async def test_a_ticket_is_updated_within_the_time_of_its_contract(path: Path, clock: MovableClock) -> None:
    async with Watch(path, clock, oncall=Recorder()).running() as watch:
        await watch.sees(PAGE)
        await watch.router.act(EndChat(target=Target(incident="1"), by="anna", via="api"))
        patient = replace(EIGHT_HOURS, ticket_update_within=timedelta(hours=9))
        await watch.router.reconfigure(destinations=watch.router.destinations, terms=terms_of(patient))
        clock.move(15 * 60)
        await watch.sees(PAGE)
        assert watch.router.incidents["1"].chat_missed_at is not None
