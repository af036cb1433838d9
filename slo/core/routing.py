"""Routing: a tree of routes, and what it says about an alert: who is told, with what else, and how long things wait.

The tree is walked as Alertmanager walks its own: from the top, into the first route below whose matchers all hold, and
with `go_on` into the ones behind it too. A route tells only where none of the routes below it takes the alert. Source:
https://prometheus.io/docs/alerting/latest/configuration/#route
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from fractions import Fraction

from slo.core.matching import Matcher, fulfil
from slo.core.policy import Severity
from slo.core.priority import Priority

BY_INCIDENT = ("slo", "scope")
"""The labels that no two open incidents share: grouped by them, each is told by itself."""

GROUP_WAIT = timedelta(0)
"""Nobody waits for company by default: a page is never late for the sake of fewer messages."""

REPEAT_INTERVAL = timedelta(hours=4)
RESOLVE_AFTER = timedelta(minutes=5)


@dataclass(frozen=True, kw_only=True, slots=True)
class EscalationStep:
    """Who is told as well when a share of the response time, above 0 and up to 1, has gone without a human."""

    after: Fraction
    destinations: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Route:
    """A route with what it inherits filled in, and the routes below it. The top one has no matchers.

    `destinations` are told. Incidents with the same values of `group_by` are told together: the first waits
    `group_wait` for others. What is open is told again every `repeat_interval`, and an alert must be clear for
    `resolve_after` before its incident resolves. `place` is where it is written, as in `routes.routes[0]`.
    """

    place: str = "routes"
    matchers: tuple[Matcher, ...] = ()
    go_on: bool = False
    destinations: tuple[str, ...] = ()
    group_by: tuple[str, ...] = BY_INCIDENT
    group_wait: timedelta = GROUP_WAIT
    repeat_interval: timedelta = REPEAT_INTERVAL
    resolve_after: timedelta = RESOLVE_AFTER
    escalation: tuple[EscalationStep, ...] = ()
    routes: tuple["Route", ...] = ()

    def plan(self, labels: Mapping[str, str]) -> "Plan":
        """What this tree says about an alert with these labels, as `alert_labels` makes them."""
        path = tuple(self.visits(labels))
        leaves = [visit.route for visit in path if visit.tells]
        urgent = labels.get("priority") == Priority.P0
        return Plan(
            destinations=_once(name for leaf in leaves for name in leaf.destinations),
            group_by=_once(label for leaf in leaves for label in leaf.group_by),
            group_wait=timedelta(0) if urgent else min(leaf.group_wait for leaf in leaves),
            repeat_interval=min(leaf.repeat_interval for leaf in leaves),
            resolve_after=max(leaf.resolve_after for leaf in leaves),
            escalation=_merged([step for leaf in leaves for step in leaf.escalation]),
            path=path,
        )

    def visits(self, labels: Mapping[str, str]) -> Iterator["Visit"]:
        """This route, which takes the alert, and what becomes of it below."""
        below: list[Visit] = []
        taken = False
        for route in self.routes:
            if not fulfil(labels, route.matchers):
                below.append(Visit(route=route, taken=False, tells=False))
                continue
            taken = True
            below += route.visits(labels)
            if not route.go_on:
                break
        yield Visit(route=self, taken=True, tells=not taken)
        yield from below

    def everywhere(self) -> Iterator["Route"]:
        """This route, and every one below it."""
        yield self
        for route in self.routes:
            yield from route.everywhere()


@dataclass(frozen=True, kw_only=True, slots=True)
class Visit:
    """A route that was looked at: whether it took the alert, and whether the alert is told there, not further below."""

    route: Route
    taken: bool
    tells: bool

    def why(self, labels: Mapping[str, str]) -> str:
        """Why it took the alert with these labels or did not, in a few words."""
        if not self.taken:
            matcher = next(each for each in self.route.matchers if not each.accepts(labels.get(each.label, "")))
            value = labels.get(matcher.label, "")
            found = f'{matcher.label} is "{value}"' if value else f"there is no {matcher.label}"
            return f"{matcher} does not hold, {found}"
        held = ", ".join(map(str, self.route.matchers))
        return f"{held} {'holds' if len(self.route.matchers) == 1 else 'hold'}" if held else "every alert comes here"


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """What the routes say about one alert. `path` is every route that was looked at, in the order of the file.

    Where `continue` leads to several routes there is still one plan, since there is one incident: its destinations are
    those of all of them, each once, and of what else they say it has what is the most careful. Nobody waits longer than
    the shortest wait, reminders come as often as the most frequent, the incident stays open for the longest
    `resolve_after`, and only what all of them group is grouped. A P0 waits for nobody.
    """

    destinations: tuple[str, ...]
    group_by: tuple[str, ...]
    group_wait: timedelta
    repeat_interval: timedelta
    resolve_after: timedelta
    escalation: tuple[EscalationStep, ...]
    path: tuple[Visit, ...]


def alert_labels(
    labels: Mapping[str, str], *, slo: str, scope: str, severity: Severity, priority: Priority
) -> dict[str, str]:
    """What routes, silences and inhibition look at: the SLO's labels, and what the watch knows about its alert.

    Where both name a label, the watch is right. `customer` and `environment` are labels of the SLO.
    """
    known = {"slo": slo, "scope": scope, "severity": severity.value, "priority": priority.value}
    return {**labels, **known}


def _once(names: Iterator[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))


def _merged(steps: list[EscalationStep]) -> tuple[EscalationStep, ...]:
    """The steps in order of time, one for each share, with each destination once in it."""
    shares = sorted({step.after for step in steps})
    return tuple(
        EscalationStep(
            after=share,
            destinations=_once(name for step in steps if step.after == share for name in step.destinations),
        )
        for share in shares
    )
