"""The kind `mysql`: what a MySQL or MariaDB says of itself, and how it stands to others."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar

from pydantic import Field

from exporters.health import login, replication
from exporters.health import write as writes
from exporters.health.config import ServerConfig
from exporters.health.kept import Kept
from exporters.health.login import FreshLogin, Login
from exporters.health.periodic import Aged, Periodic
from exporters.health.replication import Replication, Role
from exporters.health.write import Write
from exporters.mysql import aurora, group, heartbeat, replica, status, variables
from exporters.mysql.answers import HEARTBEAT, Answers, Asking, ask
from exporters.mysql.answers import samples as questions_answered
from exporters.mysql.entering import log_in
from exporters.mysql.families import family
from exporters.mysql.heartbeat import HeartbeatConfig, Table, age_seconds
from exporters.mysql.silence import Silence
from exporters.mysql.slow import MOST_DIGESTS, MOST_TABLES, Slow, Turns, questions
from exporters.mysql.standing import Told, lag_source, no_tx, standing
from exporters.mysql.values import Numbers, amount
from exporters.mysql.writing import WriteProbe, write
from slo.core.outcome import Finding, Judgement
from slo.core.sample import Sample
from slo.errors import Fault
from slo.net.attempt import Attempt, Reached
from slo.net.context import Context
from slo.net.conversation import said
from slo.net.mysql import MySQLSession
from slo.net.reaching import ReachingProbe
from slo.net.sql_config import SQLConfig

__all__ = ["Config", "build", "family"]

SERVERS_SHARE = 0.8
"""The share of the time left after which the server gives up a statement by itself, so that the round does not."""


class Config(SQLConfig, ServerConfig):
    """One MySQL or MariaDB: alone, a primary, a replica, or a node of a cluster."""

    modes: ClassVar[tuple[str, ...]] = ("none", "async", "semi-sync", "sync", "cluster")

    heartbeat: HeartbeatConfig | None = None
    """A table that somebody writes the time into on the primary, as {table: heartbeat.heartbeat} for pt-heartbeat:
    the age of what stands there is a replica's true lag."""

    write_probe: WriteProbe | None = None
    """Write a row of ours and read it back, as {table: ops.watchkeep}, where the server is a primary. Default: write
    nothing."""

    threads: bool = False
    """Tell threads by what they do, by user and by client."""

    tables: Annotated[int, Field(ge=0, le=MOST_TABLES)] = 0
    """Of how many tables to tell the size, the largest first, at most 1000."""

    digests: Annotated[int, Field(ge=0, le=MOST_DIGESTS)] = 0
    """Of how many digests of statements to tell counts and times, those that took longest first, at most 250."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Facts:
    """What a round found: `answers` is None where it did not come to its end.

    `slow` is what is asked more seldom, `login` how the last login beside the kept connection went, `write` what came
    of writing; None where there was none. `lag_from` says in words where the lag is from, `rounds` is how many rounds
    there were.
    """

    reached: Reached
    rounds: int
    answers: Answers | None = None
    replication: Replication | None = None
    lag_from: str = ""
    slow: Aged[Slow] | None = None
    write: Write | None = None
    login: Login | None = None


class MySQLCollector(ReachingProbe[Facts]):
    """Keeps one connection, asks on it in every round, and puts a new one in its place now and then."""

    def __init__(self, config: Config, context: Context) -> None:
        self.target = str(config.target)
        self._config = config
        self._context = context
        self._endpoint = config.reached_at("mysql")
        self._who = config.login()
        self._kept = Kept(self._log_in, context.clock)
        self._slow: Periodic[Slow] = Periodic(config.slow_interval.total_seconds(), context.clock)
        self._turns = Turns()
        self._fresh_login = FreshLogin(self._renew, config.login_interval, context)
        self._silence = Silence()
        self._status = Numbers(status.series_of)
        self._variables = Numbers(variables.series_of)
        self._server: tuple[str | None, ...] = ()
        self._no_tx: float | None = None
        self._rounds = 0
        if config.tls:
            context.tls.get(config.tls)  # now, not within the first round

    async def observe(self, deadline: float) -> Facts:
        """What the server says, and whether somebody could log in now."""
        self._rounds += 1
        attempt = Attempt(self._context)
        found: list[tuple[Answers, Replication, str, Write | None]] = []

        async def steps() -> None:
            found.append(await self._kept.ask(attempt, lambda session: self._ask(attempt, session, deadline)))

        reached = await attempt.run(steps(), deadline)
        if reached.fault is not None:
            return Facts(reached=reached, rounds=self._rounds)
        ((answers, state, lag_from, written),) = found
        return Facts(
            reached=reached,
            rounds=self._rounds,
            answers=answers,
            replication=state,
            lag_from=lag_from,
            slow=self._slow.last,
            write=written,
            login=await self._fresh_login.ask(deadline),
        )

    def judge(self, facts: Facts | Fault) -> Sequence[Judgement]:
        """What went wrong on the way, else everything that is not as it should be."""
        if isinstance(facts, Fault) or facts.answers is None or facts.replication is None:
            return super().judge(facts)
        wrong = replication.gravest_first(self._wrong(facts, facts.answers, facts.replication))
        return [facts.reached.judgement(*each) for each in wrong] or super().judge(facts)

    def _wrong(self, facts: Facts, answers: Answers, state: Replication) -> Iterator[tuple[str, str]]:
        """Reason and detail of each thing; why something is not known before that it is not."""
        for detail in answers.denied.values():
            yield "permission", detail
        if self._config.heartbeat and not answers.beats and HEARTBEAT not in answers.denied:
            why = answers.failed.get(HEARTBEAT, "the table is empty, or has no times")
            yield "replication_unknown", f"no heartbeat can be read: {why}"
        if state.role is Role.REPLICA and (doubt := heartbeat.doubt(answers.followed)):
            yield "replication_unknown", doubt
        yield from replication.faults(state, self._config.expect)
        used, most = amount(answers.status.get("threads_connected")), amount(answers.variables.get("max_connections"))
        if used is not None and most is not None and used >= most:
            yield "too_many_connections", f"{used:.0f} connections are open, {most:.0f} are allowed"
        if facts.login is not None and facts.login.fault is not None:
            yield facts.login.fault.reason, f"logging in anew: {facts.login.fault.detail}"
        if facts.write is not None and facts.write.reason != "ok":
            yield facts.write.reason, facts.write.detail

    def findings(self, facts: Facts) -> Iterator[Finding]:
        """Who the server is and how it stands to the others."""
        answers, state = facts.answers, facts.replication
        if answers is None or state is None:
            return
        yield Finding(name="version", text=said(answers.variables.get("version", "not told")))
        yield Finding(name="role", text=state.role)
        yield Finding(name="replication", text=state.mode)
        if state.lag_seconds is not None:
            yield Finding(name="lag", text=f"{state.lag_seconds:.1f} s {facts.lag_from}".rstrip())
        slow = facts.slow.value.unanswered if facts.slow else {}
        for name, detail in {**answers.denied, **answers.failed, **slow}.items():
            yield Finding(name=name, text=detail)

    def samples(self, facts: Facts | Fault) -> Iterable[Sample]:
        """The metrics of mysqld_exporter, and those of the state."""
        answers = None if isinstance(facts, Fault) else facts.answers
        if isinstance(facts, Fault) or answers is None or facts.replication is None:
            yield Sample("mysql_up", 0.0)
            yield Sample("mysql_exporter_last_scrape_error", 1.0)
            yield Sample("mysql_exporter_scrapes_total", float(self._rounds))
            return
        slow = facts.slow
        yield Sample("mysql_up", 1.0)
        yield from replication.samples(facts.replication)
        yield from login.samples(facts.login)
        yield from writes.samples(facts.write)
        asked = {**answers.seconds, **(slow.value.seconds if slow else {})}
        unanswered = {**answers.denied, **answers.failed, **(slow.value.unanswered if slow else {})}
        yield Sample("mysql_exporter_last_scrape_error", 1.0 if unanswered else 0.0)
        yield Sample("mysql_exporter_scrapes_total", float(facts.rounds))
        yield from questions_answered(facts.reached, asked, unanswered)
        yield from status.samples(answers.status, self._status)
        yield from variables.samples(answers.variables, self._variables)
        yield from replica.samples(answers.channels or ())
        yield from heartbeat.samples(answers.beats)
        if answers.group is not None:
            yield from group.samples(answers.group)
        yield from aurora.samples(answers.hosts)
        if slow is not None:
            yield from slow.value.samples
            yield Sample("watchkeep_mysql_slow_age_seconds", slow.age_seconds)

    async def aclose(self) -> None:
        """Log out, without waiting for the other side."""
        self._kept.close()

    # What is asked

    async def _ask(
        self, attempt: Attempt, session: MySQLSession, deadline: float
    ) -> tuple[Answers, Replication, str, Write | None]:
        attempt.enter("query")
        await session.limit_time(self._until(deadline) * SERVERS_SHARE)
        try:
            answers = await ask(session, self._config.heartbeat, self._context.clock.monotonic)
        except Fault as fault:
            if fault.reason == "query_refused":
                session.close()  # the rights of a session may be those of its login: the next round has a new one
            raise
        told = self._told(answers)
        state = standing(told)
        await self._slow.ask(lambda: self._ask_slowly(session, answers, deadline))
        written = None
        if self._config.write_probe and state.role is Role.PRIMARY and not state.read_only:
            written = await self._write(session, self._config.write_probe.table, deadline)
        return answers, state, lag_source(told), written

    async def _write(self, session: MySQLSession, table: Table, deadline: float) -> Write:
        """A commit may wait for a replica for as long as the server likes, which is no reason to call it down."""
        try:
            with self._context.limits.within(self._until(deadline) * SERVERS_SHARE):
                return await write(session, table, self._context.clock.now().isoformat())
        except TimeoutError:
            return Write(reason="query_timeout", detail=f"{table}: what was written was not committed in time")

    def _told(self, answers: Answers) -> Told:
        if answers.server != self._server:  # the address leads to another one than before
            self._server, self._no_tx = answers.server, None
            self._slow.forget()
        now = self._context.clock.monotonic()
        channels = answers.channels or ()
        unacknowledged, before = no_tx(answers.status), self._no_tx
        self._no_tx = unacknowledged
        return Told(
            status=answers.status,
            variables=answers.variables,
            channels=answers.channels,
            followers=answers.followers,
            silent=self._silence.listen(channels, now),
            heartbeat=self._config.heartbeat is not None,
            heartbeat_age=age_seconds(answers.followed),
            unacknowledged=unacknowledged is not None and before is not None and unacknowledged > before,
            group=answers.group,
            hosts=answers.hosts,
        )

    async def _ask_slowly(self, session: MySQLSession, answers: Answers, deadline: float) -> Slow:
        """What is asked more seldom. Where one answer takes too long, the rest comes first the next time."""
        asking = Asking(session, self._context.clock.monotonic)
        longest = self._until(deadline) * SERVERS_SHARE
        made: dict[str, list[Sample]] = {}
        config = self._config
        wanted = tuple(
            questions(answers.variables, threads=config.threads, tables=config.tables, digests=config.digests)
        )
        for each in self._turns.of(wanted):
            made[each.name] = list(each.samples(await asking.ask(each.name, each.statement)))
            if self._until(deadline) < longest:
                break
        unasked = {each.name: "no time was left for it" for each in wanted if each.name not in made}
        return Slow(
            samples=tuple(sample for each in wanted for sample in made.get(each.name, ())),
            seconds=asking.seconds,
            unanswered={**asking.denied, **asking.failed, **unasked},
        )

    def _until(self, deadline: float) -> float:
        return deadline - self._context.clock.monotonic()

    # Logging in

    async def _log_in(self, attempt: Attempt) -> MySQLSession:
        return await log_in(attempt, self._endpoint, self._who)

    async def _renew(self, attempt: Attempt) -> None:
        """Log in anew, and keep that connection: rights and passwords are only looked at by a login."""
        self._kept.renew(await self._log_in(attempt))


def build(config: Config, context: Context) -> MySQLCollector:
    """The collector of a configuration."""
    return MySQLCollector(config, context)
