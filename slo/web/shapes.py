"""The shapes and colours of states: no state is told by colour alone."""

from collections.abc import Mapping
from urllib.parse import quote

from markupsafe import Markup

COLOURS: Mapping[str, str] = {"burning": "#E69F00", "overspent": "#D55E00", "no_data": "#8A8F98", "ok": "#009E73"}
SHAPES: Mapping[str, str] = {
    "burning": '<path d="M8 1 15.5 15h-15z"/>',
    "overspent": '<path d="M1.5 1.5h13v13h-13z"/>',
    "no_data": '<circle cx="8" cy="8" r="5.5" fill="none" stroke="currentColor" stroke-width="3"/>',
    "ok": '<circle cx="8" cy="8" r="7"/>',
}
"""Triangle, square, ring and circle, in a field of 16 by 16."""


def shape(state: str) -> Markup:
    """The shape of a state; the word beside it says the same."""
    return Markup('<svg viewBox="0 0 16 16" aria-hidden="true">{}</svg>').format(Markup(SHAPES[state]))  # noqa: S704


def icon(state: str) -> str:
    """The shape as the icon of the tab, in its colour."""
    drawn = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16" fill="{COLOURS[state]}" '
        f'color="{COLOURS[state]}">{SHAPES[state]}</svg>'
    )
    return "data:image/svg+xml," + quote(drawn)
