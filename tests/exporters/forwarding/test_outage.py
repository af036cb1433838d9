"""An hour without the other side, in no time: what is given up is what the policy says, counted by reason.

Everything is real but the clock: a spool on disk, the forwarder `elk`, a server that speaks Elasticsearch, and a proxy
before it that lets nothing through for an hour.
"""

import itertools
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from exporters.forwarders.elk import Config, build
from slo.core.telemetry import Counted, Counts3, Logged, Measured, Point, Rank, Telemetry, id_of
from slo.core.telemetry_document import written
from slo.net.context import Context
from slo.runner.clock import SteadyClock
from slo.store.spooled import New
from tests.elastic import Searchable
from tests.exporters.clocks import SetClock
from tests.exporters.forwarding.far_side import Near
from tests.faulty_proxy import Fault, FaultyProxy

STEP_SECONDS = 10
STEPS = 3600 // STEP_SECONDS
MOST_BYTES = 60_000
MAX_AGE = timedelta(minutes=16)
LABELS = {"slo": "gate-availability", "customer": "acme"}


def happened(clock: SetClock, step: int) -> Iterator[tuple[Rank, str, Telemetry]]:
    """What a step of ten seconds brings: its rank, what it is called at the far side, and itself.

    In the last third nothing is counted, so that what was counted becomes old before it is too much.
    """
    now, at = int(clock.now().timestamp()), clock.now()
    for slo in range(3 if step < 2 * STEPS / 3 else 0):
        totals, id_ = Counts3(step, slo, 0), id_of("counted", slo, step)
        counted = Counted(
            id=id_,
            end=now,
            seconds=10,
            labels={**LABELS, "slo": f"slo-{slo}"},
            counts=Counts3(1, slo, 0),
            totals=totals,
        )
        yield Rank.COUNT, id_, counted
    yield Rank.OUTCOME, id_of("outcome", step), _log(id_of("outcome", step), clock, "watchkeep.outcome", "observed")
    if step % 6 == 0:
        points = [Point("slo_burn_rate", "gauge", {**LABELS, "window": f"{each}m"}, step / 8) for each in range(20)]
        yield Rank.METRIC, f"measured {at.isoformat()}", Measured(at=at, points=points)
    if step % 30 == 0:
        yield Rank.EVENT, id_of("event", step), _log(id_of("event", step), clock, "watchkeep.incident", "noted")


def _log(id_: str, clock: SetClock, dataset: str, action: str) -> Logged:
    return Logged(
        id=id_, at=clock.now(), dataset=dataset, action=action, message="It is down. " * 20, labels=LABELS, fields={}
    )


@dataclass
class Policy:
    """What is to become of what waits, as docs/forwarding.md says it."""

    waiting: list[tuple[Rank, str, float, int]] = field(default_factory=list)
    dropped: Counter[tuple[str, str]] = field(default_factory=Counter)

    def make_room(self) -> None:
        """What matters least goes first, the oldest of it before the rest; events never go."""
        for rank in sorted(Rank, reverse=True):
            for each in [each for each in self.waiting if each[0] is rank and rank is not Rank.EVENT]:
                if sum(size for *_, size in self.waiting) <= MOST_BYTES:
                    return
                self._drop(each, "full")

    def expire(self, now: float) -> None:
        """What is too old goes, but no event."""
        for each in list(self.waiting):
            if each[0] is not Rank.EVENT and each[2] < now - MAX_AGE.total_seconds():
                self._drop(each, "expired")

    def _drop(self, each: tuple[Rank, str, float, int], reason: str) -> None:
        self.waiting.remove(each)
        self.dropped[each[0].name.lower(), reason] += 1


async def test_what_an_hour_of_outage_costs_is_what_the_policy_says_and_no_event_is_lost(
    elasticsearch_like: Searchable, tmp_path: Path
) -> None:
    policy, down = Policy(), itertools.repeat(Fault.RESET_IN_REQUEST)
    proxy = FaultyProxy(elasticsearch_like.port, down, meant="_bulk")
    async with proxy.serving() as port:
        config = Config.model_validate({"url": f"http://127.0.0.1:{port}", "index": "outage", "timeout": "10s"})
        forwarder = build(config, Context.default(SteadyClock()))
        near = Near(tmp_path, forwarder, most_bytes=MOST_BYTES, max_age=MAX_AGE)
        clock, file = near.clock, near.file
        attempt_at = 0.0
        for step in range(STEPS):
            clock.seconds = float(step * STEP_SECONDS)
            for rank, name, each in happened(clock, step):
                new = New(rank=rank, at=clock.now().timestamp(), body=written(each))
                near.spool.add([new])
                policy.waiting.append((rank, name, new.at, len(new.body)))
            await near.spool.flush()
            policy.make_room()
            if clock.seconds >= attempt_at:
                pause = await near.sending.once()
                assert pause, "nothing gets through"
                attempt_at = clock.seconds + pause
                policy.expire(clock.now().timestamp())
        assert file.held_bytes <= MOST_BYTES
        proxy._faults = itertools.repeat(Fault.NONE)
        while await near.sending.once() is not None:
            policy.expire(clock.now().timestamp())

    assert near.dropped() == dict(policy.dropped)
    assert {reason for _, reason in policy.dropped} == {"full", "expired"}
    assert {record for record, reason in policy.dropped if reason == "full"} == {"metric", "outcome", "count"}
    there = elasticsearch_like.documents("outage*")
    kept = {name for rank, name, *_ in policy.waiting if rank is not Rank.METRIC}
    logs = {id_ for id_, each in there.items() if each["event"]["dataset"] != "watchkeep.metrics"}
    assert logs == kept
    events = [id_ for id_, each in there.items() if each["event"]["dataset"] == "watchkeep.incident"]
    assert sorted(events) == sorted(id_of("event", step) for step in range(0, STEPS, 30))
    assert (file.depths(), file.dead.count()) == ({}, {})
    file.close()
