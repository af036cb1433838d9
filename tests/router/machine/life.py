"""Lives: processes of the watch, on a loop of their own, from their start to their end or their `kill -9`."""

import asyncio
import contextlib
from collections.abc import Coroutine, Sequence
from pathlib import Path
from typing import Any, TypeVar

from slo.app.inbound import InboundActs
from slo.app.silences import Silences
from slo.core.acts import Act
from slo.core.alert import Alert
from slo.core.delivery import Delivery, Lane, Message, Verdict
from slo.core.events import Event
from slo.core.inbound import Inbound, Received
from slo.core.protocols import Destination, Reconciling
from slo.core.routing import Route
from slo.errors import StoreError
from slo.exposition.catalogue import Telemetry
from slo.net.context import Context
from slo.router.destinations.pagerduty import PagerDuty
from slo.router.muting import Muting
from slo.router.pagerduty.webhook import PagerDutyWebhook
from slo.router.router import Router
from slo.router.terms import Terms
from slo.store.journal import Journal
from tests.router.machine.boundaries import Boundaries, Killed
from tests.router.machine.times import Times
from tests.router.machine.town import Letter, Town, cut_off

T = TypeVar("T")

CLOSE_SECONDS = 2.0
PATIENCE_SECONDS = 30.0
TROUBLED_SECONDS = 0.1
"""How long it works on a disk that takes nothing, which gives it no rest: long enough to page without the journal."""

LOOKS = 2
"""How often the delivery loop looks at the outbox and finds nothing to do before it is believed to be at rest."""


class Gone(Exception):
    """The process was killed while it did this."""


class MortalJournal(Journal):
    """The real journal, of a process that may die at every writing, on a disk that may be in trouble."""

    def __init__(self, path: Path, boundaries: Boundaries) -> None:
        self._boundaries = boundaries
        self.trouble: StoreError | None = None
        self.looks = 0
        super().__init__(path, telemetry=Telemetry())

    def commit(self, events: Sequence[Event], messages: Sequence[Message], **keys: Any) -> None:
        self._before("commit")
        super().commit(events, messages, **keys)
        self._boundaries.come_by("after commit")

    def begin(self, sequence: int, **keys: Any) -> Lane:
        self._before("begin")
        lane = super().begin(sequence, **keys)
        self._boundaries.come_by("after begin")
        return lane

    def finish(self, sequence: int, verdict: Verdict, **keys: Any) -> None:
        self._before("finish")
        super().finish(sequence, verdict, **keys)
        self._boundaries.come_by("after finish")

    def due(self, *args: Any, **keys: Any) -> list[Delivery]:
        found = super().due(*args, **keys)
        self.looks += 1
        return found

    def _before(self, name: str) -> None:
        self._boundaries.come_by(f"before {name}")
        if self.trouble is not None:
            raise self.trouble


class MortalDestination:
    """A real destination, of a process that may die before and after each delivery."""

    def __init__(self, name: str, within: Destination, boundaries: Boundaries) -> None:
        self._name = name
        self._within = within
        self._boundaries = boundaries

    @property
    def credential(self) -> str:
        return self._within.credential

    async def deliver(self, message: Message, lane: Lane) -> Verdict:
        self._boundaries.come_by(f"before {self._name}")
        verdict = await self._within.deliver(message, lane)
        self._boundaries.come_by(f"after {self._name}")
        return verdict

    async def acts_on(self, keys: Sequence[str]) -> Sequence[Act]:
        return await self._within.acts_on(keys) if isinstance(self._within, Reconciling) else ()

    async def aclose(self) -> None:
        await self._within.aclose()


class Life:
    """A process on a journal that others before it may have written. Everything that it does may raise Gone."""

    def __init__(self, path: Path, times: Times, town: Town, boundaries: Boundaries) -> None:
        self.boundaries = town.boundaries = boundaries
        self._times = times
        self._loop = asyncio.new_event_loop()
        self._loop.set_exception_handler(self._note)
        self._faults: list[str] = []
        self._died = asyncio.Event()
        boundaries.mourn = self._mourn
        self.journal = MortalJournal(path, boundaries)
        self._loop.run_until_complete(self._begin(town))

    def _note(self, _: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """Keep what nobody waited for, but that the process was killed."""
        if not isinstance(context.get("exception"), Killed):
            self._faults.append(f"{context['message']}: {context.get('exception')!r}")

    def _mourn(self) -> None:
        self._loop.call_soon_threadsafe(self._died.set)

    async def _begin(self, town: Town) -> None:
        self._context = Context.default(self._times)
        destinations, receivers = town.destinations(self._context)
        pager, webhook = destinations["pagerduty"], receivers["pagerduty"][0]
        assert isinstance(pager, PagerDuty)
        assert isinstance(webhook, PagerDutyWebhook)
        assert pager._rest is not None
        assert webhook._rest is not None
        self._threads = [pager._threads, pager._rest._threads, webhook._rest._threads]
        self.silences = Silences(self.journal, self._times, ())
        self.silences.load()
        self.destinations: dict[str, Destination] = {
            name: MortalDestination(name, each, self.boundaries) for name, each in destinations.items()
        }
        self.router = Router(
            journal=self.journal,
            destinations=self.destinations,
            terms=Terms(
                routes=Route(destinations=tuple(destinations)),
                paging={"pagerduty"},
                muting=Muting(self.silences.in_force),
                external_url="https://watch.example",
            ),
            clock=self._times,
            telemetry=Telemetry(),
            jitter=lambda: 0.0,
        )
        self.inbound = InboundActs(self.router.act, telemetry=Telemetry())
        self.inbound.receivers = receivers
        self._running = asyncio.create_task(self.router.run())

    def judges(self, alerts: Sequence[Alert], known: set[str]) -> None:
        """A slot ends; the watch has looked whether its messages get through."""
        self.does(self._judge(alerts, known))

    def receives(self, letter: Letter) -> Received | None:
        """A request of a vendor comes in."""
        inbound = Inbound(headers=letter.headers, body=letter.body, at=self._times.now())
        return self.does(self.inbound.receive(letter.way, inbound))

    def reconciles(self) -> None:
        """PagerDuty is asked what people did there."""
        self.does(self.inbound.reconcile(self.router.destinations, self.router.incidents))

    def rests(self) -> None:
        """It delivers what can be delivered now."""
        self.does(self._rest())

    def does(self, step: Coroutine[Any, Any, T]) -> T:
        """Let it live until a step is done. Raises Gone where it dies meanwhile."""
        return self._loop.run_until_complete(self._unless_killed(step))

    def is_killed(self) -> None:
        """`kill -9`: nothing is finished, nothing is written, and what was asked is forgotten."""
        self.boundaries.die()
        self._loop.run_until_complete(self._is_cut_off())
        self._end()

    def stops(self) -> None:
        """It is told to stop, and may finish what it is at. Raises Gone."""
        self.does(self._stop())
        self.boundaries.dead.set()
        self._loop.run_until_complete(self._is_cut_off())
        self._end()

    async def _judge(self, alerts: Sequence[Alert], known: set[str]) -> None:
        with contextlib.suppress(StoreError):
            await self.router._paths.look()
        await self.router.judge(alerts, known)

    async def _stop(self) -> None:
        self._running.cancel()
        await asyncio.gather(self._running, return_exceptions=True)
        await self.router.close(CLOSE_SECONDS)

    async def _unless_killed(self, step: Coroutine[Any, Any, T]) -> T:
        doing, dying = asyncio.ensure_future(step), asyncio.ensure_future(self._died.wait())
        await asyncio.wait({doing, dying}, return_when=asyncio.FIRST_COMPLETED)
        dying.cancel()
        if self.boundaries.dead.is_set():
            doing.cancel()
            await asyncio.gather(doing, return_exceptions=True)
            raise Gone
        assert not self._faults, self._faults
        if self._running.done() and not self._running.cancelled():
            self._running.result()
        return doing.result()

    async def _rest(self) -> None:
        if self.journal.trouble is not None:
            await asyncio.sleep(TROUBLED_SECONDS)
            return
        self.journal.looks = 0
        async with asyncio.timeout(PATIENCE_SECONDS):
            while self.journal.looks <= LOOKS:
                if under_way := {*self.router._loop._tasks.values(), *self._writing()}:
                    await asyncio.wait(under_way, return_when=asyncio.FIRST_COMPLETED)
                    self.journal.looks = 0
                self.router._loop.wake()
                await asyncio.sleep(0.001)

    def _writing(self) -> list[asyncio.Task[None]]:
        return [self.router._write_soon()] if self.router._unwritten else []

    async def _is_cut_off(self) -> None:
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for destination in self.destinations.values():
            with contextlib.suppress(asyncio.CancelledError):  # what was about to open its session was cut off above
                await destination.aclose()
        # The kernel ends threads too: what they asked of PagerDuty must not arrive when the next process lives.
        for calls in self._threads:
            await asyncio.to_thread(calls._threads.shutdown, wait=True)
        await self._context.close()
        await cut_off(self._loop)
        await self._loop.shutdown_default_executor()
        await self._loop.shutdown_asyncgens()

    def _end(self) -> None:
        self.journal.close()
        self._loop.close()
