"""What servers say when they are asked, written by hand, to be changed by tests."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeAlias

from exporters.collectors import postgres
from exporters.health.periodic import Aged
from exporters.postgres.activity import ACTIVITY
from exporters.postgres.heartbeat import Heartbeat
from exporters.postgres.settings import SETTINGS
from exporters.postgres.sizes import DATABASE_SIZES, statements, tables
from exporters.postgres.standing import STANDING
from exporters.postgres.statement import Question, Reader, Statement, questions
from exporters.postgres.told import Answers, slow, told
from slo.core.sample import Sample
from slo.exposition.buffer import Buffer, Serving, exposed
from slo.exposition.layout import Layouts
from slo.net.attempt import Reached
from slo.net.context import Context
from slo.net.sql import Result
from slo.runner.clock import SteadyClock

Value: TypeAlias = str | int | float | Callable[[int], float] | None
"""A value, or one that is another in each minute."""

Rows: TypeAlias = Mapping[str, Sequence[Mapping[str, Value]]]
"""The rows by the name of the statement. What is not named in a row is 0."""

FAST = (*STANDING, Heartbeat(table="watchkeep.canary").statement(), *ACTIVITY)
SELDOM = (SETTINGS, DATABASE_SIZES, tables(10), statements(10))

MB = 1_000_000
TARGET = "db.example:5432"

SERVER: Mapping[str, Value] = {
    "recovers": 0,
    "permitted": 1,
    "version": "PostgreSQL 15.6 on x86_64",
    "version_number": 150006,
    "connections": 3,
    "room": 97,
    "waits_for": "",
    "commits": "on",
    "written": lambda minute: 1000 * MB + 30 * MB * minute,
    "received": None,
    "replayed_age": None,
    "follows": None,
    "ping_seconds": 30,
}
STANDBY_SERVER: Mapping[str, Value] = {
    **SERVER,
    "recovers": 1,
    "received": SERVER["written"],
    "replayed_age": 2,
    "follows": 1,
}
FOLLOWER: Mapping[str, Value] = {
    "application_name": "walreceiver",
    "client_addr": "192.0.2.8",
    "slot_name": "rep1",
    "state": "streaming",
    "sync_state": "async",
    "reply_age": 1,
    "replay_lag": None,
}
SLOT: Mapping[str, Value] = {
    "slot_name": "rep1",
    "database": None,
    "active": 1,
    "type": "physical",
    "wal_status": "reserved",
    "safe_wal_size": None,
}
RECEIVER: Mapping[str, Value] = {"status": "streaming", "end": SERVER["written"], "silence": 1}
SHOP: Mapping[str, Value] = {
    "datid": 5,
    "datname": "shop",
    "xact_commit": lambda minute: 6000 * minute,
    "xact_rollback": lambda minute: 6 * minute,
    "blks_hit": lambda minute: 60_000 * minute,
    "blks_read": lambda minute: 60 * minute,
}
BACKGROUND: Mapping[str, Value] = {
    "checkpoints_timed_total": lambda minute: minute,
    "checkpoints_req_total": lambda minute: minute // 10,
}
NUMBERS = (
    *(("max_connections", 100), ("superuser_reserved_connections", 3), ("max_locks_per_transaction", 64)),
    *(("autovacuum_vacuum_threshold", 50), ("autovacuum_vacuum_scale_factor", 0.2)),
)

PRIMARY: Rows = {
    "server": [SERVER],
    "wal_receiver": [],
    "stat_replication": [FOLLOWER],
    "replication_slots": [SLOT],
    "heartbeat": [{"age": 1}],
    "stat_activity": [{"datname": "shop", "state": "active", "count": 3}],
    "locks": [{"datname": "shop", "mode": "accesssharelock", "count": 3}],
    "stat_database": [SHOP],
    "stat_database_conflicts": [],
    "bgwriter": [BACKGROUND],
    "stat_archiver": [{}],
    "settings": [{"name": name, "setting": value, "unit": None, "vartype": "integer"} for name, value in NUMBERS],
    "database": [{"datname": "shop", "size_bytes": 8 * MB}],
    "stat_user_tables": [
        {"datname": "shop", "schemaname": "public", "relname": "orders", "n_live_tup": 90_000, "n_dead_tup": 100}
    ],
    "stat_statements": [{"user": "shop", "datname": "shop", "queryid": -7}],
}
STANDBY: Rows = {
    **PRIMARY,
    "server": [STANDBY_SERVER],
    "wal_receiver": [RECEIVER],
    "stat_replication": [],
    "replication_slots": [],
}


def _text(value: Value, minute: int) -> str | None:
    said = value(minute) if callable(value) else value
    return None if said is None else str(said)


def answers(rows: Rows, minute: int = 0, *, version: int = 15, asked: Sequence[Statement] = FAST) -> Answers:
    """What a server of this version answers in that minute."""

    def result(question: Question) -> Result:
        return Result(
            rows=tuple(
                tuple(_text(row.get(name, 0), minute) for name in question.names) for row in rows.get(question.name, [])
            )
        )

    return [(each, result(each)) for each in questions(asked, version)]


def changed(rows: Rows, statement: str, **values: Value) -> Rows:
    """The same with other values in the first row of one statement."""
    first, *others = rows[statement] or [{}]
    return {**rows, statement: [{**first, **values}, *others]}


def facts(fast: Answers, seldom: Answers, number: int = 1) -> postgres.Facts:
    """What a round found in which this was answered."""
    return postgres.Facts(
        reached=Reached(phases={"query": 0.01}),
        number=number,
        told=told(fast, Reader(TARGET), beats=False, spare_slots=frozenset()),
        slow=Aged(value=slow(seldom, Reader(TARGET)), age_seconds=0.0),
    )


def exposition(samples: Iterable[Sample], **labels: str) -> str:
    """The samples as they are served, with labels of their target. None of them may be dropped."""
    buffer = Buffer(Serving(family_of=postgres.family, most=10_000), Layouts(), below=labels, above={})
    buffer.fill(samples)
    assert buffer.dropped == 0
    return "".join(exposed([buffer]))


def collector() -> postgres.PostgresCollector:
    """A collector that is never asked to look."""
    config = postgres.Config.model_validate({"target": TARGET, "username": "watchkeep"})
    return postgres.build(config, Context.default(SteadyClock()))
