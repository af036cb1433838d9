"""What the last rounds found: the targets of the configuration are served, while what is known of them is news."""

from dataclasses import replace
from datetime import timedelta
from typing import cast

import pytest

from slo.app.last_rounds import STALE_ROUNDS, LastRounds
from slo.core.outcome import Outcome, Point
from slo.core.sample import Sample
from slo.errors import UsageError
from slo.exposition.buffer import Serving
from slo.runner.runner import Runner
from slo.runner.schedule import Scheduled
from tests.runner.worlds import FakeCheck, scheduled
from tests.web.watches import AT, an_outcome

SERVING = Serving(family_of=lambda _: None, most=10)


class Sampled(FakeCheck):
    """A check with one sample."""

    def samples(self, facts: object) -> list[Sample]:
        return [Sample("seen", float(str(facts)))]


class Ran:
    """A runner with these last rounds, every ten seconds; those of `gate` are a probe's."""

    def __init__(self, **targets: tuple[str, ...]) -> None:
        self.last: dict[Point, Outcome] = {}
        self.last_facts: dict[Point, object] = {}
        self.checks: dict[Point, Scheduled] = {}
        for name, each in targets.items():
            for number, target in enumerate(each):
                point = name, target, ""
                check = scheduled(name, Sampled(), target=target)
                self.checks[point] = check if name == "gate" else replace(check, serving=SERVING)
                self.last[point] = an_outcome(name, target=target)
                self.last_facts[point] = number

    def check(self, point: Point) -> Scheduled | None:
        return self.checks.get(point)

    @property
    def rounds(self) -> LastRounds:
        return LastRounds(cast("Runner", self))


def test_probes_and_collectors_are_read_apart() -> None:
    rounds = Ran(gate=("a", "b"), cache=("c:1",)).rounds
    assert [(outcome.target, [*samples]) for outcome, samples in rounds.probe_samples()] == [
        ("a", [Sample("seen", 0.0)]),
        ("b", [Sample("seen", 1.0)]),
    ]
    assert [(each.outcome.target, [*each.samples]) for each in rounds.collected()] == [("c:1", [Sample("seen", 0.0)])]


def test_a_target_that_leaves_while_others_are_read_is_passed_over() -> None:
    ran = Ran(cache=("c:1", "c:2"))
    reading = ran.rounds.collected()
    next(reading)
    del ran.checks["cache", "c:2", ""]
    assert list(reading) == []


@pytest.mark.parametrize(("intervals", "served"), [(0, True), (STALE_ROUNDS, True), (STALE_ROUNDS + 0.1, False)])
def test_a_round_is_served_as_long_as_it_is_news(*, intervals: float, served: bool) -> None:
    found = Ran(cache=("c:1",)).rounds.scraped("cache", "c:1", AT + timedelta(seconds=10 * intervals))
    assert (found is not None) is served


def test_a_target_without_a_round_is_not_served_yet() -> None:
    ran = Ran(cache=("c:1",))
    ran.last.clear()
    assert ran.rounds.scraped("cache", "c:1", AT) is None


@pytest.mark.parametrize(
    ("collector", "target", "said"),
    [
        ("cache", "c:2", "cache has no target 'c:2': did you mean c:1?"),
        ("cache", "169.254.169.254:80", "cache has no target '169.254.169.254:80': there are c:1"),
        ("cahce", "c:1", "there is no collector 'cahce': did you mean cache?"),
        ("gate", "a", "there is no collector 'gate': there are cache"),
    ],
)
def test_what_is_not_configured_is_not_served(collector: str, target: str, said: str) -> None:
    with pytest.raises(UsageError) as refused:
        Ran(gate=("a",), cache=("c:1",)).rounds.scraped(collector, target, AT)
    assert str(refused.value) == said
