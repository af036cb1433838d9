"""How a server stands to the others, by what it says: rows on one side, the state on the other."""

import pytest

from exporters.health.replication import Mode, Role
from exporters.postgres.statement import Reader
from exporters.postgres.told import Told, told
from slo.errors import Fault
from tests.exporters.postgres.saying import FOLLOWER, MB, PRIMARY, SLOT, STANDBY, Rows, answers, changed


def state(rows: Rows, *, beats: bool = False, spare: frozenset[str] = frozenset()) -> Told:
    return told(answers(rows), Reader("db.example:5432"), beats=beats, spare_slots=spare)


def follower(**values: object) -> Rows:
    return changed(PRIMARY, "stat_replication", **values)  # type: ignore[arg-type]


SECOND = {**FOLLOWER, "sync_state": "sync"}
WAITED_FOR = changed(follower(sync_state="sync"), "server", waits_for="rep1")

MODES = {
    "nobody follows": ({**PRIMARY, "stat_replication": []}, Mode.NONE, 0),
    "async": (PRIMARY, Mode.ASYNC, 1),
    "the one that is waited for": (WAITED_FOR, Mode.SYNC, 1),
    "one of a quorum": (follower(sync_state="quorum"), Mode.SYNC, 1),
    "one that may be waited for later": (follower(sync_state="potential"), Mode.ASYNC, 1),
    "commits do not wait": (changed(WAITED_FOR, "server", commits="local"), Mode.ASYNC, 1),
    "one of two is waited for": (
        {**WAITED_FOR, "stat_replication": [FOLLOWER, {**FOLLOWER, "sync_state": "sync"}]},
        Mode.SYNC,
        2,
    ),
    "it is still behind": (follower(state="catchup"), Mode.ASYNC, 1),
    "a base backup": (follower(state="backup", pg_wal_lsn_diff=None), Mode.NONE, 0),
    "a subscriber": (follower(logical=1), Mode.NONE, 0),
    "what it is to us is not told": (follower(state=None, sync_state=None), Mode.UNKNOWN, None),
    "a word that nobody knows": (follower(sync_state="eventual"), Mode.UNKNOWN, 1),
    "whether commits wait is not told": (changed(PRIMARY, "server", commits=None), Mode.UNKNOWN, 1),
}


@pytest.mark.parametrize(("rows", "mode", "replicas"), MODES.values(), ids=MODES)
def test_the_mode_of_a_primary(rows: Rows, mode: Mode, replicas: int | None) -> None:
    found = state(rows).replication
    assert (found.role, found.mode, found.replicas) == (Role.PRIMARY, mode, replicas)


PRIMARY_LAGS = {
    "nothing to replay": (PRIMARY, 0.0, 0),
    "some, by its own word": (follower(pg_wal_lsn_diff=500, replay_lag="0.25"), 0.25, 500),
    "some, and silent as usual": (follower(pg_wal_lsn_diff=500, reply_age=9), 0.0, 500),
    "some, and silent for long": (follower(pg_wal_lsn_diff=500, reply_age=40, replay_lag=0), 40.0, 500),
    "nothing, and silent": (follower(reply_age=40), 0.0, 0),
    "the furthest behind counts": (
        {**PRIMARY, "stat_replication": [FOLLOWER, {**FOLLOWER, "pg_wal_lsn_diff": 3 * MB, "replay_lag": 2}]},
        2.0,
        3 * MB,
    ),
    "how much is not told": (follower(pg_wal_lsn_diff=None), None, None),
    "since when is not told": (follower(pg_wal_lsn_diff=500, reply_age=None), None, 500),
    "ahead by a moment": (follower(pg_wal_lsn_diff=-8), 0.0, 0),
    "nobody follows": ({**PRIMARY, "stat_replication": []}, None, None),
}


@pytest.mark.parametrize(("rows", "seconds", "size"), PRIMARY_LAGS.values(), ids=PRIMARY_LAGS)
def test_how_far_the_standbys_of_a_primary_are_behind(rows: Rows, seconds: float | None, size: int | None) -> None:
    found = state(rows).replication
    assert (found.lag_seconds, found.lag_bytes) == (seconds, size)


def server(rows: Rows = STANDBY, **values: object) -> Rows:
    return changed(rows, "server", **values)  # type: ignore[arg-type]


def receiver(**values: object) -> Rows:
    return changed(STANDBY, "wal_receiver", **values)  # type: ignore[arg-type]


ALONE = {**STANDBY, "wal_receiver": []}
BEHIND = server(received=1010 * MB)

STANDBY_LAGS = {
    "everything is replayed": (STANDBY, 0.0, 0),
    "something is not": (BEHIND, 2.0, 10 * MB),
    "the primary has more": (receiver(end=1005 * MB), 2.0, 5 * MB),
    "when it replayed is not told": (server(BEHIND, replayed_age=None), None, 10 * MB),
    "silent as usual": (receiver(silence=29), 0.0, 0),
    "silent for too long": (receiver(silence=45), 45.0, 0),
    "silent for longer than it pings": (server(receiver(silence=5), ping_seconds=1), 5.0, 0),
    "silent, and it does not ping": (server(receiver(silence=29), ping_seconds=0), 0.0, 0),
    "how silent is not told": (receiver(silence=None, status=None, end=None), None, 0),
    "nobody sends": (server(ALONE, replayed_age=77), 77.0, 0),
    "nobody sends, and nothing was ever replayed": (server(ALONE, replayed_age=None), None, 0),
    "whether anybody should send is not told": (server(ALONE, follows=None), None, 0),
    "it lives on an archive": (server(ALONE, follows=0, received=None, replayed_age=300), 300.0, None),
}


@pytest.mark.parametrize(("rows", "seconds", "size"), STANDBY_LAGS.values(), ids=STANDBY_LAGS)
def test_how_far_a_standby_is_behind(rows: Rows, seconds: float | None, size: int | None) -> None:
    found = state(rows).replication
    assert (found.role, found.mode, found.read_only) == (Role.REPLICA, Mode.UNKNOWN, True)
    assert (found.lag_seconds, found.lag_bytes) == (seconds, size)


def test_heartbeats_count_where_they_are_configured() -> None:
    old = changed(STANDBY, "heartbeat", age=90)
    assert state(old).replication.lag_seconds == 0
    assert state(old, beats=True).replication.lag_seconds == 90
    assert state(changed(old, "wal_receiver", silence=200), beats=True).replication.lag_seconds == 200
    assert state(changed(old, "heartbeat", age=-3), beats=True).replication.lag_seconds == 0
    for rows in (changed(old, "heartbeat", age=None), {**old, "heartbeat": []}):
        assert state(rows, beats=True).replication.lag_seconds is None


TWO = changed(WAITED_FOR, "server", waits_for="FIRST 2 (rep1, rep2)")

BROKEN = {
    "a primary": (PRIMARY, ""),
    "a standby": (STANDBY, ""),
    "nobody sends": (ALONE, "no WAL receiver runs"),
    "it is not to be sent anything": (server(ALONE, follows=0), ""),
    "what it should be sent is not told": (server(ALONE, follows=None), ""),
    "it waits": (receiver(status="waiting"), "the WAL receiver is waiting, not streaming"),
    "what it does is not told": (receiver(status=None), ""),
    "enough are connected": (WAITED_FOR, ""),
    "too few are connected": (TWO, "commits wait for 2 of the standbys"),
    "any number is too few": (
        changed(TWO, "server", waits_for="any 3 (a, b, c)"),
        "commits wait for 3 of the standbys",
    ),
    "too few, and commits do not wait": (changed(TWO, "server", commits="off"), ""),
    "a slot that nobody uses": (changed(PRIMARY, "replication_slots", active=0), "nobody uses the slot rep1"),
    "one that ends with its session": (changed(PRIMARY, "replication_slots", active=0, temporary=1), ""),
    "one of a subscriber": (changed(PRIMARY, "replication_slots", active=0, type="logical"), ""),
    "one that came too late": (
        {**PRIMARY, "replication_slots": [SLOT, {**SLOT, "slot_name": "old", "wal_status": "lost"}]},
        "the WAL that the slot old was for is gone",
    ),
}


@pytest.mark.parametrize(("rows", "why"), BROKEN.values(), ids=BROKEN)
def test_why_replication_does_not_run(rows: Rows, why: str) -> None:
    found = state(rows).replication.broken
    assert found.startswith(why), found
    assert bool(found) == bool(why)


def test_a_slot_that_need_not_be_used() -> None:
    rows = changed(PRIMARY, "replication_slots", active=0)
    assert state(rows, spare=frozenset({"rep1"})).replication.broken == ""


@pytest.mark.parametrize(("said", "read_only"), [(0, False), (1, True), (None, None)])
def test_whether_a_primary_takes_writes(said: int | None, *, read_only: bool | None) -> None:
    assert state(changed(PRIMARY, "server", read_only=said)).replication.read_only is read_only


@pytest.mark.parametrize("refused", ["server", "wal_receiver", "stat_replication"])
def test_what_is_refused_is_not_known(refused: str) -> None:
    for rows in (PRIMARY, STANDBY):
        given = [(q, Fault("query_refused") if q.name == refused else answer) for q, answer in answers(rows)]
        found = told(given, Reader("db.example:5432"), beats=False, spare_slots=frozenset())
        assert [refusal.statement for refusal in found.refusals] == [refused]
        if refused == "server":
            assert (found.replication.role, found.permitted, found.connections) == (Role.UNKNOWN, None, None)
        elif refused == "wal_receiver" and rows is STANDBY:
            assert (found.replication.lag_seconds, found.replication.broken) == (None, "")
        elif refused == "stat_replication" and rows is PRIMARY:
            assert (found.replication.mode, found.replication.replicas) == (Mode.UNKNOWN, None)
            assert found.replication.lag_seconds is None
