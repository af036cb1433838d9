"""`watchkeep run`: start, serve, and stop in order."""

import logging
from collections.abc import Mapping, Sized
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import uvloop

from slo.app.descriptors import connections_of, take_all
from slo.app.heap import share_one_heap
from slo.app.place import Place
from slo.app.process import stand
from slo.app.settling import settle
from slo.app.watch import RunningWatch
from slo.config.load import load
from slo.config.settings import Settings
from slo.errors import StoreError, UsageError
from slo.exposition.catalogue import Telemetry
from slo.kinds import Kinds
from slo.net.context import Context
from slo.runner.clock import SteadyClock
from slo.store.folder import DataFolder
from slo.web.access import Listen, refuse_unsafe
from slo.web.routes import routes_of
from slo.web.server import Limits

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Options:
    """How a watch is started. An empty `token` means the one in the data folder."""

    config: Path
    data: Path
    listen: Listen
    token: str
    environ: Mapping[str, str]


def run(options: Options) -> None:
    """Stand the watch until SIGTERM or SIGINT. Raises ConfigError, UsageError or StoreError where it cannot begin."""
    share_one_heap()
    kinds = Kinds.installed()
    settings = load(options.config, kinds, options.environ)
    with _folder(options.data) as folder:
        place = Place(config=options.config, environ=options.environ, kinds=kinds, folder=folder)
        uvloop.run(_stand(options, place, settings))


def _folder(path: Path) -> DataFolder:
    try:
        return DataFolder(path)
    except StoreError as error:
        raise UsageError(str(error)) from error


async def _stand(options: Options, place: Place, settings: Settings) -> None:
    token = options.token or place.folder.token()
    refuse_unsafe(options.listen, token)
    limits = Limits(connections=connections_of(take_all()))
    telemetry, clock = Telemetry(), SteadyClock()
    telemetry.build_info.labels(version("watchkeep")).set(1)
    context = Context.default(clock)
    watch = RunningWatch(place, settings, clock=clock, telemetry=telemetry, context=context)
    await watch.open()
    for fault in settings.warnings:
        logger.warning("the configuration has a warning", extra={"warning": str(fault)})
    agents = settings.run_by("agents")
    if settings.agents_token is None and (agents.checks or agents.scrapes):
        logger.warning("some checks are run by agents, and none may report to this watch: set `token` under `agents`")
    if settings.slos and not settings.destinations:
        logger.warning("there are no destinations: nobody is told when a budget burns")
    settle()

    def hello(listening: Listen) -> str:
        return (
            f"watching {_watched(settings)} and {_count(settings.slos, 'SLO')}{_answering(settings)} "
            f"at http://{listening} (data in {options.data})"
        )

    await stand(
        watch,
        routes_of(watch, body_seconds=limits.body_seconds),
        files=lambda: watch.settings.files,
        hello=hello,
        listen=options.listen,
        token=token,
        limits=limits,
    )
    await context.close()


def _watched(settings: Settings) -> str:
    """`3 probes, 1 scrape`: what is looked at, without what there is none of."""
    kinds = {
        "probe": settings.probes,
        "collector": settings.collectors,
        "scrape": settings.scrapes,
        "server": settings.servers,
    }
    return ", ".join(_count(things, kind) for kind, things in kinds.items() if things) or "nothing"


def _answering(settings: Settings) -> str:
    """`, answering /probe by 2 modules`, where there are any."""
    return f", answering /probe by {_count(settings.modules, 'module')}" if settings.modules else ""


def _count(things: Sized, name: str) -> str:
    return f"{len(things)} {name}{'' if len(things) == 1 else 's'}"
