"""Panels of Grafana: what they ask, and how they look.

What is not known says so and is grey; no value is green unless something says that it is well.
"""

from collections.abc import Mapping, Sequence

from slo.core.telemetry import Json
from slo.interop.dashboards.catalogued import described
from slo.interop.dashboards.measures import NO_DATA, ON_DARK, Curve, Tone, Unit, Word
from slo.interop.dashboards.panels import Form, Panel
from slo.interop.dashboards.promql import expression

SOURCE: Json = {"type": "prometheus", "uid": "${datasource}"}
"""The data source that a person has chosen on the page."""

_UNITS: Mapping[Unit, str] = {
    Unit.RATIO: "percentunit",
    Unit.SECONDS: "s",
    Unit.BYTES: "bytes",
    Unit.TIMES: "suffix:x",
    Unit.COUNT: "short",
    Unit.PER_SECOND: "cps",
}
_NAMES = {"slo": "SLO"}
_TYPES: Mapping[Form, str] = {Form.TABLE: "table", Form.LINES: "timeseries", Form.STATES: "state-timeline"}


def grafana_panel(panel: Panel, chosen: str) -> Mapping[str, Json]:
    """The panel over the series with the labels `chosen`, but for its place."""
    common: dict[str, Json] = {
        "type": _TYPES[panel.form],
        "title": panel.title,
        "description": described(panel.text, panel.metrics),
        "datasource": SOURCE,
        "targets": [_target(panel, curve, index, chosen) for index, curve in enumerate(panel.curves)],
    }
    match panel.form:
        case Form.TABLE:
            return common | _table(panel)
        case Form.LINES:
            return common | _lines(panel)
        case Form.STATES:
            return common | _states(panel)


def _target(panel: Panel, curve: Curve, index: int, chosen: str) -> Json:
    table = panel.form is Form.TABLE
    series = " ".join(f"{{{{{label}}}}}" for label in panel.by)
    name = series if len(panel.curves) == 1 and series else f"{curve.label} {series}".rstrip()
    return {
        "refId": _letter(index),
        "datasource": SOURCE,
        "editorMode": "code",
        "expr": expression(curve.measure, chosen, panel.by, now=table),
        "format": "table" if table else "time_series",
        "instant": table,
        "range": not table,
        "legendFormat": name,
    }


def _letter(index: int) -> str:
    return chr(ord("A") + index)


def _table(panel: Panel) -> dict[str, Json]:
    """One table of the answers to all questions, which have their labels in common."""
    one = len(panel.curves) == 1
    values = {"Value" if one else f"Value #{_letter(i)}": curve.label for i, curve in enumerate(panel.curves)}
    names = {label: _NAMES.get(label, label.capitalize()) for label in panel.by}
    order = {name: index for index, name in enumerate([*panel.by, *values])}
    first = panel.curves[0].label
    return {
        "transformations": [
            {"id": "merge", "options": {}},
            {
                "id": "organize",
                "options": {
                    "excludeByName": {"Time": True},
                    "indexByName": order,
                    "renameByName": {**names, **values},
                },
            },
        ],
        "options": {"showHeader": True, "cellHeight": "sm", "sortBy": [{"displayName": first, "desc": True}]},
        "fieldConfig": {
            "defaults": {**_defaults(), "custom": {"align": "auto", "cellOptions": {"type": "auto"}}},
            "overrides": [_column(curve) for curve in panel.curves],
        },
    }


def _column(curve: Curve) -> Json:
    properties: list[Json] = [{"id": "unit", "value": _unit(curve)}, {"id": "mappings", "value": _mappings(curve)}]
    if curve.bands or curve.words:
        properties.append({"id": "custom.cellOptions", "value": {"type": "color-text"}})
        properties.append({"id": "color", "value": {"mode": "thresholds"}})
        properties.append({"id": "thresholds", "value": _thresholds(curve)})
    return {"matcher": {"id": "byName", "options": curve.label}, "properties": properties}


def _lines(panel: Panel) -> dict[str, Json]:
    curve = panel.curves[0]
    custom: dict[str, Json] = {
        "drawStyle": "line",
        "lineWidth": 2,
        "fillOpacity": 0,
        "showPoints": "auto",
        "spanNulls": False,
        "thresholdsStyle": {"mode": "dashed" if curve.bands else "off"},
    }
    return {
        "options": {
            "legend": {"showLegend": True, "displayMode": "table", "placement": "bottom", "calcs": ["lastNotNull"]},
            "tooltip": {"mode": "multi", "sort": "desc"},
        },
        "fieldConfig": {
            "defaults": {
                **_defaults(),
                "unit": _unit(curve),
                "color": {"mode": "palette-classic-by-name"},
                "thresholds": _thresholds(curve),
                "custom": custom,
            },
            "overrides": [],
        },
    }


def _states(panel: Panel) -> dict[str, Json]:
    curve = panel.curves[0]
    return {
        "options": {
            "showValue": "auto",
            "mergeValues": True,
            "rowHeight": 0.8,
            "alignValue": "left",
            "legend": {"showLegend": True, "displayMode": "list", "placement": "bottom", "calcs": []},
            "tooltip": {"mode": "single", "sort": "none"},
        },
        "fieldConfig": {
            "defaults": {
                **_defaults(),
                "mappings": _mappings(curve),
                "color": {"mode": "thresholds"},
                "thresholds": _thresholds(curve),
                "custom": {"lineWidth": 0, "fillOpacity": 80},
            },
            "overrides": [],
        },
    }


def _defaults() -> dict[str, Json]:
    """What every field has: it says so where there is nothing to show."""
    return {"noValue": str(NO_DATA)}


def _unit(curve: Curve) -> str:
    return "none" if curve.words else _UNITS[curve.unit]


def _thresholds(curve: Curve) -> Json:
    """The bands. What has none, and what is in words, is grey but for its words: no value is green by default."""
    bands = [(band.start, band.word.tone) for band in curve.bands] or [(None, Tone.NO_DATA)]
    return {"mode": "absolute", "steps": [{"value": start, "color": ON_DARK[tone]} for start, tone in bands]}


def _mappings(curve: Curve) -> Sequence[Json]:
    """The words of values, and of what is no value."""
    words: dict[str, Json] = {str(value): _word(word, index) for index, (value, word) in enumerate(curve.words.items())}
    nothing: Json = {"type": "special", "options": {"match": "null+nan", "result": _word(NO_DATA, len(words))}}
    return [{"type": "value", "options": words}, nothing] if words else [nothing]


def _word(word: Word, index: int) -> Json:
    return {"text": str(word), "color": ON_DARK[word.tone], "index": index}
