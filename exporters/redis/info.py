"""INFO, read: plain fields by their names, and what there is several of. What cannot be read is left out and counted.

https://redis.io/docs/latest/commands/info/
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from math import isfinite
from typing import NamedTuple, TypeVar

from exporters.redis.commands import Commands, read_commands
from exporters.redis.fields import FIELDS

VALUE_CHARACTERS = 256
"""How much of a field is kept."""

WORDS = frozenset(
    {
        *("redis_version", "redis_build_id", "redis_mode", "server_mode", "os", "maxmemory_policy", "tcp_port"),
        *("run_id", "process_id", "role", "master_host", "master_port", "master_link_status", "master_replid"),
        *("slave_read_only", "master_failover_state"),
    }
)
"""Fields that are words, or labels."""

COUNTED = frozenset(
    {
        *("master_last_io_seconds_ago", "master_sync_in_progress", "master_link_down_since_seconds"),
        *("slave_repl_offset", "slave_read_repl_offset", "min_slaves_good_slaves"),
        *("loading_loaded_perc", "loading_eta_seconds", "server_time_usec"),
        *("sentinel_masters", "sentinel_tilt", "sentinel_running_scripts", "sentinel_scripts_queue_length"),
        "sentinel_simulate_failure_flags",
    }
)
"""Numbers that are metrics with labels, or are judged alone."""

_KEPT = frozenset(FIELDS) | WORDS | COUNTED
_SAID = {"ok": 1.0, "true": 1.0, "err": 0.0, "fail": 0.0, "false": 0.0}
_ERROR = re.compile(r"errorstat_([^:]{1,128}):count=([0-9]{1,20})", re.ASCII)
_FOLLOWER = re.compile(r"slave[0-9]+:")
_DATABASE = re.compile(r"db[0-9]{1,10}")
_CLUSTER = re.compile(r"cluster_[a-z0-9_]{1,100}")
_WATCHED = re.compile(r"master[0-9]+:")
_SEVERAL = frozenset({"Commandstats", "Errorstats", "Latencystats", "Keyspace"})
"""Sections whose lines are not plain fields."""

T = TypeVar("T")


class Database(NamedTuple):
    """The keys of one database; their average time to live in milliseconds."""

    name: str
    keys: float
    expiring: float
    average_ttl: float | None


class Follower(NamedTuple):
    """A replica, as its primary sees it. `lag` is the seconds since it was last heard, None where that is not told."""

    address: str
    port: str
    state: str
    offset: float
    lag: float | None

    @property
    def online(self) -> bool:
        """Whether it takes what is written as it is written; before that it takes a copy."""
        return self.state == "online"


class Watched(NamedTuple):
    """A primary, as a Sentinel tells of it in INFO."""

    name: str
    status: str
    address: str
    replicas: float
    sentinels: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Info:
    """What a server says of itself. `unread` is how many of its lines could not be read."""

    fields: Mapping[str, str]
    commands: Commands = field(default_factory=Commands)
    errors: tuple[tuple[str, float], ...] = ()
    databases: tuple[Database, ...] = ()
    followers: tuple[Follower, ...] = ()
    watched: tuple[Watched, ...] = ()
    is_sentinel: bool = False
    unread: int = 0

    def number(self, name: str) -> float | None:
        """A field as a number; None where there is none."""
        text = self.fields.get(name)
        return None if text is None else number(text)

    def word(self, name: str) -> str:
        """A field as it was said; empty where there is none."""
        return self.fields.get(name, "")


@lru_cache(maxsize=16_384)
def number(text: str) -> float | None:
    """The number that a text says; None where it is no finite one. `ok` is 1, and `err` and `fail` are 0."""
    said = _SAID.get(text)
    if said is not None:
        return said
    try:
        found = float(text)
    except ValueError:
        return None
    # Python takes 1_000 and other people's digits for numbers, which no Redis writes.
    return found if isfinite(found) and "_" not in text and text.isascii() else None


def read_info(answer: bytes) -> Info:
    """What an answer to INFO says, or several of them one behind the other."""
    found = sections(answer)
    body, lines = found.get, _Lines()
    commands = read_commands(body("Commandstats", ""))
    return Info(
        fields=_plain(text for name, text in found.items() if name not in _SEVERAL),
        commands=commands,
        errors=lines.read(body("Errorstats", ""), _error),
        databases=lines.read(body("Keyspace", ""), _database),
        followers=lines.read(body("Replication", ""), _follower, only=_FOLLOWER),
        watched=lines.read(body("Sentinel", ""), _watched, only=_WATCHED),
        is_sentinel="Sentinel" in found,
        unread=commands.unread + lines.unread,
    )


def sections(answer: bytes) -> Mapping[str, str]:
    """The text of each section of an answer by its name, its lines ended by LF."""
    text = "\n" + answer.decode(errors="replace").replace("\r", "")
    parts = (section.partition("\n") for section in text.split("\n# "))
    return {name: body for name, _, body in parts}


def read_cluster(answer: bytes) -> Mapping[str, float]:
    """What an answer to CLUSTER INFO says, by the names there."""
    fields = (line.partition(":") for line in answer.decode(errors="replace").split("\r\n"))
    found = {name: number(value) for name, _, value in fields if _CLUSTER.fullmatch(name)}
    return {name: value for name, value in found.items() if value is not None}


class _Lines:
    """Reads the lines of sections, and counts those that it cannot."""

    def __init__(self) -> None:
        self.unread = 0

    def read(self, body: str, read: Callable[[str], T | None], *, only: re.Pattern[str] | None = None) -> tuple[T, ...]:
        """What `read` makes of each line that begins so; None is what it cannot."""
        found = []
        for line in body.split("\n"):
            if not line or (only is not None and not only.match(line)):
                continue
            value = read(line)
            if value is None:
                self.unread += 1
            else:
                found.append(value)
        return tuple(found)


def _plain(bodies: Iterable[str]) -> Mapping[str, str]:
    fields = (line.partition(":") for body in bodies for line in body.split("\n"))
    return {name: value[:VALUE_CHARACTERS] for name, _, value in fields if name in _KEPT}


def _error(line: str) -> tuple[str, float] | None:
    match = _ERROR.fullmatch(line)
    return (match[1], float(match[2])) if match else None


def _database(line: str) -> Database | None:
    """`db0:keys=2,expires=1,avg_ttl=89648`."""
    name, said = _pairs(line)
    keys, expiring = number(said.get("keys", "")), number(said.get("expires", ""))
    if keys is None or expiring is None or not _DATABASE.fullmatch(name):
        return None
    return Database(name, keys, expiring, number(said.get("avg_ttl", "")))


def _follower(line: str) -> Follower | None:
    """`slave0:ip=192.0.2.7,port=6379,state=online,offset=1031,lag=0`."""
    _, said = _pairs(line)
    offset = number(said.get("offset", ""))
    if offset is None or not said.get("state"):
        return None
    return Follower(said.get("ip", ""), said.get("port", ""), said["state"], offset, number(said.get("lag", "")))


def _watched(line: str) -> Watched | None:
    """`master0:name=main,status=ok,address=192.0.2.7:6379,slaves=1,sentinels=3`."""
    _, said = _pairs(line)
    replicas, sentinels = number(said.get("slaves", "")), number(said.get("sentinels", ""))
    if replicas is None or sentinels is None or not said.get("name") or not said.get("status"):
        return None
    return Watched(said["name"], said["status"], said.get("address", ""), replicas, sentinels)


def _pairs(line: str) -> tuple[str, dict[str, str]]:
    """The name of a line, and what is behind it."""
    name, _, said = line.partition(":")
    parts = (part.partition("=") for part in said.split(","))
    return name, {key: value[:VALUE_CHARACTERS] for key, _, value in parts}
