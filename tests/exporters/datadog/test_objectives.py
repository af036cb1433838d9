"""What is to be done so that Datadog's SLOs are as ours: everything of ours, nothing of others."""

from dataclasses import replace
from datetime import timedelta
from fractions import Fraction
from typing import Any

import pytest

from exporters.datadog.objectives import (
    Create,
    Delete,
    Objective,
    Present,
    Update,
    objectives,
    owner_tag,
    plan,
    target_percent,
    timeframe,
)
from slo.core.budgeting import Budgeting, Method
from slo.core.slo import SLO
from tests.exporters.datadog.made import NOW, slo


def wanted(*slos: SLO, owner: str = "watch-1") -> list[Objective]:
    return objectives(slos, owner=owner, labelled=lambda labels: {"team": "x", **labels}, now=NOW)


def present(objective: Objective, id_: str = "a", created_at: int = 1) -> Present:
    return Present(id=id_, created_at=created_at, objective=objective)


def test_an_slo_is_judged_by_the_counts_that_are_sent_of_it() -> None:
    [objective] = wanted(slo(description="The gate answers.", more_windows=(timedelta(days=7),)))
    scope = "customer:acme,env:production,environment:production,slo:gate,team:x"
    good, bad = (f"sum:slo_sli_{state}{{{scope}}}.as_count()" for state in ("good", "bad"))
    assert (objective.numerator, objective.denominator) == (good, f"{good} + {bad}")
    assert (objective.name, objective.description) == ("gate", "The gate answers.")
    assert objective.thresholds == (("7d", 99.9), ("30d", 99.9))
    assert set(scope.split(",")) | {owner_tag("watch-1"), objective.mark} == set(objective.tags)
    assert owner_tag("watch-1") == "watchkeep_owner:watch-1"


def test_the_host_of_counts_is_what_they_are_found_by_and_no_tag() -> None:
    [objective] = wanted(slo(labels={"node": "N1"}))
    assert objective.numerator == "sum:slo_sli_good{slo:gate,team:x,host:n1}.as_count()"


@pytest.mark.parametrize(("days", "name"), [(1, "7d"), (7, "7d"), (8, "30d"), (30, "30d"), (31, "90d"), (365, "90d")])
def test_a_window_is_the_next_one_that_datadog_has(days: int, name: str) -> None:
    assert timeframe(timedelta(days=days)) == name


@pytest.mark.parametrize(
    ("objective", "percent"),
    [("0.999", 99.9), ("0.9995", 99.95), ("0.99999", 99.999), ("0.999999", 99.999), ("0.5", 50.0), ("2/3", 66.667)],
)
def test_a_target_has_as_many_decimals_as_datadog_takes_and_leaves_a_budget(objective: str, percent: float) -> None:
    assert target_percent(Fraction(objective)) == percent


def test_each_group_has_its_own_and_what_stands_for_all_of_them_or_counts_slices_has_none() -> None:
    slices = Budgeting(method=Method.TIMESLICES, target=Fraction(1, 2))
    grouped: dict[str, Any] = {"group_by": ("cluster",)}
    groups = [slo(**grouped), slo(scope="cluster=eu", **grouped), slo(scope="cluster=us", **grouped)]
    found = wanted(*groups, slo("slices", budgeting=slices))
    assert [each.name for each in found] == ["gate{cluster=eu}", "gate{cluster=us}"]
    assert len({each.mark for each in found}) == 2


def test_of_several_definitions_the_one_that_counts_now_is_taken() -> None:
    later, before = NOW + timedelta(days=1), NOW - timedelta(days=1)
    versions = [
        slo(objective="0.9999", effective_from=later),
        slo(objective="0.99", effective_from=before),
        slo(objective="0.9"),
    ]
    assert [each.thresholds for each in wanted(*versions)] == [(("30d", 99.0),)]
    assert [each.thresholds for each in wanted(versions[0])] == [(("30d", 99.99),)]


def test_what_is_missing_is_created_what_differs_is_changed_and_what_is_not_wanted_is_deleted() -> None:
    gate, orca, clouddriver = wanted(slo(), slo("orca"), slo("clouddriver"))
    there = [present(replace(orca, thresholds=(("30d", 99.0),)), "b"), present(clouddriver, "c")]
    assert plan([gate, orca], there) == [
        Create(objective=gate),
        Update(id="b", objective=orca),
        Delete(id="c"),
    ]
    assert plan([clouddriver], [present(clouddriver, "c")]) == []


def test_what_a_kill_left_twice_is_there_once_and_it_is_the_oldest() -> None:
    [gate] = wanted(slo())
    there = [present(gate, "new", 3), present(gate, "old", 1), present(gate, "middle", 2)]
    assert plan([gate], there) == [Delete(id="middle"), Delete(id="new")]


def test_tags_that_people_gave_stay() -> None:
    [gate] = wanted(slo())
    tagged = replace(gate, tags=tuple(sorted([*gate.tags, "favourite:yes"])))
    assert plan([gate], [present(tagged)]) == []
    [update] = plan([replace(gate, name="gate 2")], [present(tagged)])
    assert isinstance(update, Update)
    assert update.objective == replace(tagged, name="gate 2")


def test_a_tag_of_ours_that_has_another_value_is_replaced() -> None:
    [old], [new] = wanted(slo()), wanted(slo(labels={"customer": "other"}))
    [update] = plan([new], [present(old)])
    assert isinstance(update, Update)
    assert "customer:acme" not in update.objective.tags


def test_without_anything_wanted_nothing_is_deleted() -> None:
    assert plan([], [present(wanted(slo())[0])]) == []


def test_owners_do_not_share_a_mark() -> None:
    assert wanted(slo())[0].mark != wanted(slo(), owner="watch-2")[0].mark
