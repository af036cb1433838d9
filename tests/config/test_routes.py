"""Routes as they are configured: what is inherited, and what their author is warned of."""

from datetime import timedelta
from fractions import Fraction
from pathlib import Path

import pytest

from slo.core.routing import BY_INCIDENT, EscalationStep, Route
from tests.config.making import GATE, loaded

MINUTE = timedelta(minutes=1)
DESTINATIONS = "destinations: [{name: oncall, type: told, key: a}, {name: desk, type: told, key: b}]\n"
SLOS = """\
slos:
  - {name: gate, objective: 99%, window: 30d, sli: {probe: gate}, labels: {customer: acme, environment: production}}
  - {name: deck, objective: 99%, window: 30d, sli: {probe: gate}, labels: {customer: globex}}
"""


def routes(text: str, folder: Path) -> Route:
    return loaded(GATE + SLOS + DESTINATIONS + text, folder).routes


def warnings(text: str, folder: Path) -> list[str]:
    found = loaded(GATE + SLOS + DESTINATIONS + text, folder).warnings
    return [f"{warning.path}: {warning.problem}; {warning.mend}" for warning in found]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", Route(destinations=("oncall", "desk"))),
        ("routes: {}\n", Route(destinations=("oncall", "desk"))),
        ("routes: {destinations: []}\n", Route(destinations=())),
        (
            "routes: {destinations: [oncall, desk], resolve_after: 10m}\n",
            Route(destinations=("oncall", "desk"), resolve_after=10 * MINUTE),
        ),
    ],
)
def test_one_route_is_as_it_always_was(text: str, expected: Route, tmp_path: Path) -> None:
    assert routes(text, tmp_path) == expected


def test_a_route_inherits_what_it_does_not_say_but_no_matchers(tmp_path: Path) -> None:
    top = routes(
        """\
routes:
  destinations: [desk]
  resolve_after: 10m
  escalation: [{after: 90%, destinations: [oncall]}, {after: 50%, destinations: [desk]}]
  routes:
    - match: [customer=acme]
      group_by: [customer]
      continue: true
      routes:
        - {destinations: [oncall], group_wait: 30s, escalation: []}
    - {repeat_interval: 1h, resolve_after: 0s}
""",
        tmp_path,
    )
    acme, other = top.routes
    (inner,) = acme.routes
    steps = (
        EscalationStep(after=Fraction(1, 2), destinations=("desk",)),
        EscalationStep(after=Fraction(9, 10), destinations=("oncall",)),
    )
    assert (top.place, acme.place, inner.place) == ("routes", "routes.routes[0]", "routes.routes[0].routes[0]")
    assert (acme.destinations, acme.resolve_after, acme.escalation) == (("desk",), 10 * MINUTE, steps)
    assert (acme.group_by, acme.go_on, len(acme.matchers)) == (("customer",), True, 1)
    assert (inner.destinations, inner.group_by, inner.resolve_after) == (("oncall",), ("customer",), 10 * MINUTE)
    assert (inner.group_wait, inner.escalation, inner.matchers, inner.go_on) == (MINUTE / 2, (), (), False)
    assert (other.group_by, other.repeat_interval, other.resolve_after) == (BY_INCIDENT, 60 * MINUTE, timedelta(0))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "routes: {destinations: [desk]}\n",
            [
                (
                    "destinations[oncall]: no route leads to this destination; "
                    "name it in the destinations of a route, or leave it out"
                )
            ],
        ),
        ("routes: {destinations: [desk], routes: [{match: [severity=page], destinations: [oncall]}]}\n", []),
        ("routes: {destinations: [desk], escalation: [{after: 50%, destinations: [oncall]}]}\n", []),
        (
            "routes: {routes: [{match: [customer=acme]}, {match: [customer=acme, severity=page]}]}\n",
            [
                (
                    "routes.routes[1]: no alert comes here: a route before it takes all that it matches; "
                    "put it before that one, or write `continue: true` there"
                )
            ],
        ),
        (
            "routes: {routes: [{match: [region=eu]}, {match: ['priority=~\"high|low\"']}]}\n",
            [
                (
                    'routes.routes[0].match[0]: no SLO has an alert with region="eu"; '
                    "the labels are customer, environment, priority, scope, severity, slo, source"
                ),
                (
                    'routes.routes[1].match[0]: no SLO has an alert with priority=~"high|low"; '
                    "the values of priority are P0, P1, P2"
                ),
            ],
        ),
        ("routes: {routes: [{match: [customer=acme], continue: true}, {match: [customer=acme]}]}\n", []),
        (
            "routes: {routes: [{match: [severity=pgae]}, {match: [customer=acme]}]}\n",
            [('routes.routes[0].match[0]: no SLO has an alert with severity="pgae"; did you mean page?')],
        ),
        (
            (
                "silences: [{name: a, match: [custmer=acme], reason: r, owner: o, "
                "start: 2026-03-01T02:00Z, duration: 1h}]\n"
            ),
            [('silences[a].match[0]: no SLO has an alert with custmer="acme"; did you mean customer?')],
        ),
        (
            "inhibit: [{source: [slo=gaet], target: [slo!=gate, cluster!=eu]}]\n",
            ['inhibit[0].source[0]: no SLO has an alert with slo="gaet"; did you mean gate?'],
        ),
    ],
)
def test_what_takes_no_alert_and_whom_nothing_reaches_is_warned_of(
    text: str, expected: list[str], tmp_path: Path
) -> None:
    assert warnings(text, tmp_path) == expected
