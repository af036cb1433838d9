"""Clocks that are ahead are put right so that every round stays one of its own, in its order."""

import gzip
import json
from datetime import UTC, datetime
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slo.app.arrivals import AHEAD_SECONDS, MOST_CLOCKS, Clocks, in_time, waiting_in
from slo.app.inbox import Arrived
from slo.core.batch import Batch, Observed
from slo.core.batch_document import document_of_batch
from slo.core.outcome import Outcome
from tests.app.reporting import INTERVAL, gone, outcome

NOW = 1_767_225_600.0
LONGEST_WAY = 30.0
"""How long a report may take, so that a clock still goes on like that."""


def arrived(records: list[Outcome], *, at: float, sent: float | None, number: int = 1) -> Arrived:
    batch = Batch(
        agent="node-1",
        boot="b",
        first=0,
        records=tuple(Observed(outcome=each) for each in records),
        sent=None if sent is None else datetime.fromtimestamp(sent, UTC),
    )
    return Arrived(number=number, at=at, body=gzip.compress(json.dumps(document_of_batch(batch)).encode()))


def put_right(*bodies: Arrived, clocks: Clocks | None = None) -> list[Outcome]:
    """What is made of the rounds."""
    rounds = []
    for each in waiting_in(bodies, clocks or Clocks())[0]:
        assert isinstance(each.record, Observed)
        rounds.append(in_time(each.record.outcome, each.ahead, INTERVAL))
        assert rounds[-1].at.timestamp() == pytest.approx(each.at, abs=1e-3)
    return rounds


@given(
    wrong=st.floats(AHEAD_SECONDS + LONGEST_WAY, 86_400 * 400),
    jitters=st.lists(st.floats(0, LONGEST_WAY - 1), min_size=30, max_size=30),
    missed=st.sets(st.integers(0, 299)),
    each=st.integers(10, 300),
)
def test_a_spool_of_a_clock_that_is_ahead_keeps_its_order_its_distances_and_its_number(
    wrong: float, jitters: list[float], missed: set[int], each: int
) -> None:
    true = [NOW - 3000 + INTERVAL * place + 0.25 for place in range(300) if place not in missed]
    seen = [outcome(at + wrong) for at in true]
    bodies = [
        arrived(seen[begin : begin + each], at=NOW + place + jitters[place], sent=NOW + place + wrong, number=place)
        for place, begin in enumerate(range(0, len(seen), each))
    ]
    rounds = put_right(*bodies)
    assert [one.number - rounds[0].number for one in rounds] == [one.number - seen[0].number for one in seen]
    for one, at in zip(rounds, true, strict=True):
        assert abs(one.at.timestamp() - at) <= AHEAD_SECONDS + LONGEST_WAY
        assert abs(one.at.timestamp() / INTERVAL - one.number) <= 2


@pytest.mark.parametrize("sent", [None, NOW], ids=["is not told", "has been put right"])
def test_rounds_that_are_in_the_future_while_the_clock_is_not_are_put_right_together(sent: float | None) -> None:
    seen = [outcome(NOW + 3600 + INTERVAL * place) for place in range(100)]
    rounds = put_right(arrived([outcome(NOW - 5), *seen], at=NOW, sent=sent))
    assert rounds[0] == outcome(NOW - 5)
    assert rounds[-1].at.timestamp() == NOW
    assert {after.number - before.number for before, after in pairwise(rounds[1:])} == {1}


def test_a_clock_that_is_right_again_is_believed() -> None:
    clocks = Clocks()
    assert [clocks.ahead("n", seconds) for seconds in (30, 3601, 3590, 3659, 2, 3601)] == [0, 3600, 3600, 3600, 0, 3600]


def test_no_more_clocks_are_known_than_may_be() -> None:
    clocks = Clocks()
    for number in range(MOST_CLOCKS + 10):
        clocks.ahead(f"node-{number}", 3600)
    assert len(clocks._ahead) == MOST_CLOCKS


def test_who_is_gone_is_put_right_with_the_rounds_before_it() -> None:
    records = (Observed(outcome=outcome(NOW + 3600)), gone("127.0.0.1:1", NOW + 3601))
    batch = Batch(agent="n", boot="b", first=0, records=records, sent=datetime.fromtimestamp(NOW + 3601, UTC))
    body = gzip.compress(json.dumps(document_of_batch(batch)).encode())
    (seen, left), _ = waiting_in([Arrived(number=1, at=NOW + 1, body=body)], Clocks())
    assert (seen.at, left.at) == (NOW, NOW + 1)
