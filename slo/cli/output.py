"""What commands print: tables in a terminal, aligned plain text in a pipe, one JSON document with `--json`.

    emit({"slos": [...]}, Table(columns=("slo", "state"), rows=(("gate", Cell("ok", Tone.GOOD)),)), as_json=as_json)

Plain text is never wrapped and has no colour. Control characters of whatever came from outside are escaped.
"""

import itertools
import json
import re
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from fractions import Fraction
from pathlib import PurePath
from typing import TYPE_CHECKING, TypeAlias

import click

from slo.core.duration import duration_name

if TYPE_CHECKING:
    from rich.console import Console

WIDE_COLUMNS = 140
"""How wide a terminal has to be for the widest tables."""

json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
"""The option that every command with a result has; the command takes it as `as_json`."""


class Tone(Enum):
    """How a cell looks in a terminal. The word in the cell says the same without colour."""

    GOOD = "#009e73"
    BURNING = "#e69f00"
    DOWN = "bold #d55e00"
    FAINT = "dim"


@dataclass(frozen=True, slots=True)
class Cell:
    """A text in a table with a tone."""

    text: str
    tone: Tone


@dataclass(frozen=True, slots=True)
class Lines:
    """What a person wrote, with its line breaks; anything else stays on one line, whatever is in it."""

    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Table:
    """Rows under named columns; those named in `numeric` are aligned to the right."""

    columns: Sequence[str]
    rows: Sequence[Sequence[str | Cell | Lines]]
    title: str = ""
    numeric: frozenset[str] = frozenset()


Part: TypeAlias = str | Cell | Table
"""What people read: a line of text, a line with a tone, or a table."""


def emit(document: object, *parts: Part, as_json: bool) -> None:
    """Print the result of a command on stdout: `document` as JSON, or else the parts, one under the other.

    In JSON a time is RFC 3339 in UTC, a `timedelta` a duration as `1h30m`, a Fraction a number; NaN is an error.
    """
    if as_json:
        click.echo(json.dumps(document, default=_plain, allow_nan=False, indent=2, ensure_ascii=False))
        return
    for part in parts:
        if isinstance(part, Table):
            _draw(part) if sys.stdout.isatty() else _align(part)
        else:
            say(part)


def is_narrow() -> bool:
    """Whether stdout is a terminal without room for wide tables."""
    return sys.stdout.isatty() and shutil.get_terminal_size().columns < WIDE_COLUMNS


def emit_line(document: object) -> None:
    """Print one JSON document on one line, at once: for commands that go on."""
    click.echo(json.dumps(document, default=_plain, allow_nan=False, ensure_ascii=False))


def say(line: str | Cell, *, err: bool = False) -> None:
    """Print one line, on stdout or on stderr; whatever is in it, it stays one line."""
    text, tone = (line.text, line.tone) if isinstance(line, Cell) else (line, None)
    if tone and (sys.stderr if err else sys.stdout).isatty():
        _console(err=err).print(_escaped(text), style=tone.value, markup=False, highlight=False, soft_wrap=True)
    else:
        click.echo(_escaped(text), err=err)


def warn(warnings: Iterable[str]) -> None:
    """Print what a person may not have meant on stderr, one line each."""
    for warning in warnings:
        say(Cell(f"warning: {warning}", Tone.BURNING), err=True)


@contextmanager
def progress(what: str) -> Iterator[Callable[[str], None]]:
    """Show `what` with a spinner while the block runs: on a terminal's stderr, and nowhere else.

    What is yielded shows something else from then on: how far it is.
    """
    if not sys.stderr.isatty():
        yield lambda _further: None
        return
    with _console(err=True).status(_escaped(what)) as shown:
        yield lambda further: shown.update(_escaped(further))


def _console(*, err: bool = False) -> "Console":
    from rich.console import Console

    return Console(file=sys.stderr if err else sys.stdout)


def _draw(table: Table) -> None:
    """The table as a terminal shows it; long cells fold inside their column."""
    from rich import box
    from rich.table import Table as Drawn
    from rich.text import Text

    drawn = Drawn(title=_escaped(table.title) or None, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for column in table.columns:
        drawn.add_column(Text(column), justify="right" if column in table.numeric else "left", overflow="fold")
    for row in table.rows:
        drawn.add_row(*(Text("\n".join(_lines(cell)), style=_style(cell)) for cell in row))
    _console().print(drawn)


def _align(table: Table) -> None:
    """The table as plain text, two spaces between columns and none at the ends of lines.

    A cell of several lines goes on below itself, so that nothing that a person wrote looks like another row.
    """
    rows = [[_lines(cell) for cell in row] for row in (table.columns, *table.rows)]
    widths = [max(len(line) for cell in column for line in cell) for column in zip(*rows, strict=True)]
    numeric = [column in table.numeric for column in table.columns]
    if table.title:
        click.echo(_escaped(table.title))
    for row in rows:
        for line in itertools.zip_longest(*row, fillvalue=""):
            cells = (
                cell.rjust(width) if right else cell.ljust(width)
                for cell, width, right in zip(line, widths, numeric, strict=True)
            )
            click.echo("  ".join(cells).rstrip())


def _lines(cell: str | Cell | Lines) -> list[str]:
    """What stands in a cell, line by line."""
    if isinstance(cell, Lines):
        return [_escaped(line) for line in cell.text.splitlines()] or [""]
    return [_escaped(cell.text if isinstance(cell, Cell) else cell)]


def _style(cell: str | Cell | Lines) -> str:
    return cell.tone.value if isinstance(cell, Cell) else ""


_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


def _escaped(text: str) -> str:
    """The text on one line, without anything that a terminal would obey."""
    return _CONTROL.sub(lambda match: match[0].encode("unicode_escape").decode(), text)


def _plain(value: object) -> object:
    """What JSON has no type for."""
    match value:
        case datetime():
            return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
        case timedelta():
            return duration_name(value.total_seconds())
        case Fraction():
            return float(value)
        case PurePath():
            return str(value)
    raise TypeError(f"{type(value).__name__} is nothing that JSON can hold")
