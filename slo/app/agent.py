"""`watchkeep agent`: start on a node, report or judge alone, and stop in order."""

import socket
from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path

import uvloop

from daemonset.api_client import APIClient
from daemonset.node import Node
from daemonset.service_account import ServiceAccount
from slo.app.descriptors import connections_of, take_all
from slo.app.found import NEAR
from slo.app.heap import share_one_heap
from slo.app.process import stand
from slo.app.reporting_agent import FORWARDER, AgentPlace, ReportingAgent
from slo.app.settling import settle
from slo.config.load import load
from slo.config.settings import Settings
from slo.config.source import files
from slo.errors import StoreError, UsageError
from slo.exposition.agent_catalogue import AgentTelemetry
from slo.kinds import Kinds
from slo.net.context import Context
from slo.runner.clock import SteadyClock
from slo.store.folder import DataFolder
from slo.web.access import Listen, refuse_unsafe
from slo.web.server import Limits

DOWNWARD = "set NODE_NAME from the downward API (fieldPath: spec.nodeName), or give --node"


@dataclass(frozen=True, kw_only=True, slots=True)
class Options:
    """How an agent is started. An empty `token` means the one in the data folder.

    `node` is the name of its node, empty where it is on none of a cluster. `api_server` is where the API server is,
    None for the one of the pod; `service_account` is the folder with the files of the pod's service account.
    """

    config: Path
    data: Path
    listen: Listen
    token: str
    environ: Mapping[str, str]
    node: str
    api_server: str | None
    service_account: Path


def run(options: Options) -> None:
    """Work until SIGTERM or SIGINT. Raises ConfigError, UsageError or StoreError where it cannot begin."""
    share_one_heap()
    kinds = Kinds.installed()
    settings = load(options.config, kinds, options.environ)
    _refuse_idle(settings)
    try:
        folder = DataFolder(options.data)
    except StoreError as error:
        raise UsageError(str(error)) from error
    with folder:
        uvloop.run(_report(options, folder, settings, kinds))


async def _report(options: Options, folder: DataFolder, settings: Settings, kinds: Kinds) -> None:
    token = options.token or folder.token()
    refuse_unsafe(options.listen, token)
    limits = Limits(connections=connections_of(take_all()))
    telemetry, clock = AgentTelemetry(), SteadyClock()
    telemetry.build_info.labels(version("watchkeep")).set(1)
    context = Context.default(clock)
    node = _node(options, settings, context, telemetry)
    name = options.node or socket.gethostname()
    place = AgentPlace(name=name, config=options.config, environ=options.environ, kinds=kinds, folder=folder)
    agent = ReportingAgent(
        place,
        settings,
        node=node,
        context=replace(context, pods=node.pods) if node else context,
        clock=clock,
        telemetry=telemetry,
    )
    await agent.open()
    settle()
    checks = len(agent.settings.checks)

    def hello(listening: Listen) -> str:
        where = f" on the node {node.name}" if node else ""
        return f"agent {agent.name}{where}: {checks} checks, reporting to {agent.reports_to}, at http://{listening}"

    await stand(
        agent,
        (),
        files=lambda: {*agent.settings.files, *files(options.config, lambda *_: None)},
        hello=hello,
        listen=options.listen,
        token=token,
        limits=limits,
    )
    await context.close()


def _node(options: Options, settings: Settings, context: Context, telemetry: AgentTelemetry) -> Node | None:
    """The node that the agent is on; None where it is on none, and looks for no pods."""
    near = [check.name for check in settings.checks if any(each.type == NEAR for each in check.discoveries)]
    if not options.node:
        if near:
            raise UsageError(f"{near[0]} looks for pods of a node, and the node has no name: {DOWNWARD}")
        return None
    account = ServiceAccount.of_pod(options.environ, options.service_account, url=options.api_server)
    client = APIClient(account, context)
    return Node(client, options.node, clock=context.clock, telemetry=telemetry.cluster)


def _refuse_idle(settings: Settings) -> None:
    own = settings.run_by("agents")
    if not own.checks and not own.scrapes:
        raise UsageError("nothing in this configuration is run by agents: write `run_by: agents` where they shall")
    forwarders = [entry.name for entry in settings.forwarders if entry.type == FORWARDER]
    if len(forwarders) > 1:
        raise UsageError(f"agents report to one watch: leave one of the forwarders {', '.join(forwarders)} out")
