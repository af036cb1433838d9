"""The keys of routes and of inhibition: who is told of what, on which terms, and of what nobody is."""

from datetime import timedelta
from fractions import Fraction
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, SkipValidation, WithJsonSchema

from slo.config.identity import LABEL_PATTERN, Name, label_name
from slo.config.section import Section
from slo.config.types import Duration, MatcherText, PositiveDuration, Ratio, wrong
from slo.core.inhibition import Rule

SHORTEST_REPEAT = timedelta(minutes=1)


def _share(value: Fraction) -> Fraction:
    if value == 0:
        raise wrong("is no time at all", "write a share of the response time, as 50%; at once, it is a destination")
    return value


def _repeat(value: timedelta) -> timedelta:
    if value < SHORTEST_REPEAT:
        raise wrong("is too often", "write 1m or more, as 4h")
    return value


GroupLabel = Annotated[
    str,
    BeforeValidator(label_name),
    WithJsonSchema({"type": "string", "pattern": LABEL_PATTERN, "examples": ["customer"]}),
]
"""A label of alerts, those among them that the watch sets itself."""


class EscalationKeys(Section):
    """Who is told as well while nobody answers."""

    after: Annotated[Ratio, AfterValidator(_share), Field(examples=["50%"])]
    """The share of the response time that has gone without an answer."""
    destinations: Annotated[tuple[Name, ...], Field(min_length=1)]
    """The names of the destinations that are told then."""


class RoutesKeys(Section):
    """Who is told, and on which terms. A route inherits what it does not say from the one above it."""

    destinations: tuple[Name, ...] | None = None
    """The names of the destinations that are told. Default: all that no customer's `tell` names."""
    group_by: Annotated[tuple[GroupLabel, ...], Field(min_length=1)] | None = None
    """Incidents with the same values of these labels are told together. Default: each by itself, `[slo, scope]`."""
    group_wait: Duration | None = None
    """How long the first of a group waits for others. Default: 0s, so that a page is never late. A P0 never waits."""
    repeat_interval: Annotated[PositiveDuration, AfterValidator(_repeat)] | None = None
    """How often those who were told are reminded of what is open. Default: 4h."""
    resolve_after: Duration | None = None
    """How long an alert must be clear before its incident resolves. Default: 5m."""
    escalation: tuple[EscalationKeys, ...] | None = None
    """Who is told as well while nobody answers. Default: nobody."""
    routes: tuple[SkipValidation["RouteKeys"], ...] = ()
    """Routes for some of the alerts. The first that matches takes an alert; only what none takes is told here."""


class RouteKeys(RoutesKeys):
    """A route for the alerts that match; what it does not say is as in the route above it."""

    match: tuple[MatcherText, ...] = ()
    """Which alerts it takes: all these matchers hold for their labels. Default: every alert that comes so far."""
    go_on: Annotated[bool, Field(alias="continue")] = False
    """Whether the routes behind it are looked at as well."""


class InhibitKeys(Section):
    """Alerts that nobody is told of while another one is open that explains them."""

    source: Annotated[tuple[MatcherText, ...], Field(min_length=1)]
    """Matchers of the alert that explains: one that has paged, that no silence hides, and that is as urgent or more."""
    target: Annotated[tuple[MatcherText, ...], Field(min_length=1)]
    """Matchers of the alerts that it explains."""
    equal: tuple[GroupLabel, ...] = ()
    """Labels in which both agree; one that neither has is equal."""

    def rule(self) -> Rule:
        """The rule that they write."""
        return Rule(source=self.source, target=self.target, equal=self.equal)
