"""What is in a spool reaches the other side, or is given up as the policy says, and is counted."""

from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporters.forwarding.sending import LONGEST_PAUSE_SECONDS, REFUSED_IN_A_ROW, UNWRITABLE
from slo.core.delivery import Ambiguous, Dropped, Refused, Retry, Sent, Verdict
from slo.core.telemetry import ALREADY_THERE, TOO_LARGE, TOO_OLD, Rank
from slo.store.spool import SHARE_OF_THE_DEAD
from tests.exporters.forwarding.far_side import FarSide, Near, waiting

RETRY = Retry(reason="rate_limited")
DOUBT = Ambiguous(reason="timeout")


async def test_records_go_out_by_rank_and_in_their_order(tmp_path: Path) -> None:
    far = FarSide(most=2)
    near = Near(tmp_path, far)
    await near.tells("o1", "o2", "o3")
    await near.tells("m1", rank=Rank.METRIC)
    await near.tells("e1", rank=Rank.EVENT)
    await near.sends()
    assert far.requests == [["e1"], ["o1", "o2"], ["o3"], ["m1"]]
    assert near.metric("watchkeep_forwarder_records_sent_total") == 5
    assert near.metric("watchkeep_forwarder_spool_bytes") == 0


@pytest.mark.parametrize("verdict", [RETRY, DOUBT])
async def test_what_was_not_taken_is_sent_again_as_it_was_with_pauses_that_grow(
    verdict: Verdict, tmp_path: Path
) -> None:
    far = FarSide(*[verdict] * 8)
    near = Near(tmp_path, far)
    await near.tells("a", "b")
    pauses = await near.sends()
    assert pauses == [1, 2, 4, 8, 16, 32, 64, 64]
    assert max(pauses) == LONGEST_PAUSE_SECONDS
    assert far.requests == [["a", "b"]] * 9


async def test_what_the_other_side_asks_for_is_waited_for(tmp_path: Path) -> None:
    busy = Retry(reason="rate_limited", after_seconds=30), Ambiguous(reason="server_error", after_seconds=20)
    near = Near(tmp_path, FarSide(*busy))
    await near.tells("a")
    assert await near.sends() == [30, 20]


async def test_only_records_that_were_not_taken_are_sent_again(tmp_path: Path) -> None:
    far = FarSide(Sent(), RETRY, Dropped(), by_record=True)
    near = Near(tmp_path, far)
    await near.tells("a", "b", "c")
    await near.sends()
    assert far.requests == [["a", "b", "c"], ["b"]]


async def test_where_there_is_nothing_to_send_nobody_has_taken_anything(tmp_path: Path) -> None:
    far = FarSide(Dropped())
    near = Near(tmp_path, far)
    await near.tells("a")
    await near.sends()
    assert (far.requests, near.file.depths()) == ([["a"]], {})
    assert near.metric("watchkeep_forwarder_records_sent_total") is None
    assert near.sending.last_success_at is None


@pytest.mark.parametrize("by_record", [True, False])
async def test_a_record_that_is_refused_stops_no_other_and_is_kept_to_be_retried(
    by_record: bool,  # noqa: FBT001
    tmp_path: Path,
) -> None:
    far = FarSide(by_record=by_record)
    far.bad = {"b"}
    near = Near(tmp_path, far)
    await near.tells("a", "b", "c", "d", "e")
    await near.sends()
    assert sorted(far.taken) == ["a", "c", "d", "e"]
    (letter,) = near.file.dead.newest(most=10)
    assert (letter.record.body, letter.reason, letter.detail) == (b"b", "rejected", "bad")
    assert near.metric("watchkeep_forwarder_dead_letters") == 1
    far.bad = set()
    assert near.file.retry() == 1
    await near.sends()
    assert far.taken[-1] == "b"


async def test_where_everything_is_refused_the_rest_goes_out_slowly(tmp_path: Path) -> None:
    far = FarSide()
    near = Near(tmp_path, far)
    far.bad = {str(number) for number in range(30)}
    await near.tells(*(str(number) for number in range(30)))
    assert await near.sends() == [1, 2, 4, 8, 16, 32, 64, 64, 64, 64, 64]
    assert near.file.dead.count() == {"rejected": 30}


async def test_what_the_other_side_has_newer_ones_of_is_refused_one_by_one_without_pauses(tmp_path: Path) -> None:
    far = FarSide(*[Refused(reason=ALREADY_THERE)] * 30, most=1)
    near = Near(tmp_path, far)
    await near.tells(*(str(number) for number in range(31)))
    assert await near.sends() == []
    assert near.file.dead.count() == {ALREADY_THERE: 30}


class Forgetful(FarSide):
    """Refuses whatever comes with a record from before a time, which the records say themselves."""

    def __init__(self, begins: int) -> None:
        super().__init__()
        self.begins = begins

    def _answer(self, bodies: list[str]) -> Verdict:
        if min(map(int, bodies)) < self.begins:
            return Refused(reason=TOO_OLD, detail="out of bounds")
        return super()._answer(bodies)


async def test_what_comes_too_late_for_the_other_side_is_given_up_at_once_and_keeps_nothing_waiting(
    tmp_path: Path,
) -> None:
    far = Forgetful(begins=60)
    near = Near(tmp_path, far)
    for minute in range(100):
        await near.tells(*[str(minute)] * 20, rank=Rank.COUNT, ago=60.0 * (100 - minute))
    assert await near.sends() == []
    assert far.taken == [str(minute) for minute in range(60, 100) for _ in range(20)]
    assert near.dropped() == {("count", "expired"): 60 * 20}
    assert near.file.dead.count() == {}
    assert len(far.requests) < 1_000, "not one after the other"


async def test_an_event_is_never_given_up_as_too_late(tmp_path: Path) -> None:
    near = Near(tmp_path, FarSide(Refused(reason=TOO_OLD)))
    await near.tells("e", rank=Rank.EVENT)
    await near.sends()
    assert near.dropped() == {}
    assert near.file.dead.count() == {TOO_OLD: 1}


class Partly(FarSide):
    """Takes what is right of a request that it refuses, and refuses what it has."""

    def _answer(self, bodies: list[str]) -> Verdict:
        there = {*bodies} & {*self.taken}
        self.taken += [body for body in bodies if body not in self.bad | there]
        if self.bad.intersection(bodies):
            return Refused(reason="rejected")
        return Refused(reason=ALREADY_THERE) if there else Sent()


async def test_what_was_taken_of_a_batch_that_was_refused_is_known_to_be_there(tmp_path: Path) -> None:
    far = Partly()
    far.bad = {"c"}
    near = Near(tmp_path, far)
    await near.tells("a", "b", "c", "d", "e")
    await near.sends()
    assert far.taken == ["a", "b", "d", "e"]
    assert near.file.dead.count() == {"rejected": 1}
    assert near.metric("watchkeep_forwarder_records_sent_total") == 4


async def test_records_that_cannot_be_written_keep_no_other_waiting_and_are_logged_together(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    far = FarSide()
    near = Near(tmp_path, far)
    far.unwritable = {str(number) for number in range(3 * REFUSED_IN_A_ROW)}
    await near.tells(*sorted(far.unwritable), "good")
    assert await near.sends() == []
    assert far.taken == ["good"]
    assert near.file.dead.count() == {UNWRITABLE: 3 * REFUSED_IN_A_ROW}
    assert near.file.dead.newest(most=1)[0].detail == "it cannot be written: it cannot be said"
    assert caplog.text.count("Traceback") == 1


async def test_a_record_that_cannot_be_written_is_found_and_kept(tmp_path: Path) -> None:
    far = FarSide()
    far.unwritable = {"b"}
    near = Near(tmp_path, far)
    await near.tells("a", "b", "c")
    await near.sends()
    assert far.taken == ["a", "c"]
    assert near.file.dead.count() == {UNWRITABLE: 1}


async def test_a_request_is_never_larger_than_the_other_side_takes(tmp_path: Path) -> None:
    far = FarSide()
    near = Near(tmp_path, far)
    await near.tells("a" * 4000, "b" * 4000, "c" * 4000, "d" * 12_000, "e")
    await near.sends()
    assert far.taken == ["a" * 4000, "b" * 4000, "c" * 4000, "e"]
    assert near.file.dead.count() == {TOO_LARGE: 1}


async def test_a_batch_that_may_have_arrived_is_sent_as_it_was_after_a_kill(tmp_path: Path) -> None:
    far = FarSide(DOUBT, most=2)
    near = Near(tmp_path, far)
    await near.tells("a", "b")
    await near.sending.once()
    await near.tells("c")
    near.file.close()
    far.limits = FarSide(most=3).limits
    again = Near(tmp_path, far)
    await again.sends()
    assert far.requests == [["a", "b"], ["a", "b"], ["c"]]


@pytest.mark.parametrize("between", [[RETRY], [DOUBT, RETRY], [Refused(reason=TOO_LARGE)], [RETRY, DOUBT, RETRY]])
async def test_what_may_have_arrived_may_have_arrived_whatever_is_said_since(
    between: list[Verdict], tmp_path: Path
) -> None:
    there = Refused(reason=ALREADY_THERE)
    near = Near(tmp_path, FarSide(DOUBT, *between, there, there))
    await near.tells("a", "b")
    await near.sends()
    assert near.file.dead.count() == {}
    assert near.metric("watchkeep_forwarder_records_sent_total") == 2


async def test_a_refusal_that_says_that_it_is_there_is_believed_of_what_may_have_arrived_and_of_nothing_else(
    tmp_path: Path,
) -> None:
    there = Refused(reason=ALREADY_THERE)
    near = Near(tmp_path, FarSide(DOUBT, there))
    await near.tells("a", "b")
    await near.sends()
    assert near.file.dead.count() == {}
    assert near.metric("watchkeep_forwarder_records_sent_total") == 2
    near.file.close()
    other = Near(tmp_path, FarSide(RETRY, there))
    await other.tells("c")
    await other.sends()
    assert other.file.dead.count() == {ALREADY_THERE: 1}


async def test_what_is_too_old_is_given_up_and_counted_but_no_event(tmp_path: Path) -> None:
    far = FarSide()
    near = Near(tmp_path, far, max_age=timedelta(hours=2))
    for rank in Rank:
        await near.tells(f"{rank.name} 90m", rank=rank, ago=5400)
        await near.tells(f"{rank.name} 3h", rank=rank, ago=10_800)
    await near.sends()
    ranks = [rank.name for rank in Rank if rank is not Rank.EVENT]
    assert [body for body in far.taken if body.endswith("3h")] == ["EVENT 3h"]
    assert [body for body in far.taken if body.endswith("90m")] == [
        f"{rank.name} 90m" for rank in Rank if rank is not Rank.METRIC
    ]
    assert near.dropped() == {(name.lower(), "expired"): 2 if name == "METRIC" else 1 for name in ranks}


async def test_of_what_was_refused_the_oldest_goes_where_there_is_no_room_but_no_event(tmp_path: Path) -> None:
    far = FarSide(by_record=True)
    near = Near(tmp_path, far, most_bytes=100 * SHARE_OF_THE_DEAD)
    far.bad = {f"{number:040}" for number in range(5)}
    await near.tells(min(far.bad), rank=Rank.EVENT)
    await near.tells(*sorted(far.bad))
    await near.sends()
    assert [letter.record.body[-1:] for letter in near.file.dead.newest(most=9)] == [b"4", b"0"]
    assert near.dropped() == {("outcome", "buried"): 4}


ANSWERS = st.lists(st.sampled_from([Sent(), RETRY, DOUBT, Refused(reason=TOO_LARGE)]), max_size=12)


@given(
    tellings=st.lists(st.tuples(st.sampled_from(Rank), st.integers(1, 5)), min_size=1, max_size=6),
    answers=ANSWERS,
    by_record=st.booleans(),
    kills=st.sets(st.integers(0, 12)),
    bad=st.sets(st.integers(0, 25), max_size=3),
)
async def test_everything_arrives_once_at_least_or_is_a_dead_letter_whatever_happens(
    tellings: list[tuple[Rank, int]],
    answers: list[Verdict],
    by_record: bool,  # noqa: FBT001
    kills: set[int],
    bad: set[int],
) -> None:
    with TemporaryDirectory() as folder:
        far = FarSide(*answers, by_record=by_record, most=4)
        far.bad = {str(number) for number in bad}
        near = Near(Path(folder), far)
        told = 0
        for rank, count in tellings:
            await near.tells(*(str(told + each) for each in range(count)), rank=rank)
            told += count
        for step in range(200):
            if step in kills:
                near.file.close()
                near = Near(Path(folder), far)
            if await near.sending.once() is None:
                break
        assert list(waiting(near.file)) == []
        dead = [letter.record.body.decode() for letter in near.file.dead.newest(most=100)]
        assert {*far.taken, *dead} == {str(number) for number in range(told)}
        assert len(dead) == len(set(dead))
        near.file.close()
