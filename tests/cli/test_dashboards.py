"""`watchkeep dashboards` prints one document, or for Kibana one saved object a line."""

import json

import pytest
from click.testing import CliRunner, Result

from slo.cli.main import cli
from slo.interop.dashboards.all import DASHBOARDS


def dashboards(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["dashboards", *arguments])


@pytest.mark.parametrize("vendor", ["grafana", "datadog", "kibana"])
def test_the_dashboard_of_slos_is_the_default(vendor: str) -> None:
    done = dashboards(vendor)
    assert done.exit_code == 0
    assert done.output == dashboards(vendor, "slos").output
    assert DASHBOARDS["slos"].title in done.output


@pytest.mark.parametrize("name", DASHBOARDS)
def test_kibana_gets_one_object_a_line_and_with_json_one_document_of_them(name: str) -> None:
    lines = [json.loads(line) for line in dashboards("kibana", name).output.splitlines()]
    assert json.loads(dashboards("kibana", name, "--json").output) == {"objects": lines}
    assert lines[-1]["attributes"]["title"] == DASHBOARDS[name].title


@pytest.mark.parametrize("vendor", ["grafana", "datadog"])
def test_one_document_is_the_same_with_json(vendor: str) -> None:
    assert dashboards(vendor, "watch", "--json").output == dashboards(vendor, "watch").output


@pytest.mark.parametrize("arguments", [(), ("splunk",), ("grafana", "everything")])
def test_what_there_is_not_is_refused_with_what_there_is(arguments: tuple[str, ...]) -> None:
    done = dashboards(*arguments)
    assert done.exit_code == 2
    assert any(known in done.output for known in ("grafana", "slos"))
