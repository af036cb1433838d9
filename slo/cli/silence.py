"""`watchkeep silence`: alerts that nobody is told of for a time, through a running watch or in its data folder."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import click

from slo.cli.client import watch_options
from slo.cli.figures import Document
from slo.cli.output import Part, Table, json_option
from slo.cli.person import person, person_option
from slo.cli.timed import Kind, Timed, state, timed_options, when_words
from slo.errors import UsageError


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
    Timed(Kind.SILENCES, _parts, url=url, token_file=token_file, data=data).add(keys, as_json=as_json)


@command.command(name="list")
@click.option("--all", "everything", is_flag=True, help="Those that are over as well.")
@watch_options
@json_option
def list_silences(
    url: str | None, token_file: Path | None, data: Path | None, *, everything: bool, as_json: bool
) -> None:
    """List the silences that are in force now, or will be."""
    timed = Timed(Kind.SILENCES, _parts, url=url, token_file=token_file, data=data)
    timed.show(lambda silence: everything or silence["next"], as_json=as_json)


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
    timed = Timed(Kind.SILENCES, _parts, url=url, token_file=token_file, data=data)
    timed.end(name, by=by, why=why, told=f"{name} is ended: what still fires is told.", as_json=as_json)


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
