"""Two nodes with a Redis and a MariaDB as pods, and the watch that their agents report to, each a machine."""

import json
import os
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.daemonset.making import pod
from tests.databases import MariaDB, StartMariaDB, StartRedis
from tests.e2e.lan import Machine, lan
from tests.e2e.namespaces import inside
from tests.e2e.nodes import PORT as CENTRE_PORT
from tests.e2e.nodes import ControlPlane, agent, centre, ledger, rounds_by_slot, seen
from tests.e2e.stage import until
from tests.services import Service

SHOP = "watchkeep"
OUTSIDE = tuple(range(1, 9))
"""Ports outside of the cluster where nobody listens: each is a target."""

OUTAGE_SECONDS = float(os.environ.get("OUTAGE_SECONDS", "12"))
"""For how long the centre is cut off; `OUTAGE_SECONDS=300 ./run test tests/e2e/test_nodes.py` takes six minutes."""

MOVES_SECONDS = 30.0
"""How long the share of a lost agent may take to move."""


@pytest.fixture
def machines() -> Iterator[dict[str, Machine]]:
    with lan(["control", "centre", "one", "two"]) as laid:
        yield laid


class Nodes:
    """The story: what runs on the nodes, and who watches it."""

    def __init__(self, machines: dict[str, Machine], folder: Path, redis: Service, mariadb: MariaDB, api: str) -> None:
        self.machines = machines
        self.redis = redis
        self.mariadb = mariadb
        config = folder / "watchkeep.yaml"
        config.write_text(json.dumps(self._configuration()))
        self.centre = centre(machines["centre"], folder / "centre", config)
        self.agents = {
            name: agent(machines[name], folder / name, config, node=name, api=api) for name in ("one", "two")
        }

    def _configuration(self) -> dict[str, Any]:
        often = {"run_by": "agents", "interval": "1s", "timeout": "900ms"}
        found = {"type": "pods", "namespaces": ["shop"]}
        control = self.machines["control"].address
        password = {"username": "watchkeep", "password": "a password of theirs"}
        return {
            "slot": "1s",
            "agents": {"token": "a token of all agents"},
            "forwarders": [
                {
                    "name": "centre",
                    "type": "central",
                    "url": f"http://{self.machines['centre'].address}:{CENTRE_PORT}",
                    "token": "a token of all agents",
                    "timeout": "2s",
                }
            ],
            "collectors": [
                {
                    "name": "caches",
                    "type": "redis",
                    **often,
                    "targets_from": [{**found, "selector": "app=redis", "port": self.redis.port}],
                },
                {
                    "name": "databases",
                    "type": "mysql",
                    **often,
                    **password,
                    "targets_from": [{**found, "selector": "app=mariadb", "port": self.mariadb.port}],
                },
            ],
            "probes": [
                {
                    "name": "outside",
                    "type": "tcp",
                    **often,
                    "targets": [f"{control}:{port}" for port in OUTSIDE],
                }
            ],
            "slos": [
                {"name": name, "objective": "99%", "window": "1h", "sli": sli}
                for name, sli in (
                    ("caches", {"collector": "caches"}),
                    ("databases", {"collector": "databases"}),
                    ("outside", {"probe": "outside"}),
                )
            ],
        }

    def totals(self, slo: str) -> Counter[str]:
        """The events of an SLO."""
        return Counter(self.centre.document(f"/api/v1/slos/{slo}")["totals"])

    def more(self, slo: str, state: str, patience_seconds: float = 60.0) -> None:
        """Wait until there are more events of that state than now."""
        before = self.totals(slo)[state]
        until(f"{state} events of {slo}", lambda: self.totals(slo)[state] > before, patience_seconds)

    def shares(self) -> dict[str, set[str]]:
        """Which targets outside of the cluster each agent looks at."""
        return {name: each.looks_at("outside") for name, each in self.agents.items()}


@pytest.fixture
def nodes(
    machines: dict[str, Machine], tmp_path: Path, start_redis: StartRedis, start_mariadb: StartMariaDB
) -> Iterator[Nodes]:
    with inside(machines["one"].namespace):
        redis = start_redis("--bind", machines["one"].address, "127.0.0.1", "--protected-mode", "no")
    with inside(machines["two"].namespace):
        mariadb = start_mariadb("--bind-address=0.0.0.0")
    mariadb.run(
        "CREATE USER watchkeep IDENTIFIED BY 'a password of theirs'",
        "GRANT SLAVE MONITOR, PROCESS ON *.* TO watchkeep",
        "GRANT SELECT ON performance_schema.* TO watchkeep",
    )
    with ControlPlane(machines["control"]) as control:
        for name, node in (("redis-0", "one"), ("mariadb-0", "two")):
            control.put(pod(name, node, ip=machines[node].address))
        made = Nodes(machines, tmp_path, redis, mariadb, control.url)
        with made.centre, made.agents["one"], made.agents["two"]:
            yield made
    redis.stop()
    mariadb.stop()


@pytest.mark.timeout(300 + OUTAGE_SECONDS)
def test_nodes_and_the_watch_that_they_report_to_live_through_a_bad_day(nodes: Nodes) -> None:
    live_through(nodes, OUTAGE_SECONDS)


def live_through(nodes: Nodes, outage_seconds: float) -> None:
    """A server is killed, an agent is killed, the centre is cut off and killed twice; then every round is counted."""
    one, two = nodes.agents["one"], nodes.agents["two"]
    nodes.centre.start()
    for each in nodes.agents.values():
        each.start()
    for slo, state in (("caches", "good"), ("databases", "good"), ("outside", "bad")):
        nodes.more(slo, state)

    with inside(nodes.machines["one"].namespace):
        nodes.redis.kill()
        nodes.more("caches", "bad")
        nodes.redis.start()
        nodes.more("caches", "good")

    targets = {f"{nodes.machines['control'].address}:{port}" for port in OUTSIDE}
    until("both to have a share", lambda: all(nodes.shares().values()))
    until("each target to be looked at by one", lambda: _disjoint(nodes.shares(), targets))
    one.kill()
    until("its share to move", lambda: two.looks_at("outside") == targets, MOVES_SECONDS)
    one.start()
    until("its share to come back", lambda: _disjoint(nodes.shares(), targets))

    nodes.more("caches", "good")
    cut_off = int(time.time()) + 1
    nodes.machines["centre"].pull()
    for _ in range(2):
        time.sleep(outage_seconds / 3)
        nodes.centre.kill()
        nodes.centre.start()
    time.sleep(outage_seconds / 3)
    nodes.machines["centre"].plug()
    for slo, state in (("caches", "good"), ("databases", "good"), ("outside", "bad")):
        nodes.more(slo, state)

    assert [each.stop() for each in nodes.agents.values()] == [0, 0]
    rounds = seen(nodes.agents.values())
    until("all rounds to be counted", lambda: sum(map(_events, map(nodes.totals, CHECKS))) >= len(rounds))
    time.sleep(1.1)
    assert nodes.centre.stop() == 0
    counted = ledger(nodes.centre, slot_seconds=1)
    for sli, check in SLIS.items():
        own = [outcome for outcome in rounds.values() if outcome.check == check]
        events = Counter({key: number for key, number in counted[sli].items() if key[1] != "known"})
        assert events == rounds_by_slot(own, 1), check
        last = max(end for end, _ in events)
        known = [counted[sli][end, "known"] for end in range(cut_off, last + 1)]
        assert known == [1000] * len(known), f"{check}: of all that agents saw while the centre was away it knows"


CHECKS = ("caches", "databases", "outside")
SLIS = {"collector:caches": "caches", "collector:databases": "databases", "probe:outside": "outside"}


def _events(totals: Counter[str]) -> int:
    return totals["good"] + totals["bad"] + totals["unknown"]


def _disjoint(shares: dict[str, set[str]], targets: set[str]) -> bool:
    return sum(map(len, shares.values())) == len(targets) and set().union(*shares.values()) == targets
