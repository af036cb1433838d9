"""`watchkeep agent`: start on a node, report or judge alone, and stop in order."""

import socket
from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Protocol

import uvloop

from daemonset.api_client import APIClient
from daemonset.node import Node
from daemonset.service_account import ServiceAccount
from slo.app.descriptors import connections_of, take_all
from slo.app.found import NEAR
from slo.app.heap import share_one_heap
from slo.app.process import Process, stand
from slo.app.reporting_agent import FORWARDER, AgentPlace, ReportingAgent, entries_of
from slo.app.settling import settle
from slo.config.load import load
from slo.config.settings import Settings
from slo.config.source import files
from slo.errors import StoreError, UsageError
from slo.exposition.agent_catalogue import AgentTelemetry, ClusterTelemetry
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
        uvloop.run(_work(options, folder, settings, kinds))


class Agent(Process, Protocol):
    """An agent, whether it reports or judges alone."""

    @property
    def settings(self) -> Settings:
        """What it goes by."""

    async def open(self) -> None:
        """Read what it needs to begin."""

    async def leave(self) -> None:
        """Have others take over what is ours."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Start:
    """What an agent is made of."""

    options: Options
    folder: DataFolder
    settings: Settings
    kinds: Kinds
    clock: SteadyClock
    context: Context


async def _work(options: Options, folder: DataFolder, settings: Settings, kinds: Kinds) -> None:
    token = options.token or folder.token()
    refuse_unsafe(options.listen, token)
    limits = Limits(connections=connections_of(take_all()))
    clock = SteadyClock()
    context = Context.default(clock)
    start = _Start(options=options, folder=folder, settings=settings, kinds=kinds, clock=clock, context=context)
    reports = any(entry.type == FORWARDER for entry in settings.forwarders)
    agent, does = _reporting(start) if reports else _alone(start)
    agent.telemetry.build_info.labels(version("watchkeep")).set(1)
    await agent.open()
    settle()
    where = f" of the node {options.node}" if options.node else ""
    await stand(
        agent,
        (),
        files=lambda: {*agent.settings.files, *files(options.config, lambda *_: None)},
        leave=agent.leave,
        hello=lambda listening: f"agent{where}, {does} at http://{listening} (data in {options.data})",
        listen=options.listen,
        token=token,
        limits=limits,
    )
    await context.close()


def _reporting(start: _Start) -> tuple[Agent, str]:
    options, settings = start.options, start.settings
    telemetry = AgentTelemetry()
    name = options.node or socket.gethostname()
    node = _node(options, settings, start.context, telemetry.cluster)
    place = AgentPlace(
        name=name, config=options.config, environ=options.environ, kinds=start.kinds, folder=start.folder
    )
    agent = ReportingAgent(
        place,
        settings,
        node=node,
        clock=start.clock,
        context=_with_pods(start.context, node),
        telemetry=telemetry,
    )
    return agent, f"reporting to {agent.reports_to},"


def _alone(start: _Start) -> tuple[Agent, str]:
    options, settings = start.options, start.settings
    from slo.app.alone import alone  # here: an agent that reports has no need of what judges
    from slo.app.lone_agent import LoneAgent
    from slo.app.place import Place
    from slo.exposition.catalogue import Telemetry

    telemetry = Telemetry()
    node = _node(options, settings, start.context, ClusterTelemetry(telemetry.registry))
    place = Place(config=options.config, environ=options.environ, kinds=start.kinds, folder=start.folder, narrow=alone)
    agent = LoneAgent(
        place,
        alone(settings),
        node=node,
        clock=start.clock,
        context=_with_pods(start.context, node),
        telemetry=telemetry,
    )
    return agent, "judging alone"


def _with_pods(context: Context, node: Node | None) -> Context:
    return replace(context, pods=node.pods) if node else context


def _node(options: Options, settings: Settings, context: Context, telemetry: ClusterTelemetry) -> Node | None:
    """The node that the agent is on; None where it is in no cluster, and looks for no pods."""
    near = [check.name for check in settings.checks if any(each.type == NEAR for each in check.discoveries)]
    following = [entry.name for entry in entries_of(settings)]
    if (near or following) and not options.node:
        does = f"{near[0]} looks for" if near else f"{following[0]} gets logs of"
        raise UsageError(f"{does} pods of a node, and the node has no name: {DOWNWARD}")
    in_cluster = options.api_server or "KUBERNETES_SERVICE_HOST" in options.environ
    if not near and not following and not (options.node and in_cluster):
        return None
    account = ServiceAccount.of_pod(options.environ, options.service_account, url=options.api_server)
    namespace = account.namespace or options.environ.get("POD_NAMESPACE", "")
    if not namespace:
        raise UsageError("the namespace of the agent is not known: set POD_NAMESPACE")
    return Node(APIClient(account, context), options.node, namespace, clock=context.clock, telemetry=telemetry)


def _refuse_idle(settings: Settings) -> None:
    own = settings.run_by("agents")
    if not own.checks and not own.scrapes and not entries_of(settings):
        raise UsageError("nothing in this configuration is run by agents: write `run_by: agents` where they shall")
