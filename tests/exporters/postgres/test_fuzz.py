"""Whatever a server answers: what cannot be read is NaN or unknown, and never good.

10,000 cases: HYPOTHESIS_PROFILE=fuzz ./run test tests/exporters -k fuzz
"""

import math

from hypothesis import given
from hypothesis import strategies as st

from exporters.health.replication import Expect, Mode, Role, faults
from exporters.postgres.statement import questions
from exporters.postgres.told import Answers
from slo.core.reason import REASONS, State
from slo.errors import Fault
from slo.net.postgres_answer import HEAD_BYTES, INSIDE_REASONS, Answer
from slo.net.sql import Result
from tests.exporters.postgres.saying import FAST, PRIMARY, SELDOM, STANDBY, answers, collector, exposition, facts

COLLECTOR = collector()

SAID = (
    st.none()
    | st.sampled_from(
        [
            "",
            "0",
            "1",
            "-1",
            "t",
            "f",
            "on",
            "NaN",
            "Infinity",
            "-Infinity",
            "1e999",
            "0x10",
            "1_0",
            "streaming",
            "sync",
        ]
    )
    | st.text(max_size=12)
    | st.integers().map(str)
    | st.floats().map(str)
)


@st.composite
def fuzzed(draw: st.DrawFn) -> tuple[Answers, Answers]:
    """Answers of a server that was well, a few of which say anything else; others have a row too few or too long."""
    version = draw(st.integers(0, 99))
    rows = draw(st.sampled_from([PRIMARY, STANDBY]))
    both = [*answers(rows, version=version, asked=FAST), *answers(rows, version=version, asked=SELDOM)]
    for index in draw(st.lists(st.integers(0, len(both) - 1), max_size=4)):
        question, answer = both[index]
        if draw(st.booleans()) and isinstance(answer, Result) and answer.rows and answer.rows[0]:
            row = [*answer.rows[0]]
            for place in draw(st.lists(st.integers(0, len(row) - 1), min_size=1, max_size=4)):
                row[place] = draw(SAID)
            answer = Result(rows=(tuple(row), *answer.rows[1:]))
        else:
            row_of_any = st.lists(SAID, max_size=len(question.names) + 1).map(tuple)
            answer = draw(
                st.lists(row_of_any, max_size=3).map(lambda rows: Result(rows=tuple(rows)))
                | st.sampled_from(["permission", "query_refused", "query_timeout"]).map(Fault)
            )
        both[index] = question, answer
    fast = len(questions(FAST, version))
    return both[:fast], both[fast:]


@given(fuzzed())
def test_fuzzed_answers_are_judged_and_told(both: tuple[Answers, Answers]) -> None:
    found = facts(*both)
    samples = [*COLLECTOR.samples(found)]
    assert [sample for sample in samples if type(sample.value) is not float] == []
    exposition({(sample.name, *sample.labels.items()): sample for sample in samples}.values())
    judgements = COLLECTOR.judge(found)
    assert judgements
    assert all(judgement.state is REASONS[judgement.reason].state for judgement in judgements)
    assert found.told is not None
    state = found.told.replication
    for lag in (state.lag_seconds, state.lag_bytes):
        assert lag is None or (math.isfinite(lag) and lag >= 0)
    expect = Expect(replication=("sync",), lag=None)
    reasons = {REASONS[reason].state for reason, _ in faults(state, expect)}
    if state.role is Role.UNKNOWN or (state.role is Role.REPLICA and state.lag_seconds is None):
        assert reasons & {State.UNKNOWN, State.BAD}
    if state.mode is not Mode.SYNC and state.role is not Role.REPLICA:
        assert reasons


PIECES = st.binary(max_size=40) | st.sampled_from([b"D\0\0\0\6\0\0", b"Z\0\0\0\5I", b"C\0\0\0\6OK"])


@given(st.lists(PIECES, max_size=8))
def test_fuzzed_bytes_are_an_answer_or_a_fault(pieces: list[bytes]) -> None:
    answer, waiting = Answer(3, INSIDE_REASONS), b""
    for piece in pieces:
        waiting += piece
        try:
            while len(waiting) >= answer.needed and not answer.complete and (taken := answer.read(waiting)):
                waiting = waiting[taken:]
        except Fault as fault:
            found: Result | Fault = fault
            break
        assert answer.needed >= HEAD_BYTES
    else:
        found = answer.result
    assert len(found.rows) <= 3 if isinstance(found, Result) else REASONS[found.reason].state is State.BAD
