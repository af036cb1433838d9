"""`watchkeep dashboards`: dashboards for Grafana, Datadog and Kibana, made of the catalogue of metrics."""

from typing import Literal

import click

from slo.cli.output import emit, emit_line, json_option


@click.command(name="dashboards")
@click.argument("vendor", type=click.Choice(["grafana", "datadog", "kibana"]))
@click.argument("name", type=click.Choice(["slos", "checks", "watch"]), default="slos")
@json_option
def command(
    vendor: Literal["grafana", "datadog", "kibana"], name: Literal["slos", "checks", "watch"], *, as_json: bool
) -> None:
    """Print a dashboard as its vendor imports it: of SLOs (slos), of probes and collectors (checks), or of the watch
    itself (watch).

    They are for any configuration: on the page one chooses customer, environment and SLO. For Kibana there is one
    saved object a line; --json makes one document of them. See docs/dashboards.md.
    """
    from slo.interop.dashboards.all import DASHBOARDS
    from slo.interop.dashboards.datadog import datadog
    from slo.interop.dashboards.grafana import grafana
    from slo.interop.dashboards.kibana import kibana

    dashboard = DASHBOARDS[name]
    match vendor:
        case "grafana":
            emit(grafana(dashboard), as_json=True)
        case "datadog":
            emit(datadog(dashboard), as_json=True)
        case "kibana" if as_json:
            emit({"objects": kibana(dashboard)}, as_json=True)
        case "kibana":
            for saved in kibana(dashboard):
                emit_line(saved)
