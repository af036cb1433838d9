"""What an agent saw reaches the watch at least once and in order, whatever stands between them."""

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporters.forwarders.central import MOST_RECORDS, Central
from exporters.sending import LONGEST_PAUSE_SECONDS, Sending
from exporters.spool import MOST_HELD, Spool
from slo.core.delivery import Ambiguous, Refused, Retry, Sent, Verdict
from slo.errors import StoreFull
from slo.exposition.agent_catalogue import AgentTelemetry
from slo.store.queue import Queue
from tests.exporters.clocks import SetClock


class Watch:
    """Takes batches as it is told to: one verdict after the other, and everything once there are none left."""

    shown = "http://watch.example"

    def __init__(self, *verdicts: Verdict) -> None:
        self.verdicts = list(verdicts)
        self.taken: list[tuple[int, str]] = []
        self.bad: set[str] = set()
        self.sizes: list[int] = []

    def encode(self, agent: str, boot: str, first: int, records: Sequence[bytes]) -> bytes:
        return json.dumps([agent, boot, first, [record.decode() for record in records]]).encode()

    async def send(self, payload: bytes, records_sent: int) -> Verdict:
        assert records_sent == len(json.loads(payload)[3])
        _, _, first, records = json.loads(payload)
        self.sizes.append(len(records))
        verdict = self.verdicts.pop(0) if self.verdicts else Sent()
        if self.bad.intersection(records):
            verdict = Refused(reason="rejected")
        if isinstance(verdict, Sent | Ambiguous):
            self.taken += [(first + place, record) for place, record in enumerate(records)]
        return Sent(reference=str(len(records))) if isinstance(verdict, Sent) else verdict


class Agent:
    """A spool and what sends it to a watch."""

    def __init__(self, folder: Path, watch: Watch, *, most_bytes: int = 10**6) -> None:
        self.telemetry = AgentTelemetry()
        self.clock = SetClock()
        self.queue = Queue(folder / "spool")
        telemetry = self.telemetry.forwarding
        self.spool = Spool(self.queue, "centre", most_bytes=most_bytes, clock=self.clock, telemetry=telemetry)
        self.sending = Sending(
            self.spool,
            cast("Central", watch),
            agent="n1",
            clock=self.clock,
            telemetry=telemetry,
            jitter=lambda: 0.0,
        )

    async def sees(self, *records: str) -> None:
        for record in records:
            self.spool.add(record.encode())
        await self.spool.flush()

    async def sends(self) -> None:
        """Send until nothing is left, however often it takes."""
        while await self.sending.once() is not None:
            pass

    def metric(self, name: str, **labels: str) -> float | None:
        return self.telemetry.registry.get_sample_value(name, {"forwarder": "centre", **labels})


async def test_everything_goes_out_in_order_and_is_forgotten(tmp_path: Path) -> None:
    watch = Watch()
    agent = Agent(tmp_path, watch)
    await agent.sees("a", "b")
    await agent.sees("c")
    await agent.sends()
    assert watch.taken == [(1, "a"), (2, "b"), (3, "c")]
    assert agent.queue.held_bytes == 0
    assert agent.metric("watchkeep_forwarder_records_sent_total") == 3


@given(verdicts=st.lists(st.sampled_from([Sent(), Retry(reason="timeout"), Ambiguous(reason="reset")]), max_size=8))
def test_each_record_comes_at_least_once_and_in_order(verdicts: list[Verdict], tmp_path_factory: Any) -> None:
    async def story() -> None:
        watch = Watch(*verdicts)
        agent = Agent(tmp_path_factory.mktemp("spool"), watch)
        for each in "abcdef":
            await agent.sees(each)
            await agent.sending.once()
        await agent.sends()
        first_seen = list(dict.fromkeys(watch.taken))
        assert first_seen == [(place + 1, each) for place, each in enumerate("abcdef")]
        await agent.spool.close()

    asyncio.run(story())


async def test_what_was_seen_before_a_kill_is_sent_after_it_under_the_same_numbers(tmp_path: Path) -> None:
    watch = Watch(Ambiguous(reason="reset"))
    before = Agent(tmp_path, watch)
    await before.sees("a", "b")
    await before.sending.once()
    after = Agent(tmp_path, watch)  # nothing was closed
    await after.sees("c")
    await after.sends()
    assert after.queue.identity == before.queue.identity
    assert watch.taken == [(1, "a"), (2, "b"), (1, "a"), (2, "b"), (3, "c")]


async def test_an_outage_is_waited_for_longer_and_longer_up_to_a_bound(tmp_path: Path) -> None:
    agent = Agent(tmp_path, Watch(*[Retry(reason="connect_refused")] * 6))
    await agent.sees("a")
    pauses = [await agent.sending.once() for _ in range(6)]
    assert pauses == [1, 2, 4, 8, LONGEST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS]
    assert await agent.sending.once() == 0
    assert agent.metric("watchkeep_forwarder_failures_total", reason="connect_refused") == 6


async def test_a_record_that_will_never_be_taken_stops_no_other(tmp_path: Path) -> None:
    watch = Watch()
    watch.bad = {"poison"}
    agent = Agent(tmp_path, watch)
    await agent.sees(*"abc", "poison", *"defg")
    await agent.sends()
    assert [record for _, record in watch.taken] == list("abcdefg")
    assert agent.metric("watchkeep_forwarder_records_dropped_total", record="", reason="refused") == 1


async def test_one_record_that_is_too_large_on_the_way_is_kept(tmp_path: Path) -> None:
    watch = Watch(*[Retry(reason="too_large")] * 3)
    agent = Agent(tmp_path, watch)
    await agent.sees("a", "b")
    assert [await agent.sending.once() for _ in range(3)] == [0.0, 1.0, 2.0]
    assert watch.sizes == [2, 1, 1]
    await agent.sends()
    assert [record for _, record in watch.taken] == ["a", "b"]


async def test_batches_grow_again_after_a_refusal(tmp_path: Path) -> None:
    watch = Watch(Refused(reason="rejected"), Retry(reason="too_large"))
    agent = Agent(tmp_path, watch)
    await agent.sees(*map(str, range(16)))
    await agent.sends()
    assert watch.sizes == [16, 8, 4, 8, 4]
    assert sum(watch.sizes[2:]) == 16


async def test_a_batch_is_no_larger_than_it_may_be(tmp_path: Path) -> None:
    watch = Watch()
    agent = Agent(tmp_path, watch)
    await agent.sees(*map(str, range(MOST_RECORDS + 1)))
    await agent.sends()
    assert watch.sizes == [MOST_RECORDS, 1]


async def test_where_the_spool_is_full_the_oldest_go_and_are_counted(tmp_path: Path) -> None:
    watch = Watch(Retry(reason="timeout"))
    agent = Agent(tmp_path, watch, most_bytes=30)
    await agent.sees("x" * 10, "y" * 10, "z" * 10)
    await agent.sending.once()
    await agent.sees("w" * 10)
    await agent.sends()
    assert watch.taken == [(2, "y" * 10), (3, "z" * 10), (4, "w" * 10)]
    assert agent.metric("watchkeep_forwarder_records_dropped_total", record="", reason="full") == 1


async def test_what_the_disk_does_not_take_is_held_and_written_later_in_its_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch = Watch()
    agent = Agent(tmp_path, watch)

    def full(_: object) -> int:
        raise StoreFull("no space is left")

    with monkeypatch.context() as patched:
        patched.setattr(agent.queue, "append", full)
        await agent.sees("a")
        await agent.sees("b")
    assert agent.metric("watchkeep_forwarder_spool_bytes") == 2
    await agent.sees("c")
    await agent.sends()
    assert [record for _, record in watch.taken] == ["a", "b", "c"]


async def test_no_more_is_held_than_memory_has_room_for(tmp_path: Path) -> None:
    agent = Agent(tmp_path, Watch())
    for number in range(MOST_HELD + 2):
        agent.spool.add(str(number).encode())
    await agent.spool.flush()
    assert agent.queue.after(0, most=1, most_bytes=10)[0][1] == b"2"
    assert agent.metric("watchkeep_forwarder_records_dropped_total", record="", reason="disk") == 2


async def test_an_agent_that_has_nothing_to_report_is_heard_all_the_same(tmp_path: Path) -> None:
    watch = Watch()
    agent = Agent(tmp_path, watch)
    await agent.sees("a")
    await agent.sending.once()
    await agent.sending.once()
    assert watch.sizes == [1]
    for seconds, sizes in ((19.0, [1]), (2.0, [1, 0]), (15.0, [1, 0]), (6.0, [1, 0, 0])):
        agent.clock.seconds += seconds
        assert await agent.sending.once() is None
        assert watch.sizes == sizes
    await agent.sees("b")
    await agent.sending.once()
    assert watch.taken == [(1, "a"), (2, "b")]
    agent.queue.close()


async def test_a_report_of_nothing_that_is_not_taken_is_told_and_loses_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    watch = Watch(Retry(reason="unavailable"))
    agent = Agent(tmp_path, watch)
    agent.clock.seconds += 21
    assert await agent.sending.once() is None
    assert "the watch did not take a report of nothing" in caplog.text
    await agent.sees("a")
    await agent.sending.once()
    assert watch.taken == [(1, "a")]
    agent.queue.close()
