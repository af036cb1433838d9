"""`watchkeep exclude`: time that counts for nothing, through a running watch or in its data folder."""

from collections.abc import Sequence
from pathlib import Path

import click

from slo.cli.client import watch_options
from slo.cli.figures import Document
from slo.cli.labels import labels_in
from slo.cli.output import Part, Table, json_option
from slo.cli.person import person, person_option
from slo.cli.timed import Kind, Timed, state, timed_options, when_words


@click.group(name="exclude")
def command() -> None:
    """Exclude time, such as maintenance, from every figure. Clocks and incidents go on."""


@command.command(name="add")
@click.argument("name", metavar="NAME")
@click.option("--reason", required=True, help="Why this time does not count.")
@click.option("--slo", "slos", multiple=True, metavar="SLO", help="What it is for; all SLOs without it.")
@click.option("--label", "labels", multiple=True, metavar="K=V", help="A label that an SLO must have for it.")
@click.option("--start", required=True, metavar="TIME", help="As 2026-03-01T02:00:00Z, or in the time of --zone.")
@timed_options
@click.option("--silence", is_flag=True, help="Tell nobody of these alerts meanwhile either.")
@person_option
@watch_options
@json_option
def add_exclusion(
    name: str,
    slos: Sequence[str],
    labels: Sequence[str],
    by: str | None,
    url: str | None,
    token_file: Path | None,
    data: Path | None,
    *,
    as_json: bool,
    **given: str | bool | None,
) -> None:
    """Exclude time under NAME, past time as well: figures change at once."""
    written = {key: value for key, value in given.items() if value is not None}
    keys = {"name": name, "author": person(by), "slos": list(slos), "labels": labels_in(labels), **written}
    Timed(Kind.EXCLUSIONS, _parts, url=url, token_file=token_file, data=data).add(keys, as_json=as_json)


@command.command(name="list")
@watch_options
@json_option
def list_exclusions(url: str | None, token_file: Path | None, data: Path | None, *, as_json: bool) -> None:
    """List the exclusions in force."""
    timed = Timed(Kind.EXCLUSIONS, _parts, url=url, token_file=token_file, data=data)
    timed.show(lambda _exclusion: True, as_json=as_json)


@command.command(name="withdraw")
@click.argument("name", metavar="NAME")
@click.option("--why", default="", help="What the journal says about it.")
@person_option
@watch_options
@json_option
def withdraw_exclusion(
    name: str, why: str, by: str | None, url: str | None, token_file: Path | None, data: Path | None, *, as_json: bool
) -> None:
    """Take an exclusion back: its time counts again."""
    timed = Timed(Kind.EXCLUSIONS, _parts, url=url, token_file=token_file, data=data)
    timed.end(name, by=by, why=why, told=f"{name} is taken back: its time counts again.", as_json=as_json)


def _parts(exclusions: Sequence[Document]) -> list[Part]:
    if not exclusions:
        return ["Nothing is excluded."]
    rows = [
        (
            each["name"],
            state(each),
            when_words(each),
            ", ".join([*each["slos"], *(f"{label}={value}" for label, value in each["labels"].items())]) or "all",
            each["author"],
            each["reason"],
        )
        for each in exclusions
    ]
    return [Table(columns=("name", "state", "when", "slos", "author", "reason"), rows=rows)]
