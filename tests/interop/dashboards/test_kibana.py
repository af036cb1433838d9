"""Saved objects refer to what is there, and say of which version they are."""

from typing import Any

import pytest

from exporters.elk.document import COUNTS as DATASET_OF_COUNTS
from exporters.elk.document import documents
from exporters.elk.template import STREAMS
from slo.app.logged import AUDIT, INCIDENT, OUTCOME
from slo.interop.dashboards.all import DASHBOARDS
from slo.interop.dashboards.kibana import PATTERN
from slo.interop.dashboards.lens import COUNTS
from slo.interop.dashboards.panels import Feed
from tests.exporters.elk.telling import counted
from tests.interop.dashboards.reading import columns, kibanas, lens

OBJECTS = kibanas()


@pytest.mark.parametrize("objects", OBJECTS.values(), ids=OBJECTS)
def test_a_reference_is_to_an_object_before_it(objects: Any) -> None:
    before: set[tuple[str, str]] = set()
    for saved in objects:
        assert {(reference["type"], reference["id"]) for reference in saved["references"]} <= before
        before.add((saved["type"], saved["id"]))
    assert objects[0]["type"] == "index-pattern"
    assert objects[-1]["type"] == "dashboard"


@pytest.mark.parametrize("objects", OBJECTS.values(), ids=OBJECTS)
def test_every_version_is_one_that_kibana_8_9_knows(objects: Any) -> None:
    newest = {"index-pattern": "8.0.0", "search": "8.0.0", "dashboard": "8.9.0"}
    for saved in objects:
        assert (saved["coreMigrationVersion"], saved["typeMigrationVersion"]) == ("8.8.0", newest[saved["type"]])
    assert {panel["version"] for panel in objects[-1]["attributes"]["panelsJSON"]} == {"8.9.0"}


@pytest.mark.parametrize("objects", OBJECTS.values(), ids=OBJECTS)
def test_every_name_that_a_panel_refers_by_is_a_reference_of_the_dashboard(objects: Any) -> None:
    dashboard = objects[-1]
    names = [reference["name"] for reference in dashboard["references"]]
    wanted = [
        f"controlGroup_{name}:optionsListDataView"
        for name in dashboard["attributes"]["controlGroupInput"]["panelsJSON"]
    ]
    for panel in dashboard["attributes"]["panelsJSON"]:
        number = panel["panelIndex"]
        assert panel["gridData"]["i"] == number
        if panel["type"] == "search":
            wanted.append(f"{number}:{panel['panelRefName']}")
        if panel["type"] == "lens":
            own = panel["embeddableConfig"]["attributes"]["references"]
            wanted += [f"{number}:{reference['name']}" for reference in own]
    assert sorted(names) == sorted(wanted)


def _within(objects: Any) -> list[tuple[str, Any]]:
    return [(panel["title"], panel) for panel in lens(objects)]


@pytest.mark.parametrize("objects", OBJECTS.values(), ids=OBJECTS)
def test_what_a_chart_or_a_table_shows_are_columns_that_it_has(objects: Any) -> None:
    for title, panel in _within(objects):
        attributes = panel["embeddableConfig"]["attributes"]
        state = attributes["state"]
        layers = state["datasourceStates"]["formBased"]["layers"]
        assert all(set(layer["columnOrder"]) == set(layer["columns"]) for layer in layers.values()), title
        assert {f"indexpattern-datasource-layer-{name}" for name in layers} == {
            reference["name"] for reference in attributes["references"]
        }
        shown = state["visualization"]
        for layer in shown.get("layers", [shown]):
            named = [column["columnId"] for column in layer.get("columns", ())] + layer.get("accessors", [])
            named += [layer[key] for key in ("xAccessor", "splitAccessor") if key in layer]
            assert named, title
            assert set(named) <= set(layers[layer["layerId"]]["columns"]), title


@pytest.mark.parametrize("objects", OBJECTS.values(), ids=OBJECTS)
def test_a_column_is_worked_out_from_columns_that_there_are(objects: Any) -> None:
    for title, panel in _within(objects):
        found = columns(panel)
        for column in found.values():
            assert set(column.get("references", ())) <= set(found), title
            assert column["isBucketed"] is (column["operationType"] in {"terms", "date_histogram"})


def test_the_share_of_good_events_is_a_formula_over_sums() -> None:
    panels = dict(_within(OBJECTS["slos"]))
    found = columns(panels["SLI"])
    good, bad = "slo.counts.good", "slo.counts.bad"
    formula = f"sum({good}) / (sum({good}) + sum({bad}))"
    assert found["curve0"]["params"]["formula"] == formula
    assert {found[name]["sourceField"] for name in ("curve0X0", "curve0X1", "curve0X2")} == {good, bad}
    tree = found["curve0X3"]["params"]["tinymathAst"]
    assert (tree["name"], tree["text"], tree["args"][0]) == ("divide", formula, "curve0X0")
    inner = tree["args"][1]
    assert (inner["name"], inner["args"]) == ("add", ["curve0X1", "curve0X2"])
    assert formula[inner["location"]["min"] : inner["location"]["max"]] == inner["text"]


def test_the_mean_of_a_histogram_is_a_formula_over_rates() -> None:
    panels = dict(_within(OBJECTS["watch"]))
    found = columns(panels["Evaluation"])
    sums, count = (f"metrics.watchkeep_evaluation_duration_seconds_{end}" for end in ("sum", "count"))
    assert found["curve0"]["params"]["formula"] == f"counter_rate(max({sums})) / counter_rate(max({count}))"
    assert [found[f"curve0X{number}"]["operationType"] for number in range(5)] == [
        *("max", "counter_rate"),
        *("max", "counter_rate"),
        "math",
    ]
    assert found["curve0X4"]["references"] == ["curve0X1", "curve0X3"]


def test_the_data_view_is_of_the_data_streams_that_are_written() -> None:
    titles = {objects[0]["attributes"]["title"] for objects in OBJECTS.values()}
    assert titles == {",".join(STREAMS)} == {PATTERN}


def test_feeds_are_of_the_datasets_that_are_told() -> None:
    feeds = [
        panel
        for dashboard in DASHBOARDS.values()
        for section in dashboard.sections
        for panel in section.panels
        if isinstance(panel, Feed)
    ]
    assert [set(feed.datasets) for feed in feeds] == [{INCIDENT, AUDIT}, {OUTCOME}]
    searches = [saved for objects in OBJECTS.values() for saved in objects if saved["type"] == "search"]
    for feed, saved in zip(feeds, searches, strict=True):
        query = saved["attributes"]["kibanaSavedObjectMeta"]["searchSourceJSON"]["query"]["query"]
        assert all(f'"{dataset}"' in query for dataset in feed.datasets)


def test_the_fields_of_counts_and_of_labels_are_where_they_are_written() -> None:
    (document,) = documents(counted(), "acme")
    found: Any = document.fields
    assert {f"slo.counts.{name}" for name in found["slo"]["counts"]} == set(COUNTS.values())
    for controls in (objects[-1]["attributes"]["controlGroupInput"]["panelsJSON"] for objects in OBJECTS.values()):
        for control in controls.values():
            assert control["explicitInput"]["fieldName"].removeprefix("labels.") in found["labels"]


def test_counts_are_asked_of_the_dataset_of_counts() -> None:
    panels = dict(_within(OBJECTS["slos"]))
    query = panels["Events"]["embeddableConfig"]["attributes"]["state"]["query"]["query"]
    assert query == f'event.dataset: "{DATASET_OF_COUNTS}"'
