"""SLOs with groups: one for each combination of values that is found, and no more than may be."""

from datetime import timedelta
from fractions import Fraction

import pytest

from slo.core.policy import Pair, Severity
from slo.core.selector import parse_selector
from slo.core.sli import SLI, CheckSLI, CountersSLI
from slo.core.slo import SLO
from slo.sources.grouping import Groups

TOTAL, BAD = 'requests_total{job="api"}', 'requests_total{job="api",code=~"5.."}'
HOUR = timedelta(hours=1)


def an_slo(*group_by: str, name: str = "api", total: str = TOTAL, definition: SLI | None = None) -> SLO:
    definition = definition or CountersSLI(total=parse_selector(total), part=parse_selector(BAD), part_is="bad")
    pair = Pair(long=HOUR, short=HOUR / 12, budget=Fraction(1, 2), severity=Severity.PAGE)
    return SLO(
        name=name,
        objective=Fraction(9, 10),
        window=HOUR,
        sli=definition.key,
        pairs=(pair,),
        labels={"service": "api"},
        definition=definition,
        group_by=group_by,
    )


def series(**labels: str) -> dict[str, str]:
    return {"__name__": "requests_total", "job": "api", **labels}


def scopes(groups: Groups) -> list[str]:
    return [slo.scope for slo in groups.slos]


def test_a_group_is_an_slo_of_its_own_over_its_own_series() -> None:
    groups = Groups([an_slo("cluster")])
    assert groups.slos == []
    assert groups.find([series(cluster="eu", code="200"), series(cluster="eu", code="500")])
    (slo,) = groups.slos
    assert (slo.key, slo.labels, slo.group_by) == ("api{cluster=eu}", {"service": "api", "cluster": "eu"}, ())
    assert isinstance(slo.definition, CountersSLI)
    assert str(slo.definition.total) == 'requests_total{cluster="eu",job="api"}'
    assert str(slo.definition.part) == 'requests_total{cluster="eu",code=~"5..",job="api"}'
    assert slo.sli == slo.definition.key


def test_a_group_by_what_tells_the_part_from_the_total_has_all_or_nothing_of_it() -> None:
    groups = Groups([an_slo("code")])
    groups.find([series(code="200"), series(code="500")])
    parts = [slo.definition.part for slo in groups.slos if isinstance(slo.definition, CountersSLI)]
    assert [part.matches(series(code="200")) for part in parts] == [False, False]
    assert [part.matches(series(code="500")) for part in parts] == [False, True]


def test_groups_are_new_once_and_come_in_the_order_of_their_values() -> None:
    groups = Groups([an_slo("cluster")])
    assert groups.find([series(cluster="us"), series(cluster="eu")])
    assert not groups.find([series(cluster="us", code="500")])
    assert groups.find([series(cluster="ap"), series(cluster="eu")])
    assert scopes(groups) == ["cluster=ap", "cluster=eu", "cluster=us"]


def test_several_labels_make_a_combination_and_one_that_is_missing_is_empty() -> None:
    groups = Groups([an_slo("cluster", "zone")])
    groups.find([series(cluster="eu", zone="a"), series(cluster="eu"), series()])
    assert scopes(groups) == ["cluster=,zone=", "cluster=eu,zone=", "cluster=eu,zone=a"]


def test_only_series_of_the_total_make_groups() -> None:
    groups = Groups([an_slo("cluster")])
    assert not groups.find([{"__name__": "other", "cluster": "eu"}, {"__name__": "requests_total", "cluster": "eu"}])
    assert {name: len(found) for name, found in groups.found.items()} == {"api": 0}


def test_slos_without_groups_stay_as_they_are_in_their_place() -> None:
    plain, probe = an_slo(name="plain"), an_slo(name="probe", definition=CheckSLI(check="gate"))
    groups = Groups([plain, an_slo("cluster"), probe])
    groups.find([series(cluster="us"), series(cluster="eu")])
    assert [slo.key for slo in groups.slos] == ["plain", "api{cluster=eu}", "api{cluster=us}", "probe"]


def test_the_definitions_of_an_slo_have_the_same_groups() -> None:
    groups = Groups([an_slo("cluster"), an_slo("cluster", total='requests_total{job=~"api"}')])
    groups.find([series(cluster="eu")])
    assert [slo.key for slo in groups.slos] == ["api{cluster=eu}"] * 2


@pytest.mark.parametrize("most", [1, 3])
def test_beyond_what_may_be_watched_groups_are_refused_and_the_first_ones_stay(most: int) -> None:
    groups = Groups([an_slo("user"), an_slo("cluster", name="other")], most=most)
    assert groups.find(series(user=str(number), cluster="eu") for number in range(9, 0, -1))
    assert not groups.find(series(user=str(number), cluster="eu") for number in range(100))
    assert {name: len(found) for name, found in groups.found.items()} == {"api": most, "other": 1}
    assert groups.refused == {"api"}
    assert scopes(groups) == [*(f"user={number}" for number in range(10 - most, 10)), "cluster=eu"]


def test_targets_of_a_probe_make_groups_by_their_labels() -> None:
    groups = Groups([an_slo("region", name="probe", definition=CheckSLI(check="gate", latency=HOUR))])
    assert not groups.find_targets("another", [{"region": "eu"}])
    assert groups.find_targets("gate", [{"region": "eu", "target": "one"}, {"region": "us"}, {"region": "eu"}])
    assert not groups.find_targets("gate", [{"region": "us", "target": "two"}])
    assert [slo.key for slo in groups.slos] == ["probe{region=eu}", "probe{region=us}"]
    eu = groups.slos[0]
    assert eu.sli == 'probe:gate{region="eu"}:latency=1h'
    assert eu.definition == CheckSLI(check="gate", latency=HOUR, labels=(("region", "eu"),))
    assert eu.labels == {"service": "api", "region": "eu"}


def test_groups_of_targets_that_are_gone_are_given_up() -> None:
    groups = Groups([an_slo("target", name="probe", definition=CheckSLI(check="gate"))], most_targets=2)
    groups.find_targets("gate", [{"target": "one"}, {"target": "two"}])
    assert not groups.keep_targets("another", [])
    assert not groups.keep_targets("gate", [{"target": "one"}, {"target": "two"}])
    groups.find_targets("gate", [{"target": "three"}])
    assert groups.refused == {"probe"}
    assert groups.keep_targets("gate", [{"target": "two"}, {"target": "three"}])
    assert groups.find_targets("gate", [{"target": "three"}])
    assert (scopes(groups), groups.refused) == (["target=three", "target=two"], frozenset())
