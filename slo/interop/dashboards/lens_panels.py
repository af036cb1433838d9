"""Panels of metrics in Kibana's Lens: charts and tables over the columns of `slo.interop.dashboards.lens`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from slo.core.telemetry import Json
from slo.interop.dashboards.catalogued import described
from slo.interop.dashboards.lens import (
    COUNTS,
    MOST_LINES,
    MOST_ROWS,
    Columns,
    field,
    palette,
    series_column,
    static_column,
    time_column,
    value_columns,
)
from slo.interop.dashboards.measures import ON_LIGHT, Band, Curve, Word
from slo.interop.dashboards.panels import Form, Panel

_LAYER, _LINES = "data", "lines"
_COUNTED = 'event.dataset: "watchkeep.counts"'


@dataclass(frozen=True, kw_only=True, slots=True)
class LensPanel:
    """A panel without what it refers to: `layers` are those that each need a data view."""

    attributes: Mapping[str, Json]
    layers: Sequence[str]


def lens_panel(panel: Panel) -> LensPanel:
    """A panel all of whose curves Lens has words for."""
    layers, visualization, kind = _table(panel) if panel.form is Form.TABLE else _chart(panel)
    formed: Json = {
        layer: {"columns": columns, "columnOrder": list(columns), "incompleteColumns": {}, "sampling": 1}
        for layer, columns in layers.items()
    }
    attributes: dict[str, Json] = {
        "title": panel.title,
        "description": described(panel.text, panel.metrics),
        "visualizationType": kind,
        "type": "lens",
        "state": {
            "visualization": visualization,
            "query": {"query": _query(panel.metrics), "language": "kuery"},
            "filters": [],
            "datasourceStates": {"formBased": {"layers": formed}, "textBased": {"layers": {}}},
            "internalReferences": [],
            "adHocDataViews": {},
        },
    }
    return LensPanel(attributes=attributes, layers=list(layers))


def _query(metrics: Sequence[str]) -> str:
    """The documents that say something of these metrics."""
    said = [_COUNTED] if any(metric in COUNTS for metric in metrics) else []
    return " or ".join(said + [f"{field(metric)}: *" for metric in metrics if metric not in COUNTS])


def _table(panel: Panel) -> tuple[Mapping[str, Columns], Json, str]:
    columns: Columns = {f"by{index}": series_column([label], MOST_ROWS) for index, label in enumerate(panel.by)}
    shown: list[Json] = [{"columnId": name} for name in columns]
    for index, curve in enumerate(panel.curves):
        name = f"curve{index}"
        columns |= value_columns(name, curve, now=True)
        bands = curve.bands or _bands(curve)
        coloured: dict[str, Json] = {"colorMode": "text", "palette": palette(bands)} if bands else {}
        shown.append({"columnId": name, **coloured})
    visualization: Json = {
        "layerId": _LAYER,
        "layerType": "data",
        "columns": shown,
        "paging": {"size": 20, "enabled": True},
    }
    return {_LAYER: columns}, visualization, "lnsDatatable"


def _bands(curve: Curve) -> Sequence[Band]:
    """The words of whole numbers as bands."""
    words = sorted(curve.words.items())
    return [Band(None if index == 0 else value - 0.5, word) for index, (value, word) in enumerate(words)]


def _chart(panel: Panel) -> tuple[Mapping[str, Columns], Json, str]:
    columns: Columns = {"series": series_column(panel.by, MOST_LINES)} if panel.by else {}
    columns["time"] = time_column()
    for index, curve in enumerate(panel.curves):
        columns |= value_columns(f"curve{index}", curve, now=False)
    layers: dict[str, Columns] = {_LAYER: columns}
    drawn: list[Json] = [
        {
            "layerId": _LAYER,
            "layerType": "data",
            "seriesType": "line",
            "xAccessor": "time",
            "accessors": [f"curve{index}" for index in range(len(panel.curves))],
            **({"splitAccessor": "series"} if panel.by else {}),
        }
    ]
    if marked := panel.curves[0].marks:
        layers[_LINES] = {f"line{index}": static_column(value, str(word)) for index, (value, word) in enumerate(marked)}
        drawn.append(_lines([word for _, word in marked]))
    visualization: Json = {
        "preferredSeriesType": "line",
        "layers": drawn,
        "legend": {"isVisible": True, "position": "bottom", "showSingleSeries": True},
        "valueLabels": "hide",
        "fittingFunction": "None",
        "curveType": "CURVE_STEP_AFTER" if panel.form is Form.STATES else "LINEAR",
        "axisTitlesVisibilitySettings": {"x": False, "yLeft": False, "yRight": False},
    }
    return layers, visualization, "lnsXY"


def _lines(words: Sequence[Word]) -> Json:
    """Dashed lines across the chart, in the colours of what they mean, with its words."""
    lines: list[Json] = [
        {
            "forAccessor": f"line{index}",
            "axisMode": "left",
            "color": ON_LIGHT[word.tone],
            "lineStyle": "dashed",
            "lineWidth": 1,
            "fill": "none",
            "textVisibility": True,
        }
        for index, word in enumerate(words)
    ]
    names = [f"line{index}" for index in range(len(words))]
    return {"layerId": _LINES, "layerType": "referenceLine", "accessors": names, "yConfig": lines}
