"""`watchkeep run`: start, serve, and stop in order."""

import asyncio
import contextlib
import ctypes
import logging
import signal
import subprocess
import sys
from collections.abc import Mapping, Sized
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import click
import uvloop

from slo.app.descriptors import connections_of, take_all
from slo.app.place import Place
from slo.app.settling import settle
from slo.app.watch import RunningWatch
from slo.config.load import load
from slo.config.settings import Settings
from slo.errors import ConfigError, StoreError, UsageError, WatchkeepError
from slo.exposition.catalogue import Telemetry
from slo.kinds import Kinds
from slo.net.context import Context
from slo.runner.clock import SteadyClock
from slo.store.folder import DataFolder
from slo.web.access import Listen, refuse_unsafe
from slo.web.routes import routes_of
from slo.web.server import Limits, serving

SHUTDOWN_SECONDS = 10.0
"""How long a shutdown may take to deliver what waits; what does not go out is sent after the next start."""

MALLOC_ARENA_MAX = -8
"""The number of this setting in glibc's malloc.h."""

REFUSED = "the new configuration is refused, the old one stays"

CHILD_SECONDS = 30.0

MAKE_JOURNAL = """
import sys
from pathlib import Path
from slo.exposition.catalogue import Telemetry
from slo.store.journal import Journal

Journal(Path(sys.argv[1]), telemetry=Telemetry()).close()
"""

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
    _share_one_heap()
    kinds = Kinds.installed()
    settings = load(options.config, kinds, options.environ)
    with _folder(options.data) as folder:
        _make_journal(folder.journal)
        place = Place(config=options.config, environ=options.environ, kinds=kinds, folder=folder)
        uvloop.run(_stand(options, place, settings))


def _folder(path: Path) -> DataFolder:
    try:
        return DataFolder(path)
    except StoreError as error:
        raise UsageError(str(error)) from error


def _share_one_heap() -> None:
    """Have all threads use one heap: they hold counts for a moment only, and each heap of their own stays resident."""
    with contextlib.suppress(OSError, AttributeError):  # another C library has no such setting
        ctypes.CDLL(None).mallopt(MALLOC_ARENA_MAX, 1)


def _make_journal(path: Path) -> None:
    """Have a child make a journal that is not there yet: the migrations take memory that is never needed again.

    Where the child fails, the watch makes the journal itself, and says what is wrong.
    """
    if path.exists():
        return
    with contextlib.suppress(OSError, subprocess.TimeoutExpired):
        subprocess.run(
            [sys.executable, "-c", MAKE_JOURNAL, str(path)], timeout=CHILD_SECONDS, check=False, capture_output=True
        )


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
    if settings.slos and not settings.destinations:
        logger.warning("there are no destinations: nobody is told when a budget burns")
    stop = asyncio.Event()
    _listen_for_signals(stop, watch)
    settle()
    routes = routes_of(watch, body_seconds=limits.body_seconds)
    async with serving(watch, routes, token=token, listen=options.listen, limits=limits) as listening:
        working = asyncio.create_task(watch.run(), name="watch")
        click.echo(
            f"watching {_watched(settings)} and {_count(settings.slos, 'SLO')}{_answering(settings)} "
            f"at http://{listening} (data in {options.data})"
        )
        stopping = asyncio.create_task(stop.wait())
        await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if not working.done():
            logger.info("stopping")
            working.cancel()
        results = await asyncio.gather(working, return_exceptions=True)
        await watch.close(SHUTDOWN_SECONDS)
    await context.close()
    if isinstance(results[0], Exception):
        raise results[0]
    logger.info("stopped")


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


def _listen_for_signals(stop: asyncio.Event, watch: RunningWatch) -> None:
    loop = asyncio.get_running_loop()
    reloads: set[asyncio.Task[None]] = set()

    def reload() -> None:
        task = asyncio.create_task(_reload(watch))
        reloads.add(task)
        task.add_done_callback(reloads.discard)

    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop.set)
    loop.add_signal_handler(signal.SIGHUP, reload)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGHUP})


async def _reload(watch: RunningWatch) -> None:
    try:
        await watch.reload()
    except WatchkeepError as error:
        _refuse(error)
    except Exception:
        logger.exception(REFUSED)


def _refuse(error: WatchkeepError) -> None:
    for fault in error.faults if isinstance(error, ConfigError) else (error,):
        logger.error(REFUSED, extra={"fault": str(fault)})
