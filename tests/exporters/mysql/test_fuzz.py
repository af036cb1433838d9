"""Whatever comes in place of an answer: nothing of it is good, and everything that is said of it can be served.

With 10,000 cases of each: `HYPOTHESIS_PROFILE=fuzz ./run test tests/exporters/mysql -k fuzz`.
"""

import math
import re

from hypothesis import given
from hypothesis import strategies as st

from exporters.collectors import mysql
from exporters.collectors.mysql import Facts, MySQLCollector
from exporters.mysql.values import number
from slo.core.reason import REASONS, State
from slo.errors import Fault
from slo.exposition.labels import METRIC_NAME
from slo.net.mysql_answer import Refusal
from slo.net.sql import Result
from tests.exporters.mysql.saying import GALERA, MARIADB_REPLICA, STATUS, VARIABLES, Saying, pairs, table
from tests.exporters.mysql.scripted import collector, found

QUESTIONS = [
    "SHOW GLOBAL STATUS",
    "SHOW GLOBAL VARIABLES",
    "SHOW ALL SLAVES STATUS",
    "SHOW REPLICA STATUS",
    "heartbeat",
    "replication_group_members",
    "replication_group_member_stats",
    "replication_applier_status",
    "replication_connection_status",
    "performance_schema.threads",
    "replica_host_status",
    "token",
    "innodb_cmpmem",
    "innodb_cmp",
    "query_response_time",
    "processlist",
    "information_schema.tables",
    "events_statements",
]
NAMES = st.text(max_size=10) | st.sampled_from([*STATUS, *VARIABLES, *GALERA, *MARIADB_REPLICA, "Variable_name"])
VALUES = st.none() | st.text(max_size=10) | st.sampled_from(["1", "0", "ON", "Yes", "No", "nan", "-1e999", "x" * 9999])
RESULTS = st.integers(0, 6).flatmap(
    lambda width: st.builds(
        lambda columns, rows: Result(columns=columns, rows=tuple(rows)),
        st.tuples(*[NAMES] * width),
        st.lists(st.tuples(*[VALUES] * width), max_size=4),
    )
)
REFUSALS = st.builds(
    lambda number, text: Refusal(number, Fault("query_refused", detail=f"{number}: {text}")),
    st.sampled_from([1064, 1142, 1227, 1047, 1969]),
    st.text(max_size=20),
)
ANSWERS = RESULTS | REFUSALS
EVERYTHING = {
    "heartbeat": {"table": "heartbeat.heartbeat"},
    "write_probe": {"table": "ops.watchkeep"},
    "threads": True,
    "tables": 5,
    "digests": 5,
}
HEALTHY = {"SHOW GLOBAL STATUS": pairs(STATUS), "SHOW GLOBAL VARIABLES": pairs(VARIABLES)}


def states(asking: MySQLCollector, facts: Facts) -> frozenset[State]:
    """The states of what is made of it, once all of that was found to be sound."""
    seen = set()
    for sample in asking.samples(facts):
        assert METRIC_NAME.fullmatch(sample.name)
        assert math.isfinite(sample.value)
        assert mysql.family(sample.name) is not None
        series = sample.name, *sample.labels.items()
        assert series not in seen, "a series comes twice"
        seen.add(series)
    judgements = asking.judge(facts)
    assert judgements
    for judgement in judgements:
        assert REASONS[judgement.reason].state is judgement.state
    assert all(finding.text is not None for finding in asking.findings(facts))
    return frozenset(judgement.state for judgement in judgements)


@given(answers=st.dictionaries(st.sampled_from(QUESTIONS), ANSWERS), mariadb=st.booleans())
def test_answers_to_other_questions_are_never_good(answers: dict[str, Result | Refusal], mariadb: bool) -> None:  # noqa: FBT001
    asking = collector(**EVERYTHING)
    assert State.GOOD not in states(asking, found(Saying(answers, mariadb=mariadb), asking))


@given(answer=ANSWERS)
def test_a_replica_of_nonsense_is_never_good(answer: Result | Refusal) -> None:
    asking = collector()
    facts = found(Saying({**HEALTHY, "SHOW ALL SLAVES STATUS": answer}), asking)
    told = states(asking, facts)
    if State.GOOD in told:
        # Nothing but the status of a server that follows nobody is without rows and has that column.
        assert isinstance(answer, Result)
        assert not answer.rows
        assert "slave_io_running" in {column.lower() for column in answer.columns}


@given(column=st.sampled_from(["Slave_IO_Running", "Slave_SQL_Running", "Seconds_Behind_Master"]), value=VALUES)
def test_a_replica_is_good_by_its_own_words_alone(column: str, value: str | None) -> None:
    asking = collector()
    replica = table({**MARIADB_REPLICA, column: value})
    told = states(asking, found(Saying({**HEALTHY, "SHOW ALL SLAVES STATUS": replica}), asking))
    if column == "Seconds_Behind_Master":
        assert (State.GOOD in told) == bool(re.fullmatch(r"[0-9]+(\.[0-9]+)?", value or ""))
    else:
        assert (State.GOOD in told) == (value == "Yes")


@given(name=st.sampled_from(["wsrep_cluster_status", "wsrep_local_state", "wsrep_ready"]), value=st.text(max_size=10))
def test_a_node_is_good_by_its_own_words_alone(name: str, value: str) -> None:
    asking = collector()
    node = {
        "SHOW GLOBAL STATUS": pairs({**STATUS, **GALERA, name: value}),
        "SHOW GLOBAL VARIABLES": pairs({**VARIABLES, "wsrep_on": "ON"}),
        "SHOW ALL SLAVES STATUS": table(columns=tuple(MARIADB_REPLICA)),
    }
    told = states(asking, found(Saying(node), asking))
    assert (State.GOOD in told) == (value == GALERA[name] or (name == "wsrep_ready" and number(value) == 1.0))
