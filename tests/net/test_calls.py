"""Who may call as which job, and when nobody could be heard."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from probes import heartbeat
from slo.core.job import Call, Deafness, Signal
from slo.net.calls import LEAP, STANDSTILL, Calls
from slo.net.context import Context
from slo.runner.clock import SteadyClock

NOW = datetime(2026, 1, 1, tzinfo=UTC)
TOKEN = b"0123456789abcdef"
OTHER = b"fedcba9876543210"


def expecting(name: str, token: bytes = TOKEN) -> heartbeat.Heartbeat:
    config = {"target": name, "every": "1h", "grace": "1m", "token": token.decode()}
    return heartbeat.build(heartbeat.Config.model_validate(config), Context.default(SteadyClock()))


def test_a_job_calls_with_a_token_of_its_own() -> None:
    calls = Calls()
    assert not calls.admits("backup", TOKEN)
    calls.expect([expecting("backup"), expecting("billing", OTHER), expecting("backup", b"another-0123456789")], NOW)
    assert calls.admits("backup", TOKEN)
    assert calls.admits("backup", b"another-0123456789")
    assert not calls.admits("backup", OTHER)
    assert not calls.admits("billing", TOKEN)
    assert not calls.admits("nothing", TOKEN)


def test_a_job_that_is_kept_over_a_reload_keeps_what_it_said() -> None:
    calls = Calls()
    calls.expect([expecting("backup")], NOW)
    calls.take("backup", Call(signal=Signal.SUCCESS, at=NOW))
    kept = calls.jobs["backup"]
    calls.expect([expecting("backup", OTHER)], NOW + timedelta(hours=9))
    assert calls.jobs["backup"] is kept
    assert calls.admits("backup", OTHER)
    assert not calls.admits("backup", TOKEN)


def test_a_job_that_comes_back_has_its_whole_time_again() -> None:
    calls = Calls()
    calls.expect([expecting("backup")], NOW)
    calls.take("backup", Call(signal=Signal.SUCCESS, at=NOW))
    calls.expect([], NOW)
    assert not calls.admits("backup", TOKEN)
    later = NOW + timedelta(days=9)
    calls.expect([expecting("backup")], later)
    assert calls.jobs["backup"].expected_since == later
    assert calls.jobs["backup"].ended is not None


@given(st.floats(0, 100), st.floats(-3, 1e6))
def test_who_leaps_or_stands_still_hears_nothing_meanwhile(passed: float, gained: float) -> None:
    calls = Calls()
    calls.hear(NOW, 100.0)
    assert calls.deaf is None
    later = NOW + timedelta(seconds=passed + max(gained, -passed))
    calls.hear(later, 100.0 + passed)
    deaf = later - NOW - timedelta(seconds=passed) > LEAP or later - NOW > STANDSTILL
    assert calls.deaf == (Deafness(begins=NOW, ends=later) if deaf else None)
