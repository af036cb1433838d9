"""How a server stands to the others: what is classified, out of all that it says."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from exporters.health.replication import Mode, Replication, Role
from exporters.mysql.aurora import Host
from exporters.mysql.group import Group
from exporters.mysql.replica import Channel
from exporters.mysql.values import amount, number
from slo.net.conversation import said

SYNCED = "4"
"""The state of a node of Galera that has everything: https://galeracluster.com/library/documentation/node-states.html"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Told:
    """What a server says that has to do with others.

    `channels` is None where it may not tell us whom it follows, `followers` where it may not tell us who follows it.
    `silent` has the primaries that should have said something, by channel, with the seconds. `heartbeat` says that
    there should be one in a table, `heartbeat_age` how many seconds old it is. `unacknowledged` says that writes were
    not acknowledged since the last round that should have been.
    """

    status: Mapping[str, str]
    variables: Mapping[str, str]
    channels: tuple[Channel, ...] | None = None
    followers: int | None = None
    silent: Mapping[str, float] = field(default_factory=dict)
    heartbeat: bool = False
    heartbeat_age: float | None = None
    unacknowledged: bool = False
    group: Group | None = None
    hosts: tuple[Host, ...] = ()

    @property
    def following(self) -> tuple[Channel, ...]:
        """The channels to servers outside of a group."""
        return tuple(channel for channel in self.channels or () if not channel.of_a_group)


def standing(told: Told) -> Replication:
    """The state of replication. What the server does not say is unknown."""
    if _on(told.variables, "wsrep_on"):
        return _in_galera(told)
    if told.group is not None:
        return _in_group(told, told.group)
    if told.hosts:
        return _in_aurora(told)
    if told.channels is None:
        return Replication(role=Role.UNKNOWN, mode=Mode.UNKNOWN, read_only=_read_only(told.variables))
    if told.following:
        acknowledges = _on(told.status, "rpl_semi_sync_slave_status", "rpl_semi_sync_replica_status")
        return _replica(told, Mode.SEMI_SYNC if acknowledges else Mode.ASYNC)
    return Replication(
        role=Role.PRIMARY,
        mode=_mode_of_primary(told),
        read_only=_read_only(told.variables),
        replicas=told.followers,
    )


def no_tx(status: Mapping[str, str]) -> float | None:
    """How many writes were not acknowledged by a replica, since the server began to count."""
    name = "rpl_semi_sync_master_no_tx"
    return amount(status.get(name) or status.get(name.replace("master", "source")))


def _replica(told: Told, mode: Mode) -> Replication:
    return Replication(
        role=Role.REPLICA,
        mode=mode,
        lag_seconds=_lag_seconds(told),
        lag_bytes=_lag_bytes(told.following),
        broken="; ".join(filter(None, (channel.broken for channel in told.following))),
        read_only=_read_only(told.variables),
        replicas=told.followers,
    )


def _lag_seconds(told: Told) -> float | None:
    """The largest that is known of any channel; None where one does not say, and no heartbeat says it for all.

    A heartbeat that should be there is the one to be believed: without it nothing is known.
    """
    if told.heartbeat and told.heartbeat_age is None:
        return None
    if told.heartbeat_age is None and None in _behind(told):
        return None
    return max(_lags(told).values(), default=None)


def lag_source(told: Told) -> str:
    """Which of them it is, in words; empty where the server is told of by its group, or nothing is known."""
    lags = _lags(told)
    return "" if told.group or told.hosts or not lags else max(lags, key=lags.__getitem__)


def _lags(told: Told) -> dict[str, float]:
    found = {
        "by the age of the heartbeat": told.heartbeat_age,
        "as the server says itself": max((lag for lag in _behind(told) if lag is not None), default=None),
        "by the silence of the primary": max(told.silent.values(), default=None),
    }
    return {source: lag for source, lag in found.items() if lag is not None}


def _behind(told: Told) -> list[float | None]:
    return [channel.seconds_behind if channel.told else None for channel in told.following]


def _lag_bytes(channels: tuple[Channel, ...]) -> int | None:
    behind = [channel.bytes_behind for channel in channels]
    known = [count for count in behind if count is not None]
    return max(known) if known and len(known) == len(behind) else None


def _mode_of_primary(told: Told) -> Mode:
    status = told.status
    clients = amount(status.get("rpl_semi_sync_master_clients") or status.get("rpl_semi_sync_source_clients"))
    waits = _on(status, "rpl_semi_sync_master_status", "rpl_semi_sync_source_status")
    if waits and clients and not told.unacknowledged:
        return Mode.SEMI_SYNC
    if told.followers is None:
        return Mode.UNKNOWN
    return Mode.ASYNC if told.followers else Mode.NONE


def _in_galera(told: Told) -> Replication:
    status = told.status
    component = status.get("wsrep_cluster_status")
    quorum = None if component is None else component == "Primary" and _on(status, "wsrep_ready")
    state = status.get("wsrep_local_state")
    broken = ""
    if quorum and state != SYNCED:
        broken = f"the node is {said(status.get('wsrep_local_state_comment') or f'in state {state}')}, not Synced"
    size = amount(status.get("wsrep_cluster_size"))
    of_others = _replica(told, Mode.CLUSTER)
    return Replication(
        role=Role.UNKNOWN if told.channels is None else Role.REPLICA if told.following else Role.PRIMARY,
        mode=Mode.CLUSTER,
        lag_seconds=of_others.lag_seconds if told.following else None,
        lag_bytes=of_others.lag_bytes,
        broken="; ".join(filter(None, (broken, of_others.broken))),
        read_only=_read_only(told.variables),
        replicas=told.followers,
        quorum=quorum,
        cluster_size=None if size is None else int(size),
    )


def _in_group(told: Told, group: Group) -> Replication:
    me = group.me
    broken = ""
    if me is None or me.state not in ("ONLINE", "UNREACHABLE"):
        broken = f"the member is {said(me.state) if me else 'not in the list of its group'}, not ONLINE"
    secondary = me is not None and me.secondary
    return Replication(
        role=Role.REPLICA if secondary else Role.PRIMARY,
        mode=Mode.CLUSTER,
        lag_seconds=group.lag_seconds if secondary else None,
        broken=broken,
        read_only=_read_only(told.variables),
        replicas=max(group.size - 1, 0),
        quorum=group.quorum,
        cluster_size=group.size,
    )


def _in_aurora(told: Told) -> Replication:
    """The storage of Aurora takes a write in four of six places before it counts; the readers read from there."""
    own = told.variables.get("aurora_server_id")
    me = next((host for host in told.hosts if host.id == own), None)
    readers = [host for host in told.hosts if not host.writer]
    lags = [host.lag_seconds for host in readers]
    if me is None:
        return Replication(role=Role.UNKNOWN, mode=Mode.SYNC, read_only=_read_only(told.variables))
    worst = None if None in lags else max((lag for lag in lags if lag is not None), default=None)
    return Replication(
        role=Role.PRIMARY if me.writer else Role.REPLICA,
        mode=Mode.SYNC if len(told.hosts) > 1 else Mode.NONE,
        lag_seconds=worst if me.writer else me.lag_seconds,
        read_only=_read_only(told.variables),
        replicas=len(readers) if me.writer else told.followers,
        cluster_size=len(told.hosts),
    )


def _on(values: Mapping[str, str], *names: str) -> bool:
    return any(number(values.get(name)) == 1.0 for name in names)


def _read_only(variables: Mapping[str, str]) -> bool | None:
    """Whether the server takes no writes; None where it does not say. MariaDB 12 has degrees of it."""
    said_so = variables.get("read_only")
    if said_so is None:
        return None
    return number(said_so) != 0.0 or _on(variables, "innodb_read_only")
