"""Health documents of Spring Boot's actuator, read strictly: what is not said is not healthy.

Format: https://docs.spring.io/spring-boot/api/rest/actuator/health.html. Version 2.2 and newer have `components`, 2.0
and 2.1 `details`, and 1 has the components beside the status.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

MOST_COMPONENTS = 500
LONGEST_NAME = 128
DEEPEST = 8

UP = "UP"
_IN_PLACE = ("components", "details")


@dataclass(frozen=True, kw_only=True, slots=True)
class Health:
    """What the service says of itself and of its components, whose names hold those around them, as `db/reader`."""

    status: str
    components: Mapping[str, str]

    @property
    def ailing(self) -> dict[str, str]:
        """The components that are not up."""
        return {name: status for name, status in self.components.items() if status != UP}


def read_health(body: bytes) -> Health:
    """The health that a body tells. Raises ValueError, in words, for what is no such document."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        raise ValueError("the body is no JSON") from None
    if not isinstance(document, dict) or _status(document) is None:
        raise ValueError("the body is a JSON document without a status")
    components: dict[str, str] = {}
    for name, status in _components(document, "", 0):
        components[name] = status
        if len(components) > MOST_COMPONENTS:
            raise ValueError(f"it has more than {MOST_COMPONENTS} components")
    return Health(status=_status(document) or "", components=components)


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
