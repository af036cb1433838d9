"""What an agent saw reaches the watch at least once and in order, whatever stands between them."""

import asyncio
import gzip
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporters.forwarders.central import MOST_BYTES, Central, Config
from exporters.forwarding.sending import Sending
from exporters.forwarding.spool import Spool
from exporters.presence import Presence
from slo.app.reporting_agent import LONGEST_PAUSE_SECONDS
from slo.core.delivery import Ambiguous, Refused, Retry, Sent, Verdict
from slo.core.telemetry import Encoded, Rank
from slo.exposition.agent_catalogue import AgentTelemetry
from slo.net.context import Context
from slo.store.spool import SpoolFile
from slo.store.spooled import New
from tests.exporters.clocks import SetClock


class Watch(Central):
    """Takes batches as it is told to: one verdict after the other, and everything once there are none left."""

    def __init__(self, *verdicts: Verdict) -> None:
        self.clock = SetClock()
        config = Config.model_validate({"url": "http://watch.example", "token": "a token of sixteen"})
        super().__init__(config, Context.default(self.clock))
        self.report_as("n1", "b1")
        self.verdicts = list(verdicts)
        self.taken: list[tuple[int, str]] = []
        self.sizes: list[int] = []

    async def send(self, encoded: Encoded) -> Sequence[Verdict]:
        document = json.loads(gzip.decompress(encoded.body))
        records: list[str] = document["records"]
        assert (document["agent"], document["boot"]) == ("n1", "b1")
        assert document["first"] == encoded.first
        assert len(records) == encoded.records
        self.sizes.append(len(records))
        verdict = self.verdicts.pop(0) if self.verdicts else Sent()
        if isinstance(verdict, Sent | Ambiguous):
            self.taken += enumerate(records, encoded.first)
        if isinstance(verdict, Sent):
            self.heard_at = self.clock.monotonic()
        return [verdict]


class Agent:
    """A spool and what sends it to a watch."""

    def __init__(self, folder: Path, watch: Watch, *, most_bytes: int = 10**6) -> None:
        self.telemetry = AgentTelemetry()
        self.clock = watch.clock
        self.file = SpoolFile(folder / "spool")
        telemetry = self.telemetry.forwarding
        self.spool = Spool(self.file, "centre", most_bytes=most_bytes, clock=self.clock, telemetry=telemetry)
        self.sending = Sending(
            self.spool,
            watch,
            max_age=None,
            clock=self.clock,
            telemetry=telemetry,
            longest_pause_seconds=LONGEST_PAUSE_SECONDS,
            jitter=lambda: 0.0,
        )
        self.presence = Presence(self.spool, lambda: watch, clock=self.clock, telemetry=telemetry)

    async def sees(self, *records: str) -> None:
        self.spool.add([New(rank=Rank.OUTCOME, at=0.0, body=json.dumps(record).encode()) for record in records])
        await self.spool.flush()

    async def sends(self) -> None:
        """Send until nothing is left, however often it takes."""
        while await self.sending.once() is not None:
            pass

    def metric(self, name: str, **labels: str) -> float | None:
        return self.telemetry.registry.get_sample_value(name, {"forwarder": "centre", **labels})


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
    assert watch.taken == [(1, "a"), (2, "b"), (1, "a"), (2, "b"), (3, "c")]


async def test_an_outage_is_waited_for_longer_and_longer_up_to_a_bound(tmp_path: Path) -> None:
    agent = Agent(tmp_path, Watch(*[Retry(reason="connect_refused")] * 6))
    await agent.sees("a")
    pauses = [await agent.sending.once() for _ in range(6)]
    assert pauses == [1, 2, 4, 8, LONGEST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS]
    assert await agent.sending.once() == 0
    assert agent.metric("watchkeep_forwarder_failures_total", reason="connect_refused") == 6


async def test_records_whose_numbers_are_not_in_a_row_go_in_several_batches(tmp_path: Path) -> None:
    watch = Watch(Ambiguous(reason="reset"))
    agent = Agent(tmp_path, watch, most_bytes=42)
    await agent.sees("a" * 10, "b" * 10)
    await agent.sending.once()
    await agent.sees("c" * 10, "d" * 10, "e" * 10)  # the first two may have arrived, and stay
    watch.taken = []
    await agent.sends()
    assert watch.taken == [(1, "a" * 10), (2, "b" * 10), (5, "e" * 10)]
    await agent.sees("f", "g", "h")
    head = agent.file.head(most=9, most_bytes=99)
    assert head
    agent.file.settle([record for record in head.records if record.number == 7])
    watch.taken, watch.sizes = [], []
    await agent.sends()
    assert watch.taken == [(6, "f"), (8, "h")]
    assert watch.sizes == [1, 1]


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
    assert watch.sizes == [16, 8, 4, 5, 6, 1]
    assert sum(watch.sizes[2:]) == 16


async def test_a_record_that_is_larger_than_a_batch_goes_alone(tmp_path: Path) -> None:
    watch = Watch()
    agent = Agent(tmp_path, watch, most_bytes=10**7)
    await agent.sees("a", "b" * 2 * MOST_BYTES, "c")
    await agent.sends()
    assert watch.sizes == [1, 1, 1]


async def test_what_an_agent_saw_is_reported_however_long_ago_that_was(tmp_path: Path) -> None:
    watch = Watch()
    agent = Agent(tmp_path, watch)
    await agent.sees("a")  # of 1970
    await agent.sends()
    assert watch.taken == [(1, "a")]


async def test_an_agent_that_has_nothing_to_report_is_heard_all_the_same(tmp_path: Path) -> None:
    watch = Watch()
    agent = Agent(tmp_path, watch)
    await agent.sees("a")
    await agent.sends()
    await agent.presence.once()
    assert watch.sizes == [1]
    for seconds, sizes in ((19.0, [1]), (2.0, [1, 0]), (15.0, [1, 0]), (6.0, [1, 0, 0])):
        agent.clock.seconds += seconds
        await agent.presence.once()
        assert watch.sizes == sizes
    agent.clock.seconds += 21
    await agent.sees("b")
    await agent.presence.once()
    assert watch.sizes == [1, 0, 0], "there is something to report"
    await agent.sends()
    assert watch.taken == [(1, "a"), (2, "b")]
    await agent.spool.close()


async def test_a_report_of_nothing_that_is_not_taken_is_told_and_loses_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    watch = Watch(*[Retry(reason="unavailable")] * 2)
    agent = Agent(tmp_path, watch)
    for seconds, asked in ((21.0, 1), (5.0, 1), (16.0, 2)):
        agent.clock.seconds += seconds
        await agent.presence.once()
        assert len(watch.sizes) == asked
    assert "the watch did not take a report of nothing" in caplog.text
    assert agent.metric("watchkeep_forwarder_failures_total", reason="unavailable") == 2
    await agent.sees("a")
    await agent.sends()
    assert watch.taken == [(1, "a")]
    await agent.spool.close()
