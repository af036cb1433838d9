"""`watchkeep agent`: the process that checks what runs on a node."""

import os
from pathlib import Path

import click

from slo.cli.serving import hangups_waiting, modules_kept, serving_options

SERVICE_ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"


@click.command(name="agent")
@serving_options
@click.option("--node", envvar="NODE_NAME", default="", help="The name of the node. Default: NODE_NAME.")
@click.option("--api-server", metavar="URL", help="Where the API server is. Default: as the pod's environment says.")
@click.option(
    "--service-account",
    default=SERVICE_ACCOUNT,
    show_default=True,
    type=click.Path(path_type=Path),
    help="The folder with the token of the service account.",
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
    with hangups_waiting():
        with modules_kept():
            from slo.app.agent import Options, run
            from slo.app.logs import configure
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
                node=node,
                api_server=api_server,
                service_account=service_account,
            )
        )
