"""What is asked more seldom, where time is short: each question comes to its turn."""

import pytest

from exporters.collectors.mysql import Facts
from slo.errors import Fault
from slo.net.mysql_answer import Refusal
from slo.net.sql import Result
from tests.exporters.clocks import SetClock
from tests.exporters.mysql.saying import NOBODY, STATUS, VARIABLES, Saying, pairs, table
from tests.exporters.mysql.scripted import TIMEOUT_SECONDS, collector, found

TABLES, DIGESTS = "information_schema.tables", "events_statements_summary_by_digest"
WANTED = {"threads": True, "tables": 5, "digests": 5, "slow_interval": "1s"}
ALL = [
    "info_schema.innodb_cmp",
    "info_schema.innodb_cmpmem",
    "info_schema.processlist",
    "info_schema.tables",
    "perf_schema.eventsstatements",
]


class Slowly(Saying):
    """Takes its time over some questions, in seconds; over one for which it takes all, the round breaks."""

    def __init__(self, clock: SetClock, **seconds: float) -> None:
        answers: dict[str, Result | Refusal] = {
            "SHOW GLOBAL STATUS": pairs(STATUS),
            "SHOW GLOBAL VARIABLES": pairs(VARIABLES),
            "SHOW ALL SLAVES STATUS": NOBODY,
            TABLES: table({"schema": "shop", "table": "orders", "table_rows": "7"}),
            DIGESTS: table({"schema": "shop", "digest": "c0ffee", "count_star": "5"}),
        }
        super().__init__({**answers, "SELECT ": table(columns=("page_size",))})
        self._clock = clock
        self._takes = seconds

    async def answer(self, statement: str) -> Result | Refusal:
        seconds = next((takes for part, takes in self._takes.items() if part in statement), 0.0)
        self._clock.seconds += seconds
        if seconds >= TIMEOUT_SECONDS:
            raise Fault("query_timeout")
        return await super().answer(statement)

    answer_again = answer


def unasked(facts: Facts) -> list[str]:
    assert facts.slow is not None
    late = [name for name, detail in facts.slow.value.unanswered.items() if detail == "no time was left for it"]
    return sorted(late)


def named(facts: Facts) -> list[str]:
    assert facts.slow is not None
    return list(dict.fromkeys(sample.name for sample in facts.slow.value.samples))


SIZES = ["mysql_info_schema_table_rows"]
COUNTS = ["mysql_perf_schema_events_statements_total"]


def test_what_found_no_time_comes_first_the_next_time() -> None:
    clock = SetClock()
    asking = collector(clock, **WANTED)
    session = Slowly(clock, **{TABLES: 2.0})
    first = found(session, asking)
    assert unasked(first) == ALL[4:]
    assert named(first) == SIZES
    told = {sample.labels["collector"]: sample.value for sample in asking.samples(first) if "success" in sample.name}
    assert told["collect.perf_schema.eventsstatements"] == 0
    clock.seconds += 60
    second = found(session, asking)
    assert unasked(second) == []
    assert named(second) == [*SIZES, *COUNTS], "in the same order, whichever is asked first"


def test_no_slow_question_starves_another() -> None:
    clock = SetClock()
    asking = collector(clock, **WANTED)
    session = Slowly(clock, **{TABLES: 2.0, DIGESTS: 2.0})
    rounds = []
    for _ in range(6):
        rounds.append(named(found(session, asking)))
        clock.seconds += 60
    assert rounds == [SIZES, COUNTS] * 3


@pytest.mark.parametrize("breaking", [TABLES, "innodb_cmp "])
def test_one_that_takes_the_whole_round_with_it_is_not_the_first_again(breaking: str) -> None:
    clock = SetClock()
    asking = collector(clock, **WANTED)
    session = Slowly(clock, **{breaking: TIMEOUT_SECONDS})
    assert found(session, asking).reached.fault is not None
    assert not any(DIGESTS in statement for statement in session.asked)
    found(session, asking)
    assert any(DIGESTS in statement for statement in session.asked)
