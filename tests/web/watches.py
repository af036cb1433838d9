"""A small watch to serve in tests: real records, and people's acts folded as the real one folds them."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction

from exporters.probing import Asked, Probed, Prober
from slo.config.secret import Secret
from slo.core.acts import Act, Open
from slo.core.alert import Evidence, FiringPair
from slo.core.batch_document import Understood
from slo.core.contract import DEFAULT
from slo.core.delivery import Action, Delivery, Message
from slo.core.duration import duration_name
from slo.core.events import Event, FiringChanged, Opened, Resolved
from slo.core.exclusion import Exclusion
from slo.core.folding import fold_all
from slo.core.foreign import ForeignAlert
from slo.core.inbound import Inbound, Received
from slo.core.incident import Incident
from slo.core.job import Signal
from slo.core.outcome import Outcome, Point
from slo.core.policy import POLICIES, Severity
from slo.core.priority import Priority
from slo.core.reason import state_of
from slo.core.reporter import Reporter
from slo.core.response import Response, response_of
from slo.core.sample import Sample
from slo.core.silence import Silence
from slo.core.slo import SLO
from slo.core.status import BudgetFigures, SLOStatus, WindowFigures
from slo.errors import Forged, UsageError
from slo.exposition.catalogue import Telemetry
from slo.exposition.collected import Collected
from slo.router.foreign import Fate, ForeignAlerts
from slo.router.messages import Decision, Teller
from slo.router.opening import opening_of
from slo.router.people import decide_act
from slo.store.spool import SpoolFile
from slo.web.forwarders import ForwarderState, spool_state
from slo.web.watch import Forwarders, Heartbeats, Reports, Spinnakers

AT = datetime(2026, 1, 1, 0, 1, 30, tzinfo=UTC)
PAGE = FiringPair(severity=Severity.PAGE, long="1h", short="5m")
TICKET = FiringPair(severity=Severity.TICKET, long="3d", short="6h")
EVIDENCE = Evidence(
    objective=0.999,
    window="30d",
    sli=0.99,
    remaining=-9.0,
    coverage=0.5,
    burn_rates={"5m": 200.0, "1h": None},
    reason="connect_refused",
    target="http://127.0.0.1:8084/health",
)


def an_slo(name: str = "gate-availability", **labels: str) -> SLO:
    return SLO(
        name=name,
        objective=Fraction(999, 1000),
        window=timedelta(days=30),
        sli=f"probe:{name}",
        pairs=POLICIES["google-30d"],
        labels=labels or {"service": "gate", "customer": "acme", "environment": "production"},
    )


def a_status(
    slo: SLO | None = None,
    *,
    state: str = "ok",
    bad: int = 0,
    burn_rate: float | None = 0.0,
    remaining: float | None = 1.0,
    covered_days: float = 6.25,
    firing: frozenset[FiringPair] = frozenset(),
    incident: str = "",
    last_reason: str = "",
    last_target: str = "",
) -> SLOStatus:
    """An SLO whose windows all say the same. Without `remaining` there is nothing to divide by, and no coverage."""
    slo = slo or an_slo()
    known = remaining is not None
    good = 1000 if known else 0
    sli = good / (good + bad) if known else None
    coverage = covered_days / 30 if known else 0.0
    windows = tuple(
        WindowFigures(
            window=duration_name(window.total_seconds()),
            seconds=int(window.total_seconds()),
            good=good,
            bad=bad,
            unknown=2,
            excluded=0,
            covered_seconds=window.total_seconds() * coverage,
            coverage=coverage,
            sli=sli,
            burn_rate=burn_rate if known else None,
        )
        for window in slo.windows
    )
    budget = BudgetFigures(
        window="30d",
        seconds=30 * 86_400,
        good=good,
        bad=bad,
        sli=sli,
        remaining=remaining,
        allowed_events=4.8 if known else None,
        covered_seconds=covered_days * 86_400 if known else 0.0,
        coverage=coverage,
    )
    return SLOStatus(
        slo=slo,
        at=AT,
        state=state,
        windows=windows,
        budgets=(budget,),
        totals={"good": good, "bad": bad, "unknown": 2},
        firing=firing,
        incident=incident,
        last_reason=last_reason,
        last_target=last_target,
    )


def a_month(*, remaining: float | None = 0.25) -> BudgetFigures:
    """The budget over a month of which a third is over."""
    return BudgetFigures(
        window="month (Europe/London)",
        seconds=30 * 86_400,
        good=1000,
        bad=3,
        sli=1000 / 1003,
        remaining=remaining,
        allowed_events=4.0,
        covered_seconds=10 * 86_400.0,
        coverage=1.0,
        period="2026-11",
        elapsed=1 / 3,
    )


def opened(
    incident: str = "2026-0001", *, slo: str = "gate-availability", at: datetime = AT, summary: str = ""
) -> Opened:
    return Opened(
        incident=incident,
        at=at,
        slo=slo,
        scope="",
        generation=1,
        key=f"acme:{slo}:-:g1",
        severity=Severity.PAGE,
        priority=Priority.P0,
        summary=summary or f"{slo} burns its budget 200x too fast",
        labels={"customer": "acme", "environment": "production"},
        firing=frozenset({PAGE}),
        evidence=EVIDENCE,
    )


def a_delivery(event: Opened, *, state: str = "pending") -> Delivery:
    message = Message(
        id=f"{event.incident}/1",
        destination="oncall",
        action=Action.TRIGGER,
        key=event.key,
        incident=event.incident,
        slo=event.slo,
        severity=event.severity,
        priority=event.priority,
        summary=event.summary,
        at=event.at,
        opened_at=event.at,
        labels=event.labels,
        firing=event.firing,
        evidence=event.evidence,
    )
    return Delivery(
        message=message,
        sequence=7,
        state=state,
        attempts=2,
        created_at=event.at,
        not_before=event.at + timedelta(seconds=4),
        last_reason="rate_limited",
    )


def an_outcome(
    check: str = "gate", reason: str = "ok", *, target: str = "http://127.0.0.1:8084/health", detail: str = ""
) -> Outcome:
    return Outcome(
        check=check,
        target=target,
        module="http",
        at=AT,
        state=state_of(reason),
        reason=reason,
        detail=detail,
        duration_seconds=0.25,
    )


@dataclass(kw_only=True)
class FakeSilences:
    """Silences in memory. With `refuses`, every act raises it."""

    made: list[Silence] = field(default_factory=list)
    ended: list[tuple[str, str, str]] = field(default_factory=list)
    refuses: Exception | None = None

    def __iter__(self) -> Iterator[Silence]:
        yield from self.made

    async def add(self, silence: Silence) -> Silence:
        if self.refuses:
            raise self.refuses
        self.made.append(replace(silence, created_at=AT))
        return self.made[-1]

    async def expire(self, name: str, *, by: str, why: str) -> Silence:
        if self.refuses:
            raise self.refuses
        taken = next(each for each in self.made if each.name == name)
        self.made.remove(taken)
        self.ended.append((name, by, why))
        return taken


@dataclass(kw_only=True)
class NoAgents:
    """No agent may report. Some may have done so before, of these checks."""

    token: Secret | None = None
    before: Sequence[Reporter] = ()
    reported: Mapping[Point, str] = field(default_factory=dict)

    def agent_of(self, point: Point) -> str:
        return self.reported.get(point, "")

    def reporters(self) -> Sequence[Reporter]:
        return self.before

    async def take(self, report: Understood, body: bytes) -> None:
        raise AssertionError(report)


@dataclass(kw_only=True)
class FakeForwarders:
    """Forwarders that send nothing, over real spools by name, and those that are `unread`. A retry raises `refuses`."""

    spools: dict[str, SpoolFile] = field(default_factory=dict)
    unread: Sequence[ForwarderState] = ()
    refuses: Exception | None = None

    async def states(self) -> Sequence[ForwarderState]:
        read = [
            replace(
                spool_state(name, file), type="elk", to="http://es.example", last_success_at=AT, last_failure="timeout"
            )
            for name, file in self.spools.items()
        ]
        return [*read, *self.unread]

    async def retry(self, name: str) -> int | None:
        if self.refuses:
            raise self.refuses
        return self.spools[name].retry() if name in self.spools else None

    async def discard(self, name: str) -> int | None:
        if self.refuses:
            raise self.refuses
        return sum(self.spools[name].dead.discard().values()) if name in self.spools else None


class NoJobs:
    """No job is expected to call."""

    async def take(self, name: str, token: bytes, signal: Signal, *, exit_status: int | None, note: str) -> None:
        raise Forged(f"there is no job {name}")


class NoModules:
    """A prober without modules."""

    def module_timeout(self, module: str) -> float:
        raise UsageError(f"Unknown module {module!r}")

    def shown(self, asked: Asked) -> str:
        raise AssertionError(f"{asked} has no module")

    async def probe(self, asked: Asked, timeout_seconds: float) -> Probed:
        raise AssertionError(f"{asked} has no module, within {timeout_seconds} s")


class NoSpinnakers:
    """Nobody is admitted."""

    def admit(self, name: str, token: bytes) -> None:
        raise Forged(f"there is no Spinnaker {name}")

    async def take(self, name: str, body: bytes) -> bool:
        raise AssertionError(f"{name} was not admitted")


@dataclass(kw_only=True)
class FakeWatch:
    """A `Watch` in memory. With `refuses`, every act and the reload raise it."""

    slos: Sequence[SLOStatus] = ()
    events: list[Event] = field(default_factory=list)
    sent: Sequence[Delivery] = ()
    rounds: Sequence[Outcome] = ()
    samples: Mapping[str, Iterable[Sample]] = field(default_factory=dict)
    inside: Sequence[Collected] = ()
    reasons: Sequence[str] = ()
    excluded: list[Exclusion] = field(default_factory=list)
    withdrawn: list[tuple[str, str, str]] = field(default_factory=list)
    foreign: ForeignAlerts = field(default_factory=ForeignAlerts)
    silences: FakeSilences = field(default_factory=FakeSilences)
    contracted: bool = True
    refuses: Exception | None = None
    inbound: list[tuple[str, Inbound]] = field(default_factory=list)
    answers: dict[str, Received] = field(default_factory=dict)
    reloads: int = 0
    telemetry: Telemetry = field(default_factory=Telemetry)
    prober: Prober = field(default_factory=NoModules)
    heartbeats: Heartbeats = field(default_factory=NoJobs)
    agents: Reports = field(default_factory=NoAgents)
    spinnakers: Spinnakers = field(default_factory=NoSpinnakers)
    forwarders: Forwarders = field(default_factory=FakeForwarders)

    @property
    def desk(self) -> "FakeWatch":
        return self

    def statuses(self) -> Iterator[SLOStatus]:
        yield from self.slos

    def incidents(self) -> Sequence[Incident]:
        return sorted(fold_all(self.events).values(), key=lambda incident: incident.opened_at, reverse=True)

    def response(self, incident: Incident) -> Response | None:
        return response_of(incident.turns, DEFAULT) if self.contracted else None

    def probe_samples(self) -> Iterable[tuple[Outcome, Iterable[Sample]]]:
        return [(outcome, self.samples.get(outcome.check, ())) for outcome in self.rounds]

    def collected(self) -> Iterable[Collected]:
        return self.inside

    def scraped(self, collector: str, target: str) -> Collected | None:
        for each in self.inside:
            if (each.outcome.check, each.outcome.target) == (collector, target):
                return each
        if target == "new.example":
            return None
        raise UsageError(f"{collector} has no target {target!r}")

    def probes(self) -> Sequence[str]:
        return list(dict.fromkeys(outcome.check for outcome in self.rounds))

    def last_outcomes(self) -> Iterable[Outcome]:
        return self.rounds

    def outcomes(self, probe: str) -> Sequence[Sequence[Outcome]]:
        """Every round is kept, newest first."""
        points = dict.fromkeys(outcome.point for outcome in self.rounds if outcome.check == probe)
        return [[outcome for outcome in self.rounds if outcome.point == point] for point in points]

    def unready(self) -> Sequence[str]:
        return self.reasons

    async def history(self, incident: str) -> Sequence[tuple[int, Event]]:
        return [(number, event) for number, event in enumerate(self.events, 1) if event.incident == incident]

    async def deliveries(self, incident: str) -> Sequence[Delivery]:
        return [delivery for delivery in self.sent if delivery.message.incident == incident]

    async def refused(self, incidents: Collection[str]) -> Mapping[str, Sequence[Delivery]]:
        refused = [each for each in self.sent if each.state == "refused" and each.message.incident in incidents]
        return {name: [each for each in refused if each.message.incident == name] for name in incidents}

    async def act(self, act: Act) -> Incident:
        if self.refuses:
            raise self.refuses
        teller = Teller(at=AT + timedelta(minutes=3))
        if isinstance(act, Open):
            decision = Decision(events=(opening_of(act, "1", at=teller.at, contract=DEFAULT),))
        else:
            decision = decide_act(act, fold_all(self.events), teller=teller)
        self.events += decision.events
        return fold_all(self.events)[decision.events[0].incident if decision else act.target.incident]

    async def receive(self, way: str, inbound: Inbound) -> Received | None:
        if self.refuses:
            raise self.refuses
        self.inbound.append((way, inbound))
        return self.answers.get(way)

    def exclusions(self) -> Sequence[Exclusion]:
        return list(self.excluded)

    async def exclude(self, exclusion: Exclusion) -> Exclusion:
        if self.refuses:
            raise self.refuses
        made = replace(exclusion, created_at=AT)
        self.excluded.append(made)
        return made

    async def withdraw_exclusion(self, name: str, *, by: str, why: str) -> Exclusion:
        if self.refuses:
            raise self.refuses
        taken = next(each for each in self.excluded if each.name == name)
        self.excluded.remove(taken)
        self.withdrawn.append((name, by, why))
        return taken

    def now(self) -> datetime:
        return AT

    def take_alert(self, alert: ForeignAlert) -> Fate:
        return self.foreign.take(alert, fold_all(self.events))

    async def reload(self) -> None:
        if self.refuses:
            raise self.refuses
        self.reloads += 1


def a_busy_watch() -> FakeWatch:
    """One SLO burning with an open P0, one overspent, one without data, one up, and a probe for each."""
    event = opened()
    burning = a_status(
        state="burning",
        bad=50,
        burn_rate=200.0,
        remaining=-9.4,
        firing=frozenset({PAGE, TICKET}),
        incident=event.incident,
        last_reason="connect_refused",
        last_target="http://127.0.0.1:8084/health",
    )
    return FakeWatch(
        slos=[
            a_status(an_slo("echo-availability", service="echo")),
            burning,
            a_status(an_slo("orca-latency", service="orca", team="core"), state="overspent", bad=9, remaining=-0.0001),
            a_status(an_slo("front50-availability"), state="no_data", remaining=None, last_reason="network_down"),
        ],
        events=[
            opened("2025-0009", slo="orca-latency", at=AT - timedelta(days=3)),
            Resolved(incident="2025-0009", at=AT - timedelta(days=2), by="", why="clear for 5m"),
            event,
            FiringChanged(incident=event.incident, at=AT, firing=frozenset({PAGE, TICKET}), evidence=EVIDENCE),
        ],
        sent=[a_delivery(event)],
        rounds=[
            an_outcome("gate", "connect_refused"),
            an_outcome("echo"),
            an_outcome("orca", "latency", target='tcp://[::1]:7002/"quoted"\\'),
            an_outcome("front50", "network_down"),
        ],
        samples={
            "echo": [
                Sample("probe_http_duration_seconds", 0.001, {"phase": "connect"}),
                Sample("probe_http_duration_seconds", 0.002, {"phase": "processing"}),
                Sample("probe_http_status_code", 200),
            ],
            "orca": [Sample("probe_http_status_code", 503)],
        },
    )
