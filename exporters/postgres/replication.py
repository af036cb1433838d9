"""How a PostgreSQL stands to the others, made of what it says of itself, its standbys, its WAL receiver and its slots.

What it says is not taken at its word. A standby whose primary is frozen has nothing left to replay, and a primary whose
WAL sender is frozen shows it as streaming with no lag at all: so silence counts, and so do bytes.
"""

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice

from exporters.health.replication import Mode, Replication, Role
from exporters.postgres.statement import Row, number

REPLY_SECONDS = 11.0
"""After so much silence of a standby that has something to replay it is behind: it replies every 10 s by default."""

PING_SECONDS = 30.0
"""How long a primary that has nothing to say is silent, where the standby's `wal_receiver_timeout` does not say it."""

PONG_SECONDS = 1.0
"""How long the answer to a ping may take before the silence counts."""

MOST_NAMED = 5
"""How many things that are broken are named."""

_STREAMING = frozenset({"streaming", "catchup"})
_WAITED_FOR = frozenset({"sync", "quorum"})
_NOT_WAITING = frozenset({"off", "local"})
_AT_LEAST = re.compile(r"\s*(?:(?:FIRST|ANY)\s+)?([0-9]{1,4})\s*\(", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True, slots=True)
class Standing:
    """What was said: the row of the server, and those of its receivers, standbys and slots; None where it was refused.

    There is one receiver at most. `heartbeat` is the age in seconds of the newest row of the table of heartbeats, where
    there is one, which `beats` says. `spare_slots` need not be used.
    """

    server: Row | None
    receivers: Sequence[Row] | None = None
    standbys: Sequence[Row] | None = None
    slots: Sequence[Row] | None = None
    beats: bool = False
    heartbeat: float | None = None
    spare_slots: frozenset[str] = field(default_factory=frozenset)


def known(text: str | None) -> float | None:
    """A number that can be relied on, None where there is none. What is a moment ahead of us is no less than 0."""
    value = number(text)
    return max(value, 0.0) if math.isfinite(value) else None


def flag(text: str | None) -> bool | None:
    """What a 1 or a 0 says; None where there is neither."""
    return {"1": True, "0": False}.get(text or "")


def replication_of(said: Standing) -> Replication:
    """The state. What was not said, or not to us, is unknown."""
    recovers = flag(said.server.get("recovers")) if said.server is not None else None
    if said.server is None or recovers is None:
        return Replication(role=Role.UNKNOWN, mode=Mode.UNKNOWN)
    return _replica(said, said.server) if recovers else _primary(said, said.server)


# A standby


def _replica(said: Standing, server: Row) -> Replication:
    receiver = said.receivers[0] if said.receivers else {}
    written = known(server.get("written"))
    ends = [known(server.get("received")), known(receiver.get("end"))]
    end = max((each for each in ends if each is not None), default=None)
    lag_bytes = None if written is None or end is None else max(int(end - written), 0)
    return Replication(
        role=Role.REPLICA,
        mode=Mode.UNKNOWN,  # whether commits wait for it is the primary's affair, and not told to it
        lag_seconds=_lag_of_replica(said, server, lag_bytes),
        lag_bytes=lag_bytes,
        broken=_broken_receiver(said, server),
        read_only=True,
        replicas=_followers(said),
    )


def _broken_receiver(said: Standing, server: Row) -> str:
    """Why nothing is received, where something should be; empty where it is received, or nobody knows."""
    if said.receivers is None or not flag(server.get("follows")) or not flag(server.get("permitted")):
        return ""
    if not said.receivers:
        return "no WAL receiver runs: the primary is gone, or refuses the connection or the slot"
    status = said.receivers[0].get("status")
    return "" if status in ("streaming", None) else f"the WAL receiver is {status[:20]}, not streaming"


def _lag_of_replica(said: Standing, server: Row, lag_bytes: int | None) -> float | None:
    """The largest of all that is known; None where a part that must be known is not."""
    replayed = known(server.get("replayed_age"))
    follows = flag(server.get("follows"))
    lags: list[float | None] = [said.heartbeat] if said.beats else []
    if said.receivers is None:
        return None
    if not said.receivers:
        # What was replayed last is then all that is known. Without a receiver there may be much more by now.
        lags.append(replayed if follows is not None else None)
    else:
        silence = known(said.receivers[0].get("silence"))
        ordinary = (known(server.get("ping_seconds")) or PING_SECONDS) + PONG_SECONDS
        lags.append(silence if silence is None or silence > ordinary else 0.0)
        lags.append(0.0 if lag_bytes == 0 else None if lag_bytes is None else replayed)
    found = [lag for lag in lags if lag is not None]
    return max(found) if found and len(found) == len(lags) else None


# A primary


def _primary(said: Standing, server: Row) -> Replication:
    standbys = _physical(said)
    lag_seconds, lag_bytes = _lag_of_standbys(standbys or ())
    return Replication(
        role=Role.PRIMARY,
        mode=_mode(standbys, server),
        lag_seconds=lag_seconds,
        lag_bytes=lag_bytes,
        broken="; ".join(islice(_broken_primary(said, server, standbys), MOST_NAMED)),
        read_only=flag(server.get("read_only")),
        replicas=_followers(said),
    )


def _physical(said: Standing) -> list[Row] | None:
    """The standbys that are sent WAL; None where that is not told. Subscribers and base backups are none."""
    if said.standbys is None or any(not row.get("state") for row in said.standbys):
        return None
    return [row for row in said.standbys if row["state"] in _STREAMING and row.get("logical") != "1"]


def _followers(said: Standing) -> int | None:
    standbys = _physical(said)
    return None if standbys is None else len(standbys)


def _mode(standbys: Sequence[Row] | None, server: Row) -> Mode:
    commits = server.get("commits")
    if standbys is None or not commits:
        return Mode.UNKNOWN
    if not standbys:
        return Mode.NONE
    states = {row.get("sync_state") for row in standbys}
    if not states <= _WAITED_FOR | {"potential", "async"}:
        return Mode.UNKNOWN
    return Mode.SYNC if states & _WAITED_FOR and commits not in _NOT_WAITING else Mode.ASYNC


def _lag_of_standbys(standbys: Sequence[Row]) -> tuple[float | None, int | None]:
    """The lags of the standby that is furthest behind; None where there is none, or one of them is not known."""
    seconds: list[float] = []
    sizes: list[int] = []
    for row in standbys:
        size, silence = known(row.get("pg_wal_lsn_diff")), known(row.get("reply_age"))
        if size is None:
            return None, None
        sizes.append(int(size))
        told = known(row.get("replay_lag")) or 0.0
        if size and silence is None:
            return None, max(sizes)
        seconds.append(max(told, silence if silence and silence > REPLY_SECONDS else 0.0) if size else 0.0)
    return max(seconds, default=None), max(sizes, default=None)


def _broken_primary(said: Standing, server: Row, standbys: Sequence[Row] | None) -> Iterator[str]:
    """In words, why standbys do not get what they should."""
    waits_for = server.get("waits_for") or ""
    if standbys is not None and waits_for and server.get("commits") not in _NOT_WAITING:
        match = _AT_LEAST.match(waits_for)
        least = int(match[1]) if match else 1
        found = sum(row.get("sync_state") in _WAITED_FOR for row in standbys)
        if found < least:
            yield f"commits wait for {least} of the standbys {waits_for[:60]}, and {found} are connected"
    for slot in said.slots or ():
        name = slot.get("slot_name") or ""
        if slot.get("wal_status") == "lost":
            yield f"the WAL that the slot {name} was for is gone: its standby must be made anew"
        elif _is_unused(slot) and name not in said.spare_slots:
            yield f"nobody uses the slot {name}: its standby does not follow, and WAL is kept for it"


def _is_unused(slot: Row) -> bool:
    return slot.get("type") == "physical" and slot.get("active") == "0" and slot.get("temporary") == "0"
