"""Dashboards as saved objects that Kibana imports, from 8.9 on: a data view, searches for what is told as logs, and the
dashboard with its panels in Lens.

Objects say which version they are of, and newer ones bring them up to theirs. Their ids are always the same, so that to
import them again replaces them. Source: https://www.elastic.co/docs/extend/kibana/saved-objects/export
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from slo.core.telemetry import Json
from slo.interop.dashboards.lens_panels import lens_panel
from slo.interop.dashboards.panels import WHOLE, Dashboard, Feed, Panel, Where
from slo.interop.dashboards.placing import placed, rows

DATA_VIEW = "watchkeep"
PATTERN = "logs-watchkeep.*-*,metrics-watchkeep.*-*"
"""The data streams of the forwarder `elk`, in every namespace."""

VERSION = "8.9.0"
"""Of the panels, and of the dashboards."""

COLUMNS = 48
HEIGHT, HEADING = 12, 3
"""Of a panel and of a heading, in units of Kibana's grid, which is `COLUMNS` wide."""

_CORE = "8.8.0"


@dataclass(frozen=True, slots=True)
class _Placed:
    """A panel as the dashboard holds it, with the objects that it refers to by name."""

    document: Mapping[str, Json]
    references: Sequence[Json]


def kibana(dashboard: Dashboard) -> Sequence[Mapping[str, Json]]:
    """The saved objects, each after those that it refers to."""
    feeds = [panel for section in dashboard.sections for panel in section.panels if isinstance(panel, Feed)]
    return [_data_view(), *(_search(dashboard, feed) for feed in feeds), _dashboard(dashboard)]


def _object(
    kind: str, id_: str, version: str, attributes: Mapping[str, Json], references: Sequence[Json]
) -> dict[str, Json]:
    return {
        "type": kind,
        "id": id_,
        "attributes": attributes,
        "references": references,
        "coreMigrationVersion": _CORE,
        "typeMigrationVersion": version,
        "managed": False,
    }


def _data_view() -> Mapping[str, Json]:
    attributes: dict[str, Json] = {
        "title": PATTERN,
        "name": "Watchkeep",
        "timeFieldName": "@timestamp",
        "allowNoIndex": True,
        "fields": "[]",
        "fieldAttrs": "{}",
        "fieldFormatMap": "{}",
        "runtimeFieldMap": "{}",
        "sourceFilters": "[]",
    }
    return _object("index-pattern", DATA_VIEW, "8.0.0", attributes, [])


def _search_id(dashboard: Dashboard, feed: Feed) -> str:
    return f"watchkeep-{dashboard.name}-{feed.title.lower().replace(' ', '-')}"


def _search(dashboard: Dashboard, feed: Feed) -> Mapping[str, Json]:
    """What happened, as a search that is kept."""
    query = " or ".join(f'"{dataset}"' for dataset in feed.datasets)
    source: Json = {
        "query": {"query": f"event.dataset: ({query})", "language": "kuery"},
        "filter": [],
        "indexRefName": "kibanaSavedObjectMeta.searchSourceJSON.index",
    }
    attributes: dict[str, Json] = {
        "title": f"{dashboard.title}: {feed.title}",
        "description": feed.text,
        "columns": ["log.level", "event.action", "message"],
        "sort": [["@timestamp", "desc"]],
        "grid": {},
        "hideChart": True,
        "isTextBasedQuery": False,
        "kibanaSavedObjectMeta": {"searchSourceJSON": _text(source)},
    }
    reference = _to_data_view("kibanaSavedObjectMeta.searchSourceJSON.index")
    return _object("search", _search_id(dashboard, feed), "8.0.0", attributes, [reference])


def _dashboard(dashboard: Dashboard) -> Mapping[str, Json]:
    panels = list(_panels(dashboard))
    controls = [variable for variable in dashboard.variables if variable.where is Where.EVERYWHERE]
    chosen: dict[str, Json] = {
        variable.label: {
            "type": "optionsListControl",
            "order": index,
            "width": "medium",
            "grow": True,
            "explicitInput": {
                "id": variable.label,
                "fieldName": f"labels.{variable.label}",
                "title": variable.title,
                "selectedOptions": [],
                "enhancements": {},
            },
        }
        for index, variable in enumerate(controls)
    }
    heeded = dict.fromkeys(("ignoreFilters", "ignoreQuery", "ignoreTimerange", "ignoreValidations"), False)
    attributes: dict[str, Json] = {
        "title": dashboard.title,
        "description": dashboard.text,
        "version": 1,
        "timeRestore": True,
        "timeFrom": "now-24h",
        "timeTo": "now",
        "refreshInterval": {"pause": False, "value": 60_000},
        "optionsJSON": _text({"useMargins": True, "syncColors": False, "syncCursor": True, "hidePanelTitles": False}),
        "panelsJSON": _text([panel.document for panel in panels]),
        "controlGroupInput": {
            "controlStyle": "oneLine",
            "chainingSystem": "HIERARCHICAL",
            "ignoreParentSettingsJSON": _text(heeded),
            "panelsJSON": _text(chosen),
        },
        "kibanaSavedObjectMeta": {
            "searchSourceJSON": _text({"query": {"query": "", "language": "kuery"}, "filter": []})
        },
    }
    references = [reference for panel in panels for reference in panel.references]
    references += [_to_data_view(f"controlGroup_{variable.label}:optionsListDataView") for variable in controls]
    return _object("dashboard", f"watchkeep-{dashboard.name}", VERSION, attributes, references)


def _panels(dashboard: Dashboard) -> Iterator[_Placed]:
    """The sections one under the other, each a heading with its panels below it."""
    number, y = 1, 0
    for section in dashboard.sections:
        panels = section.plain
        if not panels:
            continue
        yield _heading(section.title, str(number), {"x": 0, "y": y, "w": COLUMNS, "h": HEADING})
        number, y = number + 1, y + HEADING
        for panel, place in placed(panels):
            grid: dict[str, Json] = {
                "x": place.x * COLUMNS // WHOLE,
                "y": y + place.row * HEIGHT,
                "w": panel.width * COLUMNS // WHOLE,
                "h": HEIGHT,
            }
            if isinstance(panel, Feed):
                yield _feed(dashboard, panel, str(number), grid)
            else:
                yield _panel(panel, str(number), grid)
            number += 1
        y += rows(panels) * HEIGHT


def _heading(title: str, number: str, grid: Mapping[str, Json]) -> _Placed:
    saved: Json = {
        "type": "markdown",
        "title": "",
        "description": "",
        "params": {"fontSize": 12, "openLinksInNewTab": False, "markdown": f"## {title}"},
        "uiState": {},
        "data": {"aggs": [], "searchSource": {"query": {"query": "", "language": "kuery"}, "filter": []}},
    }
    config: Json = {"savedVis": saved, "hidePanelTitles": True, "enhancements": {}}
    return _Placed({**_common("visualization", number, grid), "embeddableConfig": config}, [])


def _common(kind: str, number: str, grid: Mapping[str, Json]) -> dict[str, Json]:
    return {"version": VERSION, "type": kind, "panelIndex": number, "gridData": {**grid, "i": number}}


def _feed(dashboard: Dashboard, feed: Feed, number: str, grid: Mapping[str, Json]) -> _Placed:
    document: dict[str, Json] = {
        **_common("search", number, grid),
        "title": feed.title,
        "panelRefName": f"panel_{number}",
        "embeddableConfig": {"description": feed.text, "enhancements": {}},
    }
    reference: Json = {
        "type": "search",
        "id": _search_id(dashboard, feed),
        "name": f"{number}:panel_{number}",
    }
    return _Placed(document, [reference])


def _panel(panel: Panel, number: str, grid: Mapping[str, Json]) -> _Placed:
    made = lens_panel(panel)
    names = [f"indexpattern-datasource-layer-{layer}" for layer in made.layers]
    attributes = {**made.attributes, "references": [_to_data_view(name) for name in names]}
    document: dict[str, Json] = {
        **_common("lens", number, grid),
        "title": panel.title,
        "embeddableConfig": {
            "description": made.attributes["description"],
            "attributes": attributes,
            "enhancements": {},
        },
    }
    return _Placed(document, [_to_data_view(f"{number}:{name}") for name in names])


def _to_data_view(name: str) -> Json:
    return {"type": "index-pattern", "id": DATA_VIEW, "name": name}


def _text(document: Json) -> str:
    """A document inside of another, as text."""
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"))
