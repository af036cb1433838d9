"""A process that is told to stop has others take over before it stops working."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

import pytest

from slo.app import process
from slo.app.process import Process, stand
from slo.runner.clock import SteadyClock
from slo.web.access import Listen
from slo.web.server import DEFAULT_LIMITS

HERE = Listen(host="127.0.0.1", port=1)


class Working:
    """A process that does nothing but note what happens to it."""

    def __init__(self) -> None:
        self.clock = SteadyClock()
        self.happened: list[str] = []

    async def run(self) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        try:
            await asyncio.Event().wait()
        finally:
            self.happened.append("stopped working")

    async def leave(self) -> None:
        await asyncio.sleep(0)
        self.happened.append("left")

    async def close(self, _deadline_seconds: float) -> None:
        self.happened.append("closed")


async def test_others_take_over_before_it_stops(monkeypatch: pytest.MonkeyPatch) -> None:
    @asynccontextmanager
    async def serving(*_: Any, **__: Any) -> AsyncIterator[Listen]:
        yield HERE
        working.happened.append("served no more")

    working = Working()
    monkeypatch.setattr(process, "serving", serving)
    loop = asyncio.get_running_loop()
    try:
        await stand(
            cast("Process", working),
            (),
            files=tuple,
            leave=working.leave,
            hello=str,
            listen=HERE,
            token="",
            limits=DEFAULT_LIMITS,
        )
    finally:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            loop.remove_signal_handler(number)
    assert working.happened == ["left", "stopped working", "closed", "served no more"]
