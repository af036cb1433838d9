"""What servers of several sorts say of themselves, written by hand, to be changed by tests."""

from collections.abc import Mapping

SERVER = {
    "redis_version": "7.0.15",
    "redis_build_id": "e08dbad3e06f3fb",
    "redis_mode": "standalone",
    "os": "Linux 6.1.0 x86_64",
    "process_id": "812",
    "run_id": "c0ffee",
    "tcp_port": "6379",
    "server_time_usec": "1795708793965335",
    "uptime_in_seconds": "15",
}
MEMORY = {"used_memory": "1000000", "maxmemory": "0", "maxmemory_policy": "noeviction"}
PERSISTENCE = {"loading": "0", "rdb_last_bgsave_status": "ok", "aof_enabled": "0", "aof_last_write_status": "ok"}
CLIENTS = {"connected_clients": "3", "cluster_connections": "0", "maxclients": "10000"}
COMMANDS = {
    "cmdstat_get": "calls=21,usec=175,usec_per_call=8.33,rejected_calls=2,failed_calls=1",
    "cmdstat_config|get": "calls=1,usec=40,usec_per_call=40.00,rejected_calls=0,failed_calls=0",
}
LATENCIES = {"latency_percentiles_usec_get": "p50=8.031,p99=27.007,p99.9=27.007"}

PRIMARY = {
    "role": "master",
    "connected_slaves": "1",
    "slave0": "ip=192.0.2.8,port=6379,state=online,offset=1000,lag=1",
    "master_failover_state": "no-failover",
    "master_replid": "deadbeef",
    "master_repl_offset": "1000",
}
REPLICA = {
    "role": "slave",
    "master_host": "192.0.2.7",
    "master_port": "6379",
    "master_link_status": "up",
    "master_last_io_seconds_ago": "2",
    "master_sync_in_progress": "0",
    "slave_read_repl_offset": "1000",
    "slave_repl_offset": "1000",
    "slave_read_only": "1",
    "connected_slaves": "0",
    "master_failover_state": "no-failover",
    "master_replid": "deadbeef",
    "master_repl_offset": "1000",
}
WATCHED = {
    "sentinel_masters": "1",
    "sentinel_tilt": "0",
    "master0": "name=main,status=ok,address=192.0.2.7:6379,slaves=1,sentinels=3",
}


def info(sections: Mapping[str, Mapping[str, str]]) -> bytes:
    """An answer to INFO of these sections."""
    return "\r\n".join(
        line
        for name, fields in sections.items()
        for line in (f"# {name}", *(f"{key}:{value}" for key, value in fields.items()), "")
    ).encode()


def server(replication: Mapping[str, str], **fields: str) -> dict[str, Mapping[str, str]]:
    """The sections of a server that stands so to the others, with some fields in place of the usual ones."""
    sections = {
        "Server": SERVER,
        "Clients": CLIENTS,
        "Memory": MEMORY,
        "Persistence": PERSISTENCE,
        "Replication": replication,
        "Commandstats": COMMANDS,
        "Errorstats": {"errorstat_ERR": "count=2"},
        "Latencystats": LATENCIES,
        "Cluster": {"cluster_enabled": "0"},
        "Keyspace": {"db0": "keys=2,expires=1,avg_ttl=1500"},
    }
    changed = {
        name: {key: fields.get(key, value) for key, value in section.items()} for name, section in sections.items()
    }
    known = {key for section in sections.values() for key in section}
    added = {key: value for key, value in fields.items() if key not in known}
    return {**changed, "Replication": {**changed["Replication"], **added}}


def sentinel(**fields: str) -> dict[str, Mapping[str, str]]:
    """The sections of a Sentinel."""
    return {"Server": {**SERVER, "redis_mode": "sentinel"}, "Sentinel": {**WATCHED, **fields}}
