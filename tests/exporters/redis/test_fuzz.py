"""Whatever comes in place of an answer: nothing of it is good, and everything that is said of it can be served.

With 10,000 cases of each: `HYPOTHESIS_PROFILE=fuzz ./run test tests/exporters/redis -k fuzz`.
"""

import math

from hypothesis import given
from hypothesis import strategies as st

from exporters.collectors import redis
from exporters.collectors.redis import Facts, RedisCollector
from exporters.health.replication import Role
from slo.core.reason import REASONS, State
from slo.exposition.labels import LABEL_NAME, METRIC_NAME
from slo.net.context import Context
from slo.net.redis import Answer, Refusal, Reply
from slo.runner.clock import SteadyClock
from tests.exporters.redis.saying import PRIMARY, REPLICA, info, sentinel, server
from tests.exporters.redis.scripted import found

COLLECTOR = redis.build(
    redis.Config.model_validate(
        {"target": "127.0.0.1:1", "write_probe": {"key": "canary"}, "latency_histograms": True}
    ),
    Context.default(SteadyClock()),
)
REPLIES: st.SearchStrategy[Reply] = st.recursive(
    st.none() | st.integers(-(2**63), 2**63 - 1) | st.binary(max_size=40),
    lambda inner: st.lists(inner, max_size=4),
    max_leaves=8,
)
ANSWERS: st.SearchStrategy[Answer] = REPLIES | st.text(max_size=30).map(Refusal)
WELL = [info(server(PRIMARY)), info(server(REPLICA)), info(sentinel()), info(server(PRIMARY, cluster_enabled="1"))]


def checked(collector: RedisCollector, facts: Facts) -> frozenset[State]:
    """The states of what is made of it, once all of that was found to be sound."""
    for sample in collector.samples(facts):
        assert METRIC_NAME.fullmatch(sample.name)
        assert math.isfinite(sample.value)
        assert all(LABEL_NAME.fullmatch(name) for name in sample.labels)
        assert redis.family(sample.name) is not None
    judgements = collector.judge(facts)
    assert judgements
    for judgement in judgements:
        assert REASONS[judgement.reason].state is judgement.state
        assert judgement.detail.isprintable()
        assert len(judgement.detail) < 1000
    for finding in collector.findings(facts):
        assert finding.text.isprintable()
    return frozenset(judgement.state for judgement in judgements)


@given(st.lists(ANSWERS, min_size=1, max_size=6), st.lists(ANSWERS, max_size=20))
def test_answers_to_other_questions_are_never_good(answers: list[Answer], slow: list[Answer]) -> None:
    assert State.GOOD not in checked(COLLECTOR, found(answers, slow=slow))


@given(st.sampled_from(["Server", "Replication", "Keyspace", "Commandstats", "Sentinel"]), st.text(max_size=200))
def test_sections_of_nonsense_are_never_good(section: str, text: str) -> None:
    assert State.GOOD not in checked(COLLECTOR, found([f"# {section}\r\n{text}".encode(errors="replace"), b""]))


def states_without(lines: list[bytes], index: int, instead: bytes) -> tuple[frozenset[State], Facts]:
    lines[index % len(lines)] = instead
    facts = found([b"\r\n".join(lines), b"", *[b"OK now"] * 4])
    return checked(COLLECTOR, facts), facts


@given(st.sampled_from(WELL), st.integers(0, 60), st.binary(max_size=30))
def test_a_line_that_was_replaced_is_good_only_where_the_role_is_still_known(
    well: bytes, index: int, instead: bytes
) -> None:
    states, facts = states_without(well.split(b"\r\n"), index, instead)
    if State.GOOD in states:
        assert facts.replication is not None
        assert facts.replication.role is not Role.UNKNOWN
        assert facts.replication.role is not Role.REPLICA or facts.replication.lag_seconds is not None


@given(st.sampled_from(WELL), st.data())
def test_an_answer_with_bytes_changed_is_read_or_refused(well: bytes, data: st.DataObject) -> None:
    changed = bytearray(well)
    for _ in range(data.draw(st.integers(1, 8))):
        changed[data.draw(st.integers(0, len(changed) - 1))] = data.draw(st.integers(0, 255))
    answers = data.draw(st.lists(ANSWERS, max_size=4))
    checked(COLLECTOR, found([bytes(changed), b"", *answers], slow=answers))
