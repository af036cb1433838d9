"""`watchkeep backup`: the data of a watch, copied while it runs."""

from datetime import UTC, datetime
from pathlib import Path

import click

from slo.cli.client import DEFAULT_DATA
from slo.cli.output import emit, json_option, progress
from slo.cli.place import journal_in


@click.command(name="backup")
@click.argument("target", metavar="DIR", type=click.Path(path_type=Path))
@click.option(
    "--data",
    default=DEFAULT_DATA,
    show_default=True,
    type=click.Path(path_type=Path),
    help="The data folder; a watch may run on it.",
)
@json_option
def command(target: Path, data: Path, *, as_json: bool) -> None:
    """Copy the data folder into the new folder DIR, whole or not at all, after checking the journal's chain.

    The copy holds routing keys of pages that are open: keep it as you keep secrets. The token is not in it.
    """
    from importlib.metadata import version

    from slo.store.backup import back_up

    journal_in(data)
    with progress("Copying"):
        manifest = back_up(data, target, version=version("watchkeep"), now=datetime.now(UTC))
    size = sum(file.bytes for file in manifest.files.values())
    emit(
        manifest.document,
        f"{target} is a backup of {data}: {' and '.join(manifest.files)}, {size:,} bytes.",
        f"Head {manifest.events}:{manifest.hash}",
        as_json=as_json,
    )
