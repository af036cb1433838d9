"""Inhibition: told of the cause and not of what follows from it, and never of nothing at all."""

from collections.abc import Mapping
from dataclasses import replace
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slo.core.inhibition import Graph, Rule, Ties, causes_first
from slo.core.priority import Priority
from tests.core.inhibited import Definition, Known, rule, suppressing

GRAPH = Graph.of(
    [
        Definition(name="db"),
        Definition(name="gate", depends_on=("db",)),
        Definition(name="deck", depends_on=("gate",)),
        Definition(name="disk", group_by=("cluster", "node")),
        Definition(name="pod", depends_on=("disk",), group_by=("cluster",)),
    ]
)
NUMBERS = count(1)


def cause(
    slo: str,
    *,
    priority: Priority = Priority.P0,
    paged: bool = True,
    silenced: bool = False,
    incident: int | None = None,
    **labels: str,
) -> Known:
    """An open incident, with these labels besides its own."""
    return Known(
        incident=next(NUMBERS) if incident is None else incident,
        labels={"slo": slo, "scope": "", **labels},
        priority=priority,
        paged=paged,
        silenced=silenced,
    )


def told(effect: Known, *causes: Known, graph: Graph = GRAPH, rules: tuple[Rule, ...] = ()) -> bool:
    return suppressing(effect, causes, graph, rules) is None


def test_it_is_suppressed_under_what_it_depends_on_and_the_incident_is_named() -> None:
    assert suppressing(cause("gate"), [cause("db", incident=3)], GRAPH, ()) == 3


@pytest.mark.parametrize(
    ("changed", "is_told"),
    [
        ({}, False),
        ({"paged": False}, True),
        ({"silenced": True}, True),
        ({"priority": Priority.P1}, True),
        ({"labels": {"slo": "deck"}}, True),
    ],
)
def test_only_a_cause_that_people_know_of_and_that_is_as_urgent_suppresses(
    changed: Mapping[str, object], *, is_told: bool
) -> None:
    assert told(cause("gate"), replace(cause("db"), **changed)) == is_told  # type: ignore[arg-type]


def test_what_is_less_urgent_than_its_cause_is_suppressed() -> None:
    assert not told(cause("gate", priority=Priority.P2), cause("db", priority=Priority.P1))


def test_dependencies_reach_through_others_whether_these_fire_or_not() -> None:
    assert not told(cause("deck"), cause("db"))
    assert told(cause("db"), cause("deck"))


def test_groups_depend_on_one_another_only_where_they_are_of_one_place() -> None:
    disk = cause("disk", scope="cluster=eu,node=a", cluster="eu", node="a")
    assert not told(cause("pod", scope="cluster=eu", cluster="eu"), disk)
    assert told(cause("pod", scope="cluster=us", cluster="us"), disk)


@pytest.mark.parametrize(
    ("source", "target", "is_told"),
    [
        ({"service": "gate"}, {"service": "gate"}, False),
        ({"service": "gate"}, {"service": "deck"}, True),
        ({"service": "gate", "severity": "ticket"}, {"service": "gate"}, True),
        ({}, {}, False),
    ],
)
def test_rules_suppress_by_labels_where_those_agree_that_must(
    source: Mapping[str, str], target: Mapping[str, str], *, is_told: bool
) -> None:
    by_severity = rule("severity=page", "severity=ticket", "service", "customer")
    page = replace(cause("a"), labels={"severity": "page", **source})
    ticket = replace(cause("b", priority=Priority.P1), labels={"severity": "ticket", **target})
    assert told(ticket, page, rules=(by_severity,)) == is_told


def test_nothing_suppresses_itself() -> None:
    everything = rule("severity=page", "severity=page")
    gate = cause("gate", severity="page")
    assert told(gate, gate, rules=(everything,))
    assert told(cause("gate", scope="cluster=eu", severity="page"), rules=(everything,))


def test_in_a_circle_of_rules_everything_is_told() -> None:
    names = ["a", "b", "c"]
    circle = tuple(rule(f"slo={one}", f"slo={other}") for one, other in zip(names, "bca", strict=True))
    everyone = [cause(name) for name in names]
    assert all(told(each, *everyone, rules=circle) for each in everyone)
    assert not told(cause("b"), cause("a"), rules=circle)


CAUSES = st.lists(
    st.builds(
        cause,
        st.sampled_from(["a", "b", "c", "d"]),
        priority=st.sampled_from(Priority),
        paged=st.booleans(),
        silenced=st.booleans(),
        incident=st.builds(lambda: next(NUMBERS)),
    ),
    max_size=6,
    unique_by=lambda each: each.labels["slo"],
)
RULES = st.lists(
    st.builds(lambda one, other: rule(f"slo={one}", f"slo={other}"), *[st.sampled_from("abcd")] * 2), max_size=8
).map(tuple)


@given(CAUSES, RULES)
def test_under_whatever_rules_an_open_page_is_suppressed_only_if_another_open_page_is_told(
    open_incidents: list[Known], rules: tuple[Rule, ...]
) -> None:
    by_incident = {each.incident: each for each in open_incidents}
    for each in open_incidents:
        seen = set()
        at = each
        while under := suppressing(at, open_incidents, Graph(), rules):
            assert under not in seen, "they hide one another"
            assert under != at.incident
            assert by_incident[under].explains
            assert by_incident[under].priority.rank <= at.priority.rank
            seen.add(under)
            at = by_incident[under]


@given(st.dictionaries(st.sampled_from("abcdef"), st.lists(st.sampled_from("abcdef")).map(tuple)))
def test_an_slo_needs_what_those_need_that_it_needs_and_never_itself(edges: dict[str, tuple[str, ...]]) -> None:
    graph = Graph.of([Definition(name=name, depends_on=needs) for name, needs in edges.items()])
    for name, needs in edges.items():
        assert graph.needs[name] >= set(needs) - {name}
        assert name not in graph.needs[name]
        for each in graph.needs[name]:
            assert graph.needs[name] >= graph.needs.get(each, frozenset()) - {name}


@given(st.lists(st.tuples(st.sets(st.integers(0, 5)), st.sets(st.integers(0, 5))), max_size=12))
def test_in_order_every_alert_comes_after_what_explains_it_unless_they_explain_one_another(
    made: list[tuple[set[int], set[int]]],
) -> None:
    among = [Ties(*(frozenset((number, (), ()) for number in side) for side in ties)) for ties in made]
    explained = {place: {other for other, ties in enumerate(among) if ties.gives & among[place].takes} - {place}
                 for place in range(len(among))}  # fmt: skip
    for _ in among:
        for place, by in explained.items():
            explained[place] = by | {further for other in by for further in explained[other]}
    order = causes_first(among)
    assert sorted(order) == list(range(len(among)))
    for place, by in explained.items():
        for other in by:
            assert order.index(other) < order.index(place) or place in explained[other]
