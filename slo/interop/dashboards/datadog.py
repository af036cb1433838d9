"""Dashboards as Datadog's API takes them (`POST /api/v1/dashboard`), over what the forwarder `datadog` sends.

Source: https://docs.datadoghq.com/api/latest/dashboards/
"""

from collections.abc import Iterator, Mapping, Sequence

from slo.core.telemetry import Json
from slo.interop.dashboards.catalogued import described
from slo.interop.dashboards.datadog_queries import asked
from slo.interop.dashboards.measures import ON_LIGHT, Curve, Tone, Unit
from slo.interop.dashboards.panels import WHOLE, Dashboard, Feed, Form, Panel, Variable, Where
from slo.interop.dashboards.placing import placed, rows

COLUMNS = 12
HEIGHT = 3
"""Of a panel, in units of Datadog's grid, which is `COLUMNS` wide."""

MOST_ROWS = 100
"""Of a table."""

_TITLE_HEIGHT = 1
_UNITS: Mapping[Unit, Json] = {
    Unit.RATIO: {"type": "canonical_unit", "unit_name": "fraction"},
    Unit.SECONDS: {"type": "canonical_unit", "unit_name": "second"},
    Unit.BYTES: {"type": "canonical_unit", "unit_name": "byte"},
    Unit.TIMES: {"type": "custom_unit_label", "label": "x"},
    Unit.PER_SECOND: {"type": "custom_unit_label", "label": "/s"},
}
_MARKERS: Mapping[Tone, str] = {
    Tone.UP: "info dashed",
    Tone.BURNING: "warning dashed",
    Tone.DOWN: "error dashed",
    Tone.NO_DATA: "info dashed",
}
"""The lines at values, by what they mean; Datadog gives them their colours."""


def datadog(dashboard: Dashboard) -> Mapping[str, Json]:
    """The document of a dashboard."""
    return {
        "title": dashboard.title,
        "description": dashboard.text,
        "layout_type": "ordered",
        "reflow_type": "fixed",
        "template_variables": [
            {"name": variable.label, "prefix": variable.label, "available_values": [], "defaults": ["*"]}
            for variable in _known(dashboard)
        ],
        "notify_list": [],
        "widgets": list(_groups(dashboard)),
    }


def _known(dashboard: Dashboard) -> Sequence[Variable]:
    """The labels that what is forwarded has."""
    return [variable for variable in dashboard.variables if variable.where is not Where.SCRAPES]


def _groups(dashboard: Dashboard) -> Iterator[Json]:
    """Each section as a group, one under the other."""
    variables, y = _known(dashboard), 0
    for section in dashboard.sections:
        panels = section.plain
        if not panels:
            continue
        height = rows(panels) * HEIGHT + _TITLE_HEIGHT
        yield {
            "definition": {
                "type": "group",
                "layout_type": "ordered",
                "title": section.title,
                "widgets": list(_widgets(panels, variables)),
            },
            "layout": {"x": 0, "y": y, "width": COLUMNS, "height": height},
        }
        y += height


def _widgets(panels: Sequence[Panel | Feed], variables: Sequence[Variable]) -> Iterator[Json]:
    for panel, place in placed(panels):
        layout = {
            "x": place.x * COLUMNS // WHOLE,
            "y": place.row * HEIGHT,
            "width": panel.width * COLUMNS // WHOLE,
            "height": HEIGHT,
        }
        definition = _feed(panel, variables) if isinstance(panel, Feed) else _panel(panel, variables)
        yield {"definition": definition, "layout": layout}


def _panel(panel: Panel, variables: Sequence[Variable]) -> Json:
    chosen = "{" + (",".join(f"${variable.label}" for variable in variables) or "*") + "}"
    by = f" by {{{','.join(panel.by)}}}" if panel.by else ""
    common: dict[str, Json] = {"title": panel.title, "description": described(panel.text, panel.metrics)}
    if panel.form is Form.TABLE:
        return common | {
            "type": "query_table",
            "has_search_bar": "auto",
            "requests": [_table(panel.curves, chosen, by)],
        }
    return common | {
        "type": "timeseries",
        "show_legend": True,
        "legend_layout": "auto",
        "legend_columns": ["value"],
        "yaxis": {"include_zero": True},
        "markers": list(_markers(panel.curves[0])),
        "requests": [_line(curve, chosen, by) for curve in panel.curves],
    }


def _line(curve: Curve, chosen: str, by: str) -> Json:
    question = asked(curve.measure, chosen, by)
    return {
        "response_format": "timeseries",
        "display_type": "line",
        "queries": [
            {"data_source": "metrics", "name": name, "query": query} for name, query in question.queries.items()
        ],
        "formulas": [{"formula": question.formula, "alias": curve.label, **_format(curve)}],
    }


def _table(curves: Sequence[Curve], chosen: str, by: str) -> Json:
    """One request for all columns, so that they are of the same row; the names of queries begin with their column."""
    queries: list[Json] = []
    formulas: list[Json] = []
    for index, curve in enumerate(curves):
        question = asked(curve.measure, chosen, by, prefix=f"column{index}_")
        for name, query in question.queries.items():
            queries.append({"data_source": "metrics", "name": name, "query": query, "aggregator": question.aggregator})
        formulas.append(
            {
                "formula": question.formula,
                "alias": curve.label,
                "cell_display_mode": "number",
                "conditional_formats": list(_conditions(curve)),
                **_format(curve),
            }
        )
    order: Json = {"type": "formula", "index": len(formulas) - 1, "order": "desc"}
    return {
        "response_format": "scalar",
        "queries": queries,
        "formulas": formulas,
        "sort": {"count": MOST_ROWS, "order_by": [order]},
    }


def _format(curve: Curve) -> Mapping[str, Json]:
    unit = None if curve.words else _UNITS.get(curve.unit)
    return {"number_format": {"unit": unit}} if unit else {}


def _conditions(curve: Curve) -> Iterator[Json]:
    """The colours of a column's values; the first that holds counts."""
    for value, word in curve.words.items():
        yield _condition("=", value, word.tone)
    for band in reversed(curve.bands):
        if band.start is not None:
            yield _condition(">=", band.start, band.word.tone)
    if curve.bands and (start := curve.bands[1].start) is not None:
        yield _condition("<", start, curve.bands[0].word.tone)


def _condition(comparator: str, value: float, tone: Tone) -> Json:
    return {
        "comparator": comparator,
        "value": float(value),
        "palette": "custom_text",
        "custom_fg_color": ON_LIGHT[tone],
    }


def _markers(curve: Curve) -> Iterator[Json]:
    """Lines at the values that mean something, with what they mean."""
    for value, word in curve.marks:
        yield {"value": f"y = {value:g}", "display_type": _MARKERS[word.tone], "label": f" {word} "}


def _feed(feed: Feed, variables: Sequence[Variable]) -> Json:
    datasets = " OR ".join(feed.datasets)
    chosen = [f"${variable.label}" for variable in variables if variable.where is Where.EVERYWHERE]
    return {
        "type": "list_stream",
        "title": feed.title,
        "description": feed.text,
        "requests": [
            {
                "response_format": "event_list",
                "columns": [
                    {"field": "status_line", "width": "auto"},
                    {"field": "timestamp", "width": "auto"},
                    {"field": "@event.action", "width": "auto"},
                    {"field": "content", "width": "full"},
                ],
                "query": {
                    "data_source": "logs_stream",
                    "indexes": [],
                    "query_string": " ".join(("source:watchkeep", f"@event.dataset:({datasets})", *chosen)),
                    "sort": {"column": "timestamp", "order": "desc"},
                },
            }
        ],
    }
