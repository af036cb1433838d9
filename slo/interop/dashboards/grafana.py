"""Dashboards as Grafana imports them, from 10 on.

A person chooses the data source on the page, so that the same document does for every Prometheus. Source of the format:
https://grafana.com/docs/grafana/latest/dashboards/build-dashboards/view-dashboard-json-model/
"""

from collections.abc import Iterator, Mapping, Sequence

from slo.core.telemetry import Json
from slo.interop.dashboards.grafana_panels import SOURCE, grafana_panel
from slo.interop.dashboards.panels import Dashboard, Panel, Section, Variable
from slo.interop.dashboards.placing import placed, rows
from slo.interop.dashboards.promql import selector

SCHEMA_VERSION = 39
"""That of Grafana 10.4 and 11.0; later ones bring it up to theirs as they load it."""

HEIGHT = 8
"""Of a panel, in units of Grafana's grid, which has 24 columns as ours."""

_ALL = ".*"
"""What `All` stands for: a list of all values would leave out the series that have no such label."""


def grafana(dashboard: Dashboard) -> Mapping[str, Json]:
    """The document for `POST /api/dashboards/db` and for the page that imports."""
    return {
        "uid": f"watchkeep-{dashboard.name}",
        "title": dashboard.title,
        "description": dashboard.text,
        "tags": ["watchkeep"],
        "schemaVersion": SCHEMA_VERSION,
        "editable": True,
        "graphTooltip": 1,
        "refresh": "1m",
        "time": {"from": "now-24h", "to": "now"},
        "timezone": "",
        "templating": {"list": [_source_variable(), *_variables(dashboard.variables)]},
        "annotations": {"list": []},
        "links": [_links()],
        "panels": list(_panels(dashboard)),
    }


def _links() -> Json:
    """Links to the other dashboards of ours, with the same time."""
    return {
        "type": "dashboards",
        "title": "Watchkeep",
        "tags": ["watchkeep"],
        "asDropdown": False,
        "keepTime": True,
        "includeVars": False,
        "targetBlank": False,
        "icon": "external link",
        "tooltip": "",
        "url": "",
    }


def _source_variable() -> Json:
    return {
        "type": "datasource",
        "name": "datasource",
        "label": "Data source",
        "query": "prometheus",
        "refresh": 1,
        "multi": False,
        "includeAll": False,
    }


def _variables(variables: Sequence[Variable]) -> Iterator[Json]:
    """Each offers the values that there are with what is chosen in those before it."""
    for index, variable in enumerate(variables):
        before = selector(variables[:index]) if index else ""
        query = f"label_values({variable.metric}{before}, {variable.label})"
        yield {
            "type": "query",
            "name": variable.label,
            "label": variable.title,
            "datasource": SOURCE,
            "query": {"query": query, "refId": variable.label},
            "refresh": 2,
            "sort": 1,
            "multi": True,
            "includeAll": True,
            "allValue": _ALL,
            "current": {"text": ["All"], "value": ["$__all"]},
        }


def _panels(dashboard: Dashboard) -> Iterator[Json]:
    """The sections one under the other, each a row with its panels below it. There are no logs in a Prometheus."""
    chosen, number, y = selector(dashboard.variables), 1, 0
    for section in dashboard.sections:
        panels = [panel for panel in section.panels if isinstance(panel, Panel)]
        if not panels:
            continue
        yield _row(section, number, y)
        number, y = number + 1, y + 1
        for panel, place in placed(panels):
            grid = {"x": place.x, "y": y + place.row * HEIGHT, "w": panel.width, "h": HEIGHT}
            yield {"id": number, "gridPos": grid, **grafana_panel(panel, chosen)}
            number += 1
        y += rows(panels) * HEIGHT


def _row(section: Section, number: int, y: int) -> Json:
    grid = {"x": 0, "y": y, "w": 24, "h": 1}
    return {"id": number, "type": "row", "title": section.title, "collapsed": False, "gridPos": grid, "panels": []}
