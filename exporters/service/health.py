"""Health documents of Spring Boot's actuator, read strictly: what is not said is not healthy.

Format: https://docs.spring.io/spring-boot/api/rest/actuator/health.html. Version 2.2 and newer have `components`, 2.0
and 2.1 `details`, and 1 has the components beside the status.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from pydantic import model_validator

from slo.config.section import Section
from slo.config.types import wrong
from slo.core.outcome import Finding
from slo.core.sample import Sample

MOST_COMPONENTS = 500
LONGEST_NAME = 128
DEEPEST = 8

UP = "UP"
_IN_PLACE = ("components", "details")


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
    """What the service says of itself and of its components, whose names hold those around them, as `db/reader`."""

    status: str
    components: Mapping[str, str]
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

    def read(self, body: bytes, _content_type: str) -> Health:
        """See `read_health`."""
        return read_health(body, self._keys)


def read_health(body: bytes, keys: HealthKeys) -> Health:
    """The health that a body tells. Raises ValueError, in words, for what is no such document."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        raise ValueError("the body is no JSON") from None
    status = _status(document) if isinstance(document, dict) else None
    if status is None:
        raise ValueError("the body is a JSON document without a status")
    components: dict[str, str] = {}
    for name, said in _components(document, "", 0):
        components[name] = said
        if len(components) > MOST_COMPONENTS:
            raise ValueError(f"it has more than {MOST_COMPONENTS} components")
    return Health(status=status, components=components, keys=keys)


def _components(document: Mapping[str, object], above: str, depth: int) -> Iterator[tuple[str, str]]:
    if depth >= DEEPEST:
        return
    places: list[Mapping[str, object]] = [place for key in _IN_PLACE if isinstance(place := document.get(key), dict)]
    for place in places or ([document] if not depth else []):
        for key, value in place.items():
            if isinstance(value, dict) and (status := _status(value)) is not None:
                name = f"{above}{key}"[:LONGEST_NAME]
                yield name, status
                yield from _components(value, f"{name}/", depth + 1)


def _status(document: Mapping[str, object]) -> str | None:
    """The worse of what a component says and what it says is beneath: some stay UP for ever once they were."""
    said = document.get("status")
    said = said.get("code") if isinstance(said, dict) else said
    if not isinstance(said, str) or not said:
        return None
    details = document.get("details")
    for place in (document, details if isinstance(details, dict) else {}):
        beneath = place.get("underlyingState")
        if said == UP and isinstance(beneath, str) and beneath and beneath != UP:
            return beneath[:LONGEST_NAME]
    return said[:LONGEST_NAME]
