"""`watchkeep schema`: what may be in a configuration, for editors and for people."""

from typing import Literal

import click

from slo.cli.output import emit


@click.command(name="schema")
@click.option("--json", "form", flag_value="json", default="json", help="The JSON Schema; this is the default.")
@click.option("--markdown", "form", flag_value="markdown", help="The reference for people, as in docs/config.md.")
def command(form: Literal["json", "markdown"]) -> None:
    """Print the JSON Schema of the configuration, with the kinds that are installed."""
    from slo.config.json_schema import json_schema
    from slo.config.reference import reference
    from slo.kinds import Kinds

    schema = json_schema(Kinds.installed())
    if form == "json":
        emit(schema, as_json=True)
    else:
        click.echo(reference(schema), nl=False)
