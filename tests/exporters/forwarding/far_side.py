"""The other side of a forwarder, as a test wants it to be."""

import json
from collections.abc import Iterable, Sequence
from datetime import timedelta
from pathlib import Path

from prometheus_client import CollectorRegistry

from exporters.forwarding.sending import Sending
from exporters.forwarding.spool import Spool
from slo.core.delivery import Ambiguous, Refused, Sent, Verdict
from slo.core.telemetry import Encoded, Forwarder, Limits, Rank, Record
from slo.exposition.forwarding import Forwarding
from slo.store.spool import SpoolFile
from slo.store.spooled import New
from tests.exporters.clocks import SetClock


class FarSide:
    """Takes requests as it is told to: one answer after the other, and everything once there are none left.

    A record whose body is in `bad` is refused, with all that come with it unless the answers are by record.
    """

    shown = "http://far.example"
    cumulative = False
    ranks = frozenset(Rank) - {Rank.LOG}

    def __init__(self, *answers: Verdict, by_record: bool = False, most: int = 100) -> None:
        self.answers = list(answers)
        self.by_record = by_record
        self.limits = Limits(records=most, raw_bytes=10_000, wire_bytes=10_000, ages={Rank.METRIC: timedelta(hours=1)})
        self.bad: set[str] = set()
        self.unwritable: set[str] = set()
        self.taken: list[str] = []
        self.requests: list[list[str]] = []

    def encode(self, records: Sequence[Record]) -> Encoded:
        bodies = [record.body.decode() for record in records]
        if self.unwritable.intersection(bodies):
            raise ValueError("it cannot be said")
        body = json.dumps(bodies).encode()
        return Encoded(body=body, raw_bytes=len(body), records=len(records))

    async def send(self, encoded: Encoded) -> Sequence[Verdict]:
        bodies: list[str] = json.loads(encoded.body)
        self.requests.append(bodies)
        if self.by_record:
            return [self._answer([body]) for body in bodies]
        return [self._answer(bodies)]

    async def aclose(self) -> None:
        """Nothing is held."""

    def _answer(self, bodies: list[str]) -> Verdict:
        verdict = self.answers.pop(0) if self.answers else Sent()
        if self.bad.intersection(bodies):
            return Refused(reason="rejected", detail="bad")
        if isinstance(verdict, Sent | Ambiguous):
            self.taken += bodies
        return verdict


class Near:
    """A spool and what sends it."""

    def __init__(
        self, folder: Path, far: Forwarder, *, most_bytes: int = 10**6, max_age: timedelta = timedelta(days=7)
    ) -> None:
        self.registry = CollectorRegistry()
        self.telemetry = Forwarding(self.registry)
        self.clock = SetClock()
        self.file = SpoolFile(folder / "spool")
        self.spool = Spool(self.file, "far", most_bytes=most_bytes, clock=self.clock, telemetry=self.telemetry)
        self.sending = Sending(
            self.spool,
            far,
            max_age=max_age,
            clock=self.clock,
            telemetry=self.telemetry,
            jitter=lambda: 0.0,
        )

    @property
    def now(self) -> float:
        return self.clock.now().timestamp()

    async def tells(self, *bodies: str, rank: Rank = Rank.OUTCOME, ago: float = 0.0) -> None:
        self.spool.add([New(rank=rank, at=self.now - ago, body=body.encode()) for body in bodies])
        await self.spool.flush()

    async def sends(self) -> list[float]:
        """Send until nothing is left, however often it takes; the pauses that it made."""
        pauses: list[float] = []
        while (pause := await self.sending.once()) is not None:
            pauses += [pause] if pause else []
            self.clock.seconds += pause
        return pauses

    def dropped(self) -> dict[tuple[str, str], int]:
        """How many records were given up, by what they were and why."""
        return {
            (sample.labels["record"], sample.labels["reason"]): int(sample.value)
            for metric in self.registry.collect()
            for sample in metric.samples
            if sample.name == "watchkeep_forwarder_records_dropped_total" and sample.value
        }

    def metric(self, name: str, **labels: str) -> float | None:
        return self.registry.get_sample_value(name, {"forwarder": "far", **labels})


def waiting(file: SpoolFile) -> Iterable[str]:
    """The bodies that wait, in the order in which they would go out."""
    with file._file.reading() as db:
        return [body.decode() for (body,) in db.execute("SELECT body FROM records ORDER BY rank, number")]
