"""The kind `redis`: what a Redis, a node of a cluster or a Sentinel says of itself, and how it stands to the others."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Annotated, ClassVar

from pydantic import Field, model_validator

from exporters.health import login, replication, write
from exporters.health.config import ServerConfig
from exporters.health.kept import Kept
from exporters.health.login import FreshLogin, Login
from exporters.health.periodic import Aged, Periodic
from exporters.health.replication import Replication, Role
from exporters.redis import samples
from exporters.redis.answers import Answers, ask
from exporters.redis.commands import Commands
from exporters.redis.families import family
from exporters.redis.offsets import Offsets
from exporters.redis.replication import replication_of
from exporters.redis.seldom import Seldom
from exporters.redis.sessions import log_in, visit
from exporters.redis.slow import questions, read_slow
from exporters.redis.source import Source
from slo.config.types import HostPort, Section, wrong
from slo.core.outcome import Finding, Judgement
from slo.core.sample import Sample
from slo.errors import Fault
from slo.net.attempt import Attempt, Reached
from slo.net.context import Context
from slo.net.conversation import said
from slo.net.reaching import ReachingProbe
from slo.net.redis import RedisSession
from slo.net.redis_config import RedisConfig

__all__ = ["Config", "build", "family"]


class WriteProbe(Section):
    """A key that is written to and read back in every round, on a primary."""

    key: Annotated[str, Field(min_length=1)]
    """The key, which nobody else uses: another watch of the same server needs another."""


class Config(RedisConfig, ServerConfig):
    """One Redis, node of a Redis Cluster, or Sentinel."""

    roles: ClassVar[tuple[str, ...]] = ("primary", "replica", "sentinel")
    modes: ClassVar[tuple[str, ...]] = ("none", "async")

    primary: HostPort | None = None
    """Whom a replica follows, as cache-0.example:6379: it is asked too how far it has come, with the same user and TLS.
    Default: believe the replica, which does not know how far behind a slow network keeps it."""

    write_probe: WriteProbe | None = None
    """Write to a key of ours and read it back, as {key: "watchkeep:canary"}. Default: write nothing."""

    latency_histograms: bool = False
    """Ask for the histogram of every command too, which is a dozen series for each."""

    @model_validator(mode="after")
    def _writes_where_it_can(self) -> "Config":
        if self.write_probe is not None and self.expect.role == "sentinel":
            raise wrong("writes to a Sentinel, which holds no keys", "leave `write_probe` out")
        return self


@dataclass(frozen=True, kw_only=True, slots=True)
class Facts:
    """What a round found: `answers` is None where it did not come to its end.

    `seldom` is what is asked more seldom, `login` how the last login beside the kept connection went; None where there
    was none.
    """

    reached: Reached
    answers: Answers | None = None
    replication: Replication | None = None
    seldom: Aged[Seldom] | None = None
    login: Login | None = None


class RedisCollector(ReachingProbe[Facts]):
    """Keeps one connection, asks on it in every round, and logs in anew beside it now and then."""

    def __init__(self, config: Config, context: Context) -> None:
        self.target = str(config.target)
        self._config = config
        self._context = context
        self._endpoint = config.reached_at()
        self._who = config.login()
        self._kept = Kept(self._log_in, context.clock)
        self._source = self._source_of(config)
        self._seldom: Periodic[Seldom] = Periodic(config.slow_interval.total_seconds(), context.clock)
        self._fresh_login = FreshLogin(self._visit, config.login_interval, context)
        self._offsets = Offsets()
        if config.tls:
            context.tls.get(config.tls)  # now, not within the first round

    async def observe(self, deadline: float) -> Facts:
        """What the server says, and whether somebody could log in now."""
        attempt = Attempt(self._context)
        found: list[Answers] = []

        async def steps() -> None:
            found.append(await self._kept.ask(attempt, lambda session: self._ask(attempt, session)))

        reached = await attempt.run(steps(), deadline)
        if reached.fault is not None:
            return Facts(reached=reached)
        (answers,) = found
        source = None
        if self._source is not None and answers.info.word("role") == "slave":
            source = await self._source.ask(deadline)
        fresh = await self._fresh_login.ask(deadline)
        last = self._seldom.last
        state = replication_of(
            answers.info,
            self._offsets,
            self._context.clock.monotonic(),
            cluster=answers.cluster,
            sentinel=answers.sentinel,
            settings=last.value.slow.settings if last else None,
            source=source,
        )
        return Facts(reached=reached, answers=answers, replication=state, seldom=last, login=fresh)

    def judge(self, facts: Facts | Fault) -> Sequence[Judgement]:
        """What went wrong on the way, else everything that is not as it should be."""
        if isinstance(facts, Fault) or facts.answers is None or facts.replication is None:
            return super().judge(facts)
        wrong = replication.gravest_first(self._wrong(facts, facts.answers, facts.replication))
        return [facts.reached.judgement(*each) for each in wrong] or super().judge(facts)

    def _wrong(self, facts: Facts, answers: Answers, state: Replication) -> Iterator[tuple[str, str]]:
        """Reason and detail of each thing, the gravest first."""
        info = answers.info
        if info.number("loading"):
            done, left = info.number("loading_loaded_perc") or 0.0, info.number("loading_eta_seconds") or 0.0
            yield "not_ready", f"it is loading its data: {done:.0f} % are there, about {left:.0f} s are left"
        yield from replication.faults(state, self._config.expect)
        yield from self._crowded(facts, answers)
        if state.quorum is None and (state.role is Role.SENTINEL or info.number("cluster_enabled")):
            yield "permission", "whether the cluster can decide is not told, or not to us"
        if facts.login is not None and facts.login.fault is not None:
            yield facts.login.fault.reason, f"logging in anew: {facts.login.fault.detail}"
        if answers.write is not None and answers.write.reason != "ok":
            yield answers.write.reason, answers.write.detail

    def _crowded(self, facts: Facts, answers: Answers) -> Iterator[tuple[str, str]]:
        """Whether nobody else can connect: what Redis counts is clients, replicas and the bus of the cluster."""
        info = answers.info
        most = info.number("maxclients") or (facts.seldom.value.slow.setting("maxclients") if facts.seldom else None)
        counts = ("connected_clients", "connected_slaves", "cluster_connections")
        used = sum(info.number(name) or 0.0 for name in counts)
        if most and used >= most:
            yield "too_many_connections", f"{used:.0f} connections are open, {most:.0f} are allowed"

    def findings(self, facts: Facts) -> Iterator[Finding]:
        """Who the server is and how it stands to the others."""
        answers, state = facts.answers, facts.replication
        if answers is None or state is None:
            return
        yield Finding(name="version", text=said(answers.info.word("redis_version")) or "not told")
        yield Finding(name="role", text=state.role)
        yield Finding(name="replication", text=state.mode)
        if state.lag_seconds is not None:
            yield Finding(name="lag", text=f"{state.lag_seconds:.1f} s")
        for each in answers.sentinel or ():
            text = f"{each.watched.status} at {each.watched.address}; {each.message}"
            yield Finding(name=f"primary {said(each.watched.name)}", text=said(text))

    def samples(self, facts: Facts | Fault) -> Iterable[Sample]:
        """The metrics of redis_exporter, and those of the state."""
        if isinstance(facts, Fault) or facts.answers is None or facts.replication is None:
            fault = facts if isinstance(facts, Fault) else facts.reached.fault
            return samples.down_samples(fault.reason if fault else "")
        answers = facts.answers
        return chain(
            samples.up_samples(facts.reached),
            replication.samples(facts.replication),
            login.samples(facts.login),
            write.samples(answers.write),
            samples.info_samples(answers.info, databases=self._databases(facts, answers)),
            samples.cluster_samples(answers.cluster or {}),
            samples.sentinel_samples(answers.sentinel or ()),
            samples.seldom_samples(facts.seldom, answers.info),
        )

    def _databases(self, facts: Facts, answers: Answers) -> int:
        if answers.sentinel is not None:
            return 0
        if answers.info.number("cluster_enabled"):
            return 1
        configured = facts.seldom.value.slow.setting("databases") if facts.seldom else None
        return samples.DATABASES if configured is None else int(configured)

    async def aclose(self) -> None:
        """Log out, without waiting for the other side."""
        self._kept.close()
        if self._source is not None:
            self._source.close()

    def _source_of(self, config: Config) -> Source | None:
        if config.primary is None:
            return None
        host, port = config.primary.host, config.primary.port
        return Source(config.endpoint(host, port, scheme="redis", tls=config.tls), self._who, self._context)

    async def _ask(self, attempt: Attempt, session: RedisSession) -> Answers:
        attempt.enter("query")
        key = self._config.write_probe.key if self._config.write_probe else None
        answers = await ask(session, write_to=key, token=self._context.clock.now().isoformat())
        if answers.sentinel is None and not answers.info.number("loading"):
            await self._seldom.ask(lambda: self._ask_more(session, answers.info.commands))
        return answers

    async def _ask_more(self, session: RedisSession, commands: Commands) -> Seldom:
        replies = await session.pipeline(questions(histograms=self._config.latency_histograms))
        return Seldom.of(read_slow(replies), commands)

    async def _log_in(self, attempt: Attempt) -> RedisSession:
        """A session that is kept. It may be with another server than the last one was."""
        self._seldom.forget()
        return await log_in(attempt, self._endpoint, self._who)

    async def _visit(self, attempt: Attempt) -> None:
        await visit(attempt, self._endpoint, self._who)


def build(config: Config, context: Context) -> RedisCollector:
    """The collector of a configuration."""
    return RedisCollector(config, context)
