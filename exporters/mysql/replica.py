"""SHOW REPLICA STATUS, and what it was called before: one row for each server that this one follows."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from exporters.mysql.values import amount, by_column, cleaned, labels, new_name, number, old_name
from slo.core.sample import Sample
from slo.net.conversation import said
from slo.net.sql import Result

PREFIX = "mysql_slave_status_"

RUNS = "Yes"

OF_A_GROUP = "group_replication_"
"""The channels of Group Replication begin like this; how a group stands is told elsewhere."""

_SIGNS = (
    "master_log_file",
    "read_master_log_pos",
    "gtid_io_pos",
    "retrieved_gtid_set",
    "slave_received_heartbeats",
    "slave_io_running",
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Beats:
    """What MySQL says of heartbeats in tables of its own: how many came, and every how many seconds they do."""

    received: str
    period_seconds: float | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Channel:
    """How this server follows one other: the columns of its row, by their names of old."""

    columns: Mapping[str, str | None]
    beats: Beats | None = None

    @property
    def name(self) -> str:
        """What the channel is called; empty for the usual one."""
        return self.columns.get("connection_name") or self.columns.get("channel_name") or ""

    @property
    def source(self) -> str:
        """The number of the server that is followed."""
        return self.columns.get("master_server_id") or ""

    @property
    def of_a_group(self) -> bool:
        """Whether it is one of Group Replication's own."""
        return self.name.startswith(OF_A_GROUP)

    @property
    def told(self) -> bool:
        """Whether the server says what both threads do."""
        return bool(self.columns.get("slave_io_running") and self.columns.get("slave_sql_running"))

    @property
    def broken(self) -> str:
        """Why it does not run, in words; empty where it does, or where that is not told."""
        threads = (("I/O", "slave_io_running", "last_io_error"), ("SQL", "slave_sql_running", "last_sql_error"))
        reasons = []
        for thread, key, error_key in threads:
            state = self.columns.get(key)
            if state and state != RUNS:
                error = self.columns.get(error_key) or ""
                reasons.append(f"its {thread} thread runs: {said(state)}" + (f" ({said(error)})" if error else ""))
        channel = f"channel {said(self.name)}: " if self.name and reasons else ""
        return channel + ", ".join(reasons)

    @property
    def seconds_behind(self) -> float | None:
        """How far it is behind as it says itself; None where it says NULL."""
        return amount(self.columns.get("seconds_behind_master"))

    @property
    def bytes_behind(self) -> int | None:
        """What was read of the primary's log and not executed; None where these are two files."""
        if self.columns.get("master_log_file") != self.columns.get("relay_master_log_file"):
            return None
        read, done = (amount(self.columns.get(key)) for key in ("read_master_log_pos", "exec_master_log_pos"))
        return None if read is None or done is None else max(int(read - done), 0)

    @property
    def heartbeat_period(self) -> float | None:
        """After how many silent seconds the primary gives a sign of life; None where it does not, or none is told."""
        period = self.beats.period_seconds if self.beats else amount(self.columns.get("slave_heartbeat_period"))
        return period or None

    @property
    def signs(self) -> tuple[str | None, ...]:
        """What is another with each sign of life of the primary."""
        return (*(self.columns.get(key) for key in _SIGNS), self.beats.received if self.beats else None)


def tells_of_replication(result: Result) -> bool:
    """Whether it is the status of a replica, also one without rows: that of a server that follows nobody."""
    return "slave_io_running" in {old_name(cleaned(column)) for column in result.columns}


def read_channels(result: Result, beats: Mapping[str, Beats] | None = None) -> tuple[Channel, ...]:
    """The channels of a server, none where it follows nobody; `beats` by the name of the channel."""
    channels = []
    for row in by_column(result):
        columns = {old_name(column): value for column, value in row.items()}
        name = columns.get("channel_name") or ""
        channels.append(Channel(columns=columns, beats=(beats or {}).get(name)))
    return tuple(channels)


def read_beats(result: Result) -> dict[str, Beats]:
    """The heartbeats of each channel, by its name."""
    return {
        row.get("channel_name") or "": Beats(
            received=f"{row.get('count_received_heartbeats')} {row.get('last_heartbeat_timestamp')}",
            period_seconds=amount(row.get("heartbeat_interval")),
        )
        for row in by_column(result)
    }


def samples(channels: tuple[Channel, ...]) -> Iterator[Sample]:
    """The channels as metrics, each by its name of old and by the one of today: dashboards have the one or the other.

    A channel that comes twice is told once.
    """
    seen: set[int] = set()
    for channel in channels:
        of = labels(
            master_host=channel.columns.get("master_host"),
            master_uuid=channel.columns.get("master_uuid"),
            channel_name=channel.columns.get("channel_name"),
            connection_name=channel.columns.get("connection_name"),
        )
        if id(of) in seen:
            continue
        seen.add(id(of))
        for old, text in channel.columns.items():
            if (value := number(text)) is not None:
                yield Sample(PREFIX + old, value, of)
                if (new := new_name(old)) != old:
                    yield Sample(PREFIX + new, value, of)
