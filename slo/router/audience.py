"""The audience of an incident: whom its routes tell, and how long it has to be clear before it is over."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol


class Routes(Protocol):
    """Who is told, and how long an alert must be clear before its incident resolves."""

    @property
    def destinations(self) -> tuple[str, ...]:
        """The names of the destinations, each told once."""

    @property
    def resolve_after(self) -> timedelta:
        """How long."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Recipients:
    """The destinations of one incident: those that hear of pages only, and the others."""

    pagers: tuple[str, ...]
    others: tuple[str, ...]
    resolve_after: timedelta


class Audience:
    """Finds the recipients of incidents. `paging` names the destinations that are told of pages only."""

    def __init__(self, routes: Routes, paging: Collection[str]) -> None:
        self._routes = routes
        self._paging = frozenset(paging)

    def of(self, labels: Mapping[str, str]) -> Recipients:  # noqa: ARG002 - the same for all until routes are a tree
        """Who is told of an incident with these labels."""
        named = dict.fromkeys(self._routes.destinations)
        return Recipients(
            pagers=tuple(name for name in named if name in self._paging),
            others=tuple(name for name in named if name not in self._paging),
            resolve_after=self._routes.resolve_after,
        )
