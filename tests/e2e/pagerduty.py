"""The stand-in for PagerDuty beside a test: on a loop in a thread of its own, at a port that stays the same."""

import asyncio
import contextlib
import json
import threading
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any, TypeVar

from slo.demo.vendors.injection import Injection
from slo.demo.vendors.pagerduty.standin import PagerDutyStandIn
from tests.services import free_port

T = TypeVar("T")

ROUTING_KEY = "fedcba9876543210fedcba9876543210"


class PagerDuty:
    """A stand-in that can go down and come back with its memory; see `beside` for one that runs."""

    def __init__(self, folder: Path, loop: asyncio.AbstractEventLoop) -> None:
        self._folder = folder
        self._loop = loop
        self._port = free_port()
        self._standin = PagerDutyStandIn(folder, port=self._port)

    def destination(self, name: str = "oncall", **others: str) -> dict[str, str]:
        """What the configuration of a watch says of it."""
        given = {
            "name": name,
            "type": "pagerduty",
            "routing_key": ROUTING_KEY,
            "events_url": self._standin.events_url,
            "ca_file": str(self._standin.ca_file),
        }
        return given | others

    def up(self) -> None:
        """Have it answer again, with what it remembers."""
        self._standin = PagerDutyStandIn(self._folder, port=self._port)
        self._run(self._standin.__aenter__())

    def down(self) -> None:
        """Have nothing listen there."""
        self._run(self._standin.__aexit__(None, None, None))

    def inject(self, injection: Injection) -> None:
        """Have a bad day come."""
        self._loop.call_soon_threadsafe(self._standin.inject, injection)

    @property
    def requests(self) -> list[dict[str, Any]]:
        """Everything that it was asked, whatever came of it."""
        return list(self._standin.requests)

    @property
    def incidents(self) -> list[dict[str, Any]]:
        """What is on its books."""
        return self._standin.incidents

    def accepted(self, action: str) -> list[dict[str, Any]]:
        """The events of one action that it acted on, in order; also where the answer was lost."""
        events = [request["event"] for request in self.requests if request["event"]]
        return [event for event in events if event["event_action"] == action]

    def asked(self, action: str) -> list[dict[str, Any]]:
        """The events of one action that it was sent, in order, taken or not."""
        events = [json.loads(request["body"]) for request in self.requests]
        return [event for event in events if event["event_action"] == action]

    def _run(self, task: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(task, self._loop).result(30)


@contextlib.contextmanager
def beside(*folders: Path) -> Iterator[list[PagerDuty]]:
    """Running stand-ins, one in each folder."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="pagerduty")
    thread.start()
    standins = [PagerDuty(folder, loop) for folder in folders]
    running: list[PagerDuty] = []
    try:
        for standin in standins:
            standin.up()
            running.append(standin)
        yield standins
    finally:
        for standin in running:
            standin.down()
        asyncio.run_coroutine_threadsafe(_end_answers(), loop).result(30)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _end_answers() -> None:
    """End the answers that hang for longer than the test."""
    hanging = asyncio.all_tasks() - {asyncio.current_task()}
    for task in hanging:
        task.cancel()
    await asyncio.gather(*hanging, return_exceptions=True)
