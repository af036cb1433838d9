"""What agents report is counted once, in its own slot, through kills, reloads and outages."""

import gzip
import json
from pathlib import Path

import pytest

from slo.app.reported_checks import SOURCE
from slo.core.batch import Observed
from slo.core.batch_document import batch_of, document_of
from slo.core.outcome import Outcome
from slo.errors import StoreError, StoreFull
from slo.sources.reported import ReportedCheck
from slo.store.queue import Queue
from tests.app.making import Time, sample
from tests.app.played import SLOT, PlayedWatch
from tests.app.reporting import configuration, gone, outcome, report, status_of

ONE, TWO = "127.0.0.1:1", "127.0.0.1:2"


async def slots(played: PlayedWatch, number: int = 1, reason: str = "ok", *targets: str) -> None:
    """So many slots with one round of each target, which an agent reports at once."""
    for _ in range(number):
        played.time.passes(SLOT / 2)
        at = played.watch.now().timestamp()
        await report(played, *(outcome(at, reason, target) for target in targets or (ONE, TWO)))
        played.time.passes(SLOT / 2)
        await played.watch.parts.slots.close()


async def test_what_agents_report_is_counted_in_the_slot_in_which_it_happened(tmp_path: Path) -> None:
    async with PlayedWatch(tmp_path, Time(), configuration()) as played:
        await slots(played, 6)
        found = status_of(played)
        assert found.totals == {"good": 12, "bad": 0, "unknown": 0}
        assert found.maturity_seconds == 60


async def test_a_round_that_two_agents_report_counts_once(tmp_path: Path) -> None:
    async with PlayedWatch(tmp_path, Time(), configuration()) as played:
        played.time.passes(5)
        at = played.watch.now().timestamp()
        for agent in ("node-1", "node-2", "node-1"):
            await report(played, outcome(at), agent=agent)
        played.time.passes(5)
        await played.watch.parts.slots.close()
        assert status_of(played).totals["good"] == 1


async def test_what_comes_minutes_late_counts_in_its_own_slots_and_leaves_no_hole(tmp_path: Path) -> None:
    async with PlayedWatch(tmp_path, Time(), configuration()) as played:
        await slots(played, 2)
        late = []
        for _ in range(30):
            played.time.passes(SLOT / 2)
            late += [outcome(played.watch.now().timestamp(), target=target) for target in (ONE, TWO)]
            played.time.passes(SLOT / 2)
            await played.watch.parts.slots.close()
        before = status_of(played)
        await report(played, *late)
        await slots(played, 1)
        after = status_of(played)
        assert (before.totals["good"], after.totals["good"]) == (4, 66)
        assert (before.maturity_seconds, after.maturity_seconds) == (40, 330)


async def test_a_kill_at_every_step_loses_nothing_and_counts_nothing_twice(tmp_path: Path) -> None:
    time = Time()
    for _ in range(8):
        async with PlayedWatch(tmp_path, time, configuration()) as played:
            time.passes(SLOT / 2)
            at = played.watch.now().timestamp()
            await report(played, outcome(at), outcome(at, "connect_refused", TWO))
        async with PlayedWatch(tmp_path, time, configuration()) as played:
            time.passes(SLOT / 2)
            await played.watch.parts.slots.close()
    async with PlayedWatch(tmp_path, time, configuration()) as played:
        assert status_of(played).totals == {"good": 8, "bad": 8, "unknown": 0}
        assert status_of(played).maturity_seconds == 80


@pytest.mark.parametrize(("before", "after"), [(10, 15), (15, 10), (2, 5), (5, 10), (15, 6)])
async def test_slots_of_another_length_count_what_comes_and_what_came_while_nobody_was_there(
    before: int, after: int, tmp_path: Path
) -> None:
    time, rounds = Time(), 13
    began = time.clock().now()
    async with PlayedWatch(tmp_path, time, configuration(slot=f"{before}s")) as played:
        await slots(played, rounds, "ok", ONE)
    for _ in range(2):
        async with PlayedWatch(tmp_path, time, configuration(slot=f"{after}s")) as played:
            time.passes(75)
            at = played.watch.now().timestamp()
            await report(played, *(outcome(at - 10 * back) for back in range(7)))
            await played.watch.parts.slots.close()
            time.passes(5)
            await slots(played, 4, "ok", ONE)
            rounds += 11
            time.passes(-played.watch.now().timestamp() % 60)
            await played.watch.parts.slots.close()
            assert status_of(played).totals == {"good": rounds, "bad": 0, "unknown": 0}
            passed = (played.watch.now() - began).total_seconds()
            assert 10 * rounds - 3 * max(before, after) <= status_of(played).maturity_seconds <= passed


async def test_a_target_that_is_gone_is_not_missed(tmp_path: Path) -> None:
    async with PlayedWatch(tmp_path, Time(), configuration()) as played:
        await slots(played, 2)
        await report(played, gone(TWO, played.watch.now().timestamp()))
        await slots(played, 8, "ok", ONE)
        assert status_of(played).maturity_seconds == 100
        assert [each.target for each in played.watch.last_outcomes()] == [ONE]


async def test_checks_that_are_not_here_are_taken_and_not_counted(tmp_path: Path) -> None:
    async with PlayedWatch(tmp_path, Time(), configuration()) as played:
        played.time.passes(5)
        at = played.watch.now().timestamp()
        await report(played, outcome(at, check="newer"), outcome(at), outcome(at, number=int(at // 30)))
        played.time.passes(5)
        await played.watch.parts.slots.close()
        dropped = "watchkeep_agent_records_dropped_total"
        assert sample(played.telemetry, dropped, reason="unknown_check") == 1
        assert sample(played.telemetry, dropped, reason="other_interval") == 1
        assert status_of(played).totals["good"] == 1


async def test_what_fails_is_named_in_the_incident(tmp_path: Path) -> None:
    async with PlayedWatch(tmp_path, Time(), configuration()) as played:
        await slots(played, 12, "connect_refused", TWO)
        (incident,) = played.watch.desk.incidents()
        assert (incident.evidence.reason, incident.evidence.target) == ("connect_refused", TWO)
        (found,) = played.watch.outcomes("gate")
        assert [each.reason for each in found[:2]] == ["connect_refused"] * 2


async def test_groups_are_found_among_what_agents_report_and_counted_from_their_first_round_on(tmp_path: Path) -> None:
    time, config = Time(), configuration({"group_by": ["node"]})
    async with PlayedWatch(tmp_path, time, config) as played:
        for _ in range(3):
            time.passes(SLOT / 2)
            at = played.watch.now().timestamp()
            await report(played, outcome(at, labels={"node": "a"}), outcome(at, "timeout", TWO, labels={"node": "b"}))
            time.passes(SLOT / 2)
            await played.watch.parts.slots.close()
        assert status_of(played, "node=a").totals == {"good": 3, "bad": 0, "unknown": 0}
        assert status_of(played, "node=b").totals == {"good": 0, "bad": 3, "unknown": 0}
        assert status_of(played, "node=b").maturity_seconds == 30
    async with PlayedWatch(tmp_path, time, config) as played:
        assert status_of(played, "node=b").totals["bad"] == 3, "it is there before anybody reports again"
        await report(played, gone(TWO, played.watch.now().timestamp()))
        for _ in range(2):
            time.passes(4 * SLOT)
            await played.watch.parts.slots.close()
        assert [each.slo.scope for each in played.statuses] == ["node=a"]


async def grouped_slots(played: PlayedWatch, number: int, *targets: str) -> list[list[str]]:
    """So many slots with one round of each target that comes in the slot after its own; the groups after each."""
    groups = []
    for _ in range(number):
        played.time.passes(SLOT)
        ended = played.watch.now().timestamp() - 0.5
        await played.watch.parts.slots.close()
        await report(played, *(outcome(ended, target=each, labels={"node": each[-1]}) for each in targets))
        groups.append([each.slo.scope for each in played.statuses])
    return groups


@pytest.mark.parametrize("restarts", [False, True])
async def test_a_group_that_is_gone_stays_gone_until_it_is_heard_of_again_and_no_round_is_lost(
    tmp_path: Path, *, restarts: bool
) -> None:
    time, config = Time(), configuration({"group_by": ["node"], "window": "2h"})
    async with PlayedWatch(tmp_path, time, config) as played:
        await grouped_slots(played, 6, ONE, TWO)
        left = played.watch.now().timestamp()
        sent_again = outcome(left - 0.5, target=TWO, labels={"node": "2"})
        await report(played, gone(TWO, left))
        await grouped_slots(played, 3, ONE)
        for groups in await grouped_slots(played, 30, ONE):
            assert groups == ["node=1"]
        assert [each.target for each in played.watch.last_outcomes()] == [ONE]
        await report(played, sent_again)
        assert await grouped_slots(played, 3, ONE) == [["node=1"]] * 3
        assert sample(played.telemetry, "watchkeep_agent_records_dropped_total", reason="gone") == 1
    async with PlayedWatch(tmp_path, time, config) if restarts else played as played:
        assert (await grouped_slots(played, 5, ONE, TWO))[-1] == ["node=1", "node=2"]
        await report(played, sent_again)
        await grouped_slots(played, 1)
        assert status_of(played, "node=2").totals["good"] == 6 + 5
        assert status_of(played, "node=1").totals["good"] == 6 + 3 + 30 + 3 + 5


async def test_a_spool_that_is_hours_old_brings_its_group_back_and_each_of_its_rounds_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("slo.app.agents.MOST_AT_ONCE", 30)
    monkeypatch.setattr("slo.app.inbox.READ_BODIES", 1)
    time, config = Time(), configuration({"group_by": ["node"], "window": "4h"})
    async with PlayedWatch(tmp_path, time, config) as played:
        await grouped_slots(played, 3, ONE, TWO)
        spooled = []
        for _ in range(3 * 360):
            spooled.append(outcome(played.watch.now().timestamp() + 9.5, target=TWO, labels={"node": "2"}))
            await grouped_slots(played, 1, ONE)
        assert [each.slo.scope for each in played.statuses] == ["node=1"]
        for begin in range(0, len(spooled), 30):
            await report(played, *spooled[begin : begin + 30])
        seen = await grouped_slots(played, 40, ONE)
        assert seen[1:] == [["node=1", "node=2"]] * 39
        assert status_of(played, "node=2").totals["good"] == 3 + len(spooled)


async def test_an_slo_that_is_added_counts_from_then_on(tmp_path: Path) -> None:
    async with PlayedWatch(tmp_path, Time(), configuration()) as played:
        await slots(played, 3)
        late = outcome(played.watch.now().timestamp() - 20.5, "connect_refused")
        played.configure(configuration({}, {"name": "fast", "sli": {"probe": "gate", "latency": "1s"}}))
        await played.watch.reload()
        await report(played, outcome(late.at.timestamp(), number=late.number))
        await slots(played, 3)
        old, new = played.statuses
        assert (old.totals["good"], new.totals["good"]) == (12, 6)
        assert (old.maturity_seconds, new.maturity_seconds) == (60, 30)


async def test_a_check_goes_to_agents_and_back_and_no_slot_is_known_twice(tmp_path: Path) -> None:
    async with PlayedWatch(tmp_path, Time(), configuration(run_by="watch")) as played:
        await played.slots(3)
        played.time.passes(3)
        played.outcome("gate", "ok")
        played.configure(configuration())
        await played.watch.reload()
        played.time.passes(7)
        await played.watch.parts.slots.close()
        await slots(played, 3)
        assert status_of(played).totals["good"] == 10
        await report(played, outcome(played.watch.now().timestamp() - 1))
        played.configure(configuration(run_by="watch"))
        await played.watch.reload()
        assert played.watch.agents.rounds.last_outcomes() == []
        await played.slots(3)
        assert status_of(played).totals["good"] == 13
        assert status_of(played).maturity_seconds <= 100


async def test_a_clock_that_is_ahead_counts_at_its_arrival_and_is_told(tmp_path: Path) -> None:
    async with PlayedWatch(tmp_path, Time(), configuration()) as played:
        for _ in range(3):
            played.time.passes(SLOT / 2)
            await report(played, outcome(played.watch.now().timestamp() + 3600), agent="wrong")
            played.time.passes(SLOT / 2)
            await played.watch.parts.slots.close()
        await slots(played, 3)
        assert status_of(played).totals["good"] == 9
        assert sample(played.telemetry, "watchkeep_agent_clock_offset_seconds", agent="wrong") == 3600


async def test_a_clock_that_is_a_little_ahead_waits_for_its_slot(tmp_path: Path) -> None:
    time = Time()
    async with PlayedWatch(tmp_path, time, configuration()) as played:
        await report(played, outcome(played.watch.now().timestamp() + 25))
        time.passes(SLOT)
        await played.watch.parts.slots.close()
        assert status_of(played).totals["good"] == 0
        assert sample(played.telemetry, "watchkeep_inbox_oldest_age_seconds") == SLOT
    async with PlayedWatch(tmp_path, time, configuration()) as played:
        time.passes(2 * SLOT)
        await played.watch.parts.slots.close()
        assert status_of(played).totals["good"] == 1


async def test_a_target_that_is_silent_for_an_hour_is_not_missed_any_more(tmp_path: Path) -> None:
    async with PlayedWatch(tmp_path, Time(), configuration({"window": "2h"})) as played:
        await slots(played, 2)
        for _ in range(365):
            await slots(played, 1, "ok", ONE)
        assert [each.target for each in played.watch.last_outcomes()] == [ONE]
        before = status_of(played).maturity_seconds
        await slots(played, 6, "ok", ONE)
        assert status_of(played).maturity_seconds - before == 60


async def test_exclusions_and_rebuilding_change_nothing_of_what_is_counted(tmp_path: Path) -> None:
    async with PlayedWatch(tmp_path, Time(), configuration()) as played:
        await slots(played, 3)
        await played.watch._rebuild()
        await slots(played, 3)
        assert status_of(played).totals["good"] == 12


async def test_a_ledger_that_is_replaced_is_given_everything_again(tmp_path: Path) -> None:
    time = Time()
    async with PlayedWatch(tmp_path, time, configuration()) as played:
        await slots(played, 3)
        for file in (tmp_path / "data").glob("ledger.db*"):
            file.write_bytes(b"x" * 10_000)
        await slots(played, 3)
        assert status_of(played).totals["good"] == 12
    async with PlayedWatch(tmp_path, time, configuration()) as played:
        await slots(played, 1)
        assert status_of(played).totals["good"] == 14


async def test_what_is_counted_is_dropped_a_while_after_it_was_written(tmp_path: Path) -> None:
    async with PlayedWatch(tmp_path, Time(), configuration()) as played:
        await slots(played, 3)
        assert sample(played.telemetry, "watchkeep_inbox_size_bytes") > 0
        played.time.passes(70)
        await played.watch.parts.slots.close()
        assert sample(played.telemetry, "watchkeep_inbox_size_bytes") == 0
        await slots(played, 1)
        assert status_of(played).totals["good"] == 8


async def test_a_full_inbox_takes_nothing_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with PlayedWatch(tmp_path, Time(), configuration()) as played:
        await slots(played, 1)
        monkeypatch.setattr("slo.app.inbox.MOST_BYTES", 300)
        with pytest.raises(StoreFull, match="wait to be counted: send it later"):
            await report(played, outcome(played.watch.now().timestamp()))


async def test_an_inbox_that_is_damaged_is_set_aside_and_reports_are_taken(tmp_path: Path) -> None:
    time = Time()
    async with PlayedWatch(tmp_path, time, configuration()) as played:
        await slots(played, 3)
    inbox = tmp_path / "data" / "agents.queue"
    inbox.write_bytes(b"x" * inbox.stat().st_size)
    async with PlayedWatch(tmp_path, time, configuration()) as played:
        await slots(played, 3)
        assert status_of(played).totals["good"] == 12


async def test_a_state_that_cannot_be_read_costs_knowledge_and_no_counts(tmp_path: Path) -> None:
    time = Time()
    async with PlayedWatch(tmp_path, time, configuration()) as played:
        await slots(played, 2)
        played.watch.parts.books.mark({(SOURCE, "gate"): b"[]"})
        await played.watch.parts.books.write()
    async with PlayedWatch(tmp_path, time, configuration()) as played:
        await slots(played, 2)
        assert status_of(played).totals["good"] == 8


async def test_a_record_that_cannot_be_counted_stops_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    observe = ReportedCheck.observe

    def failing(check: ReportedCheck, each: Outcome, *, arrived: float) -> None:
        if each.target == TWO:
            raise RuntimeError("a fault of ours")
        observe(check, each, arrived=arrived)

    monkeypatch.setattr(ReportedCheck, "observe", failing)
    async with PlayedWatch(tmp_path, Time(), configuration()) as played:
        await slots(played, 2)
        assert status_of(played).totals["good"] == 2
        assert sample(played.telemetry, "watchkeep_agent_records_dropped_total", reason="fault") == 2
    assert "a fault of ours" in caplog.text


async def test_a_round_that_cannot_be_shown_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(*_: object) -> None:
        raise OverflowError("too large to pack")

    monkeypatch.setattr("slo.runner.recent.Recent.notice", failing)
    async with PlayedWatch(tmp_path, Time(), configuration()) as played:
        await slots(played, 2)
        assert status_of(played).totals["good"] == 4
        assert list(played.watch.last_outcomes()) == []


async def test_what_is_dropped_is_told_with_its_check_who_reported_it_and_the_mend(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with PlayedWatch(tmp_path, Time(), configuration()) as played:
        played.time.passes(5)
        at = played.watch.now().timestamp()
        for _ in range(3):
            await report(played, outcome(at, check="newer"), outcome(at, number=int(at // 30)), agent="node-7")
        played.time.passes(5)
        await played.watch.parts.slots.close()
    told = [each for each in caplog.records if "they have another configuration" in each.getMessage()]
    assert [(each.check, each.agent, each.target) for each in told] == [  # type: ignore[attr-defined]
        ("newer", "node-7", ONE),
        ("gate", "node-7", ONE),
    ]


async def test_a_check_has_no_more_targets_than_it_may_have(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("slo.app.reported_checks.MOST_TARGETS", 5)
    monkeypatch.setattr("slo.app.reported_checks.MOST_REMEMBERED", 7)
    dropped = "watchkeep_agent_records_dropped_total"
    async with PlayedWatch(tmp_path, Time(), configuration()) as played:
        await slots(played, 2, "ok", *(f"10.0.0.{number}:1" for number in range(8)))
        assert status_of(played).totals["good"] == 10
        assert sample(played.telemetry, dropped, reason="too_many") == 6
        await report(played, *(gone(f"10.0.0.{number}:1", played.watch.now().timestamp()) for number in range(4)))
        await slots(played, 1, "ok", "10.0.0.4:1")
        await slots(played, 1, "ok", *(f"10.0.1.{number}:1" for number in range(4)))
        assert status_of(played).totals["good"] == 10 + 1 + 2
        assert sample(played.telemetry, dropped, reason="too_many") == 8


async def test_of_a_report_only_that_is_kept_which_can_be_read(tmp_path: Path) -> None:
    async with PlayedWatch(tmp_path, Time(), configuration()) as played:
        agents = played.watch.agents
        nonsense = {"agent": "n", "boot": "b", "first": 0, "records": [{"a": 1}] * 10_000}
        await agents.take(batch_of(nonsense), json.dumps(nonsense).encode())
        assert await agents._inbox.read() == []
        record = document_of(Observed(outcome=outcome(played.watch.now().timestamp())))
        mixed = {**nonsense, "records": [{"a": 1}, record]}
        await agents.take(batch_of(mixed), json.dumps(mixed).encode())
        (kept,) = await agents._inbox.read()
        assert json.loads(gzip.decompress(kept.body)) == {**nonsense, "records": [record]}


async def test_reports_are_read_by_how_large_they_are_when_they_are_unfolded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("slo.app.inbox.READ_UNFOLDED_BYTES", 1000)
    monkeypatch.setattr("slo.app.agents.MOST_UNFOLDED_BYTES", 1500)
    async with PlayedWatch(tmp_path, Time(), configuration()) as played:
        at = played.watch.now().timestamp()
        for number in range(6):
            await report(played, outcome(at - 10 * number, detail="x" * 500))
        counted = []
        for _ in range(4):
            played.time.passes(SLOT)
            await played.watch.parts.slots.close()
            counted.append(status_of(played).totals["good"])
        assert counted == [2, 4, 6, 6]
        assert sample(played.telemetry, "watchkeep_inbox_oldest_age_seconds") == 0


async def test_while_the_inbox_cannot_be_read_everything_else_goes_on_and_nothing_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object, **__: object) -> object:
        raise StoreError("agents.queue: the disk is gone")

    async with PlayedWatch(tmp_path, Time(), configuration()) as played:
        await slots(played, 1)
        with monkeypatch.context() as patched:
            patched.setattr(Queue, "after", broken)
            await slots(played, 3)
            assert status_of(played).totals["good"] == 2
            assert sample(played.telemetry, "watchkeep_inbox_oldest_age_seconds") == 25
        with monkeypatch.context() as patched:
            patched.setattr(Queue, "append", broken)
            with pytest.raises(StoreError, match="the disk is gone"):
                await report(played, outcome(played.watch.now().timestamp()))
        await slots(played, 1)
        assert status_of(played).totals["good"] == 10
        assert sample(played.telemetry, "watchkeep_inbox_oldest_age_seconds") == 0
    assert "what agents reported cannot be read" in caplog.text
    assert "what agents report cannot be taken" in caplog.text


async def test_what_an_outage_left_is_counted_piece_by_piece(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("slo.app.agents.MOST_AT_ONCE", 4)
    monkeypatch.setattr("slo.app.inbox.READ_BODIES", 2)
    async with PlayedWatch(tmp_path, Time(), configuration()) as played:
        played.time.passes(20 * SLOT)
        now = played.watch.now().timestamp()
        for slot in range(20):
            await report(played, outcome(now - 200 + 10 * slot))
        counted = []
        for _ in range(6):
            played.time.passes(SLOT)
            await played.watch.parts.slots.close()
            counted.append(status_of(played).totals["good"])
        assert counted == [4, 8, 12, 16, 20, 20]


async def test_a_report_that_cannot_be_read_any_more_stops_no_other(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with PlayedWatch(tmp_path, Time(), configuration()) as played:
        await slots(played, 1)
        for body in (b"no gzip", gzip.compress(b"{}"), gzip.compress(b"[]")[:-3]):
            await played.watch.agents._inbox.put(body)
        await slots(played, 1)
        assert status_of(played).totals["good"] == 4
    assert caplog.text.count("a report cannot be read any more and is lost") == 3


async def test_scrapes_are_handed_over_in_their_order_and_again_when_nobody_has_counted_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    time = Time()
    told: list[tuple[int, float]] = []
    async with PlayedWatch(tmp_path, time, configuration()) as played:
        begun = played.watch.now().timestamp()
        for number in (2, 1, 3):
            scrape = Observed(outcome=outcome(begun + number, module="scrape", check="api", number=number), samples=())
            await report(played, scrape, outcome(begun + number))
    for stops in ("before it counts", "after it wrote", "later"):
        async with PlayedWatch(tmp_path, time, configuration()) as played:
            counters = played.watch.parts.counters
            monkeypatch.setattr(counters, "reports", lambda check: check == "api")
            monkeypatch.setattr(counters, "report", lambda record, at: told.append((record.outcome.number, at)))
            time.passes(SLOT)
            if stops == "before it counts":
                await played.watch.agents.take_in(int(played.watch.now().timestamp()))
                await played.watch.close(0)
            else:
                await played.watch.parts.slots.close()
    assert told == [(number, begun + number) for number in (2, 1, 3)] * 2
