"""Days of a service that replay and Prometheus are both given, each of them hours in which one thing goes wrong."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from random import Random

from slo.core.policy import POLICIES
from tests.replay.objectives import policy_pair
from tests.replay.oracle import DAY, HOUR, SECOND, Objective, Pair
from tests.replay.oracle_counts import MINUTE, Indicator, Matching, Series
from tests.replay.recordings import Scenario
from tests.replay.scenarios import NEW_YEAR, Labels, Span, Weather, scraped

SLOT = 10 * SECOND

OF_CODES = Indicator(
    total=Matching(metric="http_requests_total"), part=Matching(metric="http_requests_total", labels={"code": "5.."})
)
OF_FAILURES = Indicator(total=Matching(metric="requests_total"), part=Matching(metric="failures_total"))
OF_SUCCESSES = Indicator(
    total=Matching(metric="requests_total"), part=Matching(metric="successes_total"), part_is="good"
)

GOOGLE = tuple(policy_pair(pair) for pair in POLICIES["google-30d"])


def _pair(long: int, short: int, budget: str, severity: str, *, hold: int = 0, least: int = 0) -> Pair:
    return Pair(
        long=long,
        short=short,
        budget=Fraction(budget),
        severity="page" if severity == "page" else "ticket",
        hold=hold,
        min_bad_events=least,
    )


BRIEF = (
    _pair(20 * MINUTE, 2 * MINUTE, "0.2", "page"),
    _pair(HOUR, 5 * MINUTE, "0.3", "page"),
    _pair(2 * HOUR, 15 * MINUTE, "0.3", "ticket"),
)
"""Pairs that clear within hours; their factors are 7.2, 3.6 and 1.8 for a window of 12 hours."""
HELD = (
    _pair(20 * MINUTE, 2 * MINUTE, "0.2", "page", hold=MINUTE),
    _pair(HOUR, 5 * MINUTE, "0.3", "page", hold=5 * MINUTE, least=400),
    _pair(2 * HOUR, 15 * MINUTE, "0.3", "ticket", hold=10 * MINUTE),
)
LEAST = (_pair(20 * MINUTE, 2 * MINUTE, "0.2", "page", least=20), _pair(HOUR, 5 * MINUTE, "0.3", "page", least=40))


def month(indicator: Indicator = OF_CODES) -> Objective:
    """99.9 % over 30 days, by google-30d as it is written."""
    return Objective(name="month", objective=Fraction("0.999"), window=30 * DAY, indicator=indicator, pairs=GOOGLE)


def half_day(pairs: Sequence[Pair] = BRIEF, indicator: Indicator = OF_CODES) -> Objective:
    """99 % over twelve hours."""
    return Objective(
        name="half-day", objective=Fraction("0.99"), window=12 * HOUR, indicator=indicator, pairs=tuple(pairs)
    )


@dataclass(frozen=True, kw_only=True)
class Target:
    """One instance: how often (seconds) it is scraped, between which minutes, and what happens to it there."""

    interval: int = 30
    since: float = 0
    until: float | None = None
    weather: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Hours:
    """Some hours of a service. Times in its targets' weather are minutes, as `at` and `spans` write them.

    `apart` is by how many steps Prometheus may differ from replay, and `because` says why.
    """

    name: str
    hours: float
    objectives: Sequence[Objective]
    targets: Sequence[Target]
    apart: int = 0
    because: str = ""

    @property
    def scenario(self) -> Scenario:
        """The recording and the SLOs, with times on whole seconds. The same each time."""
        random = Random(self.name)
        wanted = {one.metric for slo in self.objectives for one in (slo.indicator.total, slo.indicator.part)}
        series: dict[str, dict[Labels, dict[int, float]]] = defaultdict(dict)
        for index, target in enumerate(self.targets):
            labels = (("job", "api"), ("instance", f"{index}:80"))
            weather = Weather(
                begin=at(target.since),
                end=at(self.hours * 60 if target.until is None else target.until),
                **{"peak": 20.0, **target.weather},  # type: ignore[arg-type]
            )
            for metric, more, when, value in scraped(random, weather, target.interval * SECOND, wanted):
                series[metric].setdefault((*labels, *more), {})[when // SECOND * SECOND] = value
        recording = [
            Series(labels={"__name__": metric, **dict(labels)}, samples=sorted(samples.items()))
            for metric, by_labels in series.items()
            for labels, samples in by_labels.items()
        ]
        return Scenario(story=self.name, recording=recording, objectives=self.objectives, slot=SLOT, step=30 * SECOND)


def at(minutes: float) -> int:
    """The time so many minutes after the beginning of all days."""
    return NEW_YEAR + round(minutes * MINUTE)


def span(begin: float, length: float) -> Span:
    """The span that begins after so many minutes and is so many minutes long."""
    return at(begin), at(begin + length)


def _one(**weather: object) -> Sequence[Target]:
    return [Target(weather=weather)]


def _quarter(**weather: object) -> Sequence[Target]:
    return [Target(interval=15, weather=weather)]


FROM_SCRAPE_TO_SCRAPE = "the rules know a target from its first step to its newest scrape, replay up to the moment"
BEHIND_A_GAP = "what is found behind a gap belongs to all of it for replay, and for the rules to the step after it"

OUTAGE = {"outages": [(span(60, 12), 1.0)]}
"""Twelve minutes in which everything fails."""

DAYS = [
    Hours(name="a full outage", hours=2, objectives=[month(), half_day()], targets=_one(**OUTAGE)),
    Hours(
        name="a full outage, and the hours until its tickets are done with",
        hours=8,
        objectives=[month()],
        targets=_one(**OUTAGE, errors=0.0001),
    ),
    Hours(
        name="a full outage that begins between two steps, scraped every 15 s",
        hours=2,
        objectives=[month(), half_day()],
        targets=_quarter(outages=[(span(60.3, 7.4), 1.0)], errors=0.0002),
    ),
    Hours(
        name="a full outage, scraped with jitter",
        hours=2,
        objectives=[month()],
        targets=_one(**OUTAGE, jitter=0.3, errors=0.0002),
    ),
    Hours(
        name="a full outage, scraped every 15 s with jitter",
        hours=2,
        objectives=[half_day()],
        targets=_quarter(**OUTAGE, jitter=0.6),
    ),
    Hours(
        name="a full outage, scraped once a minute",
        hours=2,
        objectives=[half_day()],
        targets=[Target(interval=60, weather=OUTAGE)],
    ),
    Hours(
        name="a third of all requests fails for a quarter of an hour",
        hours=2.5,
        objectives=[month()],
        targets=_one(outages=[(span(60, 15), 0.3)]),
    ),
    Hours(
        name="one of twenty requests fails for an hour, with jitter",
        hours=3,
        objectives=[half_day()],
        targets=_quarter(outages=[(span(50, 60), 0.05)], jitter=0.3),
        apart=1,
        because=FROM_SCRAPE_TO_SCRAPE,
    ),
    Hours(name="a slow burn", hours=4, objectives=[month(), half_day()], targets=_one(slow_burn=0.03)),
    Hours(
        name="a slow burn, scraped every 15 s with jitter",
        hours=3,
        objectives=[half_day()],
        targets=_quarter(slow_burn=0.06, jitter=0.3),
    ),
    Hours(
        name="an outage that begins in idle time and ends in it",
        hours=2.5,
        objectives=[half_day()],
        targets=_one(outages=[(span(50, 60), 1.0)], idle=[span(40, 20), span(70, 25)]),
    ),
    Hours(
        name="few requests",
        hours=4,
        objectives=[month(), half_day()],
        targets=_one(peak=0.05, outages=[(span(90, 20), 1.0)], errors=0.02),
    ),
    Hours(
        name="an outage in the first minutes of all",
        hours=1.5,
        objectives=[month(), half_day()],
        targets=_quarter(outages=[(span(2, 8), 1.0)]),
    ),
    Hours(
        name="an outage from before the first scrape on",
        hours=1,
        objectives=[half_day()],
        targets=_one(outages=[(span(-5, 20), 1.0)]),
        apart=1,
        because=FROM_SCRAPE_TO_SCRAPE,
    ),
    Hours(
        name="restarts before, in and after an outage",
        hours=2,
        objectives=[half_day()],
        targets=_one(**OUTAGE, restarts=[at(30), at(65.2), at(100)], errors=0.001),
    ),
    Hours(
        name="three instances, of which one fails",
        hours=2,
        objectives=[half_day()],
        targets=[*_one(**OUTAGE), *_one(), *_one()],
    ),
    Hours(
        name="two instances with other rhythms, of which one comes late and fails at once",
        hours=2,
        objectives=[half_day()],
        targets=[
            Target(weather={"jitter": 0.3}),
            Target(interval=15, since=60.1, weather={**OUTAGE, "jitter": 0.3}),
        ],
        apart=1,
        because=FROM_SCRAPE_TO_SCRAPE,
    ),
    Hours(
        name="two instances, of which one leaves in an outage",
        hours=2,
        objectives=[half_day()],
        targets=[Target(weather=OUTAGE), Target(until=65, weather=OUTAGE)],
    ),
    Hours(
        name="pairs that are held, and pages that need 400 bad events",
        hours=3,
        objectives=[half_day(HELD)],
        targets=_one(outages=[(span(40, 0.5), 1.0), (span(70, 3), 1.0), (span(100, 15), 0.3)]),
    ),
    Hours(
        name="pages that need some bad events",
        hours=2,
        objectives=[half_day(LEAST)],
        targets=_one(peak=1.0, outages=[(span(40, 1), 1.0), (span(70, 3), 0.5)]),
    ),
    Hours(
        name="what is counted is what succeeds",
        hours=2,
        objectives=[half_day(indicator=OF_SUCCESSES)],
        targets=_quarter(**OUTAGE, errors=0.002),
    ),
    Hours(
        name="failures are seen before their requests",
        hours=2,
        objectives=[half_day(indicator=OF_FAILURES)],
        targets=_one(**OUTAGE, early=0.1),
    ),
    Hours(
        name="some scrapes are lost",
        hours=2,
        objectives=[half_day()],
        targets=_quarter(**OUTAGE, lost=0.05),
    ),
    Hours(
        name="the target is down in the middle of an outage",
        hours=2,
        objectives=[half_day()],
        targets=_one(**OUTAGE, down=[(span(64, 4), True)]),
    ),
    Hours(
        name="nobody scrapes in the middle of an outage",
        hours=2,
        objectives=[half_day()],
        targets=_one(**OUTAGE, down=[(span(64, 4), False)]),
    ),
    Hours(
        name="nobody scrapes from an outage on for half an hour",
        hours=3,
        objectives=[half_day()],
        targets=_one(**OUTAGE, down=[(span(66, 30), False)]),
        apart=2,
        because=BEHIND_A_GAP,
    ),
    Hours(
        name="the series are missing when an outage ends",
        hours=2,
        objectives=[half_day()],
        targets=_one(**OUTAGE, blind=[span(69, 10)]),
    ),
    Hours(
        name="one of two instances is down after it failed",
        hours=2.5,
        objectives=[half_day()],
        targets=[Target(weather={**OUTAGE, "down": [(span(67, 20), True)]}), Target()],
        apart=4,
        because=BEHIND_A_GAP,
    ),
]
