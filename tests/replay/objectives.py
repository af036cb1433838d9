"""Random objectives and burn policies, such as the configuration takes."""

from datetime import timedelta
from fractions import Fraction
from random import Random

from slo.core.policy import Pair as PolicyPair
from slo.core.scaling import scaled_policy
from tests.replay.oracle import DAY, HOUR, Objective, Pair
from tests.replay.oracle_counts import MINUTE, Indicator


def random_objective(random: Random, name: str, indicator: Indicator, slot: int) -> tuple[Objective, bool]:
    """An SLO, and whether its policy is the default one, to be left out of the configuration."""
    window = random.choice([6 * HOUR, 12 * HOUR, DAY, 2 * DAY, 100 * MINUTE, 7 * HOUR + 20 * MINUTE])
    objective = Fraction(random.choice(["0.999", "0.9995", "0.99", "0.99", "0.95", "0.9"]))
    pairs = [policy_pair(pair) for pair in scaled_policy(_span(window), slot=_span(slot), shortest=2 * _span(slot))]
    highest = 1 / (1 - objective)
    scaled = random.random() < 0.3 and any(pair.severity == "page" for pair in pairs)
    if not scaled or any(pair.budget * window / pair.long >= highest for pair in pairs):
        scaled = False
        drawn = [_random_pair(random, window, slot, highest) for _ in range(random.randrange(1, 5))]
        pairs = list({(pair.long, pair.short, pair.severity): pair for pair in drawn}.values())
    return Objective(name=name, objective=objective, window=window, indicator=indicator, pairs=tuple(pairs)), scaled


def _random_pair(random: Random, window: int, slot: int, highest: Fraction) -> Pair:
    """A pair that can fire: its factor lies between 0.9 and half the highest burn rate."""
    longs = [5 * MINUTE, 20 * MINUTE, HOUR, 90 * MINUTE, 3 * HOUR, 6 * HOUR, DAY, window]
    long = random.choice([long for long in longs if long <= window and long % slot == 0])
    short = max(2 * slot, long // random.choice([3, 6, 12]) // slot * slot)
    factor = Fraction(random.choice(["0.9", "1", "1", "3", "6", "14.4"]))
    budget = min(factor, highest / 2) * Fraction(long, window)
    severity = random.choice(["page", "ticket"])
    return Pair(
        long=long,
        short=short,
        budget=min(Fraction(repr(round(float(budget), 4))), Fraction(1)),
        severity="page" if severity == "page" else "ticket",
        min_bad_events=random.choice([0, 0, 1, 3, 50]) if severity == "page" else 0,
        hold=random.choice([0, 0, 0, MINUTE, 2 * MINUTE, 7 * MINUTE]),
    )


def policy_pair(pair: PolicyPair) -> Pair:
    """A pair of a policy that has a name."""
    return Pair(
        long=pair.long // timedelta(milliseconds=1),
        short=pair.short // timedelta(milliseconds=1),
        budget=pair.budget,
        severity="page" if pair.severity == "page" else "ticket",
    )


def _span(length: int) -> timedelta:
    return timedelta(milliseconds=length)
