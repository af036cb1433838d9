"""What was promised when an incident was opened stays promised: over reloads, restarts, and other holidays."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from slo.cli.offline import Offline
from slo.core.acts import Acknowledge, Open, Prioritize, Target
from slo.core.contract import BusinessDays
from slo.core.contract_events import ContractEnded, ContractRecorded
from slo.core.events import Event, ResponseMissed
from slo.core.incident import Incident
from slo.core.priority import Priority
from slo.core.response import Response
from slo.store import audit
from slo.store.backup import back_up, restore
from tests.app.making import Time
from tests.app.played import PlayedWatch, configuration

FRIDAY = datetime(2026, 6, 5, 20, tzinfo=UTC)
"""16:00 in New York, an hour before it closes: P1 is due on Monday at 16:00."""

MONDAY = datetime(2026, 6, 8, 20, tzinfo=UTC)

Change = Callable[[dict[str, Any]], object]


def acme(**own: object) -> dict[str, Any]:
    """A configuration with one customer."""
    hours = {"zone": "America/New_York", "holidays": {"country": "US", "subdivision": "NY"}}
    agreement = "MSA of 2026-01-05, section 4"
    customer = {"name": "acme", "title": "Acme Corporation", "agreement": agreement, "hours": hours}
    return configuration("gate") | {"customers": [customer | own]}


def other_hours(config: dict[str, Any]) -> None:
    config["customers"][0]["hours"] = {"zone": "Asia/Tokyo", "week": {"sun": "00:00-24:00"}}


def other_response_times(config: dict[str, Any]) -> None:
    config["customers"][0] |= {"response": {"P0": "8h", "P1": "30m"}, "business_days": "end_of_nth_day"}


def other_days(config: dict[str, Any]) -> None:
    config["customers"][0]["hours"] |= {"closed": ["2026-06-08"], "special": {"2026-06-09": "09:00-10:00"}}


def another_customer(config: dict[str, Any]) -> None:
    config["customers"][0]["name"] = "umbrella"
    config["slos"][0]["labels"]["customer"] = "umbrella"


CHANGES: list[Change] = [other_hours, other_response_times, other_days, another_customer]


@contextmanager
def holidays(monkeypatch: pytest.MonkeyPatch, *days: date) -> Iterator[None]:
    """The package for holidays, in a version that knows these alone."""
    with monkeypatch.context() as patched:
        patched.setattr("slo.config.business_hours.public_holidays", lambda *_, **__: frozenset(days))
        patched.setattr("slo.config.customer_keys.holidays_version", lambda: "999.0")
        yield


async def opened(played: PlayedWatch) -> Incident:
    """An issue of a production environment, which is a P1."""
    target, environment = Target(), "production"
    act = Open(target=target, by="kim", via="api", summary="Deck is slow", customer="acme", environment=environment)
    return await played.watch.desk.act(act)


def clock(played: PlayedWatch, incident: str) -> Response:
    return played.watch.desk.response(played.watch.desk.all[incident])


def of_contracts(played: PlayedWatch) -> list[Event]:
    events = [event for _, event in played.watch.parts.journal.events("")]
    return [event for event in events if isinstance(event, ContractRecorded | ContractEnded)]


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("restarted", [False, True])
async def test_a_clock_is_the_same_under_another_configuration(
    tmp_path: Path, change: Change, *, restarted: bool
) -> None:
    time, config = Time(FRIDAY.timestamp()), acme()
    async with PlayedWatch(tmp_path, time, config) as played:
        one = await opened(played)
        over = await opened(played)
        before = clock(played, one.id)
        assert before.due == MONDAY
        time.passes(60)
        await played.watch.desk.act(Acknowledge(target=Target(incident=over.id), by="anna", via="api"))
        answered = clock(played, over.id)
        change(config)
        played.configure(config)
        if not restarted:
            await played.watch.reload()
            assert (clock(played, one.id), clock(played, over.id)) == (before, answered)
    if restarted:
        async with PlayedWatch(tmp_path, time, config) as played:
            assert (clock(played, one.id), clock(played, over.id)) == (before, answered)
            time.passes(60)
            urgent = Prioritize(
                target=Target(incident=one.id), by="anna", via="api", priority=Priority.P0, why="a closer look"
            )
            raised = await played.watch.desk.act(urgent)
            assert (clock(played, one.id).due - raised.turns[-1].at).total_seconds() == 3600, "the hour of its contract"


async def test_other_holidays_change_what_is_opened_from_then_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    time = Time(FRIDAY.timestamp())
    async with PlayedWatch(tmp_path, time, acme()) as played:
        one = await opened(played)
        before = clock(played, one.id)
    with holidays(monkeypatch, date(2026, 6, 8)):
        async with PlayedWatch(tmp_path, time, acme()) as played:
            other = await opened(played)
            assert clock(played, one.id) == before
            assert clock(played, other.id).due == datetime(2026, 6, 9, 20, tzinfo=UTC)
            _, first, second = of_contracts(played)
            assert isinstance(first, ContractRecorded)
            assert isinstance(second, ContractRecorded)
            assert (first.via, second.via, second.holidays_version) == ("start", "start", "999.0")
            assert (second.contract.closed, len(first.contract.closed) > 60) == (("2026-06-08",), True)


async def test_a_breach_is_told_when_the_contract_of_the_incident_says_so(tmp_path: Path) -> None:
    time, config = Time(FRIDAY.timestamp()), acme()
    async with PlayedWatch(tmp_path, time, config) as played:
        one = await opened(played)
        other_response_times(config)
        played.configure(config)
        await played.watch.reload()
        time.passes((MONDAY - FRIDAY).total_seconds() - 60)
        await played.slots(1)
        assert not missed(played, one.id)
        time.passes(60)
        await played.slots(1)
        assert [event.due for event in missed(played, one.id)] == [MONDAY]


def missed(played: PlayedWatch, incident: str) -> list[ResponseMissed]:
    events = [event for _, event in played.watch.parts.journal.events(incident)]
    return [event for event in events if isinstance(event, ResponseMissed)]


async def test_a_contract_is_written_once_and_a_customer_that_leaves_is_on_record(tmp_path: Path) -> None:
    time, config = Time(FRIDAY.timestamp()), acme()
    async with PlayedWatch(tmp_path, time, config) as played:
        for _ in range(3):
            await opened(played)
        await played.watch.reload()
        await opened(played)
        assert len(of_contracts(played)) == 2, "the usual one, and that of the customer"
    async with PlayedWatch(tmp_path, time, config) as played:
        await played.slots(1)
        assert len(of_contracts(played)) == 2
        time.passes(5)
        another_customer(config)
        played.configure(config)
        await played.watch.reload()
        await played.slots(1)
        ended, began = of_contracts(played)[2:]
        assert isinstance(ended, ContractEnded)
        assert isinstance(began, ContractRecorded)
        assert (ended.customer, ended.via, began.customer) == ("acme", "reload", "umbrella")
        assert ended.at == began.at
        assert played.watch.parts.journal.verify() == len(played.watch.parts.journal.events())
        audit.verified(played.watch.parts.journal._path)


async def test_the_folder_alone_tells_the_same_clock(tmp_path: Path) -> None:
    time, config = Time(FRIDAY.timestamp()), acme()
    async with PlayedWatch(tmp_path, time, config) as played:
        one = await opened(played)
        other_response_times(config)
        played.configure(config)
        await played.watch.reload()
        await played.slots(1)
        offline = Offline(played.watch.parts.journal, tmp_path)
        shown = offline.shown(one.id)
        assert shown["response"]["due"] == "2026-06-08T20:00:00Z"
        assert shown["contract"] == {
            "digest": one.contract_digest,
            "customer": "acme",
            "title": "Acme Corporation",
            "agreement": "MSA of 2026-01-05, section 4",
            "response": {"P0": "1h", "P1": "1 business day", "P2": "4 business days"},
            "business_days": "business_hours",
            "zone": "America/New_York",
        }
        assert offline.listed(everything=True, limit=9)["incidents"][0]["response"] == shown["response"]


async def test_a_restored_journal_has_the_contracts_of_its_incidents(tmp_path: Path) -> None:
    time, config = Time(FRIDAY.timestamp()), acme()
    async with PlayedWatch(tmp_path / "old", time, config) as played:
        one = await opened(played)
        await played.watch.parts.books.write()
        before = clock(played, one.id)
    back_up(tmp_path / "old" / "data", tmp_path / "backup", version="0.1.0", now=FRIDAY)
    restore(tmp_path / "backup", tmp_path / "new" / "data", by="kim", now=FRIDAY)
    other_response_times(config)
    async with PlayedWatch(tmp_path / "new", time, config) as played:
        assert clock(played, one.id) == before
        new = clock(played, (await opened(played)).id)
        assert new.target != before.target == BusinessDays(count=1)
