"""How a Redis stands to the others, from what it says: INFO, CLUSTER INFO, and what a Sentinel tells.

Replication of Redis is always asynchronous, in a cluster too: a write counts as done before any replica has it.
"""

from collections.abc import Mapping, Sequence

from exporters.health.replication import Mode, Replication, Role
from exporters.redis.info import Info
from exporters.redis.offsets import Offsets
from exporters.redis.sentinel import Guarded
from exporters.redis.source import Progress

_ROLES = {"master": Role.PRIMARY, "slave": Role.REPLICA}


def replication_of(
    info: Info,
    offsets: Offsets,
    now: float,
    *,
    cluster: Mapping[str, float] | None = None,
    sentinel: Sequence[Guarded] | None = None,
    settings: Mapping[str, str] | None = None,
    source: Progress | None = None,
) -> Replication:
    """The state of a server; `offsets` remembers what was seen before, `now` is monotonic seconds.

    `cluster` is what a node of a cluster says of it, `sentinel` what a Sentinel says of whom it watches; None where it
    is none, or does not tell. `settings` are those that are known. `source` is what the primary of a replica said, None
    where it is not to be asked.
    """
    if sentinel is not None:
        return _of_sentinel(info, sentinel)
    role = _ROLES.get(info.word("role"), Role.UNKNOWN)
    quorum = None if cluster is None else cluster.get("cluster_state") == 1.0
    size = cluster.get("cluster_size") if cluster is not None else None
    members = None if size is None else int(size)
    if role is Role.PRIMARY:
        return _of_primary(info, offsets, now, settings or {}, quorum=quorum, cluster_size=members)
    if role is Role.REPLICA:
        return _of_replica(info, offsets, now, source, quorum=quorum, cluster_size=members)
    return Replication(role=Role.UNKNOWN, mode=Mode.UNKNOWN, quorum=quorum, cluster_size=members)


def _of_primary(
    info: Info,
    offsets: Offsets,
    now: float,
    settings: Mapping[str, str],
    *,
    quorum: bool | None,
    cluster_size: int | None,
) -> Replication:
    online = [follower for follower in info.followers if follower.online]
    written = info.number("master_repl_offset")
    seconds = size = None
    if online and written is not None:
        last = min(follower.offset for follower in online)
        silent = max(follower.lag or 0.0 for follower in online)
        behind = offsets.behind(info.word("master_replid"), written=written, read=last, now=now)
        seconds, size = max(silent, behind), max(int(written - last), 0)
    refusal = refuses_writes(info, settings)
    return Replication(
        role=Role.PRIMARY,
        mode=Mode.ASYNC if info.followers else Mode.NONE,
        lag_seconds=seconds,
        lag_bytes=size,
        read_only=bool(refusal),
        refusal=refusal,
        replicas=len(online),
        quorum=quorum,
        cluster_size=cluster_size,
    )


def _of_replica(
    info: Info,
    offsets: Offsets,
    now: float,
    source: Progress | None,
    *,
    quorum: bool | None,
    cluster_size: int | None,
) -> Replication:
    """A replica hears of its primary every ten seconds at least, unless that is configured otherwise."""
    heard, broken = info.number("master_last_io_seconds_ago"), _broken(info)
    stream, applied = info.word("master_replid"), info.number("slave_repl_offset")
    known = [info.number("slave_read_repl_offset")]
    if source is not None and source.stream == stream:
        known.append(source.written)
    written = max((offset for offset in known if offset is not None), default=None)
    size = seconds = None
    behind = 0.0
    if written is not None and applied is not None:
        behind = offsets.behind(stream, written=written, read=applied, now=now)
        size = max(int(written - applied), 0)
    if broken:
        size = None  # what the primary has written since is not known
        heard = info.number("master_link_down_since_seconds")
    elif source is not None and source.stream != stream:
        heard = size = None  # the primary that is to be asked is not the one that is followed, or has said nothing yet
    if heard is not None and heard >= 0:
        seconds = max(heard, behind)
    return Replication(
        role=Role.REPLICA,
        mode=Mode.ASYNC,
        lag_seconds=seconds,
        lag_bytes=size,
        broken=broken,
        read_only={"1": True, "0": False}.get(info.word("slave_read_only")),
        replicas=sum(follower.online for follower in info.followers),
        quorum=quorum,
        cluster_size=cluster_size,
    )


def _broken(info: Info) -> str:
    """Why a replica does not follow, in words; empty where it does, or does not say."""
    status = info.word("master_link_status")
    if status in ("", "up"):
        return ""
    primary = f"{info.word('master_host')}:{info.word('master_port')}"
    if info.number("master_sync_in_progress"):
        return f"it is taking a full copy from {primary}"
    since = info.number("master_link_down_since_seconds")
    lasting = f" for {since:.0f} s" if since is not None and since >= 0 else ""
    return f"its link to {primary} has been {status}{lasting}"


def refuses_writes(info: Info, settings: Mapping[str, str]) -> str:
    """Why a primary takes no writes, in words; empty where it does.

    Where CONFIG may not be read, a snapshot that failed is taken for a reason, as it is one by default.
    """
    most, used = info.number("maxmemory"), info.number("used_memory")
    buffers = info.number("mem_not_counted_for_evict") or 0.0
    if most and used is not None and used - buffers > most and info.word("maxmemory_policy") == "noeviction":
        return f"{used:.0f} bytes are in use, {most:.0f} are allowed, and nothing may be evicted"
    stops = settings.get("stop-writes-on-bgsave-error", "yes") == "yes" and settings.get("save", "default") != ""
    if info.number("rdb_last_bgsave_status") == 0.0 and stops:
        return "its last snapshot failed (stop-writes-on-bgsave-error)"
    if info.number("aof_enabled") and info.number("aof_last_write_status") == 0.0:
        return "its last write to the append-only file failed"
    good = info.number("min_slaves_good_slaves")  # said where a least number is configured
    if good is not None and good < _least(settings):
        return f"{good:.0f} replicas are well, which is fewer than min-replicas-to-write"
    if info.word("master_failover_state") not in ("", "no-failover"):
        return "it is handing over to a replica"
    return ""


def _least(settings: Mapping[str, str]) -> int:
    """How many replicas must be well: one at least where good ones are counted, whatever was configured a while ago."""
    said = settings.get("min-replicas-to-write", "")
    return max(int(said), 1) if said.isascii() and said.isdigit() and len(said) < 10 else 1


def _of_sentinel(info: Info, sentinel: Sequence[Guarded]) -> Replication:
    """A Sentinel stands for the worst of the primaries that it watches."""
    failed = [
        f"{each.watched.name} at {each.watched.address} is {each.watched.status}"
        for each in sentinel
        if each.watched.status != "ok"
    ]
    votes = [each.quorum for each in sentinel]
    tilted = bool(info.number("sentinel_tilt"))
    return Replication(
        role=Role.SENTINEL,
        mode=Mode.NONE,
        broken=", ".join(failed),
        quorum=False if tilted or False in votes else None if None in votes or not votes else True,
        replicas=_least_of([each.well_replicas for each in sentinel]),
        cluster_size=_least_of([each.well_sentinels for each in sentinel]),
    )


def _least_of(counts: Sequence[int | None]) -> int | None:
    known = [count for count in counts if count is not None]
    return min(known) if known and len(known) == len(counts) else None
