"""`watchkeep run`: the process that stands the watch."""

import os
import signal
from pathlib import Path

import click

from slo.cli.client import DEFAULT_DATA


@click.command(name="run")
@click.option("-c", "--config", required=True, type=click.Path(path_type=Path), help="A file or a folder of YAML.")
@click.option("--listen", default="127.0.0.1:9990", show_default=True, metavar="HOST:PORT", help="Where to serve.")
@click.option(
    "--data",
    default=DEFAULT_DATA,
    show_default=True,
    type=click.Path(path_type=Path),
    help="The data folder; made if it is missing.",
)
@click.option(
    "--token-file",
    type=click.Path(path_type=Path),
    help="Holds the token that changes need, instead of the data folder.",
)
@click.option(
    "--log-level", default="info", show_default=True, type=click.Choice(("debug", "info", "warning", "error"))
)
def command(*, config: Path, listen: str, data: Path, token_file: Path | None, log_level: str) -> None:
    """Stand the watch: probe, judge, page, until SIGTERM or Ctrl-C.

    SIGHUP reads the configuration anew. The token for changes is WATCHKEEP_TOKEN, or in --token-file, or else in the
    file `token` of the data folder, which is made at the first start.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})  # it waits until somebody can heed it
    from slo.app.logs import configure
    from slo.app.run import Options, run
    from slo.cli.client import given_token
    from slo.web.access import parse_listen

    configure(log_level)
    try:
        run(
            Options(
                config=config,
                data=data,
                listen=parse_listen(listen),
                token=given_token(token_file),
                environ=dict(os.environ),
            )
        )
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
