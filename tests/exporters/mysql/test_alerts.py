"""The alerts that people have on mysqld_exporter's metrics, on what we say of servers that are well and that fail."""

from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml

from exporters.collectors.mysql import Facts
from slo.errors import Fault
from slo.net.attempt import Reached
from slo.net.mysql_answer import Refusal
from slo.net.sql import Result
from tests.exporters.alerting import Minutes, fire_as_expected
from tests.exporters.mysql.saying import (
    GALERA,
    MARIADB_REPLICA,
    MYSQL_REPLICA,
    NOBODY,
    STATUS,
    VARIABLES,
    Saying,
    pairs,
    table,
)
from tests.exporters.mysql.scripted import collector, found

RULES = Path(__file__).with_name("alerts.yaml")
COLLECTOR = collector(heartbeat={"table": "heartbeat.heartbeat"})
MINUTES = 20
"""So long a server is well, and so long it fails then."""

FRESH = {"stored": "1000", "now": "1001", "server_id": "1"}


def server(
    status: Mapping[str, str] | None = None,
    variables: Mapping[str, str] | None = None,
    *,
    replica: Result = NOBODY,
    beat: Mapping[str, str | None] = FRESH,
    mariadb: bool = True,
) -> Facts:
    """What a round finds at a server that is well but for this."""
    answers: dict[str, Result | Refusal] = {
        "SHOW GLOBAL STATUS": pairs({**STATUS, "Innodb_log_waits": "0", **(status or {})}),
        "SHOW GLOBAL VARIABLES": pairs({**VARIABLES, **(variables or {})}),
        "SHOW ALL SLAVES STATUS": replica,
        "SHOW REPLICA STATUS": replica,
        "heartbeat": table(dict(beat)),
    }
    return found(Saying(answers, mariadb=mariadb), COLLECTOR)


def follower(**columns: str | None) -> Result:
    return table({**MARIADB_REPLICA, **columns})


NODE = {**GALERA, "wsrep_local_recv_queue": "0"}
CLUSTERED = {"wsrep_on": "ON", "wsrep_desync": "OFF"}
LONE, REPLICA, MEMBER = server(), server(replica=follower()), server(NODE, CLUSTERED)
MODERN = server(replica=table({**MYSQL_REPLICA, "SQL_Delay": "0"}), mariadb=False)

ALERTS: dict[str, tuple[Facts, Facts, set[str]]] = {
    "down": (LONE, Facts(reached=Reached(phases={}, fault=Fault("query_timeout")), rounds=1), {"Down"}),
    "started anew": (LONE, server({"Uptime": "5"}), {"Restarted"}),
    "connections": (LONE, server({"Threads_connected": "140"}), {"ManyConnections"}),
    "no writes": (LONE, server(variables={"read_only": "ON"}), {"ReadOnly"}),
    "a thread stopped": (
        REPLICA,
        server(replica=follower(Slave_SQL_Running="No", Seconds_Behind_Master=None)),
        {"NotReplicating", "NotReplicatingNewName"},
    ),
    "a thread that cannot connect": (
        REPLICA,
        server(replica=follower(Slave_IO_Running="Connecting", Seconds_Behind_Master=None)),
        {"NotReplicating", "NotReplicatingNewName"},
    ),
    "a thread of a MySQL that has only the names of today": (
        MODERN,
        server(replica=table({**MYSQL_REPLICA, "SQL_Delay": "0", "Replica_IO_Running": "No"}), mariadb=False),
        {"NotReplicating", "NotReplicatingNewName"},
    ),
    "a replica that is behind": (REPLICA, server(replica=follower(Seconds_Behind_Master="45")), {"ReplicaBehind"}),
    "a MySQL that is behind": (
        MODERN,
        server(replica=table({**MYSQL_REPLICA, "SQL_Delay": "0", "Seconds_Behind_Source": "45"}), mariadb=False),
        {"ReplicaBehind"},
    ),
    "a heartbeat that is old": (
        REPLICA,
        server(replica=follower(), beat={**FRESH, "now": "1045"}),
        {"HeartbeatOld"},
    ),
    "a node that is not ready": (MEMBER, server({**NODE, "wsrep_ready": "OFF"}, CLUSTERED), {"NotReady"}),
    "a node that joins": (MEMBER, server({**NODE, "wsrep_local_state": "1"}, CLUSTERED), {"OutOfSync"}),
    "a donor": (
        MEMBER,
        server({**NODE, "wsrep_local_state": "2", "wsrep_local_recv_queue": "101"}, CLUSTERED),
        {"OutOfSync", "DonorBehind"},
    ),
    "the log waits": (LONE, server({"Innodb_log_waits": "90000"}), {"LogWaits"}),
}


@pytest.mark.parametrize(("well", "failing", "alerts"), ALERTS.values(), ids=ALERTS.keys())
def test_an_alert_fires_when_it_should_and_not_before(
    well: Facts, failing: Facts, alerts: set[str], tmp_path: Path
) -> None:
    fire_as_expected(
        RULES,
        tmp_path,
        Minutes(samples=COLLECTOR.samples(well), count=MINUTES, at=MINUTES - 1, alerts=()),
        Minutes(samples=COLLECTOR.samples(failing), count=MINUTES, at=MINUTES + 7, alerts=alerts),
    )


def test_every_alert_has_a_server_that_it_fires_for() -> None:
    rules = yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"][0]["rules"]
    fired = {alert for _, _, alerts in ALERTS.values() for alert in alerts}
    assert {rule["alert"] for rule in rules if "alert" in rule} == fired
