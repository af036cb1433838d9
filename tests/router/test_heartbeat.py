"""Heartbeats: one in each interval while all is well, and none when anything on the way of a page is not."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from aiohttp import web

from slo.core.delivery import Lane, Message, Retry, Sent, Verdict
from slo.core.paths import DELIVERY, DeliveryPath
from slo.errors import StoreBusy, StoreError, StoreFull
from slo.net.context import Context
from slo.router.destinations.heartbeat import Config, build
from slo.router.heartbeat import beat_of, number_at
from tests.router.making import PAGE, T0, at
from tests.router.test_router import Watch
from tests.router.worlds import MovableClock, Recorder, counted, until

MINUTE = timedelta(minutes=1)
PATHS = {"switch": DeliveryPath(beats_every=MINUTE)}


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("slo.router.paths.LOOK_SECONDS", 0.02)
    monkeypatch.setattr("slo.router.router.WRITE_WAIT_SECONDS", 0.2)
    monkeypatch.setattr("slo.router.router.RETRY_SECONDS", 0.02)


class Switch:
    """A dead man's switch: the times at which it was asked, by the clock of the watch."""

    def __init__(self, clock: MovableClock) -> None:
        self.clock = clock
        self.status = 200
        self.beats: list[float] = []
        self.url = ""

    async def take(self, _request: web.Request) -> web.Response:
        if self.status == 200:
            self.beats.append((self.clock.now() - T0).total_seconds())
        return web.Response(status=self.status)


@pytest.fixture
async def switch(clock: MovableClock) -> AsyncIterator[Switch]:
    switch = Switch(clock)
    application = web.Application()
    application.router.add_get("/ping", switch.take)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    switch.url = f"http://127.0.0.1:{runner.addresses[0][1]}/ping"
    yield switch
    await runner.cleanup()


def watch_with(path: Path, clock: MovableClock, switch: Switch) -> Watch:
    made = build(Config.model_validate({"url": switch.url}), Context.default(clock))
    return Watch(path, clock, paths=PATHS, routes=("oncall",), oncall=Recorder(), switch=made)


@pytest.mark.parametrize(
    ("seconds", "every", "number"), [(0, 60, 0), (59.999, 60, 0), (60, 60, 1), (61, 60, 1), (89, 45, 1), (90, 45, 2)]
)
def test_each_interval_has_one_beat(seconds: float, every: int, number: int) -> None:
    interval = timedelta(seconds=every)
    assert number_at(at(seconds), interval) - number_at(T0, interval) == number


def test_a_beat_has_an_id_and_a_lane_of_its_own_and_is_about_no_incident() -> None:
    first, second = (beat_of("switch", number, T0, "") for number in (1, 2))
    assert first.id != second.id
    assert first.lane != second.lane
    assert first.incident == ""
    assert first.url == ""


async def test_it_beats_once_in_each_interval_and_says_when(path: Path, clock: MovableClock, switch: Switch) -> None:
    async with watch_with(path, clock, switch).running() as watch:
        for minute in range(1, 5):
            await watch.sees()
            await until(lambda expected=minute: len(switch.beats) == expected)  # type: ignore[misc]
            for _ in range(5):
                clock.move(10)
                await watch.sees()
            clock.move(10)
        assert len(switch.beats) == 4
        name = "watchkeep_heartbeat_last_success_timestamp_seconds"
        await until(lambda: counted(watch.telemetry, name, destination="switch") > T0.timestamp() + 170)
        assert watch.router.incidents == {}
        assert watch.events() == []


@pytest.mark.parametrize("failing", ["beat", "commit", "due", "begin"])
@pytest.mark.parametrize("error", [StoreBusy("held"), StoreFull("no space"), StoreError("read-only file system")])
async def test_it_stops_when_the_journal_does(
    path: Path, clock: MovableClock, switch: Switch, failing: str, error: StoreError
) -> None:
    async with watch_with(path, clock, switch).running() as watch:
        await watch.sees()
        await until(lambda: len(switch.beats) == 1)
        watch.journal.failing = {failing: error}
        for _ in range(3):
            clock.move(60)
            await watch.sees(PAGE)
            await asyncio.sleep(0.05)
        assert len(switch.beats) == 1
        watch.journal.failing = {}
        clock.move(60)  # at once: the last beat would still be sent in its time
        await until(lambda: not watch.router._unwritten)
        await watch.sees(PAGE)
        watch.router._loop.wake()
        await until(lambda: len(switch.beats) >= 2)
        await asyncio.sleep(0.3)
        assert len(switch.beats) == 2, "what was not sent in its time is not made up for"


async def test_it_stops_when_no_slot_ends(path: Path, clock: MovableClock, switch: Switch) -> None:
    async with watch_with(path, clock, switch).running() as watch:
        await watch.sees()
        await until(lambda: len(switch.beats) == 1)
        for _ in range(5):
            clock.move(60)
            watch.router._loop.wake()
            await asyncio.sleep(0.05)
        assert len(switch.beats) == 1


async def test_it_stops_when_nothing_is_delivered(path: Path, clock: MovableClock, switch: Switch) -> None:
    watch = watch_with(path, clock, switch)
    for _ in range(5):
        await watch.sees()
        clock.move(60)
    assert switch.beats == []
    async with watch.running():
        await until(lambda: {state for _, _, state in watch.outbox("")} == {"superseded"})
    assert switch.beats == [], "the last of them is a minute old"


async def test_after_an_outage_of_the_switch_it_beats_as_ever(path: Path, clock: MovableClock, switch: Switch) -> None:
    async with watch_with(path, clock, switch).running() as watch:
        switch.status = 503
        for _ in range(20):
            await watch.sees()
            clock.move(30)
            watch.router._loop.wake()
            await asyncio.sleep(0.02)
        [broken] = watch.router.incidents.values()
        assert (broken.slo, broken.scope, broken.priority) == (DELIVERY, "switch", "P1")
        switch.status = 200
        clock.move(60)
        await watch.sees()
        await until(lambda: switch.beats)
        watch.router._loop.wake()
        await asyncio.sleep(0.3)
        assert len(switch.beats) == 1
        for minute in range(2, 9):
            clock.move(60)
            await watch.sees()
            await until(lambda expected=minute: len(switch.beats) == expected)  # type: ignore[misc]
        assert watch.router.incidents[broken.id].status == "resolved"


async def test_a_switch_that_hangs_holds_up_no_page(path: Path, clock: MovableClock) -> None:
    class Hanging(Recorder):
        async def deliver(self, message: Message, lane: Lane) -> Verdict:
            self.begun.append(message)
            await asyncio.sleep(30)
            return Sent()

    hanging, oncall = Hanging(), Recorder()
    watch = Watch(path, clock, paths=PATHS, routes=("oncall",), oncall=oncall, switch=hanging)
    async with watch.running():
        for _ in range(20):
            await watch.sees()
            clock.move(60)
        await until(lambda: hanging.begun)
        await watch.sees(PAGE)
        await until(lambda: oncall.taken)


async def test_a_restart_beats_no_second_time_in_its_interval(path: Path, clock: MovableClock) -> None:
    switch = Recorder()
    for _ in range(3):
        async with Watch(path, clock, paths=PATHS, routes=(), switch=switch).running() as watch:
            await watch.sees()
            await until(watch.is_delivered)
            await until(lambda: switch.taken)
    assert len(switch.taken) == 1


async def test_a_beat_that_fails_is_tried_again_within_its_interval(path: Path, clock: MovableClock) -> None:
    switch = Recorder(answers=[Retry(reason="timeout")])
    async with Watch(path, clock, paths=PATHS, routes=(), switch=switch).running() as watch:
        await watch.sees()
        await until(lambda: switch.begun)
        clock.move(5)
        watch.router._loop.wake()
        await until(lambda: switch.taken)
    assert len(switch.begun) == 2
