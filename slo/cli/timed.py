"""What is in force at times, in commands: the options that say when, and the words for documents of the API."""

from collections.abc import Callable
from typing import TypeVar

import click

from slo.cli.figures import Document
from slo.cli.output import Cell, Tone

Command = TypeVar("Command", bound=Callable[..., object])


def timed_options(command: Command) -> Command:
    """The options that say until when, and how often; their names are keys of the API."""
    for option in (
        click.option("--until", metavar="TIME", help="With --rule: the last day, or the last time that one may begin."),
        click.option("--zone", metavar="ZONE", help="The time zone of times without an offset, as Europe/London."),
        click.option("--rule", metavar="RRULE", help="When it occurs again, as FREQ=WEEKLY;BYDAY=SU."),
        click.option("--duration", metavar="LENGTH", help="How long it lasts, as 2h."),
        click.option("--end", metavar="TIME", help="When it ends; or --duration."),
    ):
        command = option(command)
    return command


def state(document: Document) -> Cell:
    """Whether it is in force now, will be, or was."""
    if document["active"]:
        return Cell("now", Tone.BURNING)
    return Cell("ahead" if document["next"] else "over", Tone.FAINT)


def when_words(document: Document) -> str:
    """From when to when, or by which rule and when next."""
    if "rule" not in document:
        return f"{document['start']} to {document['end']}"
    following = document["next"]
    return f"{document['rule']} {document['zone']}" + (f", next {following['start']}" if following else "")
