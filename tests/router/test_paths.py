"""Paths: a message that does not get through goes another way once, and a broken path is an incident itself."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from slo.core.delivery import Action, Message, Refused, Retry
from slo.core.incident import Incident
from slo.core.paths import DELIVERY, DeliveryPath
from slo.core.policy import Severity
from slo.core.priority import Priority
from slo.core.routing import Route, alert_labels
from slo.demo.vendors.injection import Injection
from slo.demo.vendors.pagerduty.standin import PagerDutyStandIn
from slo.exposition.catalogue import Telemetry
from slo.router.audience import Audience
from slo.router.outbox import Outbox
from slo.router.paths import Paths, diverted
from slo.router.terms import Terms
from slo.store.journal import Journal
from tests.router.making import PAGE, STAGING, TICKET, alert, ends, message, takes_on
from tests.router.test_router import G1, Watch, pager, received
from tests.router.worlds import MovableClock, Recorder, counted, until

PATHS = {"oncall": DeliveryPath(fallback="second"), "second": DeliveryPath(), "hook": DeliveryPath(fallback="mail")}
REFUSAL = Refused(reason="rejected", detail="HTTP 400: Event object is invalid")
DOWN = Retry(reason="connect_refused")


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Looks that a test does not wait for."""
    monkeypatch.setattr("slo.router.paths.LOOK_SECONDS", 0.02)


def own(watch: Watch) -> Incident:
    """The one incident that is about a path."""
    [found] = [incident for incident in watch.router.incidents.values() if incident.slo == DELIVERY]
    return found


def about(recorder: Recorder, slo: str) -> list[str]:
    """What a destination was asked to tell about an SLO."""
    return [each.action.value for each in recorder.begun if each.slo == slo]


def is_broken(watch: Watch, destination: str) -> bool:
    """Whether the last look found that path broken."""
    return counted(watch.telemetry, "watchkeep_path_broken", destination=destination) == 1


async def settled(watch: Watch) -> None:
    """Two looks have been made since now."""
    looks = watch.journal.calls.count("look")
    await until(lambda: watch.journal.calls.count("look") > looks + 1)


async def jump(watch: Watch, clock: MovableClock, seconds: float, *, waiting: Collection[str] = ()) -> None:
    """The clock jumps once nothing is on its way but what is for `waiting`: the rest would seem to be overdue."""
    await until(lambda: watch.journal.depth(clock.now()).keys() <= set(waiting))
    clock.move(seconds)


def test_a_copy_says_why_it_comes_and_only_a_trigger_needs_to() -> None:
    trigger = message("t", reference="T-7")
    [copy, update] = diverted([trigger, message("u", action=Action.UPDATE)], PATHS)
    assert (copy.id, copy.destination, copy.instead_of, copy.reference) == ("~second~t", "second", "oncall", "")
    assert copy.summary == f"{trigger.summary} (told here, since oncall did not take it)"
    assert copy == replace(
        trigger, id=copy.id, destination="second", instead_of="oncall", reference="", summary=copy.summary
    )
    assert (update.id, update.summary) == ("~second~u", trigger.summary)


def test_two_that_fall_back_on_one_give_it_one_page() -> None:
    paths = PATHS | {"twin": DeliveryPath(fallback="second")}
    found = diverted(
        [message("t"), message("v", destination="twin"), message("w", destination="twin", key="k2")], paths
    )
    assert [copy.id for copy in found] == ["~second~t", "~second~w"]


async def looked(path: Path, clock: MovableClock, messages: Sequence[Message], *, after: float = 0) -> Paths:
    """The paths after one look at an outbox with these messages, none of which was delivered."""
    telemetry = Telemetry()
    journal = Journal(path, telemetry=telemetry)
    journal.commit([], messages, at=clock.now())
    paths = Paths(Outbox(journal, clock=clock), clock=clock, telemetry=telemetry, diverted=lambda: None)
    paths.paths = PATHS | {"switch": DeliveryPath(beats_every=timedelta(minutes=1))}
    clock.move(after)
    await paths.look()
    journal.close()
    return paths


@pytest.mark.parametrize(
    ("messages", "after", "failing"),
    [
        ([], 0, {}),
        ([message("m")], 119, {}),
        ([message("m")], 121, {"oncall": Severity.PAGE}),
        ([message("m", severity=Severity.TICKET)], 901, {"oncall": Severity.TICKET, "switch": Severity.TICKET}),
        ([message("m", destination="gone")], 121, {}),
        ([], 181, {"switch": Severity.TICKET}),
    ],
)
async def test_an_alert_for_each_path(
    path: Path, clock: MovableClock, messages: list[Message], after: float, failing: dict[str, Severity]
) -> None:
    paths = await looked(path, clock, messages, after=after)
    alerts = paths.alerts([], clock.now())
    assert {alert.scope: alert.severity for alert in alerts if alert.firing} == failing
    assert {alert.scope for alert in alerts} == {"oncall", "second", "hook", "switch", *failing}
    assert all(alert.slo == DELIVERY and alert.labels["source"] == "watchkeep" for alert in alerts)


async def test_nothing_is_said_of_paths_before_the_first_look(path: Path, clock: MovableClock) -> None:
    paths = Paths(
        Outbox(Journal(path, telemetry=Telemetry()), clock=clock),
        clock=clock,
        telemetry=Telemetry(),
        diverted=lambda: None,
    )
    paths.paths = PATHS
    assert paths.alerts([], clock.now()) == []


@pytest.mark.parametrize(
    ("broken", "pagers", "others"),
    [
        ("oncall", ("second",), ("hook",)),
        ("hook", ("oncall",), ("mail",)),
        ("second", ("oncall",), ("hook",)),
        ("gone", ("oncall",), ("hook",)),
    ],
)
def test_that_a_path_is_broken_is_told_over_its_fallback(
    broken: str, pagers: tuple[str, ...], others: tuple[str, ...]
) -> None:
    audience = Audience(Route(destinations=("oncall", "hook")), {"oncall", "second"}, {}, PATHS)
    labels = alert_labels({}, slo=DELIVERY, scope=broken, severity=Severity.PAGE, priority=Priority.P0)
    found = audience.of_labels(labels, Priority.P0)
    assert (found.pagers, found.others) == (pagers, others)


async def test_what_a_pager_refuses_goes_to_the_second_and_the_path_is_an_incident_that_ends(
    path: Path, clock: MovableClock
) -> None:
    oncall, second, hook = Recorder(answers=[REFUSAL]), Recorder(), Recorder()
    made = Watch(path, clock, paths=PATHS, routes=("oncall", "hook"), oncall=oncall, second=second, hook=hook)
    async with made.running() as watch:
        await watch.sees(PAGE)
        await until(lambda: about(second, alert().slo) == ["trigger"])
        assert second.taken[0].key == G1
        await watch.router.act(takes_on())
        await until(lambda: about(second, alert().slo) == ["trigger", "acknowledge"])
        await settled(watch)
        await watch.sees(PAGE)
        broken = own(watch)
        assert (broken.scope, broken.priority, broken.page_open) == ("oncall", Priority.P0, True)
        assert broken.summary.endswith(
            "what is to be told there does not get through to oncall (rejected: HTTP 400: Event object is invalid)"
        )
        await until(lambda: (about(second, DELIVERY), about(hook, DELIVERY)) == (["trigger"], ["trigger"]))
        assert about(oncall, DELIVERY) == []
        assert is_broken(watch, "oncall")

        await watch.judges(alert(), alert(PAGE, slo="deck"), known=(alert().slo, "deck"))
        await until(lambda: about(oncall, "deck") == ["trigger"])
        await until(lambda: not is_broken(watch, "oncall"))
        await watch.judges(alert(), alert(PAGE, slo="deck"), known=(alert().slo, "deck"))
        assert own(watch).open
        await jump(watch, clock, 301)
        await watch.judges(alert(), alert(PAGE, slo="deck"), known=(alert().slo, "deck"))
        assert own(watch).status == "resolved"
        await until(lambda: about(second, alert().slo) == ["trigger", "acknowledge", "resolve"])
    assert about(second, DELIVERY) == ["trigger", "resolve"]
    assert about(oncall, alert().slo) == ["trigger"]
    assert not [each for each in second.begun if each.slo == "deck"]


async def test_a_pagerduty_that_is_down_is_tried_on_and_its_page_goes_to_the_second_key(
    path: Path, clock: MovableClock, tmp_path: Path
) -> None:
    second = Recorder()
    async with PagerDutyStandIn(tmp_path / "pagerduty") as standin:
        standin.inject(Injection(times=1000, status=503))
        made = Watch(path, clock, paths=PATHS, routes=("oncall",), oncall=pager(standin, clock), second=second)
        async with made.running() as watch:
            await watch.sees(PAGE)
            await until(lambda: counted(watch.telemetry, "watchkeep_delivery_failures_total", **FAILED) >= 1)
            assert second.begun == []
            await jump(watch, clock, 121, waiting={"oncall"})
            await until(lambda: about(second, alert().slo) == ["trigger"])
            await watch.sees(PAGE)
            await until(lambda: about(second, DELIVERY) == ["trigger"])
            standin.injections.clear()
            await jump(watch, clock, 300, waiting={"oncall"})
            watch.router._loop.wake()
            await until(lambda: received(standin)[-1:] == [("trigger", G1)])
            await watch.router.act(ends("1"))
            await until(lambda: received(standin)[-1:] == [("resolve", G1)])
            await until(lambda: about(second, alert().slo) == ["trigger", "resolve"])
            await until(lambda: not is_broken(watch, "oncall"))
            await watch.sees()
            await jump(watch, clock, 301)
            await watch.sees()
            assert own(watch).status == "resolved"


FAILED = {"destination": "oncall", "reason": "server_error"}


async def test_kills_between_any_two_steps_page_the_second_once(path: Path, clock: MovableClock) -> None:
    second = Recorder()
    for kill_at in ("decided", "overdue", "looked", "looked again", "delivered"):
        oncall = Recorder(answers=[DOWN] * 100)
        doomed = Watch(path, clock, paths=PATHS, routes=("oncall",), oncall=oncall, second=second)
        await doomed.sees(PAGE)
        if kill_at == "overdue":
            clock.move(121)
        if kill_at in ("looked", "looked again"):
            await doomed.router._paths.look()
        if kill_at == "delivered":
            async with doomed.running() as watch:
                await until(lambda: second.taken)
                await settled(watch)
        else:
            await doomed.killed()
    assert [(each.key, each.action) for each in second.taken if each.slo == alert().slo] == [(G1, Action.TRIGGER)]


async def test_when_every_path_is_broken_there_is_one_incident_for_each_and_no_more(
    path: Path, clock: MovableClock
) -> None:
    down: list[Retry] = [DOWN] * 10_000
    made = Watch(
        path,
        clock,
        paths={"oncall": DeliveryPath(fallback="second"), "second": DeliveryPath(), "hook": DeliveryPath()},
        routes=("oncall", "hook"),
        oncall=Recorder(answers=down),
        second=Recorder(answers=down),
        hook=Recorder(answers=down),
    )
    async with made.running() as watch:
        for _ in range(8):
            await watch.sees(PAGE)
            clock.move(130)
            await settled(watch)
        scopes = sorted(each.scope for each in watch.router.incidents.values() if each.slo == DELIVERY)
        assert scopes == ["hook", "oncall", "second"]


async def test_no_change_of_the_configuration_forgets_that_a_path_is_broken(path: Path, clock: MovableClock) -> None:
    made = Watch(path, clock, paths=PATHS, routes=("oncall",), oncall=Recorder(answers=[REFUSAL]), second=Recorder())
    async with made.running() as watch:
        await watch.sees(PAGE)
        await until(lambda: is_broken(watch, "oncall"))
        await watch.sees(PAGE)
        await watch.judges(known=())
        assert own(watch).open
    again = Watch(path, clock, paths=PATHS, routes=("oncall",), oncall=Recorder(), second=Recorder())
    await again.judges(known=())
    assert own(again).open
    await again.killed()


async def test_a_path_that_is_configured_no_more_is_resolved_once_and_what_waits_for_it_is_given_up(
    path: Path, clock: MovableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("slo.router.deliver.SHORTEST_WAIT_SECONDS", 0.01)
    hook = Recorder()
    gone = Recorder(answers=[DOWN] * 99)
    made = Watch(path, clock, paths=PATHS, routes=("second", "hook"), second=gone, hook=hook)
    async with made.running() as watch:
        await watch.sees(PAGE)
        await until(lambda: bool(gone.begun))
        await jump(watch, clock, 130, waiting={"second"})
        await until(lambda: is_broken(watch, "second"))
        await watch.sees(PAGE)
        assert own(watch).open
        left = {"hook": PATHS["hook"]}
        terms = Terms(routes=Route(destinations=("hook",)), paging={"second"}, paths=left)
        await watch.router.reconfigure(destinations={"hook": hook}, terms=terms)
        for seconds in (0, 400, 4000):
            await jump(watch, clock, seconds, waiting={"second"})
            await watch.sees(PAGE)
            await settled(watch)
            assert own(watch).resolved_why == "the destination was removed from the configuration"
        watch.router._loop.wake()  # it rests by real time, which the clock has left behind
        await until(lambda: not watch.journal.depth(clock.now()))
        assert not is_broken(watch, "second")
        given_up = [each for each in watch.journal.deliveries("1") if each.message.destination == "second"]
        assert {(each.state, each.last_reason) for each in given_up[:1]} == {("refused", "destination_missing")}
        assert about(hook, DELIVERY).count("resolve") == 1
    again = Watch(path, clock, paths=PATHS, routes=("second", "hook"), second=Recorder(), hook=Recorder())
    async with again.running() as watch:
        await settled(watch)
        assert not is_broken(watch, "second"), "nobody there refused what was given up"


async def test_a_ticket_that_is_refused_goes_to_the_fallback_as_well_and_is_no_p0(
    path: Path, clock: MovableClock
) -> None:
    mail = Recorder()
    made = Watch(path, clock, paths=PATHS, routes=("hook",), hook=Recorder(answers=[REFUSAL]), mail=mail)
    async with made.running() as watch:
        await watch.judges(alert(TICKET, labels=STAGING))
        await until(lambda: about(mail, alert().slo) == ["trigger"])
        await until(lambda: is_broken(watch, "hook"))
        await watch.judges(alert(TICKET, labels=STAGING))
        assert (own(watch).priority, own(watch).told) == (Priority.P1, ("mail",))
