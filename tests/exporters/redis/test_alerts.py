"""The alerts that people have on redis_exporter's metrics, on what we say of servers that are well and that fail."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import yaml

from exporters.collectors import redis
from exporters.collectors.redis import Facts
from exporters.redis import slow
from slo.errors import Fault
from slo.net.attempt import Reached
from slo.net.context import Context
from slo.net.redis import Answer, Refusal
from slo.runner.clock import SteadyClock
from tests.exporters.alerting import Minutes, fire_as_expected
from tests.exporters.redis.saying import PRIMARY, REPLICA, info, sentinel, server
from tests.exporters.redis.scripted import found

RULES = Path(__file__).with_name("alerts.yaml")
COLLECTOR = redis.build(redis.Config.model_validate({"target": "127.0.0.1:1"}), Context.default(SteadyClock()))
MINUTES = 12
"""So long a server is well, and so long it fails then."""


@dataclass(frozen=True, kw_only=True)
class Server:
    """A server of one sort that is well, and which of its fields say so."""

    sections: Mapping[str, Mapping[str, str]]
    fields: Mapping[str, str] = field(default_factory=dict)
    then: Sequence[Answer] = ()
    alerts: frozenset[str] = frozenset()
    """The alerts that fire where there is no other server than this one."""

    def facts(self, changed: Mapping[str, str], then: Sequence[Answer] | None = None) -> Facts:
        """What a round finds with some fields changed, and other answers to what is asked then."""
        fields = {**self.fields, **changed}
        sections = {
            name: {key: fields.pop(key, value) for key, value in section.items()}
            for name, section in self.sections.items()
        }
        sections["Stats"] = fields
        return found([info(sections), b"", *(self.then if then is None else then)], slow=SETTINGS)


CLUSTER = "cluster_state:ok\r\ncluster_slots_pfail:0\r\ncluster_slots_fail:0\r\n"
OF_SENTINEL: list[Answer] = [b"OK 3 usable Sentinels", [], [[b"flags", b"slave"]], []]
STATS = {"total_system_memory": "2000000", "rejected_connections": "0", "rdb_last_save_time": "0"}
SETTINGS: list[Answer] = [[name.encode(), b"90"] for name in slow.SETTINGS]

ONE = Server(sections=server(PRIMARY), fields=STATS)
OTHER = Server(sections=server(REPLICA), fields=STATS, alerts=frozenset({"NoPrimary"}))
NODE = Server(sections=server(PRIMARY, cluster_enabled="1"), fields=STATS, then=[CLUSTER.encode()])
GUARD = Server(sections=sentinel(), then=OF_SENTINEL, alerts=frozenset({"NoPrimary"}))

ALERTS: dict[str, tuple[Server, Facts, set[str]]] = {
    "down": (ONE, Facts(reached=Reached(phases={}, fault=Fault("query_timeout"))), {"Down", "NoPrimary"}),
    "the machine's memory": (ONE, ONE.facts({"used_memory": "1900000"}), {"MachineMemory"}),
    "its own memory": (ONE, ONE.facts({"maxmemory": "1000001"}), {"ConfiguredMemory"}),
    "clients": (ONE, ONE.facts({"connected_clients": "101"}), {"ManyClients", "ClientsNearLimit"}),
    "clients that were refused": (ONE, ONE.facts({"rejected_connections": "7"}), {"Rejected"}),
    "no replica any more": (ONE, ONE.facts({"connected_slaves": "0"}), {"ReplicaLost"}),
    "a replica is silent": (
        ONE,
        ONE.facts({"slave0": "ip=192.0.2.8,port=6379,state=online,offset=1000,lag=31"}),
        {"ReplicaSilent"},
    ),
    "a snapshot failed": (ONE, ONE.facts({"rdb_last_bgsave_status": "err"}), {"SnapshotFailed"}),
    "a snapshot is missing": (ONE, ONE.facts({"rdb_last_save_time": "-90000"}), {"SnapshotOld"}),
    "it became a replica": (ONE, OTHER.facts({}), {"NoPrimary", "ReplicaLost"}),
    "a replica's link": (OTHER, OTHER.facts({"master_link_status": "down"}), {"NoPrimary", "LinkDown"}),
    "a replica hears nothing": (
        OTHER,
        OTHER.facts({"master_last_io_seconds_ago": "61"}),
        {"NoPrimary", "SilentPrimary"},
    ),
    "a cluster that failed": (NODE, NODE.facts({}, [CLUSTER.replace("ok", "fail").encode()]), {"ClusterState"}),
    "slots that failed": (NODE, NODE.facts({}, [CLUSTER.replace("_fail:0", "_fail:9").encode()]), {"SlotsFail"}),
    "slots that may have": (
        NODE,
        NODE.facts({}, [CLUSTER.replace("pfail:0", "pfail:9").encode()]),
        {"SlotsSuspected"},
    ),
    "a primary that a sentinel sees down": (
        GUARD,
        GUARD.facts({"master0": "name=main,status=odown,address=192.0.2.7:6379,slaves=1,sentinels=3"}),
        {"NoPrimary", "SentinelPrimaryDown"},
    ),
    "no quorum": (
        GUARD,
        GUARD.facts({}, [Refusal("NOQUORUM 1 usable Sentinels"), *OF_SENTINEL[1:]]),
        {"NoPrimary", "SentinelNoQuorum"},
    ),
    "no replica that is well": (
        GUARD,
        GUARD.facts({}, [OF_SENTINEL[0], [], [[b"flags", b"slave,s_down"]], []]),
        {"NoPrimary", "SentinelFewReplicas"},
    ),
}


@pytest.mark.parametrize(("sort", "failing", "alerts"), ALERTS.values(), ids=ALERTS.keys())
def test_an_alert_fires_when_it_should_and_not_before(
    sort: Server, failing: Facts, alerts: set[str], tmp_path: Path
) -> None:
    fire_as_expected(
        RULES,
        tmp_path,
        Minutes(samples=COLLECTOR.samples(sort.facts({})), count=MINUTES, at=MINUTES - 1, alerts=sort.alerts),
        Minutes(samples=COLLECTOR.samples(failing), count=MINUTES, at=2 * MINUTES - 1, alerts=alerts),
    )


def test_every_alert_has_a_server_that_it_fires_for() -> None:
    rules = yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"][0]["rules"]
    assert {rule["alert"] for rule in rules} == {alert for _, _, alerts in ALERTS.values() for alert in alerts}
