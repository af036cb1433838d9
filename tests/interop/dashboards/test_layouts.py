"""What people see: nothing over anything else, words for every colour, and no green for what is not known."""

from itertools import combinations
from typing import Any

import pytest

from slo.interop.dashboards.all import DASHBOARDS
from slo.interop.dashboards.measures import NO_DATA, ON_DARK, ON_LIGHT, STANDINGS, Band, Tone, Word, boundaries
from slo.interop.dashboards.panels import Form, Panel
from slo.interop.dashboards.placing import Place, placed
from tests.interop.dashboards.reading import (
    Box,
    boxes_of_datadog,
    boxes_of_grafana,
    boxes_of_kibana,
    datadogs,
    grafanas,
    kibanas,
)

PAGES = {
    **{f"grafana {name}": (24, boxes_of_grafana(document)) for name, document in grafanas().items()},
    **{f"datadog {name}": (12, boxes_of_datadog(document)) for name, document in datadogs().items()},
    **{f"kibana {name}": (48, boxes_of_kibana(objects)) for name, objects in kibanas().items()},
}
PANELS = [
    panel
    for dashboard in DASHBOARDS.values()
    for section in dashboard.sections
    for panel in section.panels
    if isinstance(panel, Panel)
]


@pytest.mark.parametrize(("width", "boxes"), PAGES.values(), ids=PAGES)
def test_no_panel_lies_over_another_or_beside_the_page(width: int, boxes: list[Box]) -> None:
    for title, x, y, w, h in boxes:
        assert 0 <= x < x + w <= width, title
        assert y >= 0 < h, title
    for (one, x, y, w, h), (other, x2, y2, w2, h2) in combinations(boxes, 2):
        assert x + w <= x2 or x2 + w2 <= x or y + h <= y2 or y2 + h2 <= y, f"{one} and {other}"


@pytest.mark.parametrize(("width", "boxes"), PAGES.values(), ids=PAGES)
def test_a_page_has_no_holes_between_its_rows(width: int, boxes: list[Box]) -> None:
    covered = {row for _, _, y, _, h in boxes for row in range(y, y + h)}
    assert covered == set(range(max(covered) + 1))


@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel.title)
def test_a_panel_over_time_has_one_unit_and_one_meaning_for_all_its_curves(panel: Panel) -> None:
    if panel.form is not Form.TABLE:
        assert len({(curve.unit, tuple(curve.bands), tuple(curve.words)) for curve in panel.curves}) == 1
    assert (panel.form is Form.STATES) <= bool(panel.curves[0].words)
    assert panel.title
    assert panel.text.endswith(".")


def test_the_titles_of_panels_are_told_apart() -> None:
    for boxes in (boxes_of_grafana(document) for document in grafanas().values()):
        titles = [title for title, _, _, _, height in boxes if height > 1]
        assert len(set(titles)) == len(titles)


@pytest.mark.parametrize("colours", [ON_DARK, ON_LIGHT])
def test_every_tone_has_a_colour_and_a_shape_of_its_own(colours: dict[Tone, str]) -> None:
    assert len(set(colours.values())) == len(Tone) == len({tone.value for tone in Tone})


def test_what_is_not_known_is_grey_and_says_so() -> None:
    assert NO_DATA.tone is Tone.NO_DATA
    assert str(NO_DATA) == "○ No data"
    for document in grafanas().values():
        for panel in (panel for panel in document["panels"] if panel["type"] != "row"):
            defaults = panel["fieldConfig"]["defaults"]
            assert defaults["noValue"] == "○ No data", panel["title"]
            assert defaults.get("custom", {}).get("spanNulls", False) is False, panel["title"]
            fields = [defaults, *(_properties(override) for override in panel["fieldConfig"]["overrides"])]
            for field in fields:
                for mapping in field.get("mappings", ()):
                    if mapping["type"] == "special":
                        result = mapping["options"]["result"]
                        assert (result["text"], result["color"]) == ("○ No data", ON_DARK[Tone.NO_DATA])


def _properties(override: Any) -> dict[str, Any]:
    return {each["id"]: each["value"] for each in override["properties"]}


def test_a_value_in_words_is_never_in_the_colour_of_up_unless_its_word_is() -> None:
    """A value that no word is for falls to the thresholds: these are grey."""
    for document in grafanas().values():
        for panel in (panel for panel in document["panels"] if panel["type"] == "state-timeline"):
            steps = panel["fieldConfig"]["defaults"]["thresholds"]["steps"]
            assert [step["color"] for step in steps] == [ON_DARK[Tone.NO_DATA]], panel["title"]


def test_the_state_that_alarms_most_comes_first_where_rows_are_sorted() -> None:
    assert [STANDINGS[number].tone for number in sorted(STANDINGS)] == list(Tone)


UP, LATE, DOWN = Word(Tone.UP, "Up"), Word(Tone.BURNING, "Late"), Word(Tone.DOWN, "Down")


@pytest.mark.parametrize(
    ("bands", "expected"),
    [
        ((), []),
        ((Band(None, DOWN), Band(0.0, UP)), [(0.0, DOWN)]),
        ((Band(None, UP), Band(1.0, LATE)), [(1.0, LATE)]),
        ((Band(None, DOWN), Band(0.0, LATE), Band(9.0, UP)), [(0.0, DOWN), (9.0, LATE)]),
        ((Band(None, UP), Band(1.0, LATE), Band(2.0, DOWN)), [(1.0, LATE), (2.0, DOWN)]),
    ],
)
def test_a_line_is_where_a_band_begins_and_says_what_is_not_well_beside_it(
    bands: tuple[Band, ...], expected: list[tuple[float, Word]]
) -> None:
    assert list(boundaries(bands)) == expected


def test_what_has_no_room_in_its_row_begins_another() -> None:
    widths = [12, 12, 8, 8, 12, 24]
    panels = [Panel(title="", text="", form=Form.LINES, by=(), curves=(), width=width) for width in widths]
    assert [place for _, place in placed(panels)] == [
        Place(0, 0),
        Place(12, 0),
        Place(0, 1),
        Place(8, 1),
        Place(0, 2),
        Place(0, 3),
    ]
