"""A process at work: served, told by signals what to do, and ended in order."""

import asyncio
import logging
import signal
from collections.abc import Awaitable, Callable, Collection, Iterable
from pathlib import Path
from typing import Protocol

import click
from aiohttp import web

from slo.app.rotation import Rotation
from slo.core.protocols import Clock
from slo.errors import ConfigError, WatchkeepError
from slo.web.access import Listen
from slo.web.served import Served
from slo.web.server import Limits, serving

SHUTDOWN_SECONDS = 10.0
"""How long a shutdown may take to deliver what waits; what does not go out is sent after the next start."""

REFUSED = "the new configuration is refused, the old one stays"

logger = logging.getLogger(__name__)


class Process(Served, Protocol):
    """What is at work."""

    @property
    def clock(self) -> Clock:
        """The time that it goes by."""

    async def run(self) -> None:
        """Work until cancelled."""

    async def close(self, deadline_seconds: float) -> None:
        """Begin nothing new, and send what can be sent before the deadline."""

    async def reload(self) -> None:
        """Read the configuration anew. Raises WatchkeepError; the one in force stays then."""


async def stand(
    process: Process,
    routes: Iterable[web.RouteDef],
    *,
    files: Callable[[], Collection[Path]],
    leave: Callable[[], Awaitable[None]] | None = None,
    hello: Callable[[Listen], str],
    listen: Listen,
    token: str,
    limits: Limits,
) -> None:
    """Serve it and have it work until SIGTERM or SIGINT, or until it fails, which is raised.

    SIGHUP has it read its configuration anew, and so has a change of one of its `files`. `hello` is what people are
    told once it is served; `leave` is called before it stops.
    """
    stop = asyncio.Event()
    _listen_for_signals(stop, process)
    rotation = Rotation(files, lambda: _reload(process), clock=process.clock)
    async with serving(process, routes, token=token, listen=listen, limits=limits) as listening:
        working = asyncio.create_task(process.run(), name="work")
        following = asyncio.create_task(rotation.run(), name="rotation")
        click.echo(hello(listening))
        stopping = asyncio.create_task(stop.wait())
        await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        following.cancel()
        if not working.done():
            logger.info("stopping")
            if leave is not None:
                await leave()
            working.cancel()
        results = await asyncio.gather(working, following, return_exceptions=True)
        await process.close(SHUTDOWN_SECONDS)
    if isinstance(results[0], Exception):
        raise results[0]
    logger.info("stopped")


def _listen_for_signals(stop: asyncio.Event, process: Process) -> None:
    loop = asyncio.get_running_loop()
    reloads: set[asyncio.Task[None]] = set()

    def reload() -> None:
        task = asyncio.create_task(_reload(process))
        reloads.add(task)
        task.add_done_callback(reloads.discard)

    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop.set)
    loop.add_signal_handler(signal.SIGHUP, reload)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGHUP})


async def _reload(process: Process) -> None:
    try:
        await process.reload()
    except WatchkeepError as error:
        _refuse(error)
    except Exception:
        logger.exception(REFUSED)


def _refuse(error: WatchkeepError) -> None:
    for fault in error.faults if isinstance(error, ConfigError) else (error,):
        logger.error(REFUSED, extra={"fault": str(fault)})
