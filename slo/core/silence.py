"""Silences: alerts that nobody is told of for a time. Their incidents are recorded all the same.

A silence has somebody who answers for it and an end, so that none is forgotten. It never hides what the watch says
about itself.
"""

import functools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from slo.core.exclusion import Exclusion, Once
from slo.core.matching import Matcher, fulfil
from slo.core.recurrence import Recurrence

OWN_ALERTS = Matcher(label="source", operator="=", value="watchkeep")
"""What the watch says about itself, as that its own deliveries fail."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Silence:
    """Which alerts are hidden when, why, and who answers for it. Raises ValueError that says the mend.

    `created_at` is when it was made, with a zone; None where it stands in the configuration. `exclusion` is the name of
    the exclusion that it comes with, if it comes with one.
    """

    name: str
    matchers: tuple[Matcher, ...]
    reason: str
    owner: str
    when: Once | Recurrence
    created_at: datetime | None = None
    exclusion: str = ""

    def __post_init__(self) -> None:
        for name, value, mend in (
            ("name", self.name, "what people may call it by"),
            ("reason", self.reason, "why nobody is to be told"),
            ("owner", self.owner, "who answers for it"),
        ):
            if not value.strip():
                raise ValueError(f"{name} is empty; write {mend}")
        if not self.exclusion and all(matcher.accepts("") for matcher in self.matchers):
            raise ValueError('match holds for every alert; write a matcher that names some, as service="gate"')
        if self.when.over_by_seconds is None:
            raise ValueError("until is missing; write when the last occurrence may begin, so that it ends some day")

    def hides(self, labels: Mapping[str, str]) -> bool:
        """Whether it is for an alert with these labels, as `alert_labels` makes them."""
        return fulfil(labels, self.matchers) and not fulfil(labels, [OWN_ALERTS])

    def in_force(self, at: datetime) -> bool:
        """Whether it is in force at `at`: from its start on, and no longer at its end."""
        return _in_force(self.when, int(at.timestamp()))

    def until(self, at: datetime) -> datetime | None:
        """When what is in force at `at` ends; None where it is not in force."""
        second = int(at.timestamp())
        end = max((end for _, end in self.when.occurrences(second, second + 1)), default=None)
        return None if end is None else datetime.fromtimestamp(end, UTC)

    def over(self, at: datetime) -> bool:
        """Whether it will never be in force again."""
        ends = self.when.over_by_seconds
        return ends is not None and ends <= at.timestamp()


@functools.lru_cache(1024)
def _in_force(when: Once | Recurrence, second: int) -> bool:
    """Whether it is in force in that second, in Unix seconds: every alert of one moment asks the same."""
    return any(when.occurrences(second, second + 1))


def silence_of(exclusion: Exclusion) -> Silence:
    """The silence that an exclusion with `silence: true` comes with: what it excludes, while it is in force."""
    labelled = [Matcher(label=label, operator="=", value=value) for label, value in exclusion.labels.items()]
    return Silence(
        name=exclusion.name,
        matchers=(*_named(exclusion.slos), *labelled),
        reason=exclusion.reason,
        owner=exclusion.author,
        when=exclusion.when,
        created_at=exclusion.created_at,
        exclusion=exclusion.name,
    )


def _named(slos: Sequence[str]) -> list[Matcher]:
    """What holds for the alerts of these SLOs, as a person would write it; nothing where none is named."""
    match slos:
        case []:
            return []
        case [name]:
            return [Matcher(label="slo", operator="=", value=name)]
    # Of what a name may hold, only the dot means something else in an expression.
    return [Matcher(label="slo", operator="=~", value="|".join(name.replace(".", "[.]") for name in slos))]


def silenced_by(labels: Mapping[str, str], silences: Iterable[Silence], at: datetime) -> Silence | None:
    """The first silence that hides an alert with these labels at `at`; None where people are told."""
    return hidden_by(labels, (silence for silence in silences if silence.in_force(at)))


def hidden_by(labels: Mapping[str, str], in_force: Iterable[Silence]) -> Silence | None:
    """The first of the silences in force that hides an alert with these labels; None where people are told."""
    return next((silence for silence in in_force if silence.hides(labels)), None)
