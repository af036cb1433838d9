"""`watchkeep audit`: the journal's chain is checked, and its events handed out, also while a watch runs."""

import re
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from slo.cli.client import DEFAULT_DATA, PATH
from slo.cli.context import moment
from slo.cli.output import Part, emit, json_option, progress, say
from slo.cli.place import journal_in
from slo.errors import StoreDamaged, UsageError

if TYPE_CHECKING:
    from slo.store.chain import Chain
    from slo.store.export import Export


@click.group(name="audit")
def command() -> None:
    """Check the record of what happened, or hand it out. A watch may run meanwhile."""


@command.command(name="verify")
@click.argument("export", required=False, type=PATH)
@click.option("--data", type=PATH, help=f"The data folder, or a backup; {DEFAULT_DATA} without it and EXPORT.")
@click.option(
    "--head", "anchors", multiple=True, metavar="NUMBER:HASH", help="That this event has this hash, kept elsewhere."
)
@json_option
@click.pass_context
def verify(
    context: click.Context, export: Path | None, data: Path | None, anchors: Sequence[str], *, as_json: bool
) -> None:
    """Check that every event is as it was written: in --data, in the file EXPORT, or of EXPORT in --data.

    Exit code 1 names the first that is not. Only a hash that was kept elsewhere (--head) tells whether everything was
    written anew.
    """
    from slo.store import audit, folder
    from slo.store import export as exports

    if export is None and data is None:
        data = DEFAULT_DATA
    document: dict[str, object] = {"whole": True}
    parts: list[Part] = []
    hashes = _anchors(anchors)
    try:
        if export is not None:
            if not export.is_file():
                raise UsageError(f"{export}: is no file: name one that `watchkeep audit export` wrote")
            exported = exports.verified(export, hashes)
            document["export"] = _export_document(exported)
            parts += _told_of_export(exported)
            others = hashes.keys() - exported.hashes.keys()
            if others and data is None:
                raise UsageError(f"--head {min(others)}: is not in this export: name the journal too, with --data")
            hashes = {**hashes, **exported.hashes}
        if data is not None:
            journal = journal_in(data)
            folder.refuse_unfinished(data)
            with progress("Checking every event"):
                chain = audit.verified(journal, hashes)
            document |= _chain_document(chain)
            parts += _told_of_chain(chain)
    except StoreDamaged as error:
        if not as_json:
            raise
        emit({"whole": False, "error": str(error)}, as_json=True)
        context.exit(1)
    emit(document, *parts, as_json=as_json)


@command.command(name="export")
@click.option(
    "--data",
    default=DEFAULT_DATA,
    show_default=True,
    type=PATH,
    help="The data folder, or a backup, whose events are exported.",
)
@click.option("--incident", metavar="ID", help="Only the events of this incident.")
@click.option("--customer", metavar="NAME", help="Only the events of incidents with this label `customer`.")
@click.option("--from", "since", metavar="TIME", help="Only what happened at or after it, as 2026-03-01T00:00:00Z.")
@click.option("--to", "before", metavar="TIME", help="Only what happened before it.")
@click.option("--format", "form", default="jsonl", show_default=True, type=click.Choice(("jsonl", "csv")))
@click.option("-o", "--output", type=PATH, metavar="FILE", help="The file to write, whole or not at all; else stdout.")
def export_events(
    data: Path,
    incident: str | None,
    customer: str | None,
    since: str | None,
    before: str | None,
    form: str,
    output: Path | None,
) -> None:
    """Write events as they are stored, with the numbers and hashes that anyone can check them by."""
    from slo.store import audit, export, folder

    choice = audit.Choice(
        incident=incident,
        customer=customer,
        since=moment("--from", since) if since else None,
        before=moment("--to", before) if before else None,
    )
    journal, now = journal_in(data), datetime.now(UTC)
    folder.refuse_unfinished(data)
    with audit.reading(journal) as connection:
        chosen = audit.Chosen(connection, journal, choice)
        if output is None:
            count = export.write(chosen, choice.conditions, sys.stdout, form=form, now=now)
        else:
            count = export.write_file(chosen, choice.conditions, output, form=form, now=now)
    if not count:
        say("no event meets these conditions: `watchkeep incident list --all` shows what there is", err=True)


def _anchors(pairs: Sequence[str]) -> dict[int, str]:
    """Hashes by number, of `--head`."""
    found: dict[int, str] = {}
    for pair in pairs:
        match = re.fullmatch(r"([1-9][0-9]{0,17}):([0-9a-fA-F]{64})", pair.strip())
        if not match:
            raise UsageError(
                f"--head {pair}: is no head: write it as `watchkeep audit verify` prints it, a number, a colon and 64 "
                "hexadecimal digits"
            )
        number, own = int(match[1]), match[2].lower()
        if found.setdefault(number, own) != own:
            raise UsageError(f"--head {number}: is given twice, with two hashes: one event has one")
    return found


def _head(number: int, own: str) -> dict[str, object]:
    return {"number": number, "hash": own}


def _chain_document(chain: "Chain") -> dict[str, object]:
    return {
        "events": chain.events,
        "from": chain.first_at or None,
        "to": chain.last_at or None,
        "head": _head(chain.events, chain.hash),
    }


def _told_of_chain(chain: "Chain") -> list[Part]:
    if not chain.events:
        return ["The journal has no events yet."]
    return [
        f"The journal is whole: {_events(chain.events)}, from {chain.first_at} to {chain.last_at}.",
        f"Head {chain.anchor}",
        "Keep the head elsewhere: given with --head, it tells later whether any of this was written anew.",
    ]


def _export_document(export: "Export") -> dict[str, object]:
    return {
        "events": export.events,
        "gaps": export.gaps,
        "conditions": dict(export.conditions),
        "head": _head(export.journal_events, export.hash),
    }


def _told_of_export(export: "Export") -> list[Part]:
    head = f"The journal's head was {export.journal_events}:{export.hash}"
    if not export.gaps:
        return [f"The export is whole: {_events(export.events)}, all that the journal had.", head]
    asked = ", ".join(f"{name} {value}" for name, value in export.conditions.items())
    return [
        f"The export is as it was written: {export.events} of {_events(export.journal_events)} ({asked}).",
        f"Its chain has gaps ({export.gaps}): only with --data are these events held against the journal itself.",
        head,
    ]


def _events(count: int) -> str:
    return f"{count:,} event{'' if count == 1 else 's'}"
