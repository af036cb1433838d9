"""The router as a whole: the real journal, the strict stand-in, kills between any two steps, and a store in trouble."""

import asyncio
import contextlib
import threading
from collections import Counter
from collections.abc import AsyncIterator, Collection, Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import pytest

from slo.core.acts import Look, Open, Say, Target
from slo.core.alert import Alert, FiringPair
from slo.core.contract import DEFAULT
from slo.core.delivery import Message, Retry, Sent, Verdict
from slo.core.events import Acknowledged, Event, Opened, Paged, SentDirectly
from slo.core.inhibition import Graph
from slo.core.paths import DeliveryPath
from slo.core.priority import Impact
from slo.core.protocols import Destination
from slo.core.routing import Route
from slo.demo.vendors.injection import Injection
from slo.demo.vendors.pagerduty.standin import PagerDutyStandIn
from slo.errors import StoreBusy, StoreFull, UsageError
from slo.exposition.catalogue import Telemetry
from slo.net.context import Context
from slo.router.destinations.pagerduty import Config, PagerDuty, build
from slo.router.muting import Muting
from slo.router.router import Router
from slo.router.terms import Terms
from tests.router.making import PAGE, SLO, STAGING, TICKET, alert, ends, takes_on
from tests.router.worlds import MovableClock, Recorder, TroubledJournal, counted, until

ROUTING_KEY = "0123456789abcdef0123456789abcdef"
G1, G2 = f"acme:{SLO}:-:g1", f"acme:{SLO}:-:g2"


class Watch:
    """A process: a router on a journal that others before it may have written."""

    def __init__(
        self,
        path: Path,
        clock: MovableClock,
        *,
        paths: Mapping[str, DeliveryPath] = MappingProxyType({}),
        routes: Collection[str] | None = None,
        **destinations: Destination,
    ) -> None:
        self.telemetry = Telemetry()
        self.journal = TroubledJournal(path, self.telemetry)
        self.clock = clock
        self.router = Router(
            journal=self.journal,
            destinations=destinations,
            terms=Terms(
                paging={"oncall", "second"},
                routes=Route(destinations=tuple(destinations if routes is None else routes)),
                paths=paths,
                external_url="https://watch.example",
            ),
            clock=clock,
            telemetry=self.telemetry,
            jitter=lambda: 0.0,
        )

    async def sees(self, *firing: FiringPair, known: Collection[str] = (SLO,)) -> None:
        await self.judges(alert(*firing), known=known)

    async def judges(self, *alerts: Alert, known: Collection[str] = (SLO,)) -> None:
        await self.router.judge(alerts, known)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator["Watch"]:
        task = asyncio.create_task(self.router.run())
        try:
            yield self
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await self.router.close(2.0)
            self.journal.close()

    async def killed(self) -> None:
        """Everything in memory is gone; nothing is finished or closed in order."""
        self.router._loop.destinations = {}
        await self.router._loop.close(0)
        await self.router._direct.close()
        self.journal.close()

    def events(self) -> list[type[Event]]:
        """What happened to incidents."""
        return [type(event) for _, event in self.journal.events() if event.incident]

    def outbox(self, incident: str = "1") -> list[tuple[str, str, str]]:
        rows = self.journal.deliveries(incident)
        return [(row.message.destination, row.message.action.value, row.state) for row in rows]

    def is_delivered(self) -> bool:
        return not self.router._unwritten and {state for _, _, state in self.outbox()} <= {"sent"}


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


@pytest.fixture
async def standin(tmp_path: Path) -> AsyncIterator[PagerDutyStandIn]:
    async with PagerDutyStandIn(tmp_path / "pagerduty") as server:
        yield server


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """The patience of the router, without the waiting."""
    monkeypatch.setattr("slo.router.direct.PATIENCE_SECONDS", 0.2)
    monkeypatch.setattr("slo.router.direct.LOOK_SECONDS", 0.02)
    monkeypatch.setattr("slo.router.router.RETRY_SECONDS", 0.02)
    monkeypatch.setattr("slo.router.deliver.STORE_PAUSE_SECONDS", 0.02)


def pager(standin: PagerDutyStandIn, clock: MovableClock) -> PagerDuty:
    given = {"routing_key": ROUTING_KEY, "events_url": standin.events_url, "ca_file": str(standin.ca_file)}
    return build(Config.model_validate(given), Context.default(clock))


def received(standin: PagerDutyStandIn) -> list[tuple[str, str]]:
    return [(event["event_action"], event["dedup_key"]) for event in standin.events]


async def test_an_outage_is_one_incident_at_pagerduty(
    path: Path, clock: MovableClock, standin: PagerDutyStandIn
) -> None:
    hook = Recorder()
    async with Watch(path, clock, oncall=pager(standin, clock), hook=hook).running() as watch:
        await watch.sees(PAGE)
        await until(watch.is_delivered)
        incident = await watch.router.act(takes_on())
        assert (incident.status, incident.acknowledged_by) == ("acknowledged", "anna")
        await watch.sees()
        clock.move(300)
        await watch.sees()
        await until(watch.is_delivered)
        assert watch.router.incidents["1"].status == "resolved"
        assert counted(watch.telemetry, "watchkeep_incidents_open", priority="P0") == 0
    assert received(standin) == [("trigger", G1), ("acknowledge", G1), ("resolve", G1)]
    [there] = standin.incidents
    assert (there["status"], there["severity"], there["routing_key"]) == ("resolved", "critical", ROUTING_KEY)
    assert hook.actions == ["trigger", "acknowledge", "resolve"]
    assert hook.closed == 1


async def test_a_kill_between_any_two_steps_changes_nothing(
    path: Path, clock: MovableClock, standin: PagerDutyStandIn
) -> None:
    """Each step is a process of its own, which is killed before it delivers, and one that delivers what it left."""
    steps: list[tuple[float, tuple[FiringPair, ...]]] = [
        (10, (TICKET,)),
        (10, (TICKET, PAGE)),
        (10, (TICKET, PAGE)),
        (10, (TICKET,)),
        (300, (TICKET,)),
        (10, (TICKET, PAGE)),
        (10, ()),
        (600, ()),
        (10, ()),
    ]
    for seconds, firing in steps:
        clock.move(seconds)
        doomed = Watch(path, clock, oncall=pager(standin, clock))
        await doomed.sees(*firing)
        await doomed.killed()
        async with Watch(path, clock, oncall=pager(standin, clock)).running() as watch:
            await watch.sees(*firing)
            await until(watch.is_delivered)
    assert received(standin) == [("trigger", G1), ("resolve", G1), ("trigger", G2), ("resolve", G2)]
    assert [incident["status"] for incident in standin.incidents] == ["resolved", "resolved"]


async def test_a_vendor_on_a_bad_day_has_one_incident_all_the_same(
    path: Path, clock: MovableClock, standin: PagerDutyStandIn
) -> None:
    for injection in (
        Injection(status=500),
        Injection(reset=True, processed=True),
        Injection(status=429, retry_after="20"),
        Injection(status=503, processed=True),
    ):
        standin.inject(injection)
    async with Watch(path, clock, oncall=pager(standin, clock)).running() as watch:
        await watch.sees(PAGE)

        def is_delivered_in_time() -> bool:
            clock.move(30)
            watch.router._loop.wake()
            return watch.is_delivered()

        await until(is_delivered_in_time)
        for reason in ("server_error", "reset", "rate_limited"):
            labels = {"destination": "oncall", "reason": reason}
            assert counted(watch.telemetry, "watchkeep_delivery_failures_total", **labels) >= 1
    assert [incident["triggers"] for incident in standin.incidents] == [3]


@pytest.mark.usefixtures("hasty")
async def test_a_store_that_is_full_for_a_moment_is_written_later(
    path: Path, clock: MovableClock, caplog: pytest.LogCaptureFixture
) -> None:
    oncall, hook = Recorder(), Recorder()
    async with Watch(path, clock, oncall=oncall, hook=hook).running() as watch:
        watch.journal.failing = {"commit": StoreFull("no space")}
        await watch.judges(alert(PAGE, labels=STAGING))
        await until(lambda: watch.journal.calls.count("commit") > 3)
        assert watch.router.incidents["1"].open
        assert not watch.events()
        watch.journal.failing = {}
        await until(watch.is_delivered)
        assert watch.events() == [Opened, Paged]
    assert [oncall.actions, hook.actions] == [["trigger"], ["trigger"]]
    said = [record.message for record in caplog.records if "journal" in record.message]
    assert said == ["the journal cannot be written, and is tried again", "the journal can be written again"]


@pytest.mark.usefixtures("hasty")
async def test_a_p0_that_cannot_be_committed_goes_to_the_pager_once_and_is_recorded_afterwards(
    path: Path, clock: MovableClock, standin: PagerDutyStandIn
) -> None:
    hook = Recorder()
    async with Watch(path, clock, oncall=pager(standin, clock), hook=hook).running() as watch:
        watch.journal.failing = {"commit": StoreBusy("held")}
        await watch.sees(PAGE)
        await until(lambda: received(standin) == [("trigger", G1)])
        for _ in range(3):
            await watch.sees(PAGE)
        assert not hook.begun
        watch.journal.failing = {}
        await until(watch.is_delivered)
        assert watch.events() == [Opened, Paged, SentDirectly]
        assert watch.router.incidents["1"].sent_directly == ("oncall",)
        await watch.sees()
        clock.move(300)
        await watch.sees()
        await until(watch.is_delivered)
    assert received(standin) == [("trigger", G1), ("resolve", G1)]
    assert hook.actions == ["trigger", "resolve"]


@pytest.mark.usefixtures("hasty")
async def test_a_commit_that_hangs_keeps_no_p0_back_and_no_slot(
    path: Path, clock: MovableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("slo.router.router.WRITE_WAIT_SECONDS", 0.3)
    oncall = Recorder()
    async with Watch(path, clock, oncall=oncall).running() as watch:
        free = watch.journal.hanging["commit"] = threading.Event()
        await watch.sees(PAGE)
        await until(lambda: oncall.actions == ["trigger"])
        await watch.judges(alert(PAGE), alert(PAGE, slo="deck"), known=(SLO, "deck"))
        await until(lambda: len(oncall.begun) == 2)
        free.set()
        await until(lambda: len(watch.events()) == 6 and watch.is_delivered())
        assert sorted(watch.events(), key=lambda kind: kind.__name__) == [Opened] * 2 + [Paged] * 2 + [SentDirectly] * 2
    assert oncall.actions == ["trigger", "trigger"]
    assert len({m.key for m in oncall.begun}) == 2


@pytest.mark.usefixtures("hasty")
async def test_a_journal_with_a_fault_of_its_own_keeps_no_p0_back(path: Path, clock: MovableClock) -> None:
    oncall = Recorder()
    async with Watch(path, clock, oncall=oncall).running() as watch:
        watch.journal.failing = {"commit": ValueError("a bug of ours")}
        await watch.sees(PAGE)
        await until(lambda: oncall.actions == ["trigger"])
        watch.journal.failing = {}
        await until(watch.is_delivered)
    assert oncall.actions == ["trigger"]


@pytest.mark.usefixtures("hasty")
async def test_a_p1_waits_for_the_store(path: Path, clock: MovableClock) -> None:
    oncall = Recorder()
    async with Watch(path, clock, oncall=oncall).running() as watch:
        watch.journal.failing = {"commit": StoreBusy("held")}
        await watch.judges(alert(PAGE, labels=STAGING))
        await asyncio.sleep(0.4)
        assert not oncall.begun
        watch.journal.failing = {}
        await until(lambda: oncall.actions == ["trigger"])


@pytest.mark.usefixtures("hasty")
async def test_killed_before_the_recording_the_next_process_pages_under_the_same_key(
    path: Path, clock: MovableClock, standin: PagerDutyStandIn
) -> None:
    earlier = Watch(path, clock, oncall=pager(standin, clock))
    async with earlier.running():
        await earlier.sees(PAGE)
        await until(earlier.is_delivered)
        await earlier.sees()
        clock.move(300)
        await earlier.sees()
        await until(earlier.is_delivered)

    doomed = Watch(path, clock, oncall=pager(standin, clock))
    doomed.journal.failing = {"commit": StoreBusy("held")}
    await doomed.sees(PAGE)
    await until(lambda: received(standin)[2:] == [("trigger", G2)])
    await doomed.killed()

    clock.move(7)
    async with Watch(path, clock, oncall=pager(standin, clock)).running() as watch:
        await watch.sees(PAGE)
        await until(lambda: len(received(standin)) == 4)
    assert received(standin)[2:] == [("trigger", G2), ("trigger", G2)]
    assert [(i["dedup_key"], i["triggers"]) for i in standin.incidents] == [(G1, 1), (G2, 2)]


@pytest.mark.usefixtures("hasty")
async def test_killed_between_the_recording_and_the_outbox_it_is_not_sent_again(
    path: Path, clock: MovableClock
) -> None:
    oncall = Recorder("key-1")
    doomed = Watch(path, clock, oncall=oncall)
    doomed.journal.failing = {"commit": StoreBusy("held")}
    await doomed.sees(PAGE)
    await until(lambda: oncall.taken)
    doomed.journal.failing = {}
    await doomed.sees(PAGE)
    assert doomed.events() == [Opened, Paged, SentDirectly]
    assert doomed.outbox() == [("oncall", "trigger", "pending")]
    await doomed.killed()

    async with Watch(path, clock, oncall=oncall).running() as watch:
        await watch.router.act(ends())
        await until(watch.is_delivered)
    assert oncall.actions == ["trigger", "resolve"]


@pytest.mark.usefixtures("hasty")
async def test_a_page_that_came_and_went_while_the_store_was_full_is_not_lost(path: Path, clock: MovableClock) -> None:
    oncall = Recorder()
    async with Watch(path, clock, oncall=oncall).running() as watch:
        watch.journal.failing = {"commit": StoreFull("no space")}
        await watch.judges(alert(PAGE, labels=STAGING))
        await watch.judges(alert(labels=STAGING))
        clock.move(300)
        await watch.judges(alert(labels=STAGING))
        watch.journal.failing = {}
        await until(lambda: oncall.actions == ["trigger", "resolve"])
        assert watch.router.incidents["1"].status == "resolved"


@pytest.mark.usefixtures("hasty")
async def test_what_a_person_does_while_the_store_is_busy_is_said_to_be_held_and_kept(
    path: Path, clock: MovableClock
) -> None:
    oncall = Recorder()
    async with Watch(path, clock, oncall=oncall).running() as watch:
        await watch.sees(PAGE)
        watch.journal.failing = {"commit": StoreBusy("held")}
        with pytest.raises(StoreBusy, match="held in memory and written as soon as possible"):
            await watch.router.act(takes_on())
        watch.journal.failing = {}
        await until(lambda: oncall.actions == ["trigger", "acknowledge"])
        assert (await watch.router.act(takes_on())).acknowledged_by == "anna"
    assert oncall.actions == ["trigger", "acknowledge"]


@pytest.mark.usefixtures("hasty")
async def test_who_looks_at_an_incident_waits_for_nothing_that_is_not_written_yet(
    path: Path, clock: MovableClock
) -> None:
    async with Watch(path, clock, oncall=Recorder()).running() as watch:
        watch.journal.failing = {"commit": StoreBusy("held")}
        await watch.sees(PAGE)
        incident = watch.router.incidents["1"]
        look = Look(target=Target(incident="1", mark=incident.mark), by="anna", via="chat")
        assert await watch.router.act(look) is incident


@pytest.mark.usefixtures("hasty")
async def test_an_act_that_is_sent_again_is_not_said_to_be_on_record_before_it_is(
    path: Path, clock: MovableClock
) -> None:
    async with Watch(path, clock, oncall=Recorder()).running() as watch:
        await watch.sees(PAGE)
        watch.journal.failing = {"commit": StoreBusy("held")}
        for _ in range(2):
            with pytest.raises(StoreBusy):
                await watch.router.act(takes_on(source="pagerduty:1"))
        watch.journal.failing = {}
        await watch.router.act(takes_on(source="pagerduty:1"))
        assert watch.events().count(Acknowledged) == 1


async def test_an_act_finds_its_incident_by_what_a_destination_knows_it_as(path: Path, clock: MovableClock) -> None:
    ticket = Recorder(answers=[Sent(reference="OPS-7")])
    async with Watch(path, clock, oncall=Recorder(), hook=ticket).running() as watch:
        await watch.sees(PAGE)
        (incident,) = watch.router.incidents.values()
        await until(watch.is_delivered)
        known = [
            Target(destination="oncall", key=incident.page_key),
            Target(destination="hook", reference="OPS-7"),
        ]
        for number, target in enumerate(known):
            act = Say(target=target, by="anna", via=target.destination, source=str(number), text="looking")
            assert (await watch.router.act(act)).id == incident.id
        for target in (Target(destination="hook", reference="OPS-8"), Target(destination="oncall", key="k")):
            with pytest.raises(UsageError, match="and no incident is known by that here"):
                await watch.router.act(takes_on(target=target))


async def test_what_people_open_pages_and_is_found_again_by_its_ticket(path: Path, clock: MovableClock) -> None:
    oncall, hook = Recorder(), Recorder()
    async with Watch(path, clock, oncall=oncall, hook=hook).running() as watch:
        ticket = Open(
            target=Target(destination="hook", reference="OPS-9"),
            by="customer",
            via="hook",
            source="hook:1",
            summary="nothing works",
            environment="production",
            impact=Impact.SEVERE,
        )
        opened = await watch.router.act(ticket)
        assert (await watch.router.act(ticket)).id == opened.id
        assert (await watch.router.act(takes_on(target=ticket.target))).acknowledged_by == "anna"
        await until(watch.is_delivered)
    assert oncall.actions == ["trigger", "acknowledge"]
    assert [lane.reference for lane in hook.lanes] == ["OPS-9"]


async def test_no_incident_is_opened_for_a_customer_without_a_contract(path: Path, clock: MovableClock) -> None:
    issue = Open(target=Target(), by="kim", via="cli", summary="nothing works", customer="acne")
    contracts = {"acme": replace(DEFAULT, customer="acme")}
    async with Watch(path, clock, oncall=Recorder()).running() as watch:
        terms = Terms(paging={"oncall"}, routes=Route(destinations=("oncall",)), contracts=contracts)
        await watch.router.reconfigure(destinations=watch.router.destinations, terms=terms)
        with pytest.raises(UsageError, match="there is no customer acne"):
            await watch.router.act(issue)
        assert (await watch.router.act(replace(issue, customer="acme"))).customer == "acme"
        assert len(watch.router.incidents) == 1


async def test_people_are_told_what_they_cannot_do(path: Path, clock: MovableClock) -> None:
    async with Watch(path, clock, oncall=Recorder()).running() as watch:
        with pytest.raises(UsageError, match="there is no incident 9"):
            await watch.router.act(takes_on("9"))
        await watch.sees(PAGE)
        assert (await watch.router.act(ends())).resolved_by == "anna"
        with pytest.raises(UsageError, match="was resolved by anna"):
            await watch.router.act(ends(by="ben"))


async def test_a_slot_end_with_many_alerts_lets_others_have_their_turn_and_keeps_causes_first(
    path: Path, clock: MovableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("slo.router.router.AT_A_TIME", 2)
    async with Watch(path, clock, oncall=Recorder(), hook=Recorder()).running() as watch:
        names = [f"slo-{number}" for number in range(7)]
        needs = {name: frozenset({"slo-6"}) for name in names[:6]}
        terms = Terms(
            paging={"oncall"}, routes=Route(destinations=("oncall",)), muting=Muting(graph=Graph(needs=needs))
        )
        await watch.router.reconfigure(destinations={"oncall": Recorder(), "hook": Recorder()}, terms=terms)
        judging = asyncio.create_task(watch.judges(*(alert(PAGE, slo=name) for name in names), known=names))
        seen = set()
        while not judging.done():
            await asyncio.sleep(0)
            seen.add(len(watch.router.incidents))
        assert {2, 4, 6, 7} <= seen
        assert [each.slo for each in watch.router.incidents.values() if not each.muted] == ["slo-6"]
        kinds = Counter(type(event) for _, event in watch.journal.events())
        assert (kinds[Opened], kinds[Paged]) == (7, 1)


async def test_a_new_configuration_takes_over_and_the_old_destinations_are_closed(
    path: Path, clock: MovableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("slo.router.retirement.DEADLINE_SECONDS", 0.01)
    old, new = Recorder("key-1"), Recorder("key-2")
    async with Watch(path, clock, oncall=old).running() as watch:
        await watch.sees(PAGE)
        await until(watch.is_delivered)
        await watch.router.reconfigure(
            destinations={"oncall": new}, terms=Terms(paging={"oncall"}, routes=Route(destinations=("oncall",)))
        )
        await until(lambda: old.closed == 1)
        await watch.router.act(ends())
        await until(watch.is_delivered)
        assert (new.actions, new.credentials) == (["resolve"], ["key-1"])
    assert (old.closed, new.closed) == (1, 1)


async def test_a_close_delivers_what_is_under_way_and_lets_go_of_everything(path: Path, clock: MovableClock) -> None:
    async def soon(_: Message) -> Verdict:
        await asyncio.sleep(0.1)
        return Sent()

    oncall = Recorder(answers=[soon])
    watch = Watch(path, clock, oncall=oncall)
    async with watch.running():
        await watch.sees(PAGE)
        await until(lambda: oncall.begun)
    assert oncall.closed == 1
    again = Watch(path, clock, oncall=oncall)
    assert again.is_delivered()
    again.journal.close()


async def test_incidents_are_folded_from_the_journal_at_the_start(path: Path, clock: MovableClock) -> None:
    first = Watch(path, clock, oncall=Recorder(answers=[Retry(reason="server_error")]))
    await first.sees(PAGE)
    await first.router.act(takes_on())
    before = dict(first.router.incidents)
    await first.killed()
    second = Watch(path, clock, oncall=Recorder())
    assert dict(second.router.incidents) == before
    assert counted(second.telemetry, "watchkeep_incidents_open", priority="P0") == 1
    await second.sees(PAGE)
    assert second.events() == [Opened, Paged, Acknowledged]
    await second.killed()
