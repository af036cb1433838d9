"""Reads the tree of routes, refuses what leads nowhere, and warns of routes that no alert takes."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from slo.config.names import Names
from slo.config.reading import Reader, Reading
from slo.config.report import Location, Report
from slo.config.route_keys import RouteKeys, RoutesKeys
from slo.config.wrong import shown
from slo.core.matching import Matcher
from slo.core.routing import EscalationStep, Route

TERMS = ("destinations", "group_by", "group_wait", "repeat_interval", "resolve_after")
"""What a route inherits as it is written."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RouteEntry:
    """A route as far as it could be read, and those below it. The top one has no matchers."""

    at: Location
    keys: Reading[RoutesKeys]
    below: tuple["RouteEntry", ...]

    @property
    def matchers(self) -> tuple[Matcher, ...] | None:
        """What an alert must fulfil to come here from the route above; None where that could not be read."""
        if not isinstance(self.keys.values, RouteKeys):
            return ()
        return self.keys.values.match if self.keys.has("match") else None

    @property
    def goes_on(self) -> bool:
        """Whether the routes behind it are looked at as well."""
        keys = self.keys.values
        return not self.keys.has("go_on") or (isinstance(keys, RouteKeys) and keys.go_on)

    def everywhere(self) -> Iterator["RouteEntry"]:
        """This route, and every one below it."""
        yield self
        for entry in self.below:
            yield from entry.everywhere()

    def named(self) -> Iterator[tuple[Location, tuple[str, ...]]]:
        """The lists of destinations that it names itself, and where."""
        if self.keys.has("destinations") and self.keys.values.destinations is not None:
            yield (*self.at, "destinations"), self.keys.values.destinations
        if self.keys.has("escalation"):
            for index, step in enumerate(self.keys.values.escalation or ()):
                yield (*self.at, "escalation", index, "destinations"), step.destinations


def read_routes(data: object, at: Location, reader: Reader) -> RouteEntry:
    """The tree whose top is written at a location."""
    return _read(RoutesKeys, data, at, reader)


def _read(model: type[RoutesKeys], data: object, at: Location, reader: Reader) -> RouteEntry:
    keys: Reading[RoutesKeys] = reader.read(model, data, at)
    items: Sequence[object] = keys.values.routes if keys.has("routes") else ()
    below = (_read(RouteKeys, item, (*at, "routes", index), reader) for index, item in enumerate(items))
    return RouteEntry(at=at, keys=keys, below=tuple(below))


def refuse_lost(top: RouteEntry, destinations: Mapping[str, Location], known: Collection[str], report: Report) -> None:
    """What routes name is among the `known` names; of `destinations` that no route leads to it is warned."""
    names = Names(known)
    led_to: set[str] = set()
    for entry in top.everywhere():
        for at, named in entry.named():
            led_to.update(named)
            for index, name in enumerate(named):
                if name not in known:
                    nearest = names.nearest(name)
                    mend = (
                        f"did you mean {nearest}?" if nearest else "add it to destinations, or name one that is there"
                    )
                    report.tell((*at, index), f"there is no destination {shown(name)}", mend)
                elif name in named[:index]:
                    report.tell((*at, index), f"{name} is named twice", "leave one of them out")
    if not top.keys.has("destinations") or top.keys.values.destinations is None:
        return
    for name, at in destinations.items():
        if name not in led_to:
            mend = "name it in the destinations of a route, or leave it out"
            report.warn(at, "no route leads to this destination", mend)


def warn_of_shadows(top: RouteEntry, report: Report) -> None:
    """A route gets no alert if one before it takes all that it would match, and does not go on."""
    for entry in top.everywhere():
        for index, route in enumerate(entry.below):
            before = [other for other in entry.below[:index] if not other.goes_on]
            if any(_takes_all(other, route) for other in before):
                mend = "put it before that one, or write `continue: true` there"
                report.warn(route.at, "no alert comes here: a route before it takes all that it matches", mend)


def _takes_all(first: RouteEntry, second: RouteEntry) -> bool:
    """Whether it is plain that one matches whatever the other does: that has all matchers of it."""
    if first.matchers is None or second.matchers is None:
        return False
    return set(first.matchers) <= set(second.matchers)


def route_of(entry: RouteEntry, above: Route, report: Report) -> Route:
    """The route of an entry without faults, with what it inherits from the one above it."""
    keys = entry.keys.values
    own = {term: value for term in TERMS if (value := getattr(keys, term)) is not None}
    if keys.escalation is not None:
        steps = (EscalationStep(after=step.after, destinations=step.destinations) for step in keys.escalation)
        own["escalation"] = tuple(sorted(steps, key=lambda step: step.after))
    route = replace(
        above,
        place=report.path(entry.at),
        matchers=entry.matchers or (),
        go_on=isinstance(keys, RouteKeys) and keys.go_on,
    )
    route = replace(route, routes=(), **own)
    return replace(route, routes=tuple(route_of(each, route, report) for each in entry.below))
