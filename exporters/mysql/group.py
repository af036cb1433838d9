"""MySQL Group Replication, by the tables of performance_schema."""

from collections.abc import Iterator
from dataclasses import dataclass

from exporters.mysql.values import LONGEST_LABEL, amount, by_column, labels, number
from slo.core.sample import Sample
from slo.net.sql import Result

MEMBERS = "SELECT * FROM performance_schema.replication_group_members LIMIT 100"
STATISTICS = "SELECT * FROM performance_schema.replication_group_member_stats LIMIT 100"
APPLYING = (
    "SELECT TIMESTAMPDIFF(MICROSECOND, MIN(APPLYING_TRANSACTION_ORIGINAL_COMMIT_TIMESTAMP), NOW(6)) / 1000000"
    " FROM performance_schema.replication_applier_status_by_worker"
    " WHERE CHANNEL_NAME = 'group_replication_applier' AND APPLYING_TRANSACTION <> ''"
)
"""How many seconds ago the oldest transaction was committed elsewhere that is being applied here; NULL for none."""

ONLINE, UNREACHABLE, SECONDARY = "ONLINE", "UNREACHABLE", "SECONDARY"

_QUEUE = "count_transactions_remote_in_applier_queue"

_COUNTS = {
    "count_transactions_in_queue": "transaction_in_queue",
    "count_transactions_checked": "transaction_checked",
    "count_conflicts_detected": "conflicts_detected",
    "count_transactions_rows_validating": "transaction_rows_validating",
}
"""The columns of the statistics that upstream tells, and how it calls them."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Member:
    """A member as this server sees it: what the table says, and how many transactions wait to be applied there."""

    columns: dict[str, str | None]
    statistics: dict[str, str | None]

    @property
    def id(self) -> str:
        """The UUID of the server."""
        return self.columns.get("member_id") or ""

    @property
    def state(self) -> str:
        """What it does: ONLINE, RECOVERING, OFFLINE, ERROR or UNREACHABLE."""
        return self.columns.get("member_state") or ""

    @property
    def secondary(self) -> bool:
        """Whether it follows a primary."""
        return self.columns.get("member_role") == SECONDARY

    @property
    def waiting(self) -> float | None:
        """How many transactions wait to be applied."""
        return amount(self.statistics.get(_QUEUE))


@dataclass(frozen=True, kw_only=True, slots=True)
class Group:
    """All members that this server knows of, and which one it is itself."""

    members: tuple[Member, ...]
    own: str
    applying_seconds: float | None = None

    @property
    def me(self) -> Member | None:
        """This server as a member."""
        return next((member for member in self.members if member.id == self.own), None)

    @property
    def quorum(self) -> bool:
        """Whether more than half of the members can be reached, and this one takes part."""
        reached = sum(member.state != UNREACHABLE for member in self.members)
        return self.me is not None and self.me.state == ONLINE and reached * 2 > len(self.members)

    @property
    def size(self) -> int:
        """How many take part."""
        return sum(member.state == ONLINE for member in self.members)

    @property
    def lag_seconds(self) -> float | None:
        """How far this server is behind the group; None where there is work, and nobody says since when."""
        if self.me is None or self.me.waiting is None:
            return None
        if self.applying_seconds is not None:
            return max(self.applying_seconds, 0.0)
        return None if self.me.waiting else 0.0


def read_group(members: Result, statistics: Result, applying: Result, own: str) -> Group | None:
    """The group that a server is in, by the answers to the three questions; None where it is in none."""
    counted = {row.get("member_id"): row for row in by_column(statistics)}
    found = tuple(
        Member(columns=row, statistics=counted.get(row.get("member_id"), {}))
        for row in by_column(members)
        if row.get("member_id")
    )
    if not any(member.state not in ("", "OFFLINE") for member in found):
        return None
    return Group(members=found, own=own, applying_seconds=number(applying.first))


def samples(group: Group) -> Iterator[Sample]:
    """The members as metrics."""
    by_id = {member.id[:LONGEST_LABEL]: member for member in group.members}
    for member in by_id.values():
        yield Sample("mysql_perf_schema_replication_group_member_info", 1.0, labels(**member.columns))
    for column, metric in _COUNTS.items():
        for name, member in by_id.items():
            if (value := number(member.statistics.get(column))) is not None:
                yield Sample(f"mysql_perf_schema_{metric}", value, labels(member_id=name))
