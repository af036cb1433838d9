"""What collectors found, on `/metrics`: labels of their own, nothing while nothing is known, and no work twice."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

import pytest

from slo.core.outcome import Outcome
from slo.core.sample import Sample
from slo.exposition.buffer import Serving
from slo.exposition.collected import Collected, CollectedRenderer
from slo.exposition.families import Family
from tests.exposition.test_render import Series, key, parsed
from tests.web.watches import an_outcome

SERVING = Serving(family_of=lambda _: None, most=3)
IDENTITY = {"collector": "cache", "target": "cache.example:6379"}


def outcome(reason: str = "ok") -> Outcome:
    return an_outcome("cache", reason, target="cache.example:6379")


def found(outcome: Outcome, *samples: Sample, serving: Serving = SERVING) -> Collected:
    return Collected(outcome=outcome, samples=samples, serving=serving)


def rendered(
    *collected: Collected, renderer: CollectedRenderer | None = None, faults: list[str] | None = None
) -> Series:
    told = [] if faults is None else faults
    renderer = renderer or CollectedRenderer(identified=True)
    return parsed("".join(renderer.render(collected, on_fault=lambda outcome, _: told.append(outcome.check))))


def test_samples_have_the_labels_of_the_collector_and_of_the_target() -> None:
    labelled = replace(outcome(), labels={"team": "core"})
    series = rendered(found(labelled, Sample("redis_up", 1), Sample("redis_db_keys", 7, {"db": "db0"})))
    assert series[key("redis_up", IDENTITY, team="core")] == 1
    assert series[key("redis_db_keys", IDENTITY, team="core", db="db0")] == 7
    assert series[key("watchkeep_collector_success", IDENTITY, team="core")] == 1


def test_without_identity_a_sample_is_as_the_server_s_own_exporter_says_it() -> None:
    renderer = CollectedRenderer(identified=False)
    labelled = replace(outcome("role"), labels={"team": "core"})
    assert rendered(found(labelled, Sample("redis_up", 1)), renderer=renderer) == {
        key("redis_up"): 1.0,
        key("watchkeep_collector_success"): 0.0,
        key("watchkeep_collector_duration_seconds"): 0.25,
        key("watchkeep_collector_reason", state="bad", reason="role"): 1.0,
        key("watchkeep_collector_last_round_timestamp_seconds"): labelled.at.timestamp(),
        key("watchkeep_dropped_samples_total"): 0.0,
    }


@pytest.mark.parametrize(
    ("reason", "shown"),
    [
        ("ok", True),
        ("connect_refused", True),
        ("replication_unknown", True),
        ("missed", False),
        ("network_down", False),
    ],
)
def test_a_target_of_which_nothing_is_known_is_neither_up_nor_down(reason: str, *, shown: bool) -> None:
    series = rendered(found(outcome(reason), Sample("redis_up", 0)))
    assert (key("redis_up", IDENTITY) in series) is shown


def test_a_round_is_rendered_once_however_often_it_is_read() -> None:
    made = []

    def samples() -> Iterator[Sample]:
        made.append(1)
        yield Sample("redis_up", len(made))

    renderer = CollectedRenderer(identified=True)
    first = outcome()
    assert [
        rendered(Collected(outcome=each, samples=samples(), serving=SERVING), renderer=renderer)[
            key("redis_up", IDENTITY)
        ]
        for each in (first, first, outcome())
    ] == [1.0, 1.0, 2.0]


def test_what_is_dropped_is_counted_over_all_rounds() -> None:
    renderer = CollectedRenderer(identified=True)
    many = [Sample("redis_db_keys", 1, {"db": str(number)}) for number in range(5)]
    counted = [
        rendered(found(outcome(), *many), renderer=renderer)[key("watchkeep_dropped_samples_total", IDENTITY)]
        for _ in range(3)
    ]
    assert counted == [2.0, 4.0, 6.0]


def test_other_labels_of_the_target_and_another_limit_are_taken_at_once() -> None:
    renderer = CollectedRenderer(identified=True)
    rendered(found(outcome(), Sample("redis_up", 1)), renderer=renderer)
    moved = replace(outcome(), labels={"region": "eu"})
    series = rendered(found(moved, Sample("redis_up", 1), serving=replace(SERVING, most=0)), renderer=renderer)
    assert key("redis_up", IDENTITY, region="eu") not in series
    assert key("watchkeep_collector_success", IDENTITY, region="eu") in series


def test_a_kind_whose_samples_fail_is_told_and_takes_nobody_else_s_away() -> None:
    def broken() -> Iterable[Sample]:
        yield Sample("redis_up", 1)
        raise ValueError

    faults: list[str] = []
    other = an_outcome("db", target="db.example:3306")
    series = rendered(
        Collected(outcome=outcome(), samples=broken(), serving=SERVING),
        found(other, Sample("mysql_up", 1)),
        faults=faults,
    )
    assert faults == ["cache"]
    assert key("redis_up", IDENTITY) not in series
    assert key("watchkeep_collector_success", IDENTITY) in series
    assert series[key("mysql_up", collector="db", target="db.example:3306")] == 1


def test_what_others_say_on_the_page_is_left_out_and_counted() -> None:
    renderer = CollectedRenderer(identified=True, reserved=("process_cpu_seconds_total",))
    said = [Sample("process_cpu_seconds_total", 1), Sample("watchkeep_collector_success", 0), Sample("redis_up", 1)]
    series = rendered(found(outcome(), *said), renderer=renderer)
    assert series[key("redis_up", IDENTITY)] == 1
    assert series[key("watchkeep_collector_success", IDENTITY)] == 1
    assert series[key("watchkeep_dropped_samples_total", IDENTITY)] == 2
    assert key("process_cpu_seconds_total", IDENTITY) not in series


def test_a_family_has_the_type_that_some_kind_knows() -> None:
    known = Serving(family_of=lambda name: Family(name=name, type="gauge", help="Known."), most=3)
    other = an_outcome("app", target="app.example")
    pair = [found(other, Sample("redis_up", 0)), found(outcome(), Sample("redis_up", 1), serving=known)]
    renderer = CollectedRenderer(identified=True)
    shown = "".join(renderer.render(pair, on_fault=lambda *_: None))
    assert "# TYPE redis_up gauge\n" in shown
