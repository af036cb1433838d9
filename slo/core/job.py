"""Jobs that call us when they have run: what is known of one, and what that means at a time.

A job calls when it begins, when it has ended, and with what: the last call of each is all that is kept. Whoever
was not there to hear a call that was due knows nothing of the job until the next one has been due.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum


class Signal(StrEnum):
    """What a job says when it calls."""

    START = "start"
    SUCCESS = "success"
    FAIL = "fail"


@dataclass(frozen=True, kw_only=True, slots=True)
class Call:
    """One call of a job. `exit_status` and the `note`, one line for people, are there where the job gave them."""

    signal: Signal
    at: datetime
    exit_status: int | None = None
    note: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """What is known of a job that is expected to call since `expected_since`.

    `ended` is the last call that was no start; `started_at` is when the run that is under way began, None without one.
    `run_seconds` is how long the last run took whose start was told. All times are UTC.
    """

    expected_since: datetime
    ended: Call | None = None
    started_at: datetime | None = None
    run_seconds: float | None = None

    @property
    def called_at(self) -> datetime | None:
        """When it called last, for whatever."""
        times = [at for at in (self.started_at, self.ended.at if self.ended else None) if at is not None]
        return max(times, default=None)

    def no_later_than(self, now: datetime) -> "Job":
        """The same, where nothing is later than `now`: what a clock that was wrong has written is no promise."""
        return replace(
            self,
            expected_since=min(self.expected_since, now),
            ended=self.ended and replace(self.ended, at=min(self.ended.at, now)),
            started_at=self.started_at and min(self.started_at, now),
        )

    def after(self, call: Call) -> "Job":
        """What is known once it has called."""
        if call.signal is Signal.START:
            return replace(self, started_at=call.at)
        if self.started_at is None:
            return replace(self, ended=call)
        seconds = max(0.0, (call.at - self.started_at).total_seconds())
        return replace(self, ended=call, started_at=None, run_seconds=seconds)


@dataclass(frozen=True, kw_only=True, slots=True)
class Deafness:
    """A time in which no call could be heard."""

    begins: datetime
    ends: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Rhythm:
    """How often a job ends, how much later it may, and how long one run may take."""

    every: timedelta
    grace: timedelta
    longest_run: timedelta

    def due(self, since: datetime) -> datetime:
        """When the job must have ended, if it did so last at `since`."""
        return since + self.every + self.grace

    def verdict(self, job: Job, now: datetime, deaf: Deafness | None = None) -> tuple[str, str]:
        """Reason and detail. `deaf` is the last time in which nothing could be heard."""
        if job.started_at is not None and now > (end := job.started_at + self.longest_run):
            if self._may_be_lost(job.started_at, end, now, deaf):
                return "heartbeat_unheard", f"a run that began {_told(job.started_at)} may have ended unheard"
            return "heartbeat_overrun", f"a run that began {_told(job.started_at)} has not ended"
        if job.ended is not None and job.ended.signal is Signal.FAIL:
            return "heartbeat_failed", _failure(job.ended)
        since = max(job.ended.at, job.expected_since) if job.ended else job.expected_since
        due = self.due(since)
        if now <= due or (job.started_at is not None and job.started_at <= due):
            return ("ok", "") if job.called_at else ("heartbeat_awaited", f"due until {_told(due)}")
        if self._may_be_lost(max(since, due - 2 * self.grace), due, now, deaf):
            return "heartbeat_unheard", f"due until {_told(due)}"
        last = "ended last" if job.ended else "has not ended since"
        return "heartbeat_missed", f"{last} {_told(since)}, due until {_told(due)}"

    def _may_be_lost(self, begins: datetime, ends: datetime, now: datetime, deaf: Deafness | None) -> bool:
        """Whether a call between two times may have come to deaf ears, and no other one has been due since."""
        return deaf is not None and deaf.begins < ends and deaf.ends > begins and now <= self.due(deaf.ends)


def _failure(call: Call) -> str:
    """`exit status 1: the disk is full, 2026-01-01 03:00:07 UTC`."""
    status = f"exit status {call.exit_status}" if call.exit_status is not None else ""
    return f"{': '.join(filter(None, (status, call.note))) or 'it says so'}, {_told(call.at)}"


def _told(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"
