"""What dashboards ask for, read back from the documents as their vendors get them."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from slo.interop.dashboards.all import DASHBOARDS
from slo.interop.dashboards.datadog import datadog
from slo.interop.dashboards.grafana import grafana
from slo.interop.dashboards.kibana import kibana

Box = tuple[str, int, int, int, int]
"""A panel by its title: its left edge, its top, its width and its height."""


def plain(document: object) -> Any:
    """A document as JSON brings it."""
    return json.loads(json.dumps(document))


def grafanas() -> Mapping[str, Any]:
    return {name: plain(grafana(dashboard)) for name, dashboard in DASHBOARDS.items()}


def datadogs() -> Mapping[str, Any]:
    return {name: plain(datadog(dashboard)) for name, dashboard in DASHBOARDS.items()}


def kibanas() -> Mapping[str, Any]:
    """The objects of each, by their type; the texts in them are read."""
    return {name: [_read(each) for each in plain(kibana(dashboard))] for name, dashboard in DASHBOARDS.items()}


def _read(node: Any) -> Any:
    if isinstance(node, dict):
        return {key: _read(json.loads(v) if key.endswith("JSON") else v) for key, v in node.items()}
    return [_read(each) for each in node] if isinstance(node, list) else node


def lens(objects: Sequence[Any]) -> Iterator[Any]:
    """The panels of the dashboard among these objects that are drawn by Lens."""
    return (panel for panel in objects[-1]["attributes"]["panelsJSON"] if panel["type"] == "lens")


def columns(panel: Any) -> Mapping[str, Any]:
    """The columns of a panel in Lens, of all its layers."""
    layers = panel["embeddableConfig"]["attributes"]["state"]["datasourceStates"]["formBased"]["layers"]
    return {name: column for layer in layers.values() for name, column in layer["columns"].items()}


def promqls(document: Any) -> Iterator[str]:
    """The expressions of a dashboard of Grafana, and those that its variables look up series by."""
    for panel in document["panels"]:
        for target in panel.get("targets", ()):
            yield target["expr"]
    for variable in document["templating"]["list"]:
        if variable["type"] == "query":
            found = re.fullmatch(r"label_values\((.*), \w+\)", variable["query"]["query"])
            assert found
            yield found[1]


def metrics_of_promql(expression: str) -> set[str]:
    """The names of metrics in an expression: all words but functions, labels and what Grafana puts in."""
    bare = re.sub(r"\{[^}]*\}|\[[^\]]*\]|\bby \([^)]*\)", "", expression)
    return {word for word in re.findall(r"\b[a-z_]\w*\b(?!\s*\()", bare) if word not in {"by", "or"}}


def queries_of_datadog(document: Any) -> Iterator[str]:
    for group in document["widgets"]:
        for widget in group["definition"]["widgets"]:
            for request in widget["definition"]["requests"]:
                for query in request.get("queries", ()):
                    yield query["query"]


def boxes_of_grafana(document: Any) -> list[Box]:
    return [(panel["title"], *(panel["gridPos"][key] for key in "xywh")) for panel in document["panels"]]


def boxes_of_datadog(document: Any) -> list[Box]:
    """The widgets of all groups, below the titles of these, and the groups themselves by their titles alone."""
    found: list[Box] = []
    for group in document["widgets"]:
        top = group["layout"]["y"]
        found.append((group["definition"]["title"], 0, top, group["layout"]["width"], 1))
        for widget in group["definition"]["widgets"]:
            layout = widget["layout"]
            box = (layout["x"], top + 1 + layout["y"], layout["width"], layout["height"])
            assert box[1] + box[3] <= top + group["layout"]["height"], "it is within its group"
            found.append((widget["definition"]["title"], *box))
    return found


def boxes_of_kibana(objects: Sequence[Any]) -> list[Box]:
    panels = objects[-1]["attributes"]["panelsJSON"]
    return [(panel.get("title", "heading"), *(panel["gridData"][key] for key in "xywh")) for panel in panels]
