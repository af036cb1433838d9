"""A world whose time the tests move: looptime's loop, the watch's clock over it, and checks that behave as told."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping, Sequence
from datetime import UTC, datetime

import looptime

from slo.core.outcome import Judgement, Outcome, Point
from slo.core.reason import State, state_of
from slo.core.sample import Sample
from slo.errors import Fault
from slo.exposition.catalogue import Telemetry
from slo.runner.clock import SteadyClock
from slo.runner.excuses import Connectivity
from slo.runner.runner import Runner
from slo.runner.schedule import AfterFailure, Scheduled

START = datetime(2026, 1, 1, tzinfo=UTC)

Behaviour = Callable[[float], Awaitable[object]]


def on_virtual_time(scene: Coroutine[object, object, None]) -> None:
    """Run to the end; sleeping takes no time."""
    loop = looptime.new_event_loop()
    try:
        loop.run_until_complete(scene)
    finally:
        loop.close()


def play(
    scene: Callable[["World"], Awaitable[None]], *, concurrency: int = 1000, connectivity: Connectivity | None = None
) -> None:
    """Play a scene in a world of its own."""

    async def stage() -> None:
        world = World(concurrency=concurrency, connectivity=connectivity)
        try:
            await scene(world)
        finally:
            await world.end()

    on_virtual_time(stage())


def takes(seconds: float) -> Behaviour:
    async def behave(deadline: float) -> None:
        await asyncio.sleep(seconds)

    return behave


def fails(error: BaseException) -> Behaviour:
    async def behave(deadline: float) -> None:
        raise error

    return behave


async def swallows_its_cancellation(deadline: float) -> None:
    for _ in range(3):
        try:
            await asyncio.sleep(1000)
        except asyncio.CancelledError:
            continue


class FakeCheck:
    """A check that behaves as told, notes when it is called, and sees good where its behaviour returns."""

    target = "192.0.2.1:80"

    def __init__(self, behaviour: Behaviour | None = None) -> None:
        self.behaviour = behaviour
        self.started: list[float] = []
        self.deadlines: list[float] = []
        self.under_way = 0
        self.most_under_way = 0

    async def observe(self, deadline: float) -> object:
        self.started.append(asyncio.get_running_loop().time())
        self.deadlines.append(deadline)
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        try:
            return await self.behaviour(deadline) if self.behaviour else None
        finally:
            self.under_way -= 1

    def judge(self, facts: object) -> Sequence[Judgement]:
        if isinstance(facts, Fault):
            return [
                Judgement(state=state_of(facts.reason), reason=facts.reason, phases=facts.phases, detail=facts.detail)
            ]
        return [Judgement(state=State.GOOD, reason="ok")]

    def samples(self, facts: object) -> Iterable[Sample]:
        return []


def scheduled(
    name: str = "a",
    check: FakeCheck | None = None,
    *,
    interval: float = 10.0,
    timeout: float = 5.0,
    target: str = FakeCheck.target,
    config: object = "",
    labels: Mapping[str, str] | None = None,
    vantage_point: str = "",
    after_failure: AfterFailure | None = None,
) -> Scheduled:
    return Scheduled(
        name=name,
        module="fake",
        target=target,
        interval_seconds=interval,
        timeout_seconds=timeout,
        check=check or FakeCheck(),
        config=config,
        labels=labels or {},
        vantage_point=vantage_point,
        after_failure=after_failure,
    )


def key(name: str, target: str = FakeCheck.target, vantage_point: str = "") -> Point:
    """What the runner knows a check by."""
    return name, target, vantage_point


class World:
    """A runner in a time that only the test moves; `seconds` counts from the start of the world."""

    def __init__(self, *, concurrency: int = 1000, connectivity: Connectivity | None = None) -> None:
        self.loop = asyncio.get_running_loop()
        self.blocked_seconds = 0.0
        begin_ns = round(START.timestamp()) * 1_000_000_000
        self.clock = SteadyClock(wall_ns=lambda: begin_ns + self.monotonic_ns(), monotonic_ns=self.monotonic_ns)
        self.telemetry = Telemetry()
        self.outcomes: list[Outcome] = []
        self.runner = Runner(
            clock=self.clock,
            sink=self.outcomes.append,
            telemetry=self.telemetry.probes,
            concurrency=concurrency,
            connectivity=connectivity,
        )
        self.scheduled: list[Scheduled] = []
        self.running = self.loop.create_task(self.runner.run())

    @property
    def seconds(self) -> float:
        return self.loop.time() + self.blocked_seconds

    def monotonic_ns(self) -> int:
        return round(self.seconds * 1e9)

    def block(self, seconds: float) -> None:
        """Time passes, and the loop does nothing."""
        self.blocked_seconds += seconds

    def run(
        self,
        name: str,
        behaviour: Behaviour | None = None,
        *,
        interval: float = 10.0,
        timeout: float = 5.0,
        target: str = FakeCheck.target,
        after_failure: AfterFailure | None = None,
    ) -> FakeCheck:
        """Have the runner run one check more."""
        check = FakeCheck(behaviour)
        self.scheduled.append(
            scheduled(name, check, interval=interval, timeout=timeout, target=target, after_failure=after_failure)
        )
        self.runner.replace(self.scheduled)
        return check

    def of(self, name: str) -> list[Outcome]:
        return [outcome for outcome in self.outcomes if outcome.check == name]

    def reasons(self, name: str) -> list[str]:
        return [outcome.reason for outcome in self.of(name)]

    def sample(self, metric: str, **labels: str) -> float:
        value = self.telemetry.registry.get_sample_value(metric, labels)
        assert value is not None
        return value

    async def end(self) -> None:
        await self.runner.close()
        await self.running
