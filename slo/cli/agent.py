"""`watchkeep agent`: the process that checks what runs on a node."""

import os
import signal
from pathlib import Path

import click

from slo.cli.client import DEFAULT_DATA

SERVICE_ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"


@click.command(name="agent")
@click.option("-c", "--config", required=True, type=click.Path(path_type=Path), help="A file or a folder of YAML.")
@click.option("--listen", default="127.0.0.1:9990", show_default=True, metavar="HOST:PORT", help="Where to serve.")
@click.option(
    "--data",
    default=DEFAULT_DATA,
    show_default=True,
    type=click.Path(path_type=Path),
    help="The data folder, with what waits to be reported; made if it is missing.",
)
@click.option(
    "--token-file",
    type=click.Path(path_type=Path),
    help="Holds the token that readers need, instead of the data folder.",
)
@click.option("--node", envvar="NODE_NAME", default="", help="The name of the node. Default: NODE_NAME.")
@click.option("--api-server", metavar="URL", help="Where the API server is. Default: as the pod's environment says.")
@click.option(
    "--service-account",
    default=SERVICE_ACCOUNT,
    show_default=True,
    type=click.Path(path_type=Path),
    help="The folder with the token of the service account.",
)
@click.option(
    "--log-level", default="info", show_default=True, type=click.Choice(("debug", "info", "warning", "error"))
)
def command(
    *,
    config: Path,
    listen: str,
    data: Path,
    token_file: Path | None,
    node: str,
    api_server: str | None,
    service_account: Path,
    log_level: str,
) -> None:
    """Check what runs on a node: everything that the configuration has with `run_by: agents`.

    With a forwarder `central` every round is reported to the watch there. Without one the agent judges its SLOs by
    itself, and tells nobody. A configuration or a secret that changes on disk is read anew.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})  # it waits until somebody can heed it
    from slo.app.agent import Options, run
    from slo.app.logs import configure
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
                node=node,
                api_server=api_server,
                service_account=service_account,
            )
        )
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
