"""What is asked of a MySQL or MariaDB in each round, and what comes back. The only I/O of its package."""

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field

from exporters.mysql import aurora, group
from exporters.mysql.aurora import Host, read_hosts
from exporters.mysql.group import Group, read_group
from exporters.mysql.heartbeat import Beat, HeartbeatConfig, followed, read_beats
from exporters.mysql.replica import Channel, read_channels, tells_of_replication
from exporters.mysql.replica import read_beats as read_heartbeats
from exporters.mysql.values import amount, labels, named
from slo.core.sample import Sample
from slo.errors import Fault
from slo.net.attempt import Reached
from slo.net.mysql import MySQLSession
from slo.net.mysql_answer import Refusal
from slo.net.sql import Result

NOT_ALLOWED = frozenset({1044, 1142, 1143, 1227, 1370})
"""The errors of a user that has not the right to ask."""

STATUS, VARIABLES, REPLICA, HEARTBEAT = "global_status", "global_variables", "slave_status", "heartbeat"
FOLLOWERS, GROUP, AURORA = "followers", "perf_schema.replication_group_members", "info_schema.replica_host"
"""The names of the questions; most are what upstream calls its scrapers."""

_SINCE_REPLICA = (8, 0, 22)
"""The version of MySQL that has SHOW REPLICA STATUS."""

_VERSION = re.compile(r"(\d{1,3})\.(\d{1,3})\.(\d{1,3})", re.ASCII)

_HEARTBEATS = (
    "SELECT c.CHANNEL_NAME, c.HEARTBEAT_INTERVAL, s.COUNT_RECEIVED_HEARTBEATS, s.LAST_HEARTBEAT_TIMESTAMP"
    " FROM performance_schema.replication_connection_configuration c"
    " JOIN performance_schema.replication_connection_status s USING (CHANNEL_NAME) LIMIT 100"
)
"""MySQL counts heartbeats here, MariaDB in the status of the replica."""

_DUMPS = "SELECT COUNT(*) FROM performance_schema.threads WHERE PROCESSLIST_COMMAND LIKE 'Binlog Dump%'"
"""The threads of MySQL that send to replicas; MariaDB counts these in its status."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Answers:
    """What a server says of itself in one round. None, or nothing, is what it was not asked, or did not tell.

    `denied` says in words what the user may not ask, `failed` what else was not answered, by the name of the question;
    `seconds` how long each answer took.
    """

    status: Mapping[str, str]
    variables: Mapping[str, str]
    channels: tuple[Channel, ...] | None = None
    followers: int | None = None
    beats: tuple[Beat, ...] = ()
    group: Group | None = None
    hosts: tuple[Host, ...] = ()
    denied: Mapping[str, str] = field(default_factory=dict)
    failed: Mapping[str, str] = field(default_factory=dict)
    seconds: Mapping[str, float] = field(default_factory=dict)

    @property
    def server(self) -> tuple[str | None, ...]:
        """What tells the server from others, as far as it says."""
        return tuple(self.variables.get(name) for name in ("hostname", "port", "server_id", "server_uuid"))

    @property
    def followed(self) -> tuple[Beat, ...]:
        """The heartbeats by which the lag is told."""
        sources = (channel.source for channel in self.channels or ())
        return followed(self.beats, sources, self.variables.get("server_id", ""))


class Asking:
    """Asks one thing after another, and keeps how each went."""

    def __init__(self, session: MySQLSession, monotonic: Callable[[], float]) -> None:
        self.denied: dict[str, str] = {}
        self.failed: dict[str, str] = {}
        self.seconds: dict[str, float] = {}
        self._session = session
        self._monotonic = monotonic

    async def ask(self, name: str, statement: str) -> Result:
        """The answer, without rows where the server refuses one. Raises Fault where there is no answer at all."""
        answer = await self._answer(name, statement)
        if not isinstance(answer, Refusal):
            return answer
        (self.denied if answer.number in NOT_ALLOWED else self.failed)[name] = answer.fault.detail
        return Result()

    async def values(self, name: str, statement: str, always: str) -> dict[str, str]:
        """The values by name of an answer that has one for `always`. Raises Fault where that is not so."""
        answer = await self._answer(name, statement)
        if isinstance(answer, Refusal):
            raise answer.fault
        values = named(answer)
        if always not in values:
            raise Fault("data", detail=f"its {name.replace('_', ' ')} has no {always}, as that of every server has")
        return values

    async def _answer(self, name: str, statement: str) -> Result | Refusal:
        began = self._monotonic()
        answer = await self._session.answer_again(statement)
        self.seconds[name] = self.seconds.get(name, 0.0) + self._monotonic() - began
        return answer


async def ask(session: MySQLSession, heartbeat: HeartbeatConfig | None, monotonic: Callable[[], float]) -> Answers:
    """All that is asked in each round. Raises Fault where the server does not tell its status and variables."""
    asking = Asking(session, monotonic)
    status = await asking.values(STATUS, "SHOW GLOBAL STATUS", "uptime")
    variables = await asking.values(VARIABLES, "SHOW GLOBAL VARIABLES", "read_only")
    channels = await _channels(asking, session)
    return Answers(
        status=status,
        variables=variables,
        channels=channels,
        followers=await _followers(asking, session, status),
        beats=read_beats(await asking.ask(HEARTBEAT, heartbeat.statement)) if heartbeat else (),
        group=await _group(asking, variables),
        hosts=read_hosts(await asking.ask(AURORA, aurora.HOSTS)) if "aurora_version" in variables else (),
        denied=asking.denied,
        failed=asking.failed,
        seconds=asking.seconds,
    )


async def _channels(asking: Asking, session: MySQLSession) -> tuple[Channel, ...] | None:
    if session.mariadb:
        statement = "SHOW ALL SLAVES STATUS"
    else:
        statement = "SHOW REPLICA STATUS" if _version(session.version) >= _SINCE_REPLICA else "SHOW SLAVE STATUS"
    result = await asking.ask(REPLICA, statement)
    if not tells_of_replication(result):
        return None
    if session.mariadb or not result.rows:
        return read_channels(result)
    return read_channels(result, read_heartbeats(await asking.ask("heartbeats", _HEARTBEATS)))


def _version(text: str) -> tuple[int, ...]:
    """The version as numbers; none for one that is written in another way, as those of Aurora are."""
    found = _VERSION.match(text)
    return tuple(int(part) for part in found.groups()) if found else ()


async def _followers(asking: Asking, session: MySQLSession, status: Mapping[str, str]) -> int | None:
    if session.mariadb:
        count = amount(status.get("slaves_connected"))
    else:
        count = amount((await asking.ask(FOLLOWERS, _DUMPS)).first)
    return None if count is None else int(count)


async def _group(asking: Asking, variables: Mapping[str, str]) -> Group | None:
    if not variables.get("group_replication_group_name"):
        return None
    members = await asking.ask(GROUP, group.MEMBERS)
    statistics = await asking.ask("perf_schema.replication_group_member_stats", group.STATISTICS)
    applying = await asking.ask("perf_schema.replication_applier_status_by_worker", group.APPLYING)
    return read_group(members, statistics, applying, variables.get("server_uuid", ""))


def samples(reached: Reached, asked: Mapping[str, float], unanswered: Collection[str]) -> Iterator[Sample]:
    """How long each answer took, and whether there was one."""
    connecting = sum(reached.phases.get(phase, 0.0) for phase in ("resolve", "connect", "tls", "auth"))
    yield Sample("mysql_exporter_collector_duration_seconds", connecting, labels(collector="connection"))
    for question, took in asked.items():
        yield Sample("mysql_exporter_collector_duration_seconds", took, labels(collector=f"collect.{question}"))
    for question in dict.fromkeys((*asked, *unanswered)):
        answered = 0.0 if question in unanswered else 1.0
        yield Sample("mysql_exporter_collector_success", answered, labels(collector=f"collect.{question}"))
