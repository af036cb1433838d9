"""What destinations stand for beside being told: the fallback of another one, or a heartbeat."""

from collections.abc import Sequence

from slo.config.beats import HeartbeatConfig
from slo.config.entries import Entry
from slo.config.names import Names
from slo.config.report import Report
from slo.config.routes import RouteEntry
from slo.config.schema import DestinationKeys
from slo.config.wrong import shown

Destinations = Sequence[Entry[DestinationKeys]]


def fallbacks_of(destinations: Destinations) -> dict[str, str]:
    """By name of the destination, as far as they could be read."""
    return {
        entry.name: entry.keys.values.fallback
        for entry in destinations
        if entry.name and entry.keys.has("fallback") and entry.keys.values.fallback
    }


def heartbeats_of(destinations: Destinations) -> frozenset[str]:
    """The names of those that are told of no incident."""
    return frozenset(entry.name for entry in destinations if isinstance(entry.config, HeartbeatConfig))


def told_otherwise(destinations: Destinations) -> frozenset[str]:
    """The names of those that no route has to lead to: heartbeats, and the fallbacks of others."""
    return heartbeats_of(destinations) | frozenset(fallbacks_of(destinations).values())


def refuse_bad_fallbacks(destinations: Destinations, report: Report) -> None:
    """A fallback is another destination that can be told, and leads back to none that it stands in for."""
    known = {name for entry in destinations for name in ([entry.name] if entry.name else entry.texts)}
    fallbacks, heartbeats, names = fallbacks_of(destinations), heartbeats_of(destinations), Names(known)
    for entry in destinations:
        at = (*entry.at, "fallback")
        if entry.name in heartbeats:
            for key in ("fallback", "deadline"):
                if entry.keys.has(key) and getattr(entry.keys.values, key) is not None:
                    problem = "means nothing to a heartbeat: a beat that is lost is what the other side cries about"
                    report.tell((*entry.at, key), problem, "leave it out")
            continue
        fallback = fallbacks.get(entry.name, "")
        if not fallback:
            continue
        if fallback not in known:
            nearest = names.nearest(fallback)
            mend = f"did you mean {nearest}?" if nearest else "add it to destinations, or name one that is there"
            report.tell(at, f"there is no destination {shown(fallback)}", mend)
        elif fallback in heartbeats:
            report.tell(at, f"{fallback} is a heartbeat, and told of no incident", "name a destination that is")
        elif entry.name in _from(fallback, fallbacks):
            circle = " -> ".join([entry.name, *_from(fallback, fallbacks)])
            report.tell(at, f"leads back to where it began: {circle}", "name one that does not fall back on this one")


def refuse_told_heartbeats(routes: RouteEntry, destinations: Destinations, report: Report) -> None:
    """No route tells a heartbeat of incidents."""
    heartbeats = heartbeats_of(destinations)
    for entry in routes.everywhere():
        for at, named in entry.named():
            for index, name in enumerate(named):
                if name in heartbeats:
                    report.tell((*at, index), f"{name} is a heartbeat, and told of no incident", "leave it out")


def _from(name: str, fallbacks: dict[str, str]) -> list[str]:
    """A destination and those that it falls back on, one after another, up to one that was there before."""
    chain: list[str] = []
    while name and name not in chain:
        chain.append(name)
        name = fallbacks.get(name, "")
    return chain
