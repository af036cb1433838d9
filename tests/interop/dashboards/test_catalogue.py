"""Dashboards ask for what there is: a metric that is called otherwise tomorrow fails here."""

import re
from typing import Any

import pytest
from prometheus_client import Counter

from slo.exposition.catalogue import Telemetry
from slo.exposition.families import FAMILIES
from slo.interop.dashboards.all import DASHBOARDS
from slo.interop.dashboards.catalogued import described, families
from slo.interop.dashboards.datadog_queries import COUNTS as COUNTS_OF_DATADOG
from slo.interop.dashboards.lens import COUNTS as COUNTS_OF_LENS
from slo.interop.dashboards.measures import Rise, Share
from slo.interop.dashboards.panels import Panel
from slo.interop.dashboards.watch import WATCH
from tests.interop.dashboards.reading import (
    columns,
    datadogs,
    grafanas,
    kibanas,
    lens,
    metrics_of_promql,
    promqls,
    queries_of_datadog,
)

PANELS = {
    f"{name}: {panel.title}": panel
    for name, dashboard in DASHBOARDS.items()
    for section in dashboard.sections
    for panel in section.panels
    if isinstance(panel, Panel)
}


def test_every_metric_that_grafana_asks_for_is_in_the_catalogue() -> None:
    asked = {
        metric for document in grafanas().values() for query in promqls(document) for metric in metrics_of_promql(query)
    }
    assert asked <= families().keys()
    assert asked >= {metric for panel in PANELS.values() for metric in panel.metrics}, "and it asks for all of them"


def test_every_metric_that_datadog_asks_for_is_in_the_catalogue_or_one_of_the_counts() -> None:
    queries = [query for document in datadogs().values() for query in queries_of_datadog(document)]
    names = {found[1] for query in queries if (found := re.match(r"(?:min|max|sum):(\w+)\{", query))}
    assert len(queries) > 40
    assert all(
        re.fullmatch(r"(min|max|sum):\w+\{[$\w,*]+\}( by \{[\w,]+\})?(\.as_(count|rate)\(\))?", q) for q in queries
    )
    assert names <= families().keys() | set(COUNTS_OF_DATADOG.values())
    assert names >= set(COUNTS_OF_DATADOG.values())
    assert not names & COUNTS_OF_DATADOG.keys(), "a count is asked for by the name that it has there"


def test_every_field_that_kibana_asks_for_is_one_that_is_written() -> None:
    fields = {
        column["sourceField"]
        for objects in kibanas().values()
        for panel in lens(objects)
        for column in columns(panel).values()
        if "sourceField" in column
    }
    metrics = {field.removeprefix("metrics.") for field in fields if field.startswith("metrics.")}
    assert metrics <= families().keys()
    assert not metrics & COUNTS_OF_LENS.keys(), "counts are not among the metrics there"
    others = {field for field in fields if not field.startswith(("metrics.", "labels."))}
    assert others == {"@timestamp", *COUNTS_OF_LENS.values()}


def test_the_catalogue_knows_the_metrics_that_are_counted_while_the_process_works() -> None:
    assert families().keys() > FAMILIES.keys()
    assert families()["watchkeep_evaluation_duration_seconds_sum"].help == "Time to evaluate every SLO at one slot end."
    assert families()["watchkeep_delivery_failures_total"].type == "counter"


@pytest.mark.parametrize("panel", PANELS.values(), ids=PANELS)
def test_the_help_of_every_metric_is_in_the_description_of_its_panel(panel: Panel) -> None:
    said = described(panel.text, panel.metrics)
    assert said.startswith(panel.text)
    assert all(f"- `{metric}`: {families()[metric].help}" in said for metric in panel.metrics)


def test_a_metric_that_there_is_not_is_refused() -> None:
    with pytest.raises(KeyError, match="slo_made_up"):
        described("A text.", ["slo_made_up"])


@pytest.mark.parametrize("panel", PANELS.values(), ids=PANELS)
def test_a_measure_is_of_a_metric_of_its_type(panel: Panel) -> None:
    for curve in panel.curves:
        grows = isinstance(curve.measure, Rise | Share)
        assert {families()[metric].type for metric in curve.measure.metrics} <= (
            {"counter", "histogram"} if grows else {"gauge"}
        )


def labels() -> dict[str, tuple[str, ...]]:
    """The labels of the counters that a process has."""
    registry = Telemetry().registry
    names: dict[str, Any] = registry._names_to_collectors
    return {name: each._labelnames for name, each in names.items() if isinstance(each, Counter)}


def test_the_growth_of_a_counter_is_told_by_all_its_labels() -> None:
    """Lens has no sum of rates: two series under one name would be taken for one that falls."""
    known = labels()
    panels = [panel for section in WATCH.sections for panel in section.panels if isinstance(panel, Panel)]
    for panel in panels:
        for metric in (metric for metric in panel.metrics if metric in known):
            assert set(panel.by) == set(known[metric]), panel.title
