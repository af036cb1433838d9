"""What the router lives between: a clock that can be moved, a journal in trouble, destinations that obey."""

import asyncio
import threading
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from slo.core.delivery import Lane, Message, Sent, Verdict
from slo.exposition.catalogue import Telemetry
from slo.store.journal import Journal
from tests.router.making import T0


class MovableClock:
    """The time since the test began, and as much more as it was moved by."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._moved = timedelta(0)

    def now(self) -> datetime:
        return T0 + timedelta(seconds=self.monotonic() - self._began) + self._moved

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep_until(self, monotonic: float) -> None:
        await asyncio.sleep(monotonic - self.monotonic())

    def move(self, seconds: float) -> None:
        self._moved += timedelta(seconds=seconds)


class TroubledJournal(Journal):
    """The real journal, whose calls fail by name (`failing`), or hang until they are let go (`hanging`)."""

    def __init__(self, path: Path, telemetry: Telemetry) -> None:
        super().__init__(path, telemetry=telemetry)
        self.failing: dict[str, Exception] = {}
        self.hanging: dict[str, threading.Event] = {}
        self.calls: list[str] = []

    def _meet(self, name: str) -> None:
        self.calls.append(name)
        if name in self.hanging:
            self.hanging[name].wait(30)
        if name in self.failing:
            raise self.failing[name]

    def commit(self, *args: Any, **kwargs: Any) -> None:
        self._meet("commit")
        super().commit(*args, **kwargs)

    def due(self, *args: Any, **kwargs: Any) -> Any:
        self._meet("due")
        return super().due(*args, **kwargs)

    def depth(self, *args: Any, **kwargs: Any) -> Any:
        self._meet("depth")
        return super().depth(*args, **kwargs)

    def begin(self, *args: Any, **kwargs: Any) -> Lane:
        self._meet("begin")
        return super().begin(*args, **kwargs)

    def beat(self, *args: Any, **kwargs: Any) -> None:
        self._meet("beat")
        super().beat(*args, **kwargs)

    def look(self, *args: Any, **kwargs: Any) -> Any:
        self._meet("look")
        return super().look(*args, **kwargs)

    def finish(self, *args: Any, **kwargs: Any) -> None:
        self._meet("finish")
        super().finish(*args, **kwargs)


class Recorder:
    """A destination that takes what it is given, or does what `answers` say first, one after another."""

    def __init__(self, credential: str = "", answers: Sequence[Verdict | Callable[[Message], Any]] = ()) -> None:
        self.credential = credential
        self.answers = list(answers)
        self.begun: list[Message] = []
        self.taken: list[Message] = []
        self.credentials: list[str] = []
        self.lanes: list[Lane] = []
        self.closed = 0

    async def deliver(self, message: Message, lane: Lane) -> Verdict:
        self.begun.append(message)
        self.credentials.append(lane.credential)
        self.lanes.append(lane)
        verdict: Verdict | Callable[[Message], Any] = self.answers.pop(0) if self.answers else Sent()
        if callable(verdict):
            verdict = await verdict(message)
        assert not callable(verdict)
        if isinstance(verdict, Sent):
            self.taken.append(message)
        return verdict

    async def aclose(self) -> None:
        self.closed += 1

    @property
    def actions(self) -> list[str]:
        """What it was asked, in order."""
        return [message.action.value for message in self.begun]


async def until(reached: Callable[[], object], *, seconds: float = 30.0) -> None:
    """Wait for something to come about; a test that waits in vain fails here."""
    async with asyncio.timeout(seconds):
        while not reached():
            await asyncio.sleep(0.01)


def counted(telemetry: Telemetry, name: str, **labels: str) -> float:
    """A value of the process's own metrics; 0 where there is none."""
    return telemetry.registry.get_sample_value(name, labels) or 0.0
