"""`watchkeep import`: SLOs of Sloth and of OpenSLO as a configuration of ours."""

from collections.abc import Callable
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from slo.cli.output import emit, json_option, say
from slo.core.duration import parse_duration
from slo.errors import ConfigError, UsageError

if TYPE_CHECKING:
    from slo.interop.imported import Import

Command = TypeVar("Command", bound=Callable[..., object])


def _common(command: Command) -> Command:
    """The files, and the server that their expressions are asked of."""
    for option in (
        json_option,
        click.option(
            "--counters", is_flag=True, help="Write plain sums of counters as counters: for rules and replay."
        ),
        click.option("--server-url", metavar="URL", help="Its address; http://127.0.0.1:9090 where nothing says it."),
        click.option(
            "--server",
            "server",
            default="prometheus",
            show_default=True,
            metavar="NAME",
            help="What to call the server that the expressions are asked of.",
        ),
        click.argument("files", nargs=-1, required=True, metavar="FILE...", type=click.Path(path_type=Path)),
    ):
        command = option(command)
    return command


@click.group(name="import")
def command() -> None:
    """Print the SLOs of others as a configuration of this watch. Reads files, or folders of YAML.

    What has no counterpart is named on stderr and in comments. Exit code 2 where nothing could be imported.
    """


def _period(_context: click.Context, option: click.Parameter, value: str | None) -> timedelta | None:
    if value is None:
        return None
    try:
        return parse_duration(value)
    except ValueError:
        raise click.BadParameter(f"{value!r} is no duration: write it as 30d", param=option) from None


@command.command(name="sloth")
@_common
@click.option(
    "--period", callback=_period, metavar="DURATION", help="What the SLOs are promised over; 30d as in Sloth."
)
@click.pass_context
def import_sloth(
    context: click.Context,
    files: tuple[Path, ...],
    server: str,
    server_url: str | None,
    period: timedelta | None,
    *,
    counters: bool,
    as_json: bool,
) -> None:
    """Sloth: `version: prometheus/v1`, PrometheusServiceLevel, and files with its AlertWindows."""
    from slo.interop.server import Server
    from slo.interop.sloth.files import import_sloth

    _print(
        context,
        "sloth",
        lambda: import_sloth(files, server=Server.given(server, server_url), period=period),
        counters=counters,
        as_json=as_json,
    )


@command.command(name="openslo")
@_common
@click.pass_context
def import_openslo(
    context: click.Context,
    files: tuple[Path, ...],
    server: str,
    server_url: str | None,
    *,
    counters: bool,
    as_json: bool,
) -> None:
    """OpenSLO: `openslo/v1` and `openslo/v1alpha`; files may refer to one another."""
    from slo.interop.openslo.files import import_openslo
    from slo.interop.server import Server

    _print(
        context,
        "openslo",
        lambda: import_openslo(files, server=Server.given(server, server_url)),
        counters=counters,
        as_json=as_json,
    )


def _print(context: click.Context, what: str, read: "Callable[[], Import]", *, counters: bool, as_json: bool) -> None:
    """Print what was read, or its faults."""
    from slo.interop.counters import by_counters
    from slo.interop.native import document, rendered

    try:
        imported = by_counters(read()) if counters else read()
    except ConfigError as error:
        if not as_json:
            raise
        faults = [asdict(fault) for fault in error.faults]
        emit({"ok": False, "faults": faults, "warnings": [], "configuration": None}, as_json=True)
        context.exit(2)
    warnings = [asdict(warning) for warning in imported.warnings]
    if as_json:
        whole = document(imported) if imported.slos else None
        emit({"ok": bool(whole), "faults": [], "warnings": warnings, "configuration": whole}, as_json=True)
        context.exit(0 if whole else 2)
    for warning in imported.warnings:
        say(f"warning: {warning}", err=True)
    if not imported.slos:
        raise UsageError("nothing was imported: no SLO of these files has a counterpart")
    click.echo(rendered(imported, f"Imported by `watchkeep import {what}`."), nl=False)
