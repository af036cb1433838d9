"""What the commands have in common whose process serves: their options, how they load, and who heeds SIGHUP."""

import contextlib
import gc
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click

from slo.cli.client import DEFAULT_DATA
from slo.config.garbage import garbage_kept

Command = Callable[..., Any]

_FILE = click.Path(path_type=Path)

_OPTIONS = (
    click.option("-c", "--config", required=True, type=_FILE, help="A file or a folder of YAML."),
    click.option("--listen", default="127.0.0.1:9990", show_default=True, metavar="HOST:PORT", help="Where to serve."),
    click.option(
        "--data", default=DEFAULT_DATA, show_default=True, type=_FILE, help="The data folder; made if it is missing."
    ),
    click.option("--token-file", type=_FILE, help="Holds the token that requests need, instead of the data folder."),
    click.option(
        "--log-level", default="info", show_default=True, type=click.Choice(("debug", "info", "warning", "error"))
    ),
)


def serving_options(command: Command) -> Command:
    """Give a command the options `config`, `listen`, `data`, `token_file` and `log_level`."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


@contextlib.contextmanager
def modules_kept() -> Iterator[None]:
    """A block that imports what stays: whether it is garbage is not asked, now or later, for a sixth of the start."""
    with garbage_kept():
        yield
        gc.freeze()


@contextlib.contextmanager
def hangups_waiting() -> Iterator[None]:
    """A block in which SIGHUP waits until somebody can heed it."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
