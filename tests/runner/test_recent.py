"""The last outcomes of every check are kept, in so many bytes."""

import tracemalloc
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slo.core.outcome import Outcome
from slo.core.reason import REASONS, State, state_of
from slo.runner.recent import FAILURES, MOST_BYTES, ROUNDS, Recent

AT = datetime(2026, 1, 1, tzinfo=UTC)
PHASES = {"resolve": 0.001, "connect": 0.0005, "tls": 0.003, "processing": 0.02, "transfer": 0.0001}


def outcome(number: int, reason: str = "ok", *, detail: str = "", target: str = "gate:443") -> Outcome:
    return Outcome(
        check="gate",
        target=target,
        module="http",
        at=AT + timedelta(seconds=number),
        state=state_of(reason),
        reason=reason,
        phases=PHASES,
        detail=detail,
        duration_seconds=0.025,
        number=number,
    )


def kept(outcomes: Sequence[Outcome]) -> list[Outcome]:
    recent = Recent()
    for each in outcomes:
        recent.notice(each)
    return recent.of(outcomes[0].point) if outcomes else []


def test_an_outcome_comes_back_as_it_was() -> None:
    original = replace(
        outcome(7, "status", detail="503, not 2xx: ü"),
        labels={"region": "eu"},
        vantage_point="direct",
        extra=True,
    )
    (found,) = kept([original])
    assert replace(found, phases=PHASES, duration_seconds=0.025) == original
    assert found.phases == pytest.approx(PHASES)
    assert found.duration_seconds == pytest.approx(0.025)


def test_the_last_rounds_are_kept_and_before_them_what_was_not_good() -> None:
    reasons = ["status" if number % 3 == 0 else "ok" for number in range(60)]
    found = kept([outcome(number, reason) for number, reason in enumerate(reasons)])
    assert [each.number for each in found] == [*range(59, 49, -1), *range(48, 18, -3)]
    assert {each.state for each in found[ROUNDS:]} == {State.BAD}


def test_a_failure_is_there_long_after_it() -> None:
    found = kept([outcome(0, "connect_refused"), *(outcome(number) for number in range(1, 10_000))])
    assert [each.reason for each in found] == ["ok"] * ROUNDS + ["connect_refused"]


@given(st.lists(st.tuples(st.sampled_from(sorted(REASONS)), st.text(max_size=300)), max_size=60))
def test_what_is_kept_is_the_newest_of_each_sort_and_no_more_than_it_may_be(found: list[tuple[str, str]]) -> None:
    outcomes = [outcome(number, reason, detail=detail) for number, (reason, detail) in enumerate(found)]
    recent = Recent()
    for each in outcomes:
        recent.notice(each)
    shown = recent.of(outcome(0).point)
    numbers = [each.number for each in shown]
    assert numbers == sorted(numbers, reverse=True)
    last = [each.number for each in reversed(outcomes)][:ROUNDS]
    before = [each.number for each in reversed(outcomes[:-ROUNDS]) if each.state is not State.GOOD][:FAILURES]
    assert numbers == [*last, *before][: len(numbers)], "the oldest go first"
    for packed in recent._kept.values():
        assert len(packed.rounds) + len(packed.failures) <= MOST_BYTES
    if all(len(detail) < 10 for _, detail in found):
        assert len(numbers) == len(last) + len(before)
    assert all(outcomes[each.number].detail.startswith(each.detail) for each in shown if each.detail.isascii())


def test_a_detail_is_cut_between_two_characters() -> None:
    (found,) = kept([outcome(0, "status", detail="ü" * 200)])
    assert found.detail == "ü" * 80


def test_an_outcome_that_cannot_be_kept_leaves_nothing_behind() -> None:
    recent = Recent()
    with pytest.raises(OverflowError):
        recent.notice(replace(outcome(1), duration_seconds=1e308))
    assert recent.of(outcome(1).point) == []
    recent.notice(outcome(1))
    assert len(recent.of(outcome(1).point)) == 1


def test_what_left_is_forgotten() -> None:
    recent = Recent()
    for target in ("one:1", "two:2"):
        recent.notice(outcome(0, target=target))
    recent.keep({("gate", "two:2", "")})
    assert recent.of(("gate", "one:1", "")) == []
    assert len(recent.of(("gate", "two:2", ""))) == 1


@pytest.mark.parametrize(("reason", "detail"), [("ok", ""), ("status", "503, not 2xx"), ("tls_verify", "d" * 300)])
def test_ten_thousand_checks_take_less_than_thirty_megabytes(reason: str, detail: str) -> None:
    """Of a hundredth of them, so that it takes a moment only."""
    recent = Recent()
    targets = [f"https://host-{number}.example.org/health" for number in range(100)]
    rounds = [outcome(number, reason, detail=detail) for number in range(2 * (ROUNDS + FAILURES))]
    last = {target: replace(rounds[-1], target=target) for target in targets}
    tracemalloc.start()
    try:
        for target in targets:
            for each in rounds[:-1]:
                recent.notice(replace(each, target=target))
            recent.notice(last[target])
        taken, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert taken * 100 < 30_000_000
