"""The conditions of the public alerts for PostgreSQL, held by Prometheus itself against what the collector says."""

import json
import subprocess
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import pytest

from slo.core.sample import Sample
from slo.errors import Fault
from tests.exporters.postgres.saying import (
    MB,
    PRIMARY,
    SELDOM,
    STANDBY,
    Rows,
    answers,
    changed,
    collector,
    exposition,
    facts,
)
from tests.services import program

MINUTES = 40
RULES = Path(__file__).parent / "mixin.yml"
COLLECTOR = collector()

Said = Callable[[int], Iterable[Sample]]
"""What the collector says in each minute."""


def of(rows: Rows) -> Said:
    """What it says of a server that answers so."""

    def said(minute: int) -> Iterable[Sample]:
        return COLLECTOR.samples(facts(answers(rows, minute), answers(rows, minute, asked=SELDOM), minute))

    return said


def refused(minute: int) -> Iterable[Sample]:
    """What it says where one statement is refused."""
    given = [
        (each, Fault("permission") if each.name == "stat_archiver" else said) for each, said in answers(PRIMARY, minute)
    ]
    return COLLECTOR.samples(facts(given, [], minute))


def database(**values: Callable[[int], float]) -> Said:
    return of(changed(PRIMARY, "stat_database", **values))


def connected(count: int) -> Said:
    return of(changed(PRIMARY, "stat_activity", count=count))


def written(each_minute: int) -> Said:
    return of(changed(PRIMARY, "server", written=lambda minute: 1000 * MB + each_minute * minute))


STATES: Mapping[str, tuple[Mapping[str, Said], set[str]]] = {
    "all is well": ({"a": of(PRIMARY), "b": of(STANDBY)}, set()),
    "no answer": ({"a": lambda _: COLLECTOR.samples(Fault("query_timeout"))}, {"Down", "ExporterErrors"}),
    "a statement is refused": ({"a": refused}, {"ExporterErrors"}),
    "no connection is left": ({"a": connected(97)}, {"NoConnectionLeft", "FewConnectionsLeft"}),
    "few connections are left": ({"a": connected(80)}, {"FewConnectionsLeft"}),
    "a transaction does not end": (
        {"a": of(changed(PRIMARY, "stat_activity", max_tx_duration=lambda minute: 10_000 * minute))},
        {"LongTransactions"},
    ),
    "many transactions": ({"a": database(xact_commit=lambda minute: 700_000 * minute)}, {"ManyTransactions"}),
    "rolled back": ({"a": database(xact_rollback=lambda minute: 3_000 * minute)}, {"Rollbacks"}),
    "read from disk": ({"a": database(blks_read=lambda minute: 6_000 * minute)}, {"CacheMisses"}),
    "deadlocks": ({"a": database(deadlocks=lambda minute: 9 * minute)}, {"Deadlocks"}),
    "locks": ({"a": of(changed(PRIMARY, "locks", count=2_000))}, {"ManyLocks"}),
    "nothing is written": ({"a": written(0)}, {"LittleIsWritten"}),
    "too much is written": ({"a": written(3_000 * MB)}, {"MuchIsWritten"}),
    "a standby has not all": (
        {"a": of(changed(PRIMARY, "stat_replication", pg_xlog_location_diff=500))},
        {"StandbyHasNotAll"},
    ),
    "a standby replays nothing": (
        {
            "a": of(PRIMARY),
            "b": of(
                changed(STANDBY, "server", written=0, received=3 * MB, replayed_age=lambda minute: 4_000 + 60 * minute)
            ),
        },
        {"StandbyIsAnHourBehind", "StandbyIsAGigabyteBehind", "LittleIsWritten"},
    ),
    "a standby is gone": ({"a": of(changed(PRIMARY, "replication_slots", active=0))}, {"UnusedSlot"}),
    "a slot keeps old rows": (
        {"a": of(changed(PRIMARY, "replication_slots", slot_name="repmgr_slot_2", xmin_age=30_000))},
        {"StaleSlot"},
    ),
    "a standby was promoted": (
        {"b": lambda minute: of(STANDBY if minute < MINUTES else PRIMARY)(minute)},
        {"RoleChanged"},
    ),
    "dead rows": ({"a": of(changed(PRIMARY, "stat_user_tables", n_dead_tup=20_000))}, {"DeadRows"}),
    "checkpoints on demand": (
        {"a": of(changed(PRIMARY, "bgwriter", checkpoints_req_total=lambda minute: 2 * minute))},
        {"CheckpointsOnDemand"},
    ),
}


def input_series(servers: Mapping[str, Said]) -> list[dict[str, str]]:
    """The lines of every minute as promtool takes them: a series, and its value in each minute."""
    values: dict[str, list[str]] = {}
    for instance, said in servers.items():
        for minute in range(MINUTES + 1):
            for line in exposition(said(minute), instance=instance, job="postgres").splitlines():
                if not line.startswith("#"):
                    series, _, value = line.rpartition(" ")
                    told = values.setdefault(series, ["_"] * (MINUTES + 1))
                    told[minute] = value
    return [{"series": series, "values": " ".join(told)} for series, told in values.items() if "nan" not in told]


def test_every_condition_holds_where_it_should_and_nowhere_else(tmp_path: Path) -> None:
    (tmp_path / "rules.yml").write_text(RULES.read_text(encoding="utf-8"))
    tests = [
        {
            "name": state,
            "interval": "1m",
            "input_series": input_series(servers),
            "promql_expr_test": [
                {
                    "expr": 'max by (alertname) (ALERTS{alertstate="firing"})',
                    "eval_time": f"{MINUTES}m",
                    "exp_samples": [{"labels": f'{{alertname="{name}"}}', "value": 1} for name in sorted(firing)],
                }
            ],
        }
        for state, (servers, firing) in STATES.items()
    ]
    path = tmp_path / "tests.yml"
    path.write_text(json.dumps({"rule_files": ["rules.yml"], "evaluation_interval": "1m", "tests": tests}))
    command = [program("promtool", package="prometheus"), "test", "rules", str(path)]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_condition_is_tried() -> None:
    text = RULES.read_text(encoding="utf-8")
    named = {line.split()[-1] for line in text.splitlines() if "- alert:" in line}
    assert named == set().union(*(firing for _, firing in STATES.values()))


COUNTERS = {
    "pg_stat_database": (
        *("blk_read_time", "blk_write_time", "blks_hit", "blks_read", "conflicts", "deadlocks", "stats_reset"),
        *("temp_bytes", "temp_files", "tup_deleted", "tup_fetched", "tup_inserted", "tup_returned", "tup_updated"),
        *("xact_commit", "xact_rollback"),
    ),
    "pg_stat_database_conflicts": (
        *("confl_bufferpin", "confl_deadlock", "confl_lock", "confl_snapshot", "confl_tablespace"),
    ),
    "pg_stat_user_tables": (
        *("seq_scan", "seq_tup_read", "idx_scan", "idx_tup_fetch"),
        *("n_tup_ins", "n_tup_upd", "n_tup_del", "n_tup_hot_upd"),
        *("vacuum_count", "autovacuum_count", "analyze_count", "autoanalyze_count"),
    ),
    "pg_stat_archiver": ("archived_count", "failed_count"),
}
"""Counters of the peer that do not end in `_total`."""

COUNTS = {"pg_locks_count", "pg_stat_activity_count"}
"""Gauges of the peer that end as the parts of histograms do, beside those counters that do so too."""


@pytest.mark.parametrize("rows", [PRIMARY, STANDBY])
def test_promtool_takes_exception_to_nothing_but_names_of_the_peer(rows: Rows) -> None:
    rows = {**rows, "stat_database_conflicts": [{"datid": 5, "datname": "shop"}]}
    said = COLLECTOR.samples(facts(answers(rows), answers(rows, asked=SELDOM)))
    command = [program("promtool", package="prometheus"), "check", "metrics"]
    done = subprocess.run(command, check=False, input=exposition(said), capture_output=True, text=True, timeout=60)
    counters = {f"{prefix}_{name}" for prefix, names in COUNTERS.items() for name in names}
    counts = COUNTS | {name for name in counters if name.endswith("_count")}
    assert set((done.stdout + done.stderr).splitlines()) == {
        *(f'{name} counter metrics should have "_total" suffix' for name in counters),
        *(f'{name} non-histogram and non-summary metrics should not have "_count" suffix' for name in counts),
    }
