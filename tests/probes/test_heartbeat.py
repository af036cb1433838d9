"""How a heartbeat is configured, and what it says of the job that it waits for."""

from collections.abc import Mapping
from datetime import datetime, timedelta

import pytest
from pydantic import ValidationError

from probes import heartbeat
from slo.core.job import Call, Job, Signal
from slo.core.reason import State
from slo.net.context import Context
from slo.runner.clock import SteadyClock
from tests.probes.looking import Seen, look

TOKEN = "0123456789abcdef"
CONFIG: Mapping[str, object] = {"target": "backup", "every": "1h", "grace": "10m", "token": TOKEN}


@pytest.fixture
def context() -> Context:
    return Context.default(SteadyClock())


def ago(context: Context, minutes: float) -> datetime:
    return context.clock.now() - timedelta(minutes=minutes)


async def looked(context: Context, job: Job, **more: object) -> Seen:
    context.calls.jobs["backup"] = job
    return await look(heartbeat, {**CONFIG, **more}, context=context)


async def test_a_job_that_called_in_time_is_good(context: Context) -> None:
    end = Call(signal=Signal.SUCCESS, at=ago(context, 60))
    seen = await looked(context, Job(expected_since=ago(context, 600), ended=end, run_seconds=90.0))
    assert seen.judgement.state is State.GOOD
    assert seen.value("probe_heartbeat_last_call_timestamp_seconds") == end.at.timestamp()
    assert seen.value("probe_heartbeat_last_end_timestamp_seconds") == end.at.timestamp()
    assert seen.value("probe_heartbeat_last_run_seconds") == 90.0
    assert seen.findings.keys() == {"expected since", "has run", "last run"}
    assert seen.findings["has run"].endswith(" UTC, 1h ago")
    assert seen.findings["last run"] == "90.0 s"


async def test_a_job_that_runs_called_when_it_began(context: Context) -> None:
    began = ago(context, 5)
    seen = await looked(context, Job(expected_since=ago(context, 60), started_at=began))
    assert seen.reason == "ok"
    assert seen.value("probe_heartbeat_last_call_timestamp_seconds") == began.timestamp()
    assert seen.value("probe_heartbeat_last_end_timestamp_seconds") is None


async def test_a_job_that_has_never_called_has_no_metrics(context: Context) -> None:
    seen = await looked(context, Job(expected_since=ago(context, 71)))
    assert seen.reason == "heartbeat_missed"
    assert seen.samples == ()


@pytest.mark.parametrize(
    ("more", "minutes", "reason"),
    [
        ({}, 9, "ok"),
        ({}, 11, "heartbeat_overrun"),
        ({"longest_run": "20m"}, 19, "ok"),
        ({"longest_run": "20m"}, 21, "heartbeat_overrun"),
        ({"grace": "0s"}, 59, "ok"),
        ({"grace": "0s"}, 61, "heartbeat_overrun"),
    ],
)
async def test_a_run_may_take_as_long_as_is_said(
    context: Context, more: Mapping[str, object], minutes: float, reason: str
) -> None:
    job = Job(expected_since=ago(context, 60), started_at=ago(context, minutes))
    seen = await looked(context, job, **more)
    assert seen.reason == reason


async def test_nobody_is_called_but_a_watch_that_runs(context: Context) -> None:
    check = heartbeat.build(heartbeat.Config.model_validate(CONFIG), context)
    with pytest.raises(Exception, match="heartbeat_unheard: jobs call a watch that runs"):
        await check.observe(0.0)


@pytest.mark.parametrize("token", ["short", "0123456789abcde", "0123456789\nabcdef", "0123456789abcdefü"])
def test_a_token_that_is_none_is_refused_and_not_shown(token: str) -> None:
    with pytest.raises(ValidationError, match="can be guessed") as refused:
        heartbeat.Config.model_validate({**CONFIG, "token": token})
    assert token not in str(refused.value)


def test_only_its_own_token_is_admitted(context: Context) -> None:
    check = heartbeat.build(heartbeat.Config.model_validate(CONFIG), context)
    assert check.admits(TOKEN.encode())
    assert not check.admits(b"")
    assert not check.admits(TOKEN.encode() + b"0")
    assert TOKEN not in repr(vars(heartbeat.Config.model_validate(CONFIG)))
