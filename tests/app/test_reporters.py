"""What is known of the agents that report: who is silent, and what is missing, also over restarts."""

import json
import zlib
from pathlib import Path

import pytest

from slo.app.reporters import ALL, DROPPED, MOST_AGENTS, SOURCE
from slo.core.batch import Observed
from slo.core.batch_document import batch_of, document_of
from slo.core.reporter import Reporter
from tests.app.making import START, Time, sample
from tests.app.played import SLOT, PlayedWatch
from tests.app.reporting import configuration, gone, outcome, report

REPORTED_AT = "watchkeep_agent_last_report_timestamp_seconds"
TAKEN, LOST = "watchkeep_agent_records_total", "watchkeep_agent_records_lost_total"
OFFSET = "watchkeep_agent_clock_offset_seconds"
TWO = "127.0.0.1:2"


def of(played: PlayedWatch, agent: str = "node-1") -> Reporter | None:
    return next((each for each in played.watch.agents.reporters() if each.name == agent), None)


async def close(played: PlayedWatch) -> None:
    played.time.passes(SLOT)
    await played.watch.parts.slots.close()


async def test_what_an_agent_lost_is_told_and_what_came_twice_is_taken_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with PlayedWatch(tmp_path, Time(), configuration()) as played:
        at = played.watch.now().timestamp()
        for first, boot in ((0, "a"), (1, "a"), (7, "a"), (7, "a"), (50, "b")):
            await report(played, outcome(at), first=first, boot=boot)
        await close(played)
        assert sample(played.telemetry, LOST, agent="node-1") == 5
        assert sample(played.telemetry, TAKEN, agent="node-1") == 4
        known = of(played)
        assert known is not None
        assert (known.records, known.records_lost) == (4, 5)
    assert "an agent has lost what it saw" in caplog.text


async def test_who_is_silent_for_a_day_is_forgotten_though_nobody_else_reports(tmp_path: Path) -> None:
    time = Time()
    async with PlayedWatch(tmp_path, time, configuration()) as played:
        await report(played, outcome(START))
        await close(played)
        time.passes(86_401)
        await close(played)
        assert of(played) is None
        for metric in (REPORTED_AT, TAKEN, LOST, OFFSET):
            assert played.telemetry.registry.get_sample_value(metric, {"agent": "node-1"}) is None
    async with PlayedWatch(tmp_path, time, configuration()) as played:
        assert played.watch.agents.reporters() == []


async def test_an_agent_that_is_lost_stays_known_over_restarts(tmp_path: Path) -> None:
    time = Time()
    async with PlayedWatch(tmp_path, time, configuration()) as played:
        await report(played, outcome(START - 3), outcome(START - 3, target=TWO))
        await close(played)
    for _ in range(3):
        time.passes(100)
        async with PlayedWatch(tmp_path, time, configuration()) as played:
            assert sample(played.telemetry, REPORTED_AT, agent="node-1") == START
            assert sample(played.telemetry, OFFSET, agent="node-1") == -3
            assert sample(played.telemetry, LOST, agent="node-1") == 0
            known = of(played)
            assert known is not None
            assert known.behind(played.watch.now())
            assert (known.records, known.clock_offset_seconds) == (2, -3)
            await close(played)
    time.passes(86_400)
    async with PlayedWatch(tmp_path, time, configuration()) as played:
        assert played.watch.agents.reporters() == []


async def test_what_cannot_be_read_is_not_taken_for_lost(tmp_path: Path) -> None:
    async with PlayedWatch(tmp_path, Time(), configuration()) as played:
        record = document_of(Observed(outcome=outcome(START)))
        for first, records in ((0, [record, {}, record]), (3, [{}, {}]), (3, [{}, {}]), (5, [record]), (8, [record])):
            document = {"agent": "node-1", "boot": "b", "first": first, "records": records}
            await played.watch.agents.take(batch_of(document), json.dumps(document).encode())
        await close(played)
        known = of(played)
        assert known is not None
        assert (known.records, known.records_lost) == (4, 2)


async def test_what_was_lost_while_the_watch_was_away_is_missing_afterwards(tmp_path: Path) -> None:
    time = Time()
    async with PlayedWatch(tmp_path, time, configuration()) as played:
        await report(played, outcome(START), first=0)
        await close(played)
    async with PlayedWatch(tmp_path, time, configuration()) as played:
        await report(played, outcome(START + 12), first=9)
        await close(played)
        assert sample(played.telemetry, LOST, agent="node-1") == 8
        assert sample(played.telemetry, TAKEN, agent="node-1") == 1


@pytest.mark.parametrize("ended", [0, 1], ids=["killed before the slot ends", "killed after it"])
async def test_what_lies_in_the_inbox_at_a_kill_is_not_taken_for_lost(tmp_path: Path, ended: int) -> None:
    time = Time()
    async with PlayedWatch(tmp_path, time, configuration()) as played:
        await report(played, outcome(START), first=0)
        await close(played)
        await report(played, outcome(START + 11), outcome(START + 11, target=TWO), first=1)
        for _ in range(ended):
            await close(played)
    async with PlayedWatch(tmp_path, time, configuration()) as played:
        await report(played, outcome(START + 12), first=3)
        await close(played)
        known = of(played)
        assert known is not None
        assert (known.records, known.records_lost) == (4, 0)


async def test_a_report_that_was_taken_just_before_a_kill_is_the_last_one(tmp_path: Path) -> None:
    time = Time()
    async with PlayedWatch(tmp_path, time, configuration()) as played:
        time.passes(4)
        await report(played, outcome(START + 4))
    async with PlayedWatch(tmp_path, time, configuration()) as played:
        await close(played)
        assert sample(played.telemetry, REPORTED_AT, agent="node-1") == START + 4


async def test_targets_are_those_of_the_last_ten_minutes(tmp_path: Path) -> None:
    async with PlayedWatch(tmp_path, Time(), configuration()) as played:

        def targets() -> int:
            known = of(played)
            assert known is not None
            return known.targets

        at = played.watch.now().timestamp()
        await report(played, outcome(at), outcome(at, target=TWO), outcome(at + 1), outcome(at, check="other"))
        assert targets() == 3
        await report(played, gone(TWO, at))
        assert targets() == 2
        played.time.passes(400)
        await report(played, outcome(at + 400))
        assert targets() == 2
        played.time.passes(400)
        assert targets() == 1


async def test_a_report_of_nothing_keeps_an_agent_from_being_behind_and_has_no_number(tmp_path: Path) -> None:
    async with PlayedWatch(tmp_path, Time(), configuration()) as played:
        await report(played, first=0)
        await report(played, outcome(START), first=500)
        await close(played)
        played.time.passes(55)
        await report(played, first=0)
        await report(played, outcome(START + 60), first=501)
        await close(played)
        known = of(played)
        assert known is not None
        assert not known.behind(played.watch.now())
        assert (known.records, known.records_lost) == (2, 0)


async def test_it_is_known_who_reported_the_newest_round_of_a_check(tmp_path: Path) -> None:
    async with PlayedWatch(tmp_path, Time(), configuration()) as played:
        one = outcome(START + 1)
        await report(played, one, outcome(START + 1, target=TWO), agent="node-1")
        await report(played, outcome(START + 9, target=TWO), agent="node-2")
        await report(played, outcome(START + 2, target=TWO), agent="node-3")
        assert played.watch.agents.agent_of(one.point) == ""
        await close(played)
        agents = [played.watch.agents.agent_of(each.point) for each in played.watch.last_outcomes()]
        assert agents == ["node-1", "node-2"]
        await report(played, gone(one.target, START + 10))
        for _ in range(4):
            await close(played)
        assert played.watch.agents.agent_of(one.point) == ""


async def test_records_that_are_not_counted_rise_from_zero(tmp_path: Path) -> None:
    async with PlayedWatch(tmp_path, Time(), configuration()) as played:
        for reason in DROPPED:
            assert sample(played.telemetry, "watchkeep_agent_records_dropped_total", reason=reason) == 0


async def test_of_too_many_targets_some_are_not_told_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("slo.app.reporters.MOST_TARGETS", 5)
    async with PlayedWatch(tmp_path, Time(), configuration()) as played:
        for agent in ("node-1", "node-2"):
            await report(played, *(outcome(START, target=f"{agent}:{n}") for n in range(4)), agent=agent)
        assert [each.targets for each in played.watch.agents.reporters()] == [4, 1]
        played.time.passes(601)
        await report(played, *(outcome(START + 600, target=f"new:{n}") for n in range(4)), agent="node-2")
        assert [each.targets for each in played.watch.agents.reporters()] == [0, 1]
        await report(played, *(outcome(START + 600, target=f"new:{n}") for n in range(4)), agent="node-2")
        assert [each.targets for each in played.watch.agents.reporters()] == [0, 4]


async def test_of_too_many_agents_those_are_forgotten_that_were_silent_for_longest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert MOST_AGENTS >= 1_000
    monkeypatch.setattr("slo.app.reporters.MOST_AGENTS", 2)
    time = Time()
    async with PlayedWatch(tmp_path, time, configuration()) as played:
        for agent in ("a", "b", "a", "c"):
            time.passes(1)
            await report(played, outcome(START), agent=agent)
        assert [each.name for each in played.watch.agents.reporters()] == ["a", "c"]
        await close(played)
    async with PlayedWatch(tmp_path, time, configuration()) as played:
        assert [each.name for each in played.watch.agents.reporters()] == ["a", "c"]


async def test_agents_are_written_in_one_mark_and_only_when_something_has_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with PlayedWatch(tmp_path, Time(), configuration()) as played:
        books = played.watch.parts.books
        marked: list[tuple[str, str]] = []
        mark = books.mark

        def noting(watermarks: dict[tuple[str, str], bytes | None]) -> None:
            marked.extend(key for key in watermarks if key[0] == SOURCE)
            mark(watermarks)

        monkeypatch.setattr(books, "mark", noting)
        await close(played)
        assert marked == []
        for agent in ("a", "b"):
            await report(played, outcome(START), agent=agent)
        for _ in range(3):
            await close(played)
        assert marked == [(SOURCE, ALL)]


async def test_a_ledger_that_is_replaced_is_told_of_the_agents_again(tmp_path: Path) -> None:
    time = Time()
    async with PlayedWatch(tmp_path, time, configuration()) as played:
        await report(played, outcome(START))
        await close(played)
        for file in (tmp_path / "data").glob("ledger.db*"):
            file.write_bytes(b"x" * 10_000)
        for _ in range(3):
            await close(played)
    async with PlayedWatch(tmp_path, time, configuration()) as played:
        assert of(played) is not None


@pytest.mark.parametrize(
    "mark",
    [b"x", zlib.compress(b"{"), zlib.compress(b"3"), zlib.compress(json.dumps([["node-1", 1.0]]).encode())],
    ids=["not compressed", "no JSON", "no list", "no agent"],
)
async def test_what_cannot_be_read_is_told_and_agents_are_known_anew(
    tmp_path: Path, mark: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    time = Time()
    async with PlayedWatch(tmp_path, time, configuration()) as played:
        played.watch.parts.books.mark({(SOURCE, ALL): mark})
        await close(played)
    async with PlayedWatch(tmp_path, time, configuration()) as played:
        assert "what is known of agents is lost" in caplog.text
        await report(played, outcome(START))
        await close(played)
    async with PlayedWatch(tmp_path, time, configuration()) as played:
        assert of(played) is not None
