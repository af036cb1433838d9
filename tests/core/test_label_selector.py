"""Selectors of labels select what Kubernetes would, and say where they are wrong and what to write instead."""

import contextlib
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as some

from slo.core.label_selector import Requirement, is_label, parse_label_selector
from tests.daemonset.selectors import label_selector

PODS: Mapping[str, Mapping[str, str]] = {
    "bare": {},
    "redis": {"app": "redis", "tier": "a"},
    "canary": {"app": "redis", "tier": "b", "canary": ""},
    "web": {"app": "web", "app.kubernetes.io/name": "shop"},
}


@pytest.mark.parametrize(
    ("text", "selected"),
    [
        ("app=redis", ["redis", "canary"]),
        ("app==redis", ["redis", "canary"]),
        (" app = redis ", ["redis", "canary"]),
        ("app!=redis", ["bare", "web"]),
        ("app", ["redis", "canary", "web"]),
        ("!app", ["bare"]),
        ("! canary", ["bare", "redis", "web"]),
        ("canary=", ["canary"]),
        ("canary!=", ["bare", "redis", "web"]),
        ("tier in (a,b)", ["redis", "canary"]),
        ("tier in(a)", ["redis"]),
        ("tier in ( a , b )", ["redis", "canary"]),
        ("tier notin (a)", ["bare", "canary", "web"]),
        ("canary in ()", ["canary"]),
        ("canary in (x,)", ["canary"]),
        ("app=redis,tier in (a,b),!canary", ["redis"]),
        ("app.kubernetes.io/name=shop", ["web"]),
        ("app,app!=web", ["redis", "canary"]),
        ("in", []),
        ("notin notin (notin)", ["bare", "redis", "canary", "web"]),
        ("index=in", []),
    ],
)
def test_what_a_selector_selects(text: str, selected: list[str]) -> None:
    selector = parse_label_selector(text)
    assert [name for name, labels in PODS.items() if selector.selects(labels)] == selected


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "column 1: nothing is selected by; leave the key out for all pods"),
        ("  ", "column 1: nothing is selected by; leave the key out for all pods"),
        ("app=redis,", "column 11: a label is missing; write it as app=redis,tier in (a,b),!canary"),
        (",app", "column 1: a label is missing; write it as app=redis,tier in (a,b),!canary"),
        ("app=redis tier=a", "column 11: t does not belong there; write a comma between requirements"),
        (
            "app=redis&tier",
            "column 5: 'redis&tier' is no value of a label; write up to 63 letters, digits, dots, dashes",
        ),
        (
            "app='redis'",
            "is no value of a label; write up to 63 letters, digits, dots, dashes and underscores, without",
        ),
        ("app in redis", "column 8: the values are missing; write them in parentheses, as in tier in (a,b)"),
        ("app in (a", "column 10: the values do not end; write commas between them, and ) behind the last"),
        ("app in (a b)", "column 11: the values do not end"),
        ("app > 3", "column 5: numbers are not compared; list the values, as in tier in (1,2)"),
        ("app is redis", "column 5: is is no operator; write one of =, !=, in (...), notin (...)"),
        ("app~redis", "column 1: 'app~redis' is no label of Kubernetes; write it as app.kubernetes.io/name"),
        ("a/b/c", "is no label of Kubernetes"),
        ("App.Example/name", "is no label of Kubernetes"),
        ("/name", "is no label of Kubernetes"),
        ("name/", "is no label of Kubernetes"),
        ("x" * 64, "is no label of Kubernetes"),
        ("app=" + "x" * 64, "is no value of a label"),
        ("!app=redis", "column 5: = does not belong there; write a comma between requirements"),
        ("app=a#b", "column 6: # stands in no selector; leave it out"),
        ("app=redis)", "column 10: ) does not belong there"),
        ("app=äpfel", "is no value of a label"),
    ],
)
def test_what_is_none_says_where_and_what_to_write(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=r"^column \d+: .+; .+") as caught:
        parse_label_selector(text)
    assert says in str(caught.value)


@pytest.mark.parametrize(
    ("text", "label"),
    [("app", True), ("a.b-c_d", True), ("example.org/app", True), ("x" * 63, True), ("", False), ("-a", False)],
)
def test_what_a_label_may_be_called(text: str, label: bool) -> None:  # noqa: FBT001 - a column of the table
    assert is_label(text) is label


NAMES = some.sampled_from(["app", "tier", "in", "notin", "example.org/app", "x"])
VALUES = some.sampled_from(["", "a", "b", "in", "redis-7.2", "0"])
BLANKS = some.sampled_from(["", " ", "  ", "\t"])


@some.composite
def spelt(draw: some.DrawFn) -> tuple[str, Requirement]:
    """A requirement, and one way to write it."""
    name, negated = draw(NAMES), draw(some.booleans())
    blank = draw(BLANKS)
    match draw(some.sampled_from(["there", "is", "among"])):
        case "there":
            return f"{blank}{'!' if negated else ''}{name}{blank}", Requirement(label=name, negated=negated)
        case "is":
            value = draw(VALUES)
            operator = "!=" if negated else draw(some.sampled_from(["=", "=="]))
            text = f"{name}{blank}{operator}{blank}{value}{blank}"
            return text, Requirement(label=name, values=frozenset({value}), negated=negated)
    values = draw(some.lists(VALUES, min_size=1, max_size=4))
    text = f"{name} {blank}{'notin' if negated else 'in'}{blank}({f'{blank},{blank}'.join(values)})"
    return text, Requirement(label=name, values=frozenset(values), negated=negated)


def accepts(requirement: Requirement, labels: Mapping[str, str]) -> bool:
    """The oracle: as the manual of Kubernetes says it, one sentence after another."""
    value = labels.get(requirement.label)
    if requirement.values is None:
        return (value is None) if requirement.negated else (value is not None)
    if requirement.negated:
        return value is None or value not in requirement.values
    return value is not None and value in requirement.values


@given(some.lists(spelt(), min_size=1, max_size=4), some.dictionaries(NAMES, VALUES))
def test_a_selector_is_read_as_it_was_meant(meant: list[tuple[str, Requirement]], labels: dict[str, str]) -> None:
    text = ",".join(spelling for spelling, _ in meant)
    selector = parse_label_selector(text)
    assert list(selector.requirements) == [requirement for _, requirement in meant]
    assert selector.selects(labels) == all(accepts(requirement, labels) for _, requirement in meant)
    assert selector.selects(labels) == label_selector(text)({"metadata": {"labels": labels}})


@given(some.text(alphabet="ab/.!=(),<> \tin#ü", max_size=30))
def test_whatever_is_written_is_a_selector_of_labels_or_none(text: str) -> None:
    with contextlib.suppress(ValueError):
        selector = parse_label_selector(text)
        assert selector.requirements
        assert all(is_label(requirement.label) for requirement in selector.requirements)
