"""`watchkeep run`: the process that stands the watch."""

import os
from pathlib import Path

import click

from slo.cli.serving import hangups_waiting, modules_kept, serving_options


@click.command(name="run")
@serving_options
def command(*, config: Path, listen: str, data: Path, token_file: Path | None, log_level: str) -> None:
    """Stand the watch: probe, judge, page, until SIGTERM or Ctrl-C.

    SIGHUP reads the configuration anew. The token for changes is WATCHKEEP_TOKEN, or in --token-file, or else in the
    file `token` of the data folder, which is made at the first start.
    """
    with hangups_waiting():
        with modules_kept():
            from slo.app.logs import configure
            from slo.app.run import Options, run
            from slo.cli.client import given_token
            from slo.web.access import parse_listen
        configure(log_level)
        run(
            Options(
                config=config,
                data=data,
                listen=parse_listen(listen),
                token=given_token(token_file),
                environ=dict(os.environ),
            )
        )
