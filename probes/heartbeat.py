"""The kind `heartbeat`: a job that calls us each time that it has run, and is missed when it does not."""

import hmac
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from slo.config.aimed import OneTarget
from slo.config.identity import Name
from slo.config.token import Token
from slo.config.types import Duration, PositiveDuration
from slo.core.duration import duration_name
from slo.core.job import Deafness, Job, Rhythm, Signal
from slo.core.outcome import Finding, Judgement
from slo.core.reason import state_of
from slo.core.sample import Sample
from slo.errors import Fault
from slo.net.context import Context


class Config(OneTarget):
    """One job, which calls /heartbeats/TARGET of this watch when it has run."""

    target: Name
    """What the job is called: it is the last part of the address that the job calls."""

    every: PositiveDuration
    """How often it is to run."""

    grace: Duration
    """How much later than that it may call."""

    longest_run: PositiveDuration | None = None
    """How long a run may take whose start was told. Default: `grace`."""

    token: Token
    """What proves that it is the job that calls: 16 random characters or more."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Facts:
    """What is known of the job at a time, and when nothing could be heard."""

    job: Job
    at: datetime
    deaf: Deafness | None


class Heartbeat:
    """Looks at when the job has called. Connects to nothing."""

    def __init__(self, config: Config, context: Context) -> None:
        self.target = config.target
        self._token = config.token.reveal().encode()
        self._context = context
        longest_run = config.longest_run or config.grace or config.every
        self._rhythm = Rhythm(every=config.every, grace=config.grace, longest_run=longest_run)

    def admits(self, token: bytes) -> bool:
        """Whether a call with this token is the job's. Takes as long for a wrong one as for the right one."""
        return hmac.compare_digest(token, self._token)

    async def observe(self, deadline: float) -> Facts:  # noqa: ARG002  nothing is waited for
        """What is known of the job now."""
        clock, calls = self._context.clock, self._context.calls
        now = clock.now()
        calls.hear(now, clock.monotonic())
        job = calls.jobs.get(self.target)
        if job is None:
            raise Fault("heartbeat_unheard", detail="jobs call a watch that runs, and no other command")
        return Facts(job=job, at=now, deaf=calls.deaf)

    def judge(self, facts: Facts | Fault) -> Sequence[Judgement]:
        """One judgement. Nobody waits for anything here: there are no phases."""
        if isinstance(facts, Fault):
            reason, detail = facts.reason, facts.detail
        else:
            reason, detail = self._rhythm.verdict(facts.job, facts.at, facts.deaf)
        return [Judgement(state=state_of(reason), reason=reason, detail=detail)]

    def samples(self, facts: Facts | Fault) -> Iterable[Sample]:
        """When it called, and how long it ran; what is not known is left out."""
        if isinstance(facts, Fault):
            return
        job = facts.job
        if job.called_at is not None:
            yield Sample("probe_heartbeat_last_call_timestamp_seconds", job.called_at.timestamp())
        if job.ended is not None:
            yield Sample("probe_heartbeat_last_end_timestamp_seconds", job.ended.at.timestamp())
        if job.run_seconds is not None:
            yield Sample("probe_heartbeat_last_run_seconds", job.run_seconds)

    def explain(self, facts: Facts | Fault, at: datetime) -> Iterable[Finding]:
        """What the job said last, and how long ago that is."""
        if isinstance(facts, Fault):
            return
        job = facts.job
        times = {"expected since": job.expected_since, "runs since": job.started_at}
        if job.ended is not None:
            times["has failed" if job.ended.signal is Signal.FAIL else "has run"] = job.ended.at
        for name, time in times.items():
            if time is not None:
                ago = duration_name(max(0, int((at - time).total_seconds())))
                yield Finding(name=name, text=f"{time:%Y-%m-%d %H:%M:%S} UTC, {ago} ago")
        if job.run_seconds is not None:
            yield Finding(name="last run", text=f"{job.run_seconds:.1f} s")


def build(config: Config, context: Context) -> Heartbeat:
    """The probe of a configuration."""
    return Heartbeat(config, context)
