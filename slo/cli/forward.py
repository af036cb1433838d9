"""`watchkeep forward`: the spools of the forwarders and their dead letters."""

import contextlib
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Protocol
from urllib.parse import quote

import click

from slo.cli.client import Client, understood, watch_options
from slo.cli.context import named
from slo.cli.figures import Document
from slo.cli.output import Cell, Part, Table, Tone, emit, json_option
from slo.cli.place import watch_or_folder
from slo.errors import StoreBusy, StoreError, UsageError
from slo.web.words import lasting

if TYPE_CHECKING:
    from slo.store.spool import SpoolFile

PATH = "/api/v1/forwarders"

EXCERPT = 120
"""How much of a text a table shows, in characters; --json shows more."""


class Spools(Protocol):
    """Where the spools are; each answer is a document of the API."""

    where: str

    def listed(self) -> Document: ...
    def shown(self, name: str) -> Document: ...
    def retry(self, name: str) -> Document: ...
    def discard(self, name: str) -> Document: ...


@click.group(name="forward")
def command() -> None:
    """Look at what waits to be forwarded, and at what was refused."""


@command.command(name="status")
@click.argument("name", metavar="[NAME]", required=False)
@watch_options
@json_option
def status(name: str | None, url: str | None, token_file: Path | None, data: Path | None, *, as_json: bool) -> None:
    """Show every forwarder, or the one called NAME with what it could not deliver and why."""
    with _spools(url, token_file, data) as spools:
        if name is None:
            document = spools.listed()
            parts = understood(spools.where, lambda: _table(document["forwarders"]))
        else:
            document = spools.shown(name)
            parts = understood(spools.where, lambda: [*_table([document]), *_letters(document["letters"])])
    emit(document, *parts, as_json=as_json)


@command.command(name="retry")
@click.argument("name", metavar="NAME")
@watch_options
@json_option
def retry(name: str, url: str | None, token_file: Path | None, data: Path | None, *, as_json: bool) -> None:
    """Send everything again that the other side refused, once it can take it."""
    with _spools(url, token_file, data) as spools:
        document = spools.retry(name)
        count = understood(spools.where, lambda: int(document["retried"]))
    emit(document, f"{_records(count)} will be sent again to {name}.", as_json=as_json)


@command.command(name="discard")
@click.argument("name", metavar="NAME")
@watch_options
@json_option
def discard(name: str, url: str | None, token_file: Path | None, data: Path | None, *, as_json: bool) -> None:
    """Forget everything that the other side refused, where it will never take it."""
    with _spools(url, token_file, data) as spools:
        document = spools.discard(name)
        count = understood(spools.where, lambda: int(document["discarded"]))
    emit(document, f"{_records(count)} that {name} refused {'is' if count == 1 else 'are'} forgotten.", as_json=as_json)


class _Remote:
    """Those of a running watch."""

    def __init__(self, client: Client) -> None:
        self.where = client.url
        self._client = client

    def listed(self) -> Document:
        return self._client.get(PATH)

    def shown(self, name: str) -> Document:
        return self._client.get(f"{PATH}/{quote(name, safe='')}")

    def retry(self, name: str) -> Document:
        return self._act(name, "retry")

    def discard(self, name: str) -> Document:
        return self._act(name, "discard")

    def _act(self, name: str, action: str) -> Document:
        return self._client.post(f"{PATH}/{quote(name, safe='')}", {"action": action})


class _Kept:
    """Those in a data folder that no watch runs on."""

    def __init__(self, data: Path) -> None:
        self.where = str(data)
        self._paths = {path.stem: path for path in sorted((data / "spools").glob("*.spool"))}

    def listed(self) -> Document:
        from slo.web.forwarders import forwarder_document, spool_state, unreadable

        now = datetime.now(UTC)
        states = []
        for name in self._paths:
            try:
                with self._opened(name) as file:
                    states.append(spool_state(name, file))
            except StoreError as error:
                states.append(unreadable(name, error))
        return {"forwarders": [forwarder_document(state, now) for state in states]}

    def shown(self, name: str) -> Document:
        from slo.web.forwarders import spool_state, with_letters

        with self._opened(name) as file:
            return with_letters(spool_state(name, file), datetime.now(UTC))

    def retry(self, name: str) -> Document:
        with self._opened(name) as file:
            return {"name": name, "retried": file.retry()}

    def discard(self, name: str) -> Document:
        with self._opened(name) as file:
            return {"name": name, "discarded": sum(file.dead.discard().values())}

    @contextlib.contextmanager
    def _opened(self, name: str) -> "Iterator[SpoolFile]":
        from slo.store.database import Database
        from slo.store.spool import SpoolFile

        path = named(name, self._paths, "spool")
        with contextlib.closing(SpoolFile(path, opened=Database)) as file:  # a damaged one is for the watch to replace
            yield file


@contextlib.contextmanager
def _spools(url: str | None, token_file: Path | None, data: Path | None) -> Iterator[Spools]:
    """The spools of the watch, or of the data folder, that the options name. That of an agent has no journal."""
    if data is not None and url is None and token_file is None and _is_of_agent(data):
        from slo.store.folder import DataFolder

        try:
            folder = DataFolder(data)
        except StoreBusy as error:
            raise UsageError(f"--data {error}") from error
        with folder:
            yield _Kept(data)
        return
    with watch_or_folder(url, token_file, data, _Remote) as place:
        yield place if isinstance(place, _Remote) else _Kept(Path(place.where))


def _is_of_agent(data: Path) -> bool:
    return (data / "spools").is_dir() and not (data / "journal.db").exists()


def _table(forwarders: Sequence[Document]) -> list[Part]:
    if not forwarders:
        return ["There are no forwarders."]
    rows = []
    for each in forwarders:
        waiting, dead = sum(each["waiting"].values()), sum(each["dead"].values())
        age = each["oldest_age_seconds"]
        rows.append(
            (
                each["name"],
                each["type"] or "",
                each["to"] or "",
                str(waiting),
                "" if age is None else lasting(timedelta(seconds=age)),
                f"{each['size_bytes'] / 1e6:.1f} MB",
                Cell(str(dead), Tone.DOWN) if dead else "0",
                each["last_success_at"] or "",
                _short(each["last_failure"] or ""),
            )
        )
    columns = ("name", "type", "to", "waiting", "oldest", "size", "dead", "last success", "last failure")
    return [Table(columns=columns, rows=rows, numeric=frozenset({"waiting", "oldest", "size", "dead"}))]


def _records(count: int) -> str:
    return f"{count} record{'' if count == 1 else 's'}"


def _short(text: str) -> str:
    return text if len(text) <= EXCERPT else text[:EXCERPT] + "..."


def _letters(letters: Sequence[Document]) -> list[Part]:
    if not letters:
        return ["Nothing was refused."]
    rows = [
        (
            str(each["number"]),
            each["record"],
            each["at"],
            each["reason"],
            _short(each["detail"]),
            _short(each["body"]),
        )
        for each in letters
    ]
    columns = ("number", "record", "at", "reason", "detail", "body")
    return ["", Table(title="Refused for good", columns=columns, rows=rows, numeric=frozenset({"number"}))]
