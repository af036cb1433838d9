"""Health documents of Spring Boot's actuator, read strictly: what is not said is not healthy.

Format: https://docs.spring.io/spring-boot/api/rest/actuator/health.html. Version 2.2 and newer have `components`, 2.0
and 2.1 `details`, and 1 has the components beside the status.
"""

import itertools
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from pydantic import model_validator

from exporters.service.reading import Answer
from slo.config.section import Section
from slo.config.types import wrong
from slo.core.outcome import Finding
from slo.core.sample import Sample

MOST_COMPONENTS = 500
LONGEST_NAME = 128
DEEPEST = 8

UP = "UP"
BENEATH = "underlyingState"

_Object: TypeAlias = Mapping[str, object]


class HealthKeys(Section):
    """A health document as Spring Boot's actuator has it."""

    components: tuple[str, ...] = ()
    """The components that it must tell of, as `redis` or `db/reader`."""

    ignored: tuple[str, ...] = ()
    """Components that may be down. The status of the whole, which they may have made, is not looked at then."""

    bare: bool = False
    """Take a document without components for healthy. Without this nothing is known then: a service that hides its
    parts says UP whatever they do."""

    @model_validator(mode="after")
    def _agrees(self) -> "HealthKeys":
        if self.bare and (self.components or self.ignored):
            raise wrong("is bare and names components", "leave `bare` or the components out")
        return self


@dataclass(frozen=True, kw_only=True, slots=True)
class Health:
    """What the service says of itself and of its components, whose names hold those around them, as `db/reader`.

    `unread` are the components whose status cannot be read, `more` says that there are more than are read, and
    `answered` is the status of the response.
    """

    status: str
    components: Mapping[str, str]
    unread: tuple[str, ...] = ()
    more: bool = False
    answered: int = 200
    keys: HealthKeys = field(default_factory=HealthKeys)

    @property
    def ailing(self) -> dict[str, str]:
        """The components that are not up, and may not be down."""
        return {name: said for name, said in self.components.items() if said != UP and name not in self.keys.ignored}

    def verdict(self) -> tuple[str, str]:
        """Bad where the service, or a part of it that counts, is not up."""
        keys = self.keys
        if ailing := self.ailing:
            return "component_down", ", ".join(f"{name} is {status}" for name, status in ailing.items())
        if self.status != UP and not keys.ignored:
            return "health_down", f"the status is {self.status}"
        if self.status == UP and self.answered != 200:
            return "status", f"{self.answered}, though the document says {UP}"
        if unread := [name for name in self.unread if name not in keys.ignored]:
            return "health_untold", f"there is no status to be read of {', '.join(unread)}"
        if self.more:
            return "health_untold", f"it has more than {MOST_COMPONENTS} components: the others are not read"
        if missing := [name for name in keys.components if name not in self.components]:
            return "health_untold", f"it does not tell of {', '.join(missing)}"
        if not self.components and not keys.bare:
            return "health_untold", "it tells of no components: show them, or write `bare: true`"
        return "ok", ""

    def findings(self) -> Iterator[Finding]:
        """The status of the whole, and of each component."""
        yield Finding(name="health", text=self.status)
        for name, status in self.components.items():
            yield Finding(name=name, text=status)

    def samples(self) -> Iterator[Sample]:
        """Whether each component is up."""
        for name, status in self.components.items():
            yield Sample("watchkeep_service_component_up", float(status == UP), {"component": name})


class HealthReading:
    """Reads health documents: 200 and 503 are the statuses that Spring Boot sends them with."""

    accept = "application/json"
    statuses = frozenset({200, 503})

    def __init__(self, keys: HealthKeys) -> None:
        self._keys = keys

    def read(self, answer: Answer) -> Health:
        """The health that it tells. Raises ValueError, in words, for what is no such document."""
        try:
            document = json.loads(answer.body)
        except (ValueError, RecursionError):
            raise ValueError("the body is no JSON") from None
        status = _said(document) if isinstance(document, dict) else None
        if status is None:
            raise ValueError("the body is a JSON document without a status")
        components: dict[str, str] = {}
        unread: list[str] = []
        found = _components(document, "", 0)
        for name, said in itertools.islice(found, MOST_COMPONENTS):
            if said is None:
                unread.append(name)
            elif components.get(name, UP) == UP:  # names that are cut may be the same: the worse counts
                components[name] = said
        whole = _worse(status, document, _entries(document))
        if whole is None:
            unread.append(BENEATH)
        return Health(
            status=whole or status,
            components=components,
            unread=tuple(unread),
            more=next(found, None) is not None,
            answered=answer.status,
            keys=self._keys,
        )


def _components(document: _Object, above: str, depth: int) -> Iterator[tuple[str, str | None]]:
    """The components with what they say; None where that cannot be read, or they lie too deep."""
    for key, value in _entries(document):
        name = f"{above}{key}"[:LONGEST_NAME]
        said = _said(value) if isinstance(value, dict) and depth < DEEPEST else None
        if not isinstance(value, dict) or said is None:
            yield name, None
        else:
            yield name, _worse(said, value, _entries(value))
            yield from _components(value, f"{name}/", depth + 1)


def _entries(document: _Object) -> list[tuple[str, object]]:
    """What has to have a status: all that stands under `components`, and under `details` where statuses do.

    Where there is neither, the components of version 1 stand beside the status, among plain values.
    """
    components, details = document.get("components"), document.get("details")
    if components is None and details is None:
        return [(key, value) for key, value in document.items() if _is_component(value)]
    entries: list[tuple[str, object]] = []
    if isinstance(components, dict):
        entries.extend(components.items())
    elif components is not None:
        entries.append(("components", components))
    if isinstance(details, dict) and any(map(_is_component, details.values())):
        entries.extend(details.items())
    return entries


def _is_component(value: object) -> bool:
    """Whether it has a status, be it one that cannot be read. A number is that of an answer, among details."""
    return isinstance(value, dict) and "status" in value and type(value["status"]) not in {int, float}


def _said(document: _Object) -> str | None:
    said = document.get("status")
    said = said.get("code") if isinstance(said, dict) else said
    return said[:LONGEST_NAME] if isinstance(said, str) and said else None


def _worse(said: str, document: _Object, entries: list[tuple[str, object]]) -> str | None:
    """The worse of what it says and what it says is beneath: some stay UP for ever once they were.

    What is beneath may be said anywhere in its details, but for those of its components. None where that is no text.
    """
    if said != UP:
        return said
    worst: str | None = UP
    apart = {id(value) for _, value in entries}
    rest: list[object] = [document]
    while rest:
        value = rest.pop()
        if id(value) in apart:
            continue
        if isinstance(value, list):
            rest.extend(value)
        elif isinstance(value, dict):
            rest.extend(value.values())
            beneath = value.get(BENEATH, UP)
            if not isinstance(beneath, str) or not beneath:
                worst = None
            elif beneath != UP:
                return beneath[:LONGEST_NAME]
    return worst
