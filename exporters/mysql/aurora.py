"""Amazon Aurora: servers that share one storage, by the table that tells of all of them.

https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/AuroraMySQL.Reference.ISTables.html
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from exporters.mysql.values import LONGEST_LABEL, amount, by_column, labels, number
from slo.core.sample import Sample
from slo.net.sql import Result

HOSTS = "SELECT * FROM information_schema.replica_host_status LIMIT 100"

_WRITER = "MASTER_SESSION_ID"

_MEASURES = {
    "cpu": ("cpu_percent", 1.0),
    "master_slave_latency_in_microseconds": ("replica_latency_seconds", 1e-6),
    "replica_lag_in_milliseconds": ("lag_seconds", 1e-3),
    "log_stream_speed_in_kib_per_second": ("log_stream_speed", 1.0),
    "current_replay_latency_in_microseconds": ("replay_latency_seconds", 1e-6),
}
"""The columns that are told, how upstream calls them, and by what they become the unit in the name."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Host:
    """One server of the cluster."""

    columns: dict[str, str | None]

    @property
    def id(self) -> str:
        """What the server is called."""
        return self.columns.get("server_id") or ""

    @property
    def writer(self) -> bool:
        """Whether it is the one that writes."""
        return self.columns.get("session_id") == _WRITER

    @property
    def lag_seconds(self) -> float | None:
        """How far it is behind the writer; None where that is not told."""
        lag = amount(self.columns.get("replica_lag_in_milliseconds"))
        return None if lag is None else lag / 1000


def read_hosts(result: Result) -> tuple[Host, ...]:
    """The servers of the cluster, each once."""
    return tuple({row["server_id"]: Host(columns=row) for row in by_column(result) if row.get("server_id")}.values())


def samples(hosts: Iterable[Host]) -> Iterator[Sample]:
    """The servers as metrics."""
    known = list({host.id[:LONGEST_LABEL]: host for host in hosts}.values())
    for column, (metric, unit) in _MEASURES.items():
        for host in known:
            if (value := number(host.columns.get(column))) is not None:
                of = labels(server_id=host.id, role="writer" if host.writer else "reader")
                yield Sample(f"mysql_info_schema_replica_host_{metric}", value * unit, of)
