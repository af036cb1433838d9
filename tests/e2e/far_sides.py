"""Everything that telemetry is forwarded to, beside a test: real servers behind proxies, stand-ins, and bad days."""

import asyncio
import contextlib
import random
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, Self, TypeVar

from slo.core.telemetry import Counts3
from slo.demo.vendors.datadog.standin import DatadogStandIn
from slo.demo.vendors.injection import Injection
from tests.elastic import Searchable
from tests.exporters.otlp.receiver import Receiver as OTLPReceiver
from tests.exporters.otlp.receiver import logs_of, receiving
from tests.faulty_proxy import Fault, FaultyProxy
from tests.remote_write_receivers import Receiver

T = TypeVar("T")

API_KEY = "0123456789abcdef0123456789abcdef"
TOKEN = "token-of-the-far-sides-that-nobody-may-see"
STATES = Counts3._fields

BAD = [Fault.REJECTED_429, Fault.FAILED_503, Fault.RESET_IN_REQUEST, Fault.DONE_FAILED_502, Fault.DONE_RESET]
BAD += [Fault.DONE_RESET_IN_ANSWER, Fault.DONE_SLOW, *[Fault.NONE] * 7]
PARTLY = [Fault.SOME_ITEMS_429, Fault.SOME_ITEMS_503]

INJECTIONS = [
    Injection(status=429, ratelimit_reset="1", body="{}"),
    Injection(status=500, body="{}"),
    Injection(status=503, body="{}", processed=True),
    Injection(reset=True),
    Injection(reset=True, processed=True),
    Injection(hang_seconds=3.0),
]


BAD_REQUESTS = 3


class Days:
    """Faults for a proxy for good: as long as days are `bad`, some of those that there are."""

    def __init__(self, faults: list[Fault], seed: int) -> None:
        self.bad = False
        self._faults = faults
        self._dice = random.Random(seed)

    def __iter__(self) -> Iterator[Fault]:
        return self

    def __next__(self) -> Fault:
        return self._dice.choice(self._faults) if self.bad else Fault.NONE


class FarSide(Protocol):
    """One place: what the configuration says of it, and what is there."""

    entry: Mapping[str, Any]

    def counts(self, slo: str) -> Counts3:
        """The sum of what was counted of an SLO."""

    def events(self) -> list[int]:
        """The numbers of the events of the journal, as often as they are there; none where there is no place."""

    def be_bad(self, bad: bool) -> None:  # noqa: FBT001
        """Have bad days, or good ones again."""


@dataclass(kw_only=True)
class RemoteWritten:
    """A server that takes remote write, behind a proxy."""

    entry: Mapping[str, Any]
    receiver: Receiver
    days: Days

    def counts(self, slo: str) -> Counts3:
        return Counts3(*(self._last(slo, state) for state in STATES))

    def _last(self, slo: str, state: str) -> int:
        name = self.entry["name"]
        [samples] = self.receiver.samples(f'slo_sli_{state}_total{{slo="{slo}",forwarder="{name}"}}').values()
        times = [at for at, _ in samples]
        assert times == sorted(set(times)), "a sample is there twice, or in another order"
        return int(samples[-1][1])

    def events(self) -> list[int]:
        return []

    def be_bad(self, bad: bool) -> None:  # noqa: FBT001
        self.days.bad = bad


@dataclass(kw_only=True)
class Indexed:
    """A server that is searched, behind a proxy."""

    entry: Mapping[str, Any]
    server: Searchable
    days: Days
    pattern: str

    def counts(self, slo: str) -> Counts3:
        documents = [
            each for each in self.server.documents(self.pattern).values() if each.get("slo", {}).get("name") == slo
        ]
        return Counts3(*(sum(each["slo"]["counts"][state] for each in documents) for state in STATES))

    def events(self) -> list[int]:
        documents = self.server.documents(self.pattern).values()
        return [each["event"]["sequence"] for each in documents if each["event"].get("sequence")]

    def be_bad(self, bad: bool) -> None:  # noqa: FBT001
        self.days.bad = bad


@dataclass(kw_only=True)
class Datadogs:
    """The stand-in for Datadog."""

    entry: Mapping[str, Any]
    standin: DatadogStandIn
    loop: asyncio.AbstractEventLoop
    dice: random.Random

    def counts(self, slo: str) -> Counts3:
        account = self.standin.account
        return Counts3(*(int(account.sum(f"slo_sli_{state}", f"slo:{slo}")) for state in STATES))

    def events(self) -> list[int]:
        found = {log["event"]["id"]: log["event"].get("sequence") for log in self.standin.account.logs}
        return [number for number in found.values() if number]

    def be_bad(self, bad: bool) -> None:  # noqa: FBT001
        for _ in range(BAD_REQUESTS if bad else 0):  # which are soon over by themselves
            self.loop.call_soon_threadsafe(self.standin.inject, self.dice.choice(INJECTIONS))


@dataclass(kw_only=True)
class Collected:
    """A receiver of OTLP, behind a proxy."""

    entry: Mapping[str, Any]
    receiver: OTLPReceiver
    days: Days

    def counts(self, slo: str) -> Counts3:
        newest = {
            name: int(value)
            for (name, _, own), (_, value) in self.receiver.last().items()
            if ("slo", slo) in own and name.startswith("slo_sli_")
        }
        return Counts3(*(newest[f"slo_sli_{state}_total"] for state in STATES))

    def events(self) -> list[int]:
        found: dict[str, int] = {}
        for log in logs_of(self.receiver.logs):
            told = {pair.key: pair.value for pair in log.attributes}
            if "event.sequence" in told:
                found[told["event.id"].string_value] = told["event.sequence"].int_value
        return list(found.values())

    def be_bad(self, bad: bool) -> None:  # noqa: FBT001
        self.days.bad = bad


class Beside:
    """A loop in a thread of its own, for what answers while a test waits."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, name="far sides")

    def run(self, task: Coroutine[Any, Any, T]) -> T:
        """What a coroutine gives, run there."""
        return asyncio.run_coroutine_threadsafe(task, self.loop).result(30)

    @contextlib.contextmanager
    def entered(self, manager: Callable[[], contextlib.AbstractAsyncContextManager[T]]) -> Iterator[T]:
        """Something that is entered and left there."""
        context = manager()
        entered = self.run(context.__aenter__())
        try:
            yield entered
        finally:
            self.run(context.__aexit__(None, None, None))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.run(_end_others())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()
        self.loop.close()


async def _end_others() -> None:
    """End the answers that hang for longer than the test."""
    hanging = asyncio.all_tasks() - {asyncio.current_task()}
    for task in hanging:
        task.cancel()
    await asyncio.gather(*hanging, return_exceptions=True)


@contextlib.contextmanager
def far_sides(
    folder: Path, *, remote: Mapping[str, Receiver], searched: Mapping[str, Searchable], name: str
) -> Iterator[list[FarSide]]:
    """All of them, each with a configuration of its own; `name` is what nothing else on these servers has."""
    with Beside() as beside, contextlib.ExitStack() as stack:

        def behind(port: int, faults: list[Fault], meant: str) -> tuple[Days, int]:
            days = Days(faults, seed=port)
            proxy = FaultyProxy(port, days, meant=meant, slow_seconds=1.0)
            return days, stack.enter_context(beside.entered(proxy.serving))

        sides: list[FarSide] = []
        common = {"timeout": "700ms", "interval": "1s", "bearer_token": TOKEN}
        for called, receiver in remote.items():
            days, port = behind(receiver.port, BAD, "/write")
            own: dict[str, Any] = {"type": "remote_write", "url": f"http://127.0.0.1:{port}{receiver.path}"}
            entry = {"name": f"{name}-{called}", **own, "labels": {"forwarder": f"{name}-{called}"}, **common}
            sides.append(RemoteWritten(entry=entry, receiver=receiver, days=days))
        for called, server in searched.items():
            days, port = behind(server.port, BAD + PARTLY, "_bulk")
            own = {"type": "elk", "url": f"http://127.0.0.1:{port}", "index": f"{name}-{called}"}
            entry = {"name": f"{name}-{called}", **own, **common}
            sides.append(Indexed(entry=entry, server=server, days=days, pattern=f"{name}-{called}*"))
        receiver_, port = stack.enter_context(beside.entered(receiving))
        days, port = behind(port, BAD, "/v1/")
        own = {"type": "otlp", "url": f"http://127.0.0.1:{port}", "logs": ["events", "outcomes"]}
        sides.append(Collected(entry={"name": f"{name}-otlp", **own, **common}, receiver=receiver_, days=days))
        standin = stack.enter_context(beside.entered(lambda: _datadog(folder / "datadog")))
        own = {"type": "datadog", "url": standin.url, "tls": {"ca_file": str(standin.ca_file)}}
        entry = {"name": f"{name}-datadog", **own, "api_key": API_KEY, "timeout": "700ms", "interval": "1s"}
        sides.append(Datadogs(entry=entry, standin=standin, loop=beside.loop, dice=random.Random(5)))
        yield sides


@contextlib.asynccontextmanager
async def _datadog(folder: Path) -> AsyncIterator[DatadogStandIn]:
    async with DatadogStandIn(folder, api_key=API_KEY) as standin:
        yield standin
