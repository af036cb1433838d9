"""A call is taken when it is on disk, from whom it proves to be, and not too often."""

import asyncio
import logging
from datetime import UTC, datetime
from pathlib import Path

import pytest

from probes import heartbeat
from slo.app.heartbeats import BURST, FORGED_BURST, Heartbeats
from slo.core.job import Job, Signal
from slo.errors import Forged, StoreFull, TooOften
from slo.exposition.catalogue import Telemetry
from slo.net.context import Context
from slo.runner.clock import SteadyClock
from slo.store.jobs import JobFiles

TOKEN = b"0123456789abcdef"


class Files(JobFiles):
    """Files on a disk that may be full."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.full = False

    def write(self, name: str, job: Job) -> None:
        if self.full:
            raise StoreFull(f"{name}: no space is left")
        super().write(name, job)


class Taking:
    """Heartbeats that expect one job, over a folder, at a time that the test sets."""

    def __init__(self, folder: Path) -> None:
        self.seconds = 0.0
        begins = datetime(2026, 1, 1, tzinfo=UTC).timestamp()
        clock = SteadyClock(
            wall_ns=lambda: round((begins + self.seconds) * 1e9), monotonic_ns=lambda: round(self.seconds * 1e9)
        )
        self.context = Context.default(clock)
        self.files = Files(folder / "jobs")
        self.telemetry = Telemetry()
        self.heartbeats = Heartbeats(self.files, self.context.calls, clock=clock, telemetry=self.telemetry)
        self.check = heartbeat.build(
            heartbeat.Config.model_validate(
                {"target": "backup", "every": "1h", "grace": "10m", "token": TOKEN.decode()}
            ),
            self.context,
        )

    async def begin(self, *, heard_until: int = 0) -> None:
        await self.heartbeats.load(heard_until=heard_until)
        self.context.calls.expect([self.check], self.context.clock.now())

    async def call(self, signal: Signal = Signal.SUCCESS, *, name: str = "backup", token: bytes = TOKEN) -> None:
        await self.heartbeats.take(name, token, signal, exit_status=None, note="")

    def wait(self, seconds: int) -> None:
        """Let time pass in which it listens."""
        for _ in range(seconds // 10):
            self.seconds += 10
            self.context.calls.hear(self.context.clock.now(), self.context.clock.monotonic())

    async def reason(self) -> str:
        return self.check.judge(await self.check.observe(0.0))[0].reason

    def counted(self, result: str) -> float:
        value: float = self.telemetry.heartbeat_calls.labels(result)._value.get()
        return value


@pytest.fixture
def taking(tmp_path: Path) -> Taking:
    return Taking(tmp_path)


async def test_a_call_that_was_taken_is_on_disk(taking: Taking, tmp_path: Path) -> None:
    await taking.begin()
    assert await taking.reason() == "heartbeat_awaited"
    await taking.call(Signal.START)
    taking.wait(90)
    await taking.call()
    assert await taking.reason() == "ok"
    assert JobFiles(tmp_path / "jobs").read() == taking.context.calls.jobs
    after = Taking(tmp_path)
    after.seconds = 100
    await after.begin(heard_until=int(after.context.clock.now().timestamp()) - 10)
    assert await after.reason() == "ok"
    assert after.context.calls.jobs["backup"].run_seconds == 90
    assert taking.counted("taken") == 2


async def test_a_restart_makes_no_new_job_of_one_that_never_called(taking: Taking, tmp_path: Path) -> None:
    await taking.begin()
    await taking.heartbeats.close()
    after = Taking(tmp_path)
    after.seconds = 4300
    await after.begin(heard_until=int(after.context.clock.now().timestamp()) - 10)
    assert await after.reason() == "heartbeat_missed"


async def test_a_call_that_was_due_while_nobody_listened_is_not_missed(taking: Taking, tmp_path: Path) -> None:
    await taking.begin()
    await taking.call()
    after = Taking(tmp_path)
    after.seconds = 9000
    await after.begin(heard_until=int(taking.context.clock.now().timestamp()) + 1200)
    assert await after.reason() == "heartbeat_unheard"
    after.wait(4210)
    assert await after.reason() == "heartbeat_missed"


async def test_times_that_a_wrong_clock_has_written_are_no_promise(taking: Taking, tmp_path: Path) -> None:
    taking.seconds = 9e8
    await taking.begin()
    await taking.call()
    after = Taking(tmp_path)
    await after.begin()
    after.wait(4210)
    assert await after.reason() == "heartbeat_missed"


async def test_a_process_that_stood_still_calls_nobody_late(taking: Taking) -> None:
    await taking.begin()
    await taking.call()
    taking.wait(3000)
    assert await taking.reason() == "ok"
    taking.seconds += 9000
    assert await taking.reason() == "heartbeat_unheard"
    taking.wait(4210)
    assert await taking.reason() == "heartbeat_missed"


@pytest.mark.parametrize(("name", "token"), [("backup", b"x" * 16), ("nothing", TOKEN), ("backup", b"")])
async def test_who_proves_nothing_learns_nothing(taking: Taking, name: str, token: bytes) -> None:
    await taking.begin()
    said = []
    for error in [Forged] * FORGED_BURST + [TooOften]:
        with pytest.raises(error) as refused:
            await taking.call(name=name, token=token)
        said.append(str(refused.value))
    assert set(said[:-1]) == {"there is no such job, or the token is not its own"}
    assert said[-1] == "too many calls that prove nothing"
    await taking.call()
    assert taking.counted("forged") == FORGED_BURST


async def test_a_flood_of_calls_is_bounded_and_the_next_second_is_good(taking: Taking) -> None:
    await taking.begin()
    for _ in range(BURST):
        await taking.call()
    with pytest.raises(TooOften, match="backup calls too often"):
        await taking.call()
    taking.seconds += 1
    await taking.call()
    with pytest.raises(TooOften):
        await taking.call()


async def test_a_full_disk_takes_no_call_and_forgets_none(
    taking: Taking, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    await taking.begin()
    taking.files.full = True
    with pytest.raises(StoreFull):
        await taking.call()
    assert await taking.reason() == "ok"
    assert [record.levelno for record in caplog.records] == [logging.ERROR]
    taking.files.full = False
    await taking.heartbeats.close()
    assert JobFiles(tmp_path / "jobs").read() == taking.context.calls.jobs


async def test_what_could_not_be_written_is_written_when_there_is_room(taking: Taking, tmp_path: Path) -> None:
    await taking.begin()
    running = asyncio.create_task(taking.heartbeats.run())
    while not (tmp_path / "jobs" / "backup.json").exists():
        await asyncio.sleep(0.01)
    running.cancel()


async def test_the_last_of_many_calls_at_once_is_the_one_on_disk(taking: Taking, tmp_path: Path) -> None:
    await taking.begin()
    await asyncio.gather(*(taking.call(signal) for signal in [Signal.FAIL] * 5 + [Signal.SUCCESS]))
    assert JobFiles(tmp_path / "jobs").read() == taking.context.calls.jobs
    assert await taking.reason() == "ok"
