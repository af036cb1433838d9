"""Exports of the journal: files that anyone can check with SHA-256 alone, and how we check them.

One event a line, as JSON or as CSV, with its number, its links and its body exactly as it is hashed (slo.store.chain
has the formula). What else a line shows is from the body, for people. The last line says what was asked for, how many
events that were, and how far the whole journal went: number and hash of its last event.

Cells of CSV that a spreadsheet would take for a formula have an apostrophe before them; a body begins with a brace, and
is never one.
"""

import csv
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TextIO

from slo.errors import StoreDamaged
from slo.store.audit import Chosen
from slo.store.chain import FIRST, Entry, broken, entry_of, link
from slo.store.faults import file_error
from slo.store.files import begin_whole

COLUMNS = ("number", "at", "incident", "kind", "previous", "hash", "body")
FORMATS = ("jsonl", "csv")

LAST = "end"
"""What the last line of CSV has for a number."""

LARGEST_BODY_CHARACTERS = 1 << 24
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True, kw_only=True, slots=True)
class Export:
    """An export that is as it was written.

    `events` are in it, of the `journal_events` that the journal had; `hash` is that of the journal's last event.
    `gaps` counts the places where events are left out: what stands between two of them is linked without a break.
    `hashes` are those of its events by number, and of the journal's last one: to be held against the journal itself.
    """

    events: int
    journal_events: int
    hash: str
    gaps: int
    conditions: Mapping[str, str]
    hashes: Mapping[int, str]


def write(chosen: Chosen, conditions: Mapping[str, str], into: TextIO, *, form: str, now: datetime) -> int:
    """Write the events that are meant, in one of `FORMATS`; their number. Raises StoreDamaged as `chain.walk` does."""
    rows, count = csv.writer(into, lineterminator="\n"), 0
    if form == "csv":
        rows.writerow(COLUMNS)
    for entry in chosen:
        count += 1
        if form == "csv":
            rows.writerow(_cells(entry))
        else:
            into.write(json.dumps({column: getattr(entry, column) for column in COLUMNS}) + "\n")
    last = {
        "events": count,
        "conditions": dict(conditions),
        "opened_without_contract": chosen.opened_without_contract,
        "exported_at": now.isoformat().replace("+00:00", "Z"),
        "journal": {"events": chosen.chain.events, "hash": chosen.chain.hash},
    }
    if form == "csv":
        rows.writerow([LAST, *[""] * (len(COLUMNS) - 2), json.dumps(last)])
    else:
        into.write(json.dumps(last) + "\n")
    return count


def write_file(chosen: Chosen, conditions: Mapping[str, str], path: Path, *, form: str, now: datetime) -> int:
    """The same into the file `path`, whole or not at all. Raises StoreFull without space."""
    path, count = path.absolute(), 0

    def build(unfinished: Path) -> None:
        nonlocal count
        try:
            with unfinished.open("w", encoding="utf-8", newline="") as file:
                count = write(chosen, conditions, file, form=form, now=now)
                file.flush()
                os.fsync(file.fileno())
        except BaseException:
            unfinished.unlink()
            raise

    try:
        begin_whole(path, build)
    except OSError as error:
        raise file_error(error, path) from error
    return count


def verified(path: Path, anchors: Mapping[int, str]) -> Export:
    """The export in the file `path`, whose events are as they were written, those of `anchors` with the hashes there.

    An anchor of an event that is not in it is not looked at. Raises StoreDamaged for the first that is not as
    written, for what is no export, and for one that was cut off.
    """
    with path.open(encoding="utf-8", newline="") as file:
        try:
            return _verified(_lines(file), path, anchors)
        except (csv.Error, UnicodeDecodeError, RecursionError) as error:
            raise StoreDamaged(f"{path}: is no export of a journal ({error})") from error


def _verified(lines: Iterable[Mapping[str, object]], path: Path, anchors: Mapping[int, str]) -> Export:
    number, previous, gaps = 0, FIRST, 0
    hashes: dict[int, str] = {}
    last: Mapping[str, object] | None = None
    for place, line in enumerate(lines, start=1):
        if last is not None:
            raise StoreDamaged(f"{path}: has lines after the one that ends it: it is not as it was exported")
        if "number" not in line:
            last = line
            continue
        entry = _entry(line)
        if entry is None:
            raise StoreDamaged(f"{path}: line {place} of its events cannot be read: it is not as it was exported")
        if entry.number <= number:
            raise broken(path, f"event {entry.number} comes after event {number}, the chain is broken there")
        adjacent = entry.number == number + 1
        gaps += not adjacent
        if link(entry.previous, entry.number, entry.body.encode()) != entry.hash or (
            adjacent and entry.previous != previous
        ):
            raise broken(path, f"event {entry.number} is not as it was written, the chain is broken there")
        if anchors.get(entry.number, entry.hash) != entry.hash:
            raise broken(path, f"event {entry.number} has another hash than the one that was kept elsewhere")
        number, previous, hashes[entry.number] = entry.number, entry.hash, entry.hash
    if last is None:
        raise StoreDamaged(f"{path}: its last line is missing: it was cut off, export it again")
    export = _export(last, hashes, gaps, path)
    if anchors.get(export.journal_events, export.hash) != export.hash:
        raise broken(path, f"event {export.journal_events} has another hash than the one that was kept elsewhere")
    return export


def _export(last: Mapping[str, object], hashes: Mapping[int, str], gaps: int, path: Path) -> Export:
    """What the last line says, held against the events before it."""
    match last:
        case {
            "events": int(events),
            "conditions": dict(conditions),
            "journal": {"events": int(journal_events), "hash": str(own)},
        }:
            pass
        case _:
            raise StoreDamaged(f"{path}: its last line cannot be read: it is not as it was exported")
    reached = max(hashes, default=0)
    wrong = (
        events != len(hashes)
        or reached > journal_events
        or (not conditions and events != journal_events)
        or (reached == journal_events and hashes.get(reached, FIRST) != own)
    )
    if wrong:
        raise StoreDamaged(
            f"{path}: has {len(hashes)} events up to number {reached}, which is not what its last line says: events "
            "were left out or put in, export it again"
        )
    return Export(
        events=events,
        journal_events=journal_events,
        hash=own,
        gaps=gaps + (reached < journal_events),
        conditions={str(name): str(value) for name, value in conditions.items()},
        hashes={**hashes, journal_events: own} if journal_events else {},
    )


def _lines(file: TextIO) -> Iterator[Mapping[str, object]]:
    """The lines of an export in either format. Only the last has no number; what cannot be read has nothing else."""
    first = file.readline()
    file.seek(0)
    if first.startswith("{"):
        for text in file:
            try:
                line = json.loads(text)
            except ValueError:
                line = None
            yield line if isinstance(line, dict) else {"number": None}
        return
    csv.field_size_limit(LARGEST_BODY_CHARACTERS)  # of the module, whose own limit is less than a long note
    rows = csv.reader(file, strict=True)
    if tuple(next(rows, ())) != COLUMNS:
        raise csv.Error(f"its first line is not {','.join(COLUMNS)}")
    for row in rows:
        line = dict(zip(COLUMNS, row, strict=False))
        if line.get("number") != LAST:
            yield {"number": None, **line} if len(row) == len(COLUMNS) else {"number": None}
            continue
        try:
            yield {key: value for key, value in json.loads(line["body"]).items() if key != "number"}
        except (ValueError, AttributeError, KeyError):
            yield {}


def _entry(line: Mapping[str, object]) -> Entry | None:
    """The event of a line; None where it is none, or shows something else than its body says."""
    match line:
        case {"number": int() | str() as number, "previous": str(previous), "hash": str(own), "body": str(body)}:
            pass
        case _:
            return None
    if not str(number).isascii() or not str(number).isdecimal() or len(previous) != len(FIRST):
        return None
    try:
        entry = entry_of(int(number), previous, own, body.encode())
    except UnicodeEncodeError:
        return None
    if entry is None:
        return None
    shown = [str(line.get(column)) for column in COLUMNS]
    plain = [str(getattr(entry, column)) for column in COLUMNS]
    return entry if shown in (plain, _cells(entry)) else None


def _cells(entry: Entry) -> list[str]:
    """The cells of an event, none of which a spreadsheet calculates."""
    texts = (str(getattr(entry, column)) for column in COLUMNS)
    return [f"'{text}" if text.startswith(_FORMULA) else text for text in texts]
