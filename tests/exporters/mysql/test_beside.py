"""Our metrics beside those of prometheus-mysqld-exporter, of the same real servers."""

import contextlib
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from exporters.collectors import mysql
from slo.core.sample import Sample
from slo.exposition.buffer import Buffer, Serving, exposed
from slo.exposition.layout import Layouts
from tests.databases import MariaDB
from tests.exporters.mysql.looking import watched
from tests.exporters.mysql.servers import PASSWORD, Node
from tests.services import Service, free_port, program

Series = tuple[str, frozenset[tuple[str, str]]]

OF_THE_EXPORTER = {"mysqld_exporter_build_info", "mysql_exporter_collector_duration_seconds"}
"""What it says of itself: its build, and how long questions took, of which it also has those that it does not ask."""

OF_THE_MOMENT = "mysql_info_schema_processlist_"
"""Threads: the exporter's own are there while it asks, and gone when we do."""

MOVED_BY_THE_OTHER = (
    "mysql_global_status_threads_",
    "mysql_global_status_memory_used",
    "mysql_exporter_scrapes_total",
    OF_THE_MOMENT,
)
"""What is another while the exporter's own connections are there."""

EVERYTHING = {"threads": True, "tables": 1000, "digests": 250}
FLAGS = (
    "--collect.info_schema.processlist",
    "--collect.info_schema.tables",
    "--collect.perf_schema.eventsstatements",
    "--collect.heartbeat",
)

REJECTED = {
    "metric name should not include type 'counter'",
    "metric name should not include type 'histogram'",
    'non-histogram and non-summary metrics should not have "_count" suffix',
    'use base unit "seconds" instead of "days"',
}
"""What promtool holds against names that upstream made of those that the server has."""


@contextlib.contextmanager
def exporter(port: int, folder: Path, *flags: str) -> Iterator[str]:
    """The URL of the exporter of a server."""
    executable = program("prometheus-mysqld-exporter", package="prometheus-mysqld-exporter")
    listen = free_port()
    command = [executable, f"--web.listen-address=127.0.0.1:{listen}", *flags]
    source = {"DATA_SOURCE_NAME": f"watchkeep:{PASSWORD}@(127.0.0.1:{port})/"}
    with Service(command, port=listen, folder=folder, environment=source):
        yield f"http://127.0.0.1:{listen}/metrics"


def scraped(url: str) -> tuple[dict[Series, float], dict[str, str]]:
    """The values of an exporter by series, and the types of the metrics by name."""
    with urllib.request.urlopen(url) as response:
        text = response.read().decode()
    values, types = {}, {}
    for line in text.splitlines():
        if line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            types[name] = kind
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if sample.name.startswith("mysql") and sample.name not in OF_THE_EXPORTER:
                values[sample.name, frozenset(sample.labels.items())] = sample.value
    return values, types


def by_series(samples: list[Sample]) -> dict[Series, float]:
    found = {(sample.name, frozenset(sample.labels.items())): sample.value for sample in samples}
    assert len(found) == len(samples), "a series comes twice"
    return found


async def compared(port: int, folder: Path, **keys: object) -> tuple[dict[Series, float], dict[Series, float]]:
    """What the exporter says of a server, and what we do; nothing of it may be missing or another."""
    flags = FLAGS if keys else ()
    with exporter(port, folder, *flags) as url:
        async with watched(port, **keys) as server:
            await server.round()
            scraped(url)  # what both open for the first time is open then
            await server.round()
            before = by_series(server.samples)
            theirs, types = scraped(url)
            await server.round()
            assert server.value("mysql_exporter_last_scrape_error") == 0, server.facts.answers
            ours = by_series(server.samples)
    told = {(name, frozenset(pair for pair in labels if pair[0] != "digest_text")) for name, labels in theirs}
    assert {key for key in told - ours.keys() if not key[0].startswith(OF_THE_MOMENT)} == set()
    assert {(name, *sorted(dict(of))) for name, of in told} <= {(name, *sorted(dict(of))) for name, of in ours}
    wrong = {
        key: (value, ours[key])
        for key, value in theirs.items()
        if key in ours and before.get(key) == ours[key] != value and not key[0].startswith(MOVED_BY_THE_OTHER)
    }
    assert wrong == {}
    kinds = {key[0]: family.type for key in told if (family := mysql.family(key[0]))}
    assert kinds == {name: types.get(name, "counter") for name in kinds}, "the parts of a histogram are counters"
    assert kinds.keys() == {key[0] for key in told}
    return theirs, ours


async def test_a_primary(primary: MariaDB, replica: MariaDB, tmp_path: Path) -> None:
    theirs, ours = await compared(primary.port, tmp_path)
    assert len(theirs) > 1000
    assert len(ours) >= len(theirs)


async def test_a_replica(replica: MariaDB, tmp_path: Path) -> None:
    _, ours = await compared(replica.port, tmp_path)
    names = {name for name, _ in ours}
    for old, new in (("slave_io_running", "replica_io_running"), ("seconds_behind_master", "seconds_behind_source")):
        assert {f"mysql_slave_status_{old}", f"mysql_slave_status_{new}"} <= names


async def test_all_that_is_off_at_first(primary: MariaDB, tmp_path: Path) -> None:
    primary.run(
        "CREATE DATABASE IF NOT EXISTS shop",
        "CREATE OR REPLACE TABLE shop.orders (number INT PRIMARY KEY) ENGINE = InnoDB",
        "GRANT SELECT ON shop.* TO watchkeep",
        "REPLACE INTO heartbeat.heartbeat VALUES (NOW(6), 1)",
        "INSTALL SONAME 'query_response_time'",
        "SET GLOBAL query_response_time_stats = ON",
        "USE shop",
        "SELECT count(*) FROM orders",
    )
    try:
        theirs, ours = await compared(
            primary.port, tmp_path, heartbeat={"table": "heartbeat.heartbeat"}, slow_interval="1ms", **EVERYTHING
        )
    finally:
        primary.run("UNINSTALL SONAME 'query_response_time'")
    assert any(name == "mysql_perf_schema_events_statements_total" for name, _ in theirs)
    text = " ".join(value for _, labels in ours for _, value in labels)
    assert "SELECT COUNT" not in text, "the text of a statement is a label"
    for name in ("table_size", "processlist_threads", "query_response_time_seconds_bucket"):
        assert any(key[0] == f"mysql_info_schema_{name}" for key in ours), name


async def test_nodes_of_a_cluster(nodes: list[Node], tmp_path: Path) -> None:
    for number, node in enumerate(nodes):
        folder = tmp_path / str(number)
        folder.mkdir()
        theirs, _ = await compared(node.port, folder)
        assert {name for name, _ in theirs} >= {
            "mysql_galera_status_info",
            "mysql_galera_gcache_size_bytes",
            "mysql_galera_evs_repl_latency_avg_seconds",
            "mysql_global_status_wsrep_local_state",
        }


async def test_promtool_has_nothing_against_our_text_but_for_names_of_upstream(replica: MariaDB) -> None:
    async with watched(replica.port, **EVERYTHING) as server:
        await server.round()
        text = rendered(server.samples)
    checked = subprocess.run(
        [program("promtool", package="prometheus"), "check", "metrics"],
        check=False, input=text, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    complaints = [line for line in (checked.stdout + checked.stderr).splitlines() if line]
    ours = [line for line in complaints if line.startswith("watchkeep_")]
    assert ours == []
    assert {line.split(" ", 1)[1] for line in complaints} <= REJECTED


def rendered(samples: list[Sample]) -> str:
    """The text that is served of these samples."""
    buffer = Buffer(Serving(family_of=mysql.family, most=10_000), Layouts(), below={}, above={})
    buffer.fill(samples)
    assert buffer.dropped == 0
    return "".join(exposed([buffer]))
