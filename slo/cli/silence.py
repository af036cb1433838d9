"""`watchkeep silence`: alerts that nobody is told of for a time, through a running watch or in its data folder."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol
from urllib.parse import quote

import click

from slo.cli.client import Client, understood, watch_options
from slo.cli.figures import Document
from slo.cli.output import Part, Table, emit, json_option, warn
from slo.cli.person import person, person_option
from slo.cli.place import watch_or_folder
from slo.cli.timed import state, timed_options, when_words
from slo.errors import UsageError

PATH = "/api/v1/silences"


class Silences(Protocol):
    """Where silences are kept, called `where`; each answer is a document of the API."""

    where: str

    def silences(self) -> Document: ...
    def silence(self, keys: Mapping[str, object]) -> Document: ...
    def expire(self, name: str, *, by: str, why: str) -> Document: ...


class Remote:
    """The silences of a running watch."""

    def __init__(self, client: Client) -> None:
        self.where = client.url
        self._client = client

    def silences(self) -> Document:
        """All of them."""
        return self._client.get(PATH)

    def silence(self, keys: Mapping[str, object]) -> Document:
        """The one that was made."""
        return self._client.post(PATH, keys)

    def expire(self, name: str, *, by: str, why: str) -> Document:
        """The one that was ended."""
        return self._client.post(f"{PATH}/{quote(name, safe='')}", {"action": "expire", "by": by, "why": why})


def _silences(url: str | None, token_file: Path | None, data: Path | None) -> AbstractContextManager[Silences]:
    return watch_or_folder(url, token_file, data, Remote)


@click.group(name="silence")
def command() -> None:
    """Tell nobody of some alerts for a time. Their incidents are recorded, and clocks go on."""


@command.command(name="add")
@click.argument("name", metavar="NAME")
@click.option("--match", "match", multiple=True, required=True, metavar="MATCHER", help="As service=gate; all hold.")
@click.option("--reason", required=True, help="Why nobody is to be told.")
@click.option("--start", metavar="TIME", help="When it begins; now without it. As 2026-03-01T02:00:00Z.")
@timed_options
@person_option
@watch_options
@json_option
def add_silence(
    name: str,
    match: Sequence[str],
    by: str | None,
    url: str | None,
    token_file: Path | None,
    data: Path | None,
    *,
    as_json: bool,
    **given: str | None,
) -> None:
    """Silence the alerts that match, under NAME. What still fires at its end pages then."""
    written = {key: value for key, value in given.items() if value is not None}
    start = written.get("start") or _now(written)
    keys = {"name": name, "match": list(match), "owner": person(by), **written, "start": start}
    with _silences(url, token_file, data) as silences:
        document = silences.silence(keys)
        parts = understood(silences.where, lambda: _parts([document]))
        warnings = understood(silences.where, lambda: list(document["warnings"]))
    emit(document, *parts, as_json=as_json)
    warn(warnings)


@command.command(name="list")
@click.option("--all", "everything", is_flag=True, help="Those that are over as well.")
@watch_options
@json_option
def list_silences(
    url: str | None, token_file: Path | None, data: Path | None, *, everything: bool, as_json: bool
) -> None:
    """List the silences that are in force now, or will be."""
    with _silences(url, token_file, data) as silences:
        document = silences.silences()
        shown = understood(
            silences.where, lambda: [each for each in document["silences"] if everything or each["next"]]
        )
        parts = understood(silences.where, lambda: _parts(shown))
    emit({"silences": shown}, *parts, as_json=as_json)


@command.command(name="expire")
@click.argument("name", metavar="NAME")
@click.option("--why", default="", help="What the journal says about it.")
@person_option
@watch_options
@json_option
def expire_silence(
    name: str, why: str, by: str | None, url: str | None, token_file: Path | None, data: Path | None, *, as_json: bool
) -> None:
    """End a silence early: what still fires is told."""
    with _silences(url, token_file, data) as silences:
        document = silences.expire(name, by=person(by), why=why)
        understood(silences.where, lambda: document["name"])
    emit(document, f"{name} is ended: what still fires is told.", as_json=as_json)


def _now(given: Mapping[str, str]) -> str:
    """The start of a silence that begins now. Raises UsageError for a rule, whose start is a time of its zone."""
    if "rule" in given:
        raise UsageError("--rule: write --start too, the first time that it may occur, in the time of --zone")
    return f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _parts(silences: Sequence[Document]) -> list[Part]:
    if not silences:
        return ["Nothing is silenced."]
    rows = [
        (
            each["name"],
            state(each),
            when_words(each),
            ", ".join(each["match"]) or "every SLO",
            each["owner"],
            each["reason"] + (" (with the exclusion)" if each["exclusion"] else ""),
        )
        for each in silences
    ]
    return [Table(columns=("name", "state", "when", "alerts", "owner", "reason"), rows=rows)]
