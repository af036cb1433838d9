"""How a server stands to others, out of what servers of every sort say: also those that cannot be had here."""

from collections.abc import Mapping
from typing import Any, cast

import pytest

from exporters.health.replication import Mode, Replication, Role
from exporters.mysql.answers import Answers, ask
from exporters.mysql.aurora import HOSTS
from exporters.mysql.group import APPLYING, MEMBERS, STATISTICS
from exporters.mysql.replica import Channel, read_channels
from exporters.mysql.silence import Silence
from exporters.mysql.standing import Told, lag_source, no_tx, standing
from slo.errors import Fault
from slo.net.mysql import MySQLSession
from slo.net.mysql_answer import Refusal
from slo.net.sql import Result
from tests.exporters.mysql import saying
from tests.exporters.mysql.saying import GALERA, MARIADB_REPLICA, MYSQL_REPLICA, NOBODY, Saying, denied, pairs, table

ME, OTHER, THIRD = (f"6ea18fc6-0000-0000-0000-00000000000{number}" for number in (2, 1, 3))


async def answers(session: Saying) -> Answers:
    return await ask(cast(MySQLSession, session), None, lambda: 0.0)


def told(found: Answers, **more: object) -> Replication:
    known = {"status": found.status, "variables": found.variables, "channels": found.channels}
    others = {"followers": found.followers, "group": found.group, "hosts": found.hosts}
    return standing(Told(**{**known, **others, **more}))  # type: ignore[arg-type]


def mariadb(
    status: Mapping[str, str] | None = None,
    variables: Mapping[str, str] | None = None,
    replica: Result | Refusal = NOBODY,
) -> Saying:
    return Saying(
        {
            "SHOW GLOBAL STATUS": pairs({**saying.STATUS, **(status or {})}),
            "SHOW GLOBAL VARIABLES": pairs({**saying.VARIABLES, **(variables or {})}),
            "SHOW ALL SLAVES STATUS": replica,
        }
    )


def replica(**columns: str | None) -> Result:
    return table({**MARIADB_REPLICA, **columns})


ON = {"wsrep_on": "ON"}
SEMI = {"Rpl_semi_sync_master_status": "ON", "Rpl_semi_sync_master_clients": "1", "Slaves_connected": "2"}

CASES: dict[str, tuple[Saying, Replication]] = {
    "alone": (mariadb(), Replication(role=Role.PRIMARY, mode=Mode.NONE, read_only=False, replicas=0)),
    "followed": (
        mariadb({"Slaves_connected": "2"}),
        Replication(role=Role.PRIMARY, mode=Mode.ASYNC, read_only=False, replicas=2),
    ),
    "acknowledged": (
        mariadb(SEMI),
        Replication(role=Role.PRIMARY, mode=Mode.SEMI_SYNC, read_only=False, replicas=2),
    ),
    "it waits for nobody": (
        mariadb({**SEMI, "Rpl_semi_sync_master_clients": "0"}),
        Replication(role=Role.PRIMARY, mode=Mode.ASYNC, read_only=False, replicas=2),
    ),
    "it waits no more": (
        mariadb({**SEMI, "Rpl_semi_sync_master_status": "OFF"}),
        Replication(role=Role.PRIMARY, mode=Mode.ASYNC, read_only=False, replicas=2),
    ),
    "a replica": (
        mariadb(variables={"read_only": "ON"}, replica=replica()),
        Replication(role=Role.REPLICA, mode=Mode.ASYNC, lag_seconds=0.0, lag_bytes=500, read_only=True, replicas=0),
    ),
    "a replica that acknowledges": (
        mariadb({"Rpl_semi_sync_slave_status": "ON"}, replica=replica(Seconds_Behind_Master="7")),
        Replication(
            role=Role.REPLICA, mode=Mode.SEMI_SYNC, lag_seconds=7.0, lag_bytes=500, read_only=False, replicas=0
        ),
    ),
    "NULL while both threads run": (
        mariadb(replica=replica(Seconds_Behind_Master=None, Relay_Master_Log_File="bin.000003")),
        Replication(role=Role.REPLICA, mode=Mode.ASYNC, read_only=False, replicas=0),
    ),
    "threads that do not run": (
        mariadb(
            replica=replica(
                Seconds_Behind_Master=None,
                Slave_IO_Running="Connecting",
                Last_IO_Error="Access denied\x1b[31m",
                Slave_SQL_Running="No",
            )
        ),
        Replication(
            role=Role.REPLICA,
            mode=Mode.ASYNC,
            lag_bytes=500,
            broken="its I/O thread runs: Connecting (Access denied [31m), its SQL thread runs: No",
            read_only=False,
            replicas=0,
        ),
    ),
    "the worst of two channels": (
        mariadb(
            replica=table(
                dict(MARIADB_REPLICA),
                {
                    **MARIADB_REPLICA,
                    "Connection_name": "two",
                    "Seconds_Behind_Master": "9",
                    "Read_Master_Log_Pos": "9000",
                },
            )
        ),
        Replication(role=Role.REPLICA, mode=Mode.ASYNC, lag_seconds=9.0, lag_bytes=7500, read_only=False, replicas=0),
    ),
    "one of two channels does not say": (
        mariadb(
            replica=table(
                dict(MARIADB_REPLICA), {**MARIADB_REPLICA, "Connection_name": "two", "Seconds_Behind_Master": None}
            )
        ),
        Replication(role=Role.REPLICA, mode=Mode.ASYNC, lag_bytes=500, read_only=False, replicas=0),
    ),
    "we may not ask": (
        mariadb(replica=denied("SLAVE MONITOR")),
        Replication(role=Role.UNKNOWN, mode=Mode.UNKNOWN, read_only=False),
    ),
    "an answer that is none": (
        mariadb(replica=table(columns=("nothing",))),
        Replication(role=Role.UNKNOWN, mode=Mode.UNKNOWN, read_only=False),
    ),
    "a node": (
        mariadb(GALERA, ON),
        Replication(role=Role.PRIMARY, mode=Mode.CLUSTER, read_only=False, replicas=0, quorum=True, cluster_size=3),
    ),
    "a node that gives its state": (
        mariadb({**GALERA, "wsrep_local_state": "2", "wsrep_local_state_comment": "Donor/Desynced"}, ON),
        Replication(
            role=Role.PRIMARY,
            mode=Mode.CLUSTER,
            broken="the node is Donor/Desynced, not Synced",
            read_only=False,
            replicas=0,
            quorum=True,
            cluster_size=3,
        ),
    ),
    "a node without quorum": (
        mariadb({**GALERA, "wsrep_cluster_status": "non-Primary", "wsrep_ready": "OFF", "wsrep_cluster_size": "1"}, ON),
        Replication(role=Role.PRIMARY, mode=Mode.CLUSTER, read_only=False, replicas=0, quorum=False, cluster_size=1),
    ),
    "a node that does not say": (
        mariadb({}, ON),
        Replication(role=Role.PRIMARY, mode=Mode.CLUSTER, read_only=False, replicas=0),
    ),
    "a node that also follows": (
        mariadb(GALERA, ON, replica(Slave_SQL_Running="No", Seconds_Behind_Master=None)),
        Replication(
            role=Role.REPLICA,
            mode=Mode.CLUSTER,
            lag_bytes=500,
            broken="its SQL thread runs: No",
            read_only=False,
            replicas=0,
            quorum=True,
            cluster_size=3,
        ),
    ),
    "degrees of being read-only": (
        mariadb(variables={"read_only": "NO_LOCK"}),
        Replication(role=Role.PRIMARY, mode=Mode.NONE, read_only=True, replicas=0),
    ),
}


@pytest.mark.parametrize(("session", "expected"), CASES.values(), ids=CASES.keys())
async def test_what_a_server_of_mariadb_comes_to(session: Saying, expected: Replication) -> None:
    assert told(await answers(session)) == expected


# MySQL


def mysql(
    replica: Result | Refusal,
    more: Mapping[str, Result | Refusal] | None = None,
    variables: Mapping[str, str] | None = None,
    version: str = "",
) -> Saying:
    known: dict[str, Result | Refusal] = {
        "SHOW GLOBAL STATUS": pairs(saying.STATUS),
        "SHOW GLOBAL VARIABLES": pairs({**saying.VARIABLES, **(variables or {})}),
        "SHOW REPLICA STATUS": replica,
        "SHOW SLAVE STATUS": replica,
        **(more or {}),
    }
    return Saying(known, mariadb=False, version=version)


COUNTED = {"performance_schema.threads": table({"COUNT(*)": "1"})}
BEATS = {
    "replication_connection_status": table(
        {
            "CHANNEL_NAME": "",
            "HEARTBEAT_INTERVAL": "30.000",
            "COUNT_RECEIVED_HEARTBEATS": "4",
            "LAST_HEARTBEAT_TIMESTAMP": "2026-11-26 16:00:00.000000",
        }
    )
}


@pytest.mark.parametrize(
    ("version", "statement"),
    [
        ("8.4.3", "SHOW REPLICA STATUS"),
        ("8.0.22", "SHOW REPLICA STATUS"),
        ("8.0.21", "SHOW SLAVE STATUS"),
        ("5.7.44-log", "SHOW SLAVE STATUS"),
        ("8.0.mysql_aurora.3.04.0", "SHOW SLAVE STATUS"),
    ],
)
async def test_every_version_is_asked_in_its_own_words(version: str, statement: str) -> None:
    session = mysql(table(dict(MYSQL_REPLICA)), {**COUNTED, **BEATS}, version=version)
    found = await answers(session)
    assert statement in session.asked
    assert told(found) == Replication(
        role=Role.REPLICA, mode=Mode.ASYNC, lag_seconds=0.0, lag_bytes=0, read_only=False, replicas=1
    )
    assert found.channels is not None
    assert found.channels[0].heartbeat_period == 30
    assert not found.denied
    assert not found.failed


async def test_who_follows_a_mysql_is_not_known_without_the_right_to_ask() -> None:
    session = mysql(table(columns=tuple(MYSQL_REPLICA)), {"performance_schema.threads": denied("SELECT")})
    found = await answers(session)
    assert told(found).mode is Mode.UNKNOWN
    assert list(found.denied) == ["followers"]


def member(id_: str, state: str = "ONLINE", role: str = "SECONDARY") -> dict[str, str | None]:
    address = {"MEMBER_HOST": "db.example", "MEMBER_PORT": "3306"}
    return {"CHANNEL_NAME": "a", "MEMBER_ID": id_, **address, "MEMBER_STATE": state, "MEMBER_ROLE": role}


def waiting(id_: str, count: str) -> dict[str, str | None]:
    return {"MEMBER_ID": id_, "COUNT_TRANSACTIONS_REMOTE_IN_APPLIER_QUEUE": count, "COUNT_TRANSACTIONS_CHECKED": "8"}


def group(*members: Mapping[str, str | None], queue: str = "0", applying: str | None = None) -> dict[str, Result]:
    return {
        MEMBERS: table(*members),
        STATISTICS: table(waiting(ME, queue), waiting(OTHER, "0")),
        APPLYING: table({"seconds": applying}),
    }


GROUPS: dict[str, tuple[dict[str, Result], Replication]] = {
    "a secondary in step": (
        group(member(OTHER, role="PRIMARY"), member(ME), member(THIRD)),
        Replication(role=Role.REPLICA, mode=Mode.CLUSTER, lag_seconds=0.0, quorum=True, cluster_size=3),
    ),
    "a secondary that is behind": (
        group(member(OTHER, role="PRIMARY"), member(ME), member(THIRD), queue="9", applying="4.5"),
        Replication(role=Role.REPLICA, mode=Mode.CLUSTER, lag_seconds=4.5, quorum=True, cluster_size=3),
    ),
    "a secondary with work that nobody says the age of": (
        group(member(OTHER, role="PRIMARY"), member(ME), member(THIRD), queue="9"),
        Replication(role=Role.REPLICA, mode=Mode.CLUSTER, quorum=True, cluster_size=3),
    ),
    "the primary": (
        group(member(ME, role="PRIMARY"), member(OTHER), member(THIRD)),
        Replication(role=Role.PRIMARY, mode=Mode.CLUSTER, quorum=True, cluster_size=3),
    ),
    "most cannot be reached": (
        group(member(ME, role="PRIMARY"), member(OTHER, "UNREACHABLE"), member(THIRD, "UNREACHABLE")),
        Replication(role=Role.PRIMARY, mode=Mode.CLUSTER, quorum=False, cluster_size=1),
    ),
    "one that recovers": (
        group(member(OTHER, role="PRIMARY"), member(ME, "RECOVERING"), member(THIRD)),
        Replication(
            role=Role.REPLICA,
            mode=Mode.CLUSTER,
            lag_seconds=0.0,
            broken="the member is RECOVERING, not ONLINE",
            quorum=False,
            cluster_size=2,
        ),
    ),
}


@pytest.mark.parametrize(("rows", "expected"), GROUPS.values(), ids=GROUPS.keys())
async def test_members_of_a_group(rows: dict[str, Result], expected: Replication) -> None:
    session = mysql(table(columns=tuple(MYSQL_REPLICA)), {**COUNTED, **rows}, {"group_replication_group_name": "aaaa"})
    state = told(await answers(session))
    assert (state.role, state.mode, state.quorum) == (expected.role, expected.mode, expected.quorum)
    assert (state.lag_seconds, state.broken) == (expected.lag_seconds, expected.broken)
    assert (state.cluster_size, state.replicas) == (expected.cluster_size, max((expected.cluster_size or 0) - 1, 0))


async def test_a_group_that_was_never_begun_is_none() -> None:
    rows = group(member("", "OFFLINE", ""))
    name = {"group_replication_group_name": "aaaa"}
    session = mysql(table(columns=tuple(MYSQL_REPLICA)), {**COUNTED, **rows}, name)
    assert told(await answers(session)).mode is Mode.ASYNC


def host(id_: str, session: str, lag: str | None) -> dict[str, str | None]:
    return {"SERVER_ID": id_, "SESSION_ID": session, "REPLICA_LAG_IN_MILLISECONDS": lag, "CPU": "3.5"}


WRITER = host("one", "MASTER_SESSION_ID", "0")
AURORAS: dict[str, tuple[str, list[dict[str, str | None]], Role, Mode, float | None]] = {
    "the writer": ("one", [WRITER, host("two", "b0", "21.5")], Role.PRIMARY, Mode.SYNC, 0.0215),
    "a reader": ("two", [WRITER, host("two", "b0", "21.5")], Role.REPLICA, Mode.SYNC, 0.0215),
    "a reader that does not say": ("two", [WRITER, host("two", "b0", None)], Role.REPLICA, Mode.SYNC, None),
    "alone": ("one", [WRITER], Role.PRIMARY, Mode.NONE, None),
    "not in the list": ("nine", [WRITER, host("two", "b0", "1")], Role.UNKNOWN, Mode.SYNC, None),
}


@pytest.mark.parametrize(("own", "hosts", "role", "mode", "lag"), AURORAS.values(), ids=AURORAS.keys())
async def test_servers_of_aurora(
    own: str, hosts: list[dict[str, str | None]], role: Role, mode: Mode, lag: float | None
) -> None:
    variables = {"aurora_version": "3.04.0", "aurora_server_id": own}
    session = mysql(table(columns=tuple(MYSQL_REPLICA)), {**COUNTED, HOSTS: table(*hosts)}, variables)
    state = told(await answers(session))
    assert (state.role, state.mode, state.lag_seconds) == (role, mode, lag)


# Lag


def channels(**columns: str | None) -> tuple[Channel, ...]:
    return read_channels(replica(**columns))


async def test_the_lag_is_the_largest_of_all_that_is_known() -> None:
    found = await answers(mariadb(replica=replica(Seconds_Behind_Master="5")))
    assert told(found, heartbeat_age=3.0).lag_seconds == 5
    assert told(found, heartbeat_age=45.0).lag_seconds == 45
    assert told(found, heartbeat_age=3.0, silent={"": 12.0}).lag_seconds == 12
    null = await answers(mariadb(replica=replica(Seconds_Behind_Master=None)))
    assert told(null, heartbeat_age=45.0).lag_seconds == 45
    assert told(null, silent={"": 12.0}).lag_seconds is None
    assert told(found, heartbeat=True).lag_seconds is None, "a heartbeat that is missing is not a lag of 5"


@pytest.mark.parametrize(
    ("known", "source"),
    [
        ({}, "as the server says itself"),
        ({"heartbeat_age": 45.0}, "by the age of the heartbeat"),
        ({"heartbeat_age": 3.0}, "as the server says itself"),
        ({"heartbeat_age": 8.0, "silent": {"": 12.0}}, "by the silence of the primary"),
    ],
)
async def test_it_is_said_where_the_lag_is_from(known: Mapping[str, Any], source: str) -> None:
    found = await answers(mariadb(replica=replica(Seconds_Behind_Master="5")))
    said = Told(status=found.status, variables=found.variables, channels=found.channels, **known)
    assert lag_source(said) == source


def test_a_primary_is_silent_that_lets_a_heartbeat_pass() -> None:
    silence = Silence()
    beat = channels(Slave_received_heartbeats="5")
    assert silence.listen(beat, 100) == {}
    assert silence.listen(beat, 109) == {}
    assert silence.listen(beat, 111) == {}, "a heartbeat may be a second late"
    assert silence.listen(beat, 112) == {"": 12}
    assert silence.listen(beat, 130) == {"": 30}
    assert silence.listen(channels(Slave_received_heartbeats="6"), 131) == {}
    assert silence.listen(channels(Slave_received_heartbeats="6"), 141) == {}
    assert silence.listen(channels(Slave_received_heartbeats="6", Read_Master_Log_Pos="2100"), 145) == {}


@pytest.mark.parametrize(
    "columns",
    [{"Slave_heartbeat_period": "0.000"}, {"Slave_heartbeat_period": None}, {"Slave_IO_Running": "Connecting"}],
)
def test_silence_that_means_nothing_is_none(columns: dict[str, str | None]) -> None:
    silence = Silence()
    for moment in range(0, 1000, 100):
        assert silence.listen(channels(**columns), moment) == {}


def test_writes_that_nobody_acknowledged_are_counted_by_both_names() -> None:
    assert no_tx({"rpl_semi_sync_master_no_tx": "4"}) == 4
    assert no_tx({"rpl_semi_sync_source_no_tx": "5"}) == 5
    assert no_tx({}) is None


@pytest.mark.parametrize(
    ("status", "variables", "reason"),
    [
        (pairs({}), pairs(saying.VARIABLES), "data"),
        (pairs(saying.STATUS), table({"Value": "1"}), "data"),
        (denied("PROCESS"), pairs(saying.VARIABLES), "query_refused"),
    ],
)
async def test_a_server_that_does_not_tell_its_status_is_bad(
    status: Result | Refusal, variables: Result | Refusal, reason: str
) -> None:
    session = Saying({"SHOW GLOBAL STATUS": status, "SHOW GLOBAL VARIABLES": variables})
    with pytest.raises(Fault) as raised:
        await answers(session)
    assert raised.value.reason == reason
