"""Causes that come and go: what is looked up is what the definition says, whatever happened before."""

from dataclasses import replace

import pytest
from hypothesis import given, note
from hypothesis import strategies as st

from slo.core.causes import Causes
from slo.core.inhibition import Graph, Linking, Rule
from slo.core.priority import Priority
from tests.core.inhibited import Definition, Known, plainly_suppressing, rule

SLOS = "abcde"
VALUES = st.sampled_from(["", "eu", "us"])
GRAPHS = st.lists(
    st.builds(
        Definition,
        name=st.sampled_from(SLOS),
        depends_on=st.lists(st.sampled_from(SLOS), max_size=2).map(tuple),
        group_by=st.sampled_from([(), ("cluster",), ("cluster", "node"), ("node",)]),
    ),
    max_size=6,
).map(Graph.of)
SIDES = st.sampled_from([*(f"slo={name}" for name in SLOS), "severity=page", "severity=ticket", "cluster=eu", "slo!=a"])
RULES = st.lists(
    st.builds(lambda one, other, equal: rule(one, other, *equal), SIDES, SIDES,
              st.sampled_from([(), ("cluster",), ("cluster", "node")])),
    max_size=4,
)  # fmt: skip


def made(number: int, slo: str, severity: str, cluster: str, node: str, priority: Priority, known: str) -> Known:
    """An incident; a label that is empty is left out."""
    labels = {"slo": slo, "severity": severity, "cluster": cluster, "node": node}
    return Known(
        incident=number,
        labels={label: value for label, value in labels.items() if value},
        priority=priority,
        paged=known != "not paged",
        silenced=known == "silenced",
    )


INCIDENTS = st.builds(
    made,
    st.integers(0, 9),
    st.sampled_from(SLOS),
    st.sampled_from(["page", "ticket"]),
    VALUES,
    VALUES,
    st.sampled_from(Priority),
    st.sampled_from(["known"] * 4 + ["silenced", "not paged"]),
)


@given(GRAPHS, RULES, st.lists(st.tuples(INCIDENTS, st.booleans()), min_size=2, max_size=16))
def test_whatever_comes_changes_and_goes_the_cause_is_that_of_the_definition(
    graph: Graph, rules: list[Rule], steps: list[tuple[Known, bool]]
) -> None:
    linking, causes = Linking(graph, rules), Causes()
    known: dict[int, Known] = {}
    for each, goes in steps:
        if goes:
            known.pop(each.incident, None)
            causes.drop(str(each.incident))
        else:
            known[each.incident] = each
            if each.explains:
                causes.put(each.cause(linking))
            else:
                causes.drop(str(each.incident))
        note(f"{each} {'goes' if goes else 'comes'}")
        oldest_first = [known[number] for number in sorted(known)]
        for alert in (*oldest_first, replace(each, incident=99)):
            found = causes.suppressing(alert.cause(linking))
            assert found == _as_id(plainly_suppressing(alert, oldest_first, graph, rules)), alert


@pytest.mark.parametrize("target", ["severity=ticket", "severity=~page|ticket"])
def test_of_thousands_that_one_rule_is_about_the_oldest_is_found(target: str) -> None:
    linking, causes = Linking(Graph(), [rule("severity=page", target, "cluster")]), Causes()
    alerts = [
        Known(incident=number, labels={"slo": f"slo-{number}", "severity": "page", "cluster": str(number % 10)})
        for number in range(5000)
    ]
    for each in alerts:
        causes.put(each.cause(linking))
    tickets = [replace(each, labels=dict(each.labels) | {"severity": "ticket"}, incident=9999) for each in alerts]
    assert [causes.suppressing(each.cause(linking)) for each in tickets] == [str(n % 10) for n in range(5000)]
    assert not any(causes.suppressing(each.cause(linking)) for each in alerts), "one page explains no other"


def _as_id(incident: int | None) -> str | None:
    return None if incident is None else str(incident)
