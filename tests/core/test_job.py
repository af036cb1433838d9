"""What is known of a job, and what that means: called in time, missed, failed, too long, or nobody there to hear it."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slo.core.job import Call, Deafness, Job, Rhythm, Signal
from slo.core.reason import REASONS, State

START = datetime(2026, 1, 1, tzinfo=UTC)
HOURLY = Rhythm(every=timedelta(hours=1), grace=timedelta(minutes=10), longest_run=timedelta(minutes=30))

S, OK, F = Signal.START, Signal.SUCCESS, Signal.FAIL
Said = tuple[Signal, float]


def at(minutes: float) -> datetime:
    return START + timedelta(minutes=minutes)


def job(*said: Said) -> Job:
    """A job that said this, each at minutes since it is expected."""
    known = Job(expected_since=START)
    for signal, minutes in said:
        known = known.after(Call(signal=signal, at=at(minutes)))
    return known


VERDICTS: dict[str, tuple[Sequence[Said], float, str]] = {
    "it never called, and need not have": ([], 70, "heartbeat_awaited"),
    "it never called, and should have": ([], 71, "heartbeat_missed"),
    "it called": ([(OK, 5)], 5, "ok"),
    "within the grace": ([(OK, 5)], 75, "ok"),
    "after the grace": ([(OK, 5)], 76, "heartbeat_missed"),
    "it began for the first time": ([(S, 5)], 6, "ok"),
    "its run takes as long as it may": ([(S, 5)], 35, "ok"),
    "its run takes longer": ([(S, 5)], 36, "heartbeat_overrun"),
    "it ended late": ([(S, 5), (OK, 50)], 51, "ok"),
    "it began late, and in time": ([(OK, 0), (S, 69)], 80, "ok"),
    "it began too late": ([(OK, 0), (S, 71)], 72, "heartbeat_missed"),
    "it ended too late": ([(OK, 0), (S, 71), (OK, 73)], 74, "ok"),
    "it failed": ([(OK, 0), (F, 5)], 5, "heartbeat_failed"),
    "it failed, and long ago": ([(F, 5)], 500, "heartbeat_failed"),
    "it failed, and runs again": ([(F, 5), (S, 6)], 7, "heartbeat_failed"),
    "it failed, and runs too long": ([(F, 5), (S, 6)], 37, "heartbeat_overrun"),
    "it failed, and then did not": ([(F, 5), (OK, 6)], 7, "ok"),
    "it began twice": ([(S, 5), (S, 30)], 50, "ok"),
}


@pytest.mark.parametrize(("said", "now", "reason"), VERDICTS.values(), ids=VERDICTS)
def test_a_job_is_judged_by_what_it_said_last(said: Sequence[Said], now: float, reason: str) -> None:
    assert HOURLY.verdict(job(*said), at(now))[0] == reason


UNHEARD: dict[str, tuple[Sequence[Said], tuple[float, float], float, str]] = {
    "the call was due meanwhile": ([(OK, 0)], (55, 65), 80, "heartbeat_unheard"),
    "the grace ended meanwhile": ([(OK, 0)], (69, 80), 81, "heartbeat_unheard"),
    "until the next one was due": ([(OK, 0)], (55, 65), 135, "heartbeat_unheard"),
    "the next one did not come either": ([(OK, 0)], (55, 65), 136, "heartbeat_missed"),
    "days of it": ([(OK, 0)], (10, 5000), 5070, "heartbeat_unheard"),
    "it was over long before the call was due": ([(OK, 0)], (10, 20), 71, "heartbeat_missed"),
    "the call was missed before": ([(OK, 0)], (70, 80), 81, "heartbeat_missed"),
    "it was heard afterwards": ([(OK, 0), (OK, 66)], (55, 65), 100, "ok"),
    "a run ended meanwhile": ([(S, 0)], (20, 25), 40, "heartbeat_unheard"),
    "no run ended meanwhile": ([(S, 0)], (40, 45), 46, "heartbeat_overrun"),
    "what it said stands": ([(F, 0)], (5, 6), 7, "heartbeat_failed"),
}


@pytest.mark.parametrize(("said", "deaf", "now", "reason"), UNHEARD.values(), ids=UNHEARD)
def test_what_nobody_could_hear_is_not_missed(
    said: Sequence[Said], deaf: tuple[float, float], now: float, reason: str
) -> None:
    deafness = Deafness(begins=at(deaf[0]), ends=at(deaf[1]))
    assert HOURLY.verdict(job(*said), at(now), deafness)[0] == reason


def test_a_run_is_measured_from_its_start_to_its_end() -> None:
    assert job((S, 5), (OK, 7)).run_seconds == 120
    assert job((S, 5), (OK, 7), (OK, 20)).run_seconds == 120
    assert job((OK, 7)).run_seconds is None


def test_a_job_that_is_expected_anew_has_its_whole_time() -> None:
    known = Job(expected_since=at(500), ended=Call(signal=OK, at=at(0)))
    assert HOURLY.verdict(known, at(570)) == ("ok", "")
    assert HOURLY.verdict(known, at(571))[0] == "heartbeat_missed"


def test_the_detail_says_what_a_person_wants_to_know() -> None:
    failed = Job(expected_since=START, ended=Call(signal=F, at=at(1), exit_status=3, note="the disk is full"))
    assert HOURLY.verdict(failed, at(2))[1] == "exit status 3: the disk is full, 2026-01-01 00:01:00 UTC"
    assert HOURLY.verdict(job((F, 1)), at(2))[1] == "it says so, 2026-01-01 00:01:00 UTC"
    missed = HOURLY.verdict(job((OK, 0)), at(71))[1]
    assert missed == "ended last 2026-01-01 00:00:00 UTC, due until 2026-01-01 01:10:00 UTC"


calls = st.lists(st.tuples(st.sampled_from(Signal), st.floats(0, 300)), max_size=8).map(
    lambda said: sorted(said, key=lambda each: each[1])
)


@given(calls, st.floats(0, 600), st.none() | st.tuples(st.floats(0, 300), st.floats(0, 300)))
def test_a_job_is_good_only_where_it_was_heard_in_time(
    said: Sequence[Said], more: float, deaf: tuple[float, float] | None
) -> None:
    now = at((said[-1][1] if said else 0) + more)
    deafness = Deafness(begins=at(min(deaf)), ends=at(max(deaf))) if deaf else None
    known = job(*said)
    reason, _ = HOURLY.verdict(known, now, deafness)
    assert reason in REASONS
    longest = HOURLY.every + HOURLY.grace + HOURLY.longest_run
    if REASONS[reason].state is State.GOOD:
        assert known.called_at is not None
        assert now - known.called_at <= longest
        assert known.ended is None or known.ended.signal is OK
    if deafness is None and known.called_at is not None:
        assert REASONS[reason].state is not State.UNKNOWN


@given(calls, st.floats(0, 300))
def test_nothing_is_later_than_now(said: Sequence[Said], now: float) -> None:
    known = job(*said).no_later_than(at(now))
    assert known.expected_since <= at(now)
    assert known.called_at is None or known.called_at <= at(now)
