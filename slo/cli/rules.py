"""`watchkeep rules`: the SLOs of a configuration as rules of a Prometheus."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import click

from slo.cli.output import emit, json_option, say


@click.command(name="rules")
@click.option(
    "-c", "--config", "config", required=True, type=click.Path(path_type=Path), help="A file or a folder of YAML."
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["prometheus", "operator"]),
    default="prometheus",
    show_default=True,
    help="A rule file, or a PrometheusRule for the Prometheus operator.",
)
@json_option
@click.pass_context
def command(context: click.Context, config: Path, form: Literal["prometheus", "operator"], *, as_json: bool) -> None:
    """Print the recording and alerting rules of these SLOs.

    Exit code 1 if an SLO is not among them; which, and why, is on stderr and in the comment above the rules.
    """
    from slo.cli.context import load_settings
    from slo.interop.prometheus.files import as_yaml, resource, rule_file
    from slo.interop.prometheus.rules import rules

    settings = load_settings(config)
    written = rules(settings.slos, now=datetime.now(UTC), slot=settings.slot, exclusions=settings.exclusions)
    document = rule_file(written) if form == "prometheus" else resource(written, config.stem)
    if as_json:
        emit(document, as_json=True)
    else:
        click.echo(as_yaml(document, written), nl=False)
    for omission in written.omissions:
        say(f"not in the rules: {omission}", err=True)
    context.exit(1 if any(omission.whole for omission in written.omissions) else 0)
