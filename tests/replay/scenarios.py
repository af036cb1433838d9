"""Random days of a service: traffic, failures, and everything that goes wrong with counting them.

A seed makes the same scenario each time.
"""

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from random import Random
from typing import TypeAlias

from slo.core.policy import POLICIES
from tests.replay.objectives import policy_pair, random_objective
from tests.replay.oracle import DAY, HOUR, SECOND, Objective
from tests.replay.oracle_counts import MINUTE, Indicator, Matching, Series
from tests.replay.recordings import Scenario

NEW_YEAR = 1_767_225_600_000
"""2026-01-01T00:00:00Z."""

Span: TypeAlias = tuple[float, float]
Labels: TypeAlias = tuple[tuple[str, str], ...]

GARBAGE = (math.nan, math.inf, -math.inf, -1.0, 1e300)


@dataclass(frozen=True, kw_only=True)
class Weather:
    """What happens to a service, and to those who look at it. Spans are in milliseconds; shares are of scrapes."""

    begin: int
    end: int
    peak: float
    """Requests a second."""
    day: int = DAY
    """How long its day is: nights have a hundredth of the traffic."""
    idle: Sequence[Span] = ()
    outages: Sequence[tuple[Span, float]] = ()
    """Spans with the share of requests that fail in them."""
    errors: float = 0.0
    slow_burn: float = 0.0
    """The share of requests that fail always, and what is added to it until the end."""
    jitter: float = 0.0
    lost: float = 0.0
    missing: float = 0.0
    garbage: float = 0.0
    early: float = 0.0
    """The share of scrapes that see failures before the requests that they belong to."""
    doubled: Sequence[Span] = ()
    """When failures are counted that no request is counted for."""
    down: Sequence[tuple[Span, bool]] = ()
    """Spans in which a target does not answer, and whether `up` says so."""
    blind: Sequence[Span] = ()
    """Spans in which a target answers without its series."""
    restarts: Sequence[float] = ()

    def rate(self, at: float) -> float:
        """Requests a second."""
        if _within(at, self.idle):
            return 0.0
        return self.peak * (0.505 + 0.495 * math.sin(2 * math.pi * at / self.day))

    def failing(self, at: float) -> float:
        """The share of requests that fail."""
        worst = max((share for span, share in self.outages if _within(at, [span])), default=0.0)
        return max(worst, self.errors + self.slow_burn * (at - self.begin) / (self.end - self.begin))


@dataclass
class Process:
    """The counters of one process: by metric and code. What never happened has no series."""

    counted: dict[tuple[str, str], float] = field(default_factory=dict)

    def count(self, metric: str, code: str, events: float) -> None:
        if events or code == "200" or (metric, code) in self.counted:
            self.counted[metric, code] = self.counted.get((metric, code), 0.0) + events

    def serve(self, requests: int, failures: int, extra: int) -> None:
        self.count("http_requests_total", "200", requests - failures)
        self.count("http_requests_total", "500", failures // 2)
        self.count("http_requests_total", "503", failures - failures // 2)
        self.count("requests_total", "200", requests)
        self.count("failures_total", "", failures + extra)
        self.count("successes_total", "200", requests - failures + extra)


def scenario(seed: int) -> Scenario:
    """The scenario of this seed: two hours to three days."""
    random = Random(seed)
    hours = random.choice([2, 3, 4, 6] * 5 + [9, 12, 18, 24] * 2 + [48, 72])
    interval = random.choice([15, 20, 30, 60] if hours > 12 else [10, 15, 30, 30, 60]) * SECOND
    slot = random.choice([10, 60] if hours > 24 else [5, 10, 10, 10, 10, 60]) * SECOND
    rarely = 2 * MINUTE if hours > 24 else MINUTE if hours > 6 else 0
    step = max(slot, random.choice([30, 30, 30, 60]) * SECOND, rarely)
    return _scenario(random, f"seed {seed}", hours=hours, interval=interval, slot=slot, step=step)


def long_scenario(seed: int) -> Scenario:
    """Thirty days of a scrape a minute, judged by google-30d."""
    random = Random(f"long {seed}")
    made = _scenario(
        random, f"long seed {seed}", hours=720, interval=60 * SECOND, slot=10 * SECOND, step=5 * MINUTE, targets=1
    )
    pairs = tuple(policy_pair(pair) for pair in POLICIES["google-30d"])
    slo = Objective(
        name="month", objective=Fraction("0.999"), window=30 * DAY, indicator=made.objectives[0].indicator, pairs=pairs
    )
    return Scenario(
        story=made.story,
        recording=made.recording,
        objectives=[slo],
        slot=made.slot,
        step=made.step,
        scaled=frozenset({"month"}),
    )


def _scenario(
    random: Random, title: str, *, hours: int, interval: int, slot: int, step: int, targets: int | None = None
) -> Scenario:
    begin = NEW_YEAR + random.randrange(0, DAY)
    end = begin + hours * HOUR
    indicators = random.sample(_indicators(random), k=random.choice([1, 1, 2]))
    wanted = {matching.metric for one in indicators for matching in (one.total, one.part)}
    series: dict[str, dict[Labels, list[tuple[int, float]]]] = defaultdict(dict)
    stories = []
    for labels, first, last in _targets(random, begin, end, targets):
        weather = _weather(random, first, last, interval)
        stories.append(f"{dict(labels)}: {weather}")
        for metric, more, at, value in scraped(random, weather, interval, wanted):
            series[metric].setdefault((*labels, *more), []).append((at, value))
    recording = [
        Series(labels={"__name__": metric, **dict(labels)}, samples=sorted(samples))
        for metric, by_labels in series.items()
        for labels, samples in by_labels.items()
    ]
    objectives, scaled = [], set()
    for index, indicator in enumerate(indicators):
        slo, is_scaled = random_objective(random, f"slo-{index}", indicator, slot)
        objectives.append(slo)
        scaled |= {slo.name} if is_scaled else set()
    return Scenario(
        story="\n".join([f"{title}: {hours} h, a scrape every {interval // SECOND} s", *stories]),
        recording=recording,
        objectives=objectives,
        slot=slot,
        step=step,
        scaled=frozenset(scaled),
    )


def _indicators(random: Random) -> list[Indicator]:
    of_codes = Matching(metric="http_requests_total", labels=random.choice([{}, {}, {"job": "api|"}]))
    return [
        Indicator(total=of_codes, part=Matching(metric=of_codes.metric, labels={**of_codes.labels, "code": "5.."})),
        Indicator(total=Matching(metric="requests_total"), part=Matching(metric="failures_total")),
        Indicator(total=Matching(metric="requests_total"), part=Matching(metric="successes_total"), part_is="good"),
    ]


def _targets(random: Random, begin: int, end: int, count: int | None) -> Iterator[tuple[Labels, int, int]]:
    """The labels of each target with its first and its last time: some are there throughout, some come or leave."""
    count = count or random.choice([1, 1, 1, 2, 2, 3])
    if count == 1 and random.random() < 0.3:
        yield (), begin, end
        return
    for index in range(count):
        first = begin if index == 0 or random.random() < 0.5 else random.randrange(begin, (begin + end) // 2)
        last = end if random.random() < 0.6 else random.randrange((begin + end) // 2, end)
        job = random.choice(["api", "api", "worker"])
        yield (("job", job), ("instance", f"{chr(ord('z') - index)}:80")), first, last


def _weather(random: Random, begin: int, end: int, interval: int) -> Weather:
    def spans(most: int, longest: int) -> list[Span]:
        starts = [random.uniform(begin, end) for _ in range(random.randrange(most + 1))]
        return sorted((at, at + random.uniform(interval, longest)) for at in starts)

    def now_and_then(share: float) -> float:
        return random.choice([0.0, 0.0, share])

    down = [(span, random.random() < 0.5) for span in spans(3, 40 * interval)]
    restarts = [random.uniform(begin, end) for _ in range(random.randrange(3))]
    restarts += [random.uniform(*span) for span, _ in down if random.random() < 0.5]
    return Weather(
        begin=begin,
        end=end,
        peak=random.choice([0.05, 0.5, 3, 20, 400]),
        day=random.choice([DAY, DAY, 4 * HOUR]),
        idle=spans(2, HOUR),
        outages=[(span, random.choice([1.0, 1.0, 0.3, 0.05])) for span in spans(4, random.choice([5, 40]) * MINUTE)],
        errors=random.choice([0.0, 0.0005, 0.005, 0.02]),
        slow_burn=now_and_then(0.03),
        jitter=random.choice([0.0, 0.0, 0.02, 0.3]),
        lost=now_and_then(0.03),
        missing=now_and_then(0.02),
        garbage=now_and_then(0.01),
        early=now_and_then(0.1),
        doubled=spans(1, 20 * interval) if random.random() < 0.3 else [],
        down=down,
        blind=spans(1, 20 * interval) if random.random() < 0.3 else [],
        restarts=sorted(restarts),
    )


def scraped(
    random: Random, weather: Weather, interval: int, wanted: set[str]
) -> Iterator[tuple[str, Labels, int, float]]:
    """Every sample of a target: metric, further labels, time, value."""
    process = Process()
    process.serve(random.randrange(1000), random.randrange(2), 0)
    restarts = list(weather.restarts)
    has_up = any(says_so for _, says_so in weather.down) or random.random() < 0.5
    before = weather.begin
    for planned in range(weather.begin, weather.end, interval):
        at = max(planned + round(random.uniform(0, weather.jitter) * interval), before)
        if restarts and restarts[0] <= at:
            restarts.pop(0)
            process = Process()
        middle = (before + at) / 2
        requests = math.floor(weather.rate(middle) * (at - before) / SECOND + random.random())
        failures = min(math.floor(requests * weather.failing(middle) + random.random() * 0.999), requests)
        extra = random.randrange(1, 4) if _within(at, weather.doubled) else 0
        process.serve(requests, failures, extra)
        before = at + 1
        silence = [says_so for span, says_so in weather.down if _within(at, [span])]
        if silence:
            if has_up and any(silence):
                yield "up", (), at, 0.0
            continue
        if random.random() < weather.lost:
            continue
        if has_up:
            yield "up", (), at, 1.0
        yield "clock_seconds", (), at, at / SECOND
        if not _within(at, weather.blind):
            early = failures if random.random() < weather.early else 0
            yield from _exposed(random, weather, process.counted, wanted, at, early)


def _exposed(
    random: Random, weather: Weather, counted: Mapping[tuple[str, str], float], wanted: set[str], at: int, early: int
) -> Iterator[tuple[str, Labels, int, float]]:
    for (metric, code), value in counted.items():
        if metric in wanted and random.random() >= weather.missing:
            seen = value - early if metric == "requests_total" else value
            if random.random() < weather.garbage:
                seen = random.choice([*GARBAGE, value + 0.75])
            yield metric, (("code", code),) if metric == "http_requests_total" else (), at, seen


def _within(at: float, spans: Sequence[Span]) -> bool:
    return any(begin <= at < end for begin, end in spans)
