"""Silences that people make while the watch runs, as events of the journal: who silenced what, why and until when.

They belong to no incident. What a silence does to one is an event of that incident.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from slo.core.events import Event
from slo.core.exclusion_events import NO_INCIDENT
from slo.core.matching import parse_matcher
from slo.core.silence import Silence
from slo.core.timed_event import TimedEvent, stored
from slo.errors import UsageError


@dataclass(frozen=True, kw_only=True, slots=True)
class SilenceAdded(TimedEvent):
    """Somebody silenced the alerts that fulfil all `matchers`, each as its text."""

    name: str
    reason: str
    by: str
    matchers: tuple[str, ...]

    @classmethod
    def of(cls, silence: Silence, *, at: datetime) -> "SilenceAdded":
        """The event that makes a silence."""
        return cls(
            incident=NO_INCIDENT,
            at=at,
            name=silence.name,
            reason=silence.reason,
            by=silence.owner,
            matchers=tuple(map(str, silence.matchers)),
            **stored(silence.when),
        )

    @property
    def silence(self) -> Silence:
        """The silence that it makes."""
        return Silence(
            name=self.name,
            matchers=tuple(map(parse_matcher, self.matchers)),
            reason=self.reason,
            owner=self.by,
            when=self.when,
            created_at=self.at,
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class SilenceExpired(Event):
    """Somebody ended a silence early: what still fires is told."""

    name: str
    by: str
    why: str


def silence_added(silence: Silence, others: Iterable[Silence], *, at: datetime) -> SilenceAdded:
    """The event that makes a silence beside others. Raises UsageError for a name that is taken, and one that is over.

    A name is free again when the silence that had it is over.
    """
    if any(other.name == silence.name and not other.over(at) for other in others):
        raise UsageError(f"there is a silence {silence.name} already: give it another name, or end that one first")
    if silence.over(at):
        raise UsageError(f"the silence {silence.name} is over before it begins: write an end that is to come")
    return SilenceAdded.of(silence, at=at)


def silences_after(events: Iterable[Event]) -> dict[str, Silence]:
    """The silences that nobody has ended after these events, by name, in the order in which they were made."""
    silences: dict[str, Silence] = {}
    for event in events:
        match event:
            case SilenceAdded(name=name):
                silences[name] = event.silence
            case SilenceExpired(name=name):
                silences.pop(name, None)
    return silences
