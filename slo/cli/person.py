"""Who does what a command does: a person, by name."""

import getpass
from collections.abc import Callable
from typing import TypeVar

import click

from slo.errors import UsageError

Command = TypeVar("Command", bound=Callable[..., object])


def person_option(command: Command) -> Command:
    """The option that names a person; the command takes it as `by`, None where it is not given."""
    option = click.option("--by", metavar="NAME", help="Who does it; your login name without it.")
    return option(command)


def person(by: str | None) -> str:
    """The name of the person. Raises UsageError where there is none."""
    if by:
        return by
    try:
        return getpass.getuser()
    except (KeyError, OSError) as error:
        raise UsageError("this user has no login name: say who you are with --by NAME") from error
