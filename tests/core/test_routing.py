"""Routing: who is told of what, as Alertmanager would route it, and on whose terms."""

import subprocess
from dataclasses import replace
from datetime import timedelta
from fractions import Fraction
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from slo.core.matching import Matcher, Operator, parse_matcher
from slo.core.policy import Severity
from slo.core.priority import Priority
from slo.core.routing import BY_INCIDENT, EscalationStep, Plan, Route, alert_labels
from tests.services import program

MINUTE = timedelta(minutes=1)
PAGE = {"slo": "gate-availability", "severity": "page", "customer": "acme", "service": "gate"}


def route(*matchers: str, to: str = "", go_on: bool = False, routes: tuple[Route, ...] = (), **terms: object) -> Route:
    return Route(
        matchers=tuple(map(parse_matcher, matchers)),
        destinations=tuple(to.split()),
        go_on=go_on,
        routes=routes,
        **terms,  # type: ignore[arg-type]
    )


TREE = route(
    to="desk",
    routes=(
        route("severity=page", to="audit", go_on=True),
        route(
            "customer=acme",
            to="acme-desk",
            routes=(
                route("severity=page", "service=~gate|deck", to="acme-oncall audit"),
                route("severity=page", to="oncall"),
            ),
        ),
        route("customer=globex", to="globex-desk"),
        route("severity=page", to="oncall"),
    ),
)


@pytest.mark.parametrize(
    ("labels", "told"),
    [
        ({}, "audit acme-oncall"),
        ({"service": "orca"}, "audit oncall"),
        ({"severity": "ticket"}, "acme-desk"),
        ({"severity": "ticket", "customer": "globex"}, "globex-desk"),
        ({"customer": "globex"}, "audit globex-desk"),
        ({"customer": "initech"}, "audit oncall"),
        ({"customer": "initech", "severity": "ticket"}, "desk"),
    ],
)
def test_the_first_route_that_matches_takes_it_and_tells_where_none_below_does(
    labels: dict[str, str], told: str
) -> None:
    assert " ".join(TREE.plan(PAGE | labels).destinations) == told


def test_a_tree_of_one_route_tells_everybody_of_everything_on_the_terms_that_were_always_so() -> None:
    alone = route(to="oncall hook")
    assert alone.plan({}) == Plan(
        destinations=("oncall", "hook"),
        group_by=BY_INCIDENT,
        group_wait=timedelta(0),
        repeat_interval=timedelta(hours=4),
        resolve_after=timedelta(minutes=5),
        escalation=(),
        path=alone.plan({}).path,
    )


def test_where_several_routes_tell_nobody_waits_longer_than_one_of_them_says() -> None:
    half, late = Fraction(1, 2), Fraction(9, 10)
    tree = route(
        routes=(
            route(
                to="audit",
                go_on=True,
                group_by=("customer",),
                group_wait=5 * MINUTE,
                repeat_interval=60 * MINUTE,
                resolve_after=2 * MINUTE,
                escalation=(EscalationStep(after=late, destinations=("chief",)),),
            ),
            route(
                to="oncall audit",
                group_by=("service", "customer"),
                group_wait=MINUTE,
                repeat_interval=240 * MINUTE,
                resolve_after=10 * MINUTE,
                escalation=(
                    EscalationStep(after=half, destinations=("second",)),
                    EscalationStep(after=late, destinations=("second", "chief")),
                ),
            ),
        )
    )
    plan = tree.plan(PAGE)
    assert plan.destinations == ("audit", "oncall")
    assert plan.group_by == ("customer", "service")
    assert (plan.group_wait, plan.repeat_interval, plan.resolve_after) == (MINUTE, 60 * MINUTE, 10 * MINUTE)
    assert plan.escalation == (
        EscalationStep(after=half, destinations=("second",)),
        EscalationStep(after=late, destinations=("chief", "second")),
    )


@pytest.mark.parametrize(("priority", "wait"), [("P0", timedelta(0)), ("P1", MINUTE), ("P2", MINUTE)])
def test_a_p0_waits_for_nobody(priority: str, wait: timedelta) -> None:
    assert route(group_wait=MINUTE).plan({"priority": priority}).group_wait == wait


def test_the_path_says_of_every_route_that_was_looked_at_why_it_took_the_alert_or_not() -> None:
    labels = PAGE | {"service": "orca"}
    path = TREE.plan(labels).path
    assert [(visit.taken, visit.tells, visit.why(labels)) for visit in path] == [
        (True, False, "every alert comes here"),
        (True, True, 'severity="page" holds'),
        (True, False, 'customer="acme" holds'),
        (False, False, 'service=~"gate|deck" does not hold, service is "orca"'),
        (True, True, 'severity="page" holds'),
    ]
    del labels["service"]
    assert TREE.plan(labels).path[3].why(labels) == 'service=~"gate|deck" does not hold, there is no service'


def test_what_the_watch_knows_of_an_alert_goes_before_labels_of_the_same_name() -> None:
    labels = {"priority": "high", "customer": "acme", "scope": "wide"}
    assert alert_labels(labels, slo="gate", scope="", severity=Severity.PAGE, priority=Priority.P0) == {
        "priority": "P0",
        "customer": "acme",
        "scope": "",
        "slo": "gate",
        "severity": "page",
    }


NAMES = st.sampled_from(["service", "customer", "severity"])
VALUES = st.sampled_from(["gate", "deck", "page", "a.b", "g|d", 'q"u', "e x", "=", "\\d", "ü", "", ","])
EXPRESSIONS = st.sampled_from(["", "gate|deck", "g.*", ".*", ".+", "[a-d].*", "(page)?", "g\\|d", "\\\\d", "ga"])


@st.composite
def matchers(draw: st.DrawFn) -> Matcher:
    operator: Operator = draw(st.sampled_from(["=", "!=", "=~", "!~"]))
    value = draw(VALUES if operator in {"=", "!="} else EXPRESSIONS)
    return Matcher(label=draw(NAMES), operator=operator, value=value)


def routes(depth: int) -> st.SearchStrategy[Route]:
    below = st.lists(routes(depth - 1), max_size=3).map(tuple) if depth else st.just(())
    return st.builds(Route, matchers=st.lists(matchers(), max_size=2).map(tuple), go_on=st.booleans(), routes=below)


def numbered(tree: Route) -> Route:
    """The tree with a destination of its own in every route; the top one takes everything."""
    count = iter(range(10_000))

    def number(route: Route) -> Route:
        named = replace(route, destinations=(f"r{next(count)}",))
        return replace(named, routes=tuple(number(each) for each in route.routes))

    return number(replace(tree, matchers=(), go_on=False))


def as_alertmanager_writes(route: Route) -> dict[str, object]:
    written: dict[str, object] = {"receiver": route.destinations[0]}
    if route.matchers:
        written["matchers"] = [str(matcher) for matcher in route.matchers]
    if route.go_on:
        written["continue"] = True
    if route.routes:
        written["routes"] = [as_alertmanager_writes(each) for each in route.routes]
    return written


@pytest.fixture(scope="module")
def amtool() -> str:
    return program("amtool", package="prometheus-alertmanager")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tree=routes(3).map(numbered), labels=st.dictionaries(NAMES, VALUES.filter(bool)))
def test_alertmanager_tells_the_same_receivers(
    tree: Route, labels: dict[str, str], amtool: str, tmp_path: Path
) -> None:
    receivers = [{"name": each.destinations[0]} for each in tree.everywhere()]
    config = tmp_path / "alertmanager.yml"
    text = yaml.safe_dump({"route": as_alertmanager_writes(tree), "receivers": receivers}, allow_unicode=True)
    config.write_text(text, encoding="utf-8")
    given_labels = [str(Matcher(label=label, operator="=", value=value)) for label, value in labels.items()]
    asked = subprocess.run(
        [amtool, "config", "routes", "test", f"--config.file={config}", *given_labels],
        capture_output=True,
        text=True,
        check=False,
    )
    assert asked.returncode == 0, asked.stderr + text
    assert tuple(asked.stdout.strip().split(",")) == tree.plan(labels).destinations
