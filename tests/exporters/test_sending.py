"""What an agent saw reaches the watch at least once and in order, whatever stands between them."""

import asyncio
import gzip
import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporters.forwarders.central import MOST_BYTES, MOST_RECORDS, Central, Config
from exporters.forwarding.sending import Sending
from exporters.forwarding.spool import MOST_HELD_BYTES, Spool
from exporters.presence import Presence
from slo.app.reporting_agent import LONGEST_PAUSE_SECONDS
from slo.core.delivery import Ambiguous, Refused, Retry, Sent, Verdict
from slo.core.telemetry import Encoded, Rank
from slo.errors import StoreFull
from slo.exposition.agent_catalogue import AgentTelemetry
from slo.net.context import Context
from slo.store.spool import SpoolFile
from slo.store.spooled import New
from tests.exporters.clocks import SetClock


class Watch(Central):
    """Takes batches as it is told to: one verdict after the other, and everything once there are none left.

    Of `bad` records it refuses a batch whole, and of `unreadable` ones those alone.
    """

    def __init__(self, *verdicts: Verdict) -> None:
        self.clock = SetClock()
        config = Config.model_validate({"url": "http://watch.example", "token": "a token of sixteen"})
        super().__init__(config, Context.default(self.clock))
        self.report_as("n1", "b1")
        self.verdicts = list(verdicts)
        self.taken: list[tuple[int, str]] = []
        self.bad: set[str] = set()
        self.unreadable: set[str] = set()
        self.sizes: list[int] = []

    async def send(self, encoded: Encoded) -> Sequence[Verdict]:
        document = json.loads(gzip.decompress(encoded.body))
        records: list[str] = document["records"]
        assert (document["agent"], document["boot"]) == ("n1", "b1")
        assert document["first"] == encoded.first
        assert len(records) == encoded.records
        self.sizes.append(len(records))
        verdict = self.verdicts.pop(0) if self.verdicts else Sent()
        if self.bad.intersection(records):
            verdict = Refused(reason="rejected")
        if isinstance(verdict, Sent | Ambiguous):
            self.taken += [
                (encoded.first + place, record) for place, record in enumerate(records) if record not in self.unreadable
            ]
        if not isinstance(verdict, Sent):
            return [verdict]
        self.heard_at = self.clock.monotonic()
        refused = Refused(reason="unreadable")
        return [refused if record in self.unreadable else verdict for record in records] or [verdict]


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
        self.spool.add(made(records))
        await self.spool.flush()

    async def sends(self) -> None:
        """Send until nothing is left, however often it takes."""
        while await self.sending.once() is not None:
            pass

    def metric(self, name: str, **labels: str) -> float | None:
        return self.telemetry.registry.get_sample_value(name, {"forwarder": "centre", **labels})


def made(records: Iterable[str]) -> list[New]:
    return [New(rank=Rank.OUTCOME, at=0.0, body=json.dumps(record).encode()) for record in records]


async def test_everything_goes_out_in_order_and_is_forgotten(tmp_path: Path) -> None:
    watch = Watch()
    agent = Agent(tmp_path, watch)
    await agent.sees("a", "b")
    await agent.sees("c")
    await agent.sends()
    assert watch.taken == [(1, "a"), (2, "b"), (3, "c")]
    assert agent.file.held_bytes == 0
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
    assert [(letter.record.body, letter.reason) for letter in agent.file.dead.newest(most=10)] == [
        (b'"poison"', "rejected")
    ]
    assert agent.metric("watchkeep_forwarder_dead_letters") == 1


async def test_what_the_watch_cannot_read_is_kept_and_comes_again_when_it_is_retried(tmp_path: Path) -> None:
    watch = Watch()
    watch.unreadable = {"newer"}
    agent = Agent(tmp_path, watch)
    await agent.sees("a", "newer", "b")
    await agent.sends()
    assert watch.taken == [(1, "a"), (3, "b")]
    assert agent.metric("watchkeep_forwarder_records_sent_total") == 2
    watch.unreadable = set()
    agent.file.retry()
    await agent.sends()
    assert watch.taken[2:] == [(4, "newer")]


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


async def test_a_batch_is_no_larger_than_it_may_be(tmp_path: Path) -> None:
    watch = Watch()
    agent = Agent(tmp_path, watch)
    await agent.sees(*map(str, range(MOST_RECORDS + 1)))
    await agent.sends()
    assert watch.sizes == [MOST_RECORDS, 1]


async def test_a_record_that_is_larger_than_a_batch_goes_alone(tmp_path: Path) -> None:
    watch = Watch()
    agent = Agent(tmp_path, watch, most_bytes=10**7)
    await agent.sees("a", "b" * 2 * MOST_BYTES, "c")
    await agent.sends()
    assert watch.sizes == [1, 1, 1]


async def test_where_the_spool_is_full_the_oldest_go_and_are_counted(tmp_path: Path) -> None:
    watch = Watch(Retry(reason="timeout"))
    agent = Agent(tmp_path, watch, most_bytes=36)
    await agent.sees("x" * 10, "y" * 10, "z" * 10)
    await agent.sending.once()
    await agent.sees("w" * 10)
    await agent.sends()
    assert watch.taken == [(2, "y" * 10), (3, "z" * 10), (4, "w" * 10)]
    assert agent.metric("watchkeep_forwarder_records_dropped_total", record="outcome", reason="full") == 1


async def test_what_the_disk_does_not_take_is_held_and_written_later_in_its_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch = Watch()
    agent = Agent(tmp_path, watch)

    def full(records: Collection[New], marks: Mapping[str, str | None]) -> None:
        raise StoreFull("no space is left")

    with monkeypatch.context() as patched:
        patched.setattr(agent.file, "append", full)
        await agent.sees("a")
        await agent.sees("b")
    assert agent.metric("watchkeep_forwarder_spool_bytes") == 6
    await agent.sees("c")
    await agent.sends()
    assert [record for _, record in watch.taken] == ["a", "b", "c"]


async def test_no_more_is_held_than_memory_has_room_for(tmp_path: Path) -> None:
    agent = Agent(tmp_path, Watch(), most_bytes=2 * MOST_HELD_BYTES)
    agent.spool.add(made("x" * (MOST_HELD_BYTES // 100 - 2) for _ in range(100)))
    agent.spool.add(made(["y", "z"]))
    await agent.spool.flush()
    assert agent.file.bytes_of(Rank.OUTCOME) <= MOST_HELD_BYTES
    head = agent.file.head(most=200, most_bytes=2 * MOST_HELD_BYTES)
    assert head
    assert [record.body for record in head.records[-2:]] == [b'"y"', b'"z"']
    assert agent.metric("watchkeep_forwarder_records_dropped_total", record="outcome", reason="disk") == 1


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
