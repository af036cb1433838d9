"""`watchkeep check`: a configuration with all its faults at once, or a line that says that it has none."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from slo.cli.output import Cell, Tone, emit, json_option, progress
from slo.errors import ConfigError

if TYPE_CHECKING:
    from slo.config.settings import Settings
    from slo.errors import ConfigFault


@click.command(name="check")
@click.option(
    "-c", "--config", "config", required=True, type=click.Path(path_type=Path), help="A file or a folder of YAML."
)
@json_option
@click.pass_context
def command(context: click.Context, config: Path, *, as_json: bool) -> None:
    """Validate a configuration. Exit code 2 if it has faults; warnings do not count."""
    from slo.cli.context import load_settings

    try:
        with progress("Reading the configuration"):
            settings = load_settings(config)
    except ConfigError as error:
        if not as_json:
            raise
        emit(_document(error.faults, (), {}), as_json=True)
        context.exit(2)
    counts = _counts(settings)
    warnings = [Cell(f"warning: {warning}", Tone.BURNING) for warning in settings.warnings]
    emit(_document((), settings.warnings, counts), *warnings, f"ok: {_in_words(counts)}", as_json=as_json)


def _counts(settings: "Settings") -> dict[str, int]:
    several = any(check.several for check in settings.checks)
    return {
        "probes": len(settings.probes),
        **({"collectors": len(settings.collectors)} if settings.collectors else {}),
        **({"targets": sum(len(check.targets) for check in settings.checks)} if several else {}),
        **({"scrapes": len(settings.scrapes)} if settings.scrapes else {}),
        **({"modules": len(settings.modules)} if settings.modules else {}),
        "slos": len(settings.slos),
        "destinations": len(settings.destinations),
        "warnings": len(settings.warnings),
    }


def _document(
    faults: "Sequence[ConfigFault]", warnings: "Sequence[ConfigFault]", counts: dict[str, int]
) -> dict[str, object]:
    return {
        "ok": not faults,
        "faults": [asdict(fault) for fault in faults],
        "warnings": [asdict(warning) for warning in warnings],
        "counts": counts,
    }


def _in_words(counts: dict[str, int]) -> str:
    words = {what: what.removesuffix("s") for what in counts} | {"slos": "SLO"}
    return ", ".join(f"{count} {words[what]}{'' if count == 1 else 's'}" for what, count in counts.items())
