"""Replication as a state, in the same words for every vendor. What is not known is said to be so: never 0, never good.

A lag of 0 lies: a replica whose primary is frozen sees nothing more to apply, and says 0. So the lag of a replica is
the largest of what it says itself, of how old the last sign of life of its primary is, and of what the primary has for
it.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from slo.config.section import Section
from slo.config.types import PositiveDuration, Size
from slo.core.sample import Sample
from slo.exposition.families import Family


class Role(StrEnum):
    """What a server is to the others. One that nobody follows is a primary too."""

    PRIMARY = "primary"
    REPLICA = "replica"
    SENTINEL = "sentinel"
    UNKNOWN = "unknown"


class Mode(StrEnum):
    """When a write counts as done: with how many of the others it is by then. NONE is that there are no others."""

    NONE = "none"
    ASYNC = "async"
    SEMI_SYNC = "semi-sync"
    SYNC = "sync"
    CLUSTER = "cluster"
    UNKNOWN = "unknown"


@dataclass(frozen=True, kw_only=True, slots=True)
class Replication:
    """How a server stands to the others. None is not known.

    The lags are of a replica its own, and of a primary those of the replica that is furthest behind. `broken` says in
    words why replication does not run, empty where it does, and `refusal` why a server that is read-only takes no
    writes, where that is known. `replicas` is how many follow, `quorum` whether the cluster can decide, `cluster_size`
    how many it has.
    """

    role: Role
    mode: Mode
    lag_seconds: float | None = None
    lag_bytes: int | None = None
    broken: str = ""
    read_only: bool | None = None
    refusal: str = ""
    replicas: int | None = None
    quorum: bool | None = None
    cluster_size: int | None = None


class Expect(Section):
    """What is expected of a server's replication. Replication that is broken is bad without being asked for."""

    role: Literal["primary", "replica", "sentinel"] | None = None
    """What the server must be: primary, replica or sentinel."""

    replication: tuple[Literal["none", "async", "semi-sync", "sync", "cluster"], ...] | None = None
    """The modes that are good, as [sync, semi-sync, cluster] where replication must not be async. Of a replica that is
    not told its mode, as in PostgreSQL, its primary has to be a target too."""

    lag: PositiveDuration | None = None
    """The most that a replica may be behind."""

    lag_bytes: Size | None = None
    """The most that a replica may have left to read, as 16MiB."""

    replicas: Annotated[int, Field(ge=0)] | None = None
    """How many replicas must be connected to a primary at least; of a replica nothing is expected by it."""

    cluster_size: Annotated[int, Field(ge=1)] | None = None
    """How many members the cluster must have at least."""

    read_only: bool | None = None
    """Whether the server must refuse writes. Default: a primary must take them, a replica may do either."""


def faults(replication: Replication, expect: Expect) -> Iterator[tuple[str, str]]:
    """Reason and detail of all that is not as it should be, the gravest first; nothing where all is well."""
    role, mode = replication.role, replication.mode
    if role is Role.UNKNOWN:
        yield "replication_unknown", "the server does not say what its role is"
    elif expect.role is not None and expect.role != role.value:
        yield "role", f"it is a {role}, not a {expect.role}"
    if replication.quorum is False:
        yield "no_quorum", "the server is not part of a cluster that can decide"
    if replication.broken:
        yield "replication_broken", replication.broken
    yield from _access(replication, expect)
    follows_unaware = role is Role.REPLICA and mode is Mode.UNKNOWN  # its primary knows, and is asked for itself
    if expect.replication is not None and mode not in expect.replication and not follows_unaware:
        good = " or ".join(expect.replication)
        if mode is Mode.UNKNOWN:
            yield "replication_unknown", f"whether replication is {good} is not known"
        else:
            yield "replication_mode", f"replication is {mode}, not {good}"
    yield from _lags(replication, expect)
    if role is not Role.REPLICA:
        yield from _few("replicas_missing", "replicas", replication.replicas, expect.replicas)
    yield from _few("cluster_size", "members of the cluster", replication.cluster_size, expect.cluster_size)


_LESSER = frozenset({"replication_lag", "replicas_missing", "cluster_size", "replication_mode"})
"""Servers that are less to each other than is expected, and still serve."""


def gravest_first(faults: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """What a round found wrong, replication or not, in its order but for what is told after everything else."""
    return sorted(faults, key=lambda fault: fault[0] in _LESSER)


def _access(replication: Replication, expect: Expect) -> Iterator[tuple[str, str]]:
    wanted = expect.read_only
    if wanted is None and replication.role is Role.PRIMARY:
        wanted = False
    if wanted is None or replication.role is Role.SENTINEL:
        return
    if replication.read_only is None:
        if expect.read_only is not None:
            yield "replication_unknown", "whether the server takes writes is not known"
    elif replication.read_only and not wanted:
        yield "read_only", replication.refusal or "the server takes no writes"
    elif wanted and not replication.read_only:
        yield "writable", "the server takes writes"


def _lags(replication: Replication, expect: Expect) -> Iterator[tuple[str, str]]:
    seconds, size = replication.lag_seconds, replication.lag_bytes
    follows = replication.role is Role.REPLICA and not replication.broken
    if seconds is None:
        if follows:
            yield "replication_unknown", "how far the replica is behind is not known"
    elif expect.lag is not None and seconds > expect.lag.total_seconds():
        yield "replication_lag", f"{seconds:.1f} s behind, at most {expect.lag.total_seconds():g} s are allowed"
    if expect.lag_bytes is None:
        return
    if size is None:
        if follows:
            yield "replication_unknown", "how many bytes the replica is behind is not known"
    elif size > expect.lag_bytes:
        yield "replication_lag", f"{size} bytes behind, at most {int(expect.lag_bytes)} are allowed"


def _few(reason: str, things: str, found: int | None, least: int | None) -> Iterator[tuple[str, str]]:
    if least is None:
        return
    if found is None:
        yield "replication_unknown", f"how many {things} there are is not known"
    elif found < least:
        yield reason, f"{found} {things}, at least {least} are expected"


FAMILIES = {
    family.name: family
    for family in (
        Family(name="watchkeep_replication_role", type="gauge", help="What the server is to the others; always 1."),
        Family(name="watchkeep_replication_mode", type="gauge", help="How writes reach the others; always 1."),
        Family(
            name="watchkeep_replication_running",
            type="gauge",
            help="Whether a replica replicates; absent on any other server.",
        ),
        Family(
            name="watchkeep_replication_lag_seconds",
            type="gauge",
            help="The largest of all lags that somebody knows of; absent while nobody does.",
        ),
        Family(
            name="watchkeep_replication_lag_bytes",
            type="gauge",
            help="What the replica has left to read, in bytes; absent while nobody knows.",
        ),
    )
}

_ROLES = {role: {"role": role.value} for role in Role}
_MODES = {mode: {"mode": mode.value} for mode in Mode}


def samples(replication: Replication) -> Iterator[Sample]:
    """The state as metrics, `FAMILIES`."""
    yield Sample("watchkeep_replication_role", 1.0, _ROLES[replication.role])
    yield Sample("watchkeep_replication_mode", 1.0, _MODES[replication.mode])
    if replication.role is Role.REPLICA:
        yield Sample("watchkeep_replication_running", 0.0 if replication.broken else 1.0)
    if replication.lag_seconds is not None:
        yield Sample("watchkeep_replication_lag_seconds", replication.lag_seconds)
    if replication.lag_bytes is not None:
        yield Sample("watchkeep_replication_lag_bytes", float(replication.lag_bytes))
