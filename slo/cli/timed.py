"""What is in force at times, in commands: silences and exclusions, which are listed, made and ended alike."""

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import Enum
from pathlib import Path
from typing import Protocol, TypeVar
from urllib.parse import quote

import click

from slo.cli.client import Client, understood
from slo.cli.figures import Document
from slo.cli.output import Cell, Part, Tone, emit, warn
from slo.cli.person import person
from slo.cli.place import watch_or_folder

Command = TypeVar("Command", bound=Callable[..., object])


class Kind(Enum):
    """Silences, or exclusions: how the API calls them, and what ends one early."""

    SILENCES = ("silences", "expire")
    EXCLUSIONS = ("exclusions", "withdraw")

    @property
    def key(self) -> str:
        """The last part of its path, and the key under which they are listed."""
        return self.value[0]

    @property
    def ending(self) -> str:
        """The action that ends one."""
        return self.value[1]


class Entries(Protocol):
    """Where those of one kind are kept, called `where`; each answer is a document of the API."""

    where: str

    def listed(self) -> Document: ...
    def add(self, keys: Mapping[str, object]) -> Document: ...
    def end(self, name: str, *, by: str, why: str) -> Document: ...


class Remote:
    """Those of a running watch."""

    def __init__(self, client: Client, kind: Kind) -> None:
        self.where = client.url
        self._client = client
        self._ending = kind.ending
        self._path = f"/api/v1/{kind.key}"

    def listed(self) -> Document:
        """All of them."""
        return self._client.get(self._path)

    def add(self, keys: Mapping[str, object]) -> Document:
        """The one that was made."""
        return self._client.post(self._path, keys)

    def end(self, name: str, *, by: str, why: str) -> Document:
        """The one that was ended."""
        return self._client.post(f"{self._path}/{quote(name, safe='')}", {"action": self._ending, "by": by, "why": why})


class Timed:
    """Those of one kind where the options of `watch_options` say; `parts` shows documents of them to people."""

    def __init__(
        self,
        kind: Kind,
        parts: Callable[[Sequence[Document]], list[Part]],
        *,
        url: str | None,
        token_file: Path | None,
        data: Path | None,
    ) -> None:
        self._kind = kind
        self._parts = parts
        self._place = url, token_file, data

    def show(self, wanted: Callable[[Document], object], *, as_json: bool) -> None:
        """Print those that are wanted."""
        with self._entries() as entries:
            document = entries.listed()
            shown = understood(entries.where, lambda: [each for each in document[self._kind.key] if wanted(each)])
            parts = understood(entries.where, lambda: self._parts(shown))
        emit({self._kind.key: shown}, *parts, as_json=as_json)

    def add(self, keys: Mapping[str, object], *, as_json: bool) -> None:
        """Make one and print it, and what may not have been meant by it."""
        with self._entries() as entries:
            document = entries.add(keys)
            parts = understood(entries.where, lambda: self._parts([document]))
            warnings = understood(entries.where, lambda: list(document["warnings"]))
        emit(document, *parts, as_json=as_json)
        warn(warnings)

    def end(self, name: str, *, by: str | None, why: str, told: str, as_json: bool) -> None:
        """End one, and say what was `told` to follow."""
        with self._entries() as entries:
            document = entries.end(name, by=person(by), why=why)
            understood(entries.where, lambda: document["name"])
        emit(document, told, as_json=as_json)

    @contextlib.contextmanager
    def _entries(self) -> Iterator[Entries]:
        with watch_or_folder(*self._place, lambda client: Remote(client, self._kind)) as place:
            yield place if isinstance(place, Remote) else place.entries(self._kind)


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
