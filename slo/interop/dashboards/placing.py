"""Where panels stand: from left to right, in a new row where one has no room, none over another."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol, TypeVar

from slo.interop.dashboards.panels import WHOLE


class Wide(Protocol):
    """What has a width."""

    @property
    def width(self) -> int:
        """In 24ths of the page."""


Placed = TypeVar("Placed", bound=Wide)


class Place(NamedTuple):
    """Where something stands: 24ths of the page from its left, rows of panels from its top."""

    x: int
    row: int


def placed(panels: Sequence[Placed]) -> Iterator[tuple[Placed, Place]]:
    """Each panel with its place, the first at the top left."""
    x, row = 0, 0
    for panel in panels:
        if x + panel.width > WHOLE:
            x, row = 0, row + 1
        yield panel, Place(x, row)
        x += panel.width


def rows(panels: Sequence[Wide]) -> int:
    """How many rows they need."""
    return max((place.row + 1 for _, place in placed(panels)), default=0)
