"""Exports: whoever has one can check it, and any change to one is found at its place."""

import csv
import io
import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import datetime
from pathlib import Path

import pytest

from slo.core.events import Acknowledged, Opened, Resolved
from slo.core.exclusion_events import ExclusionWithdrawn
from slo.errors import StoreDamaged, StoreFull
from slo.store import audit, export
from slo.store.audit import Choice, Chosen
from tests.store.making import NOW, at, fill, journal, opened, small_disk

EVERYTHING = Choice()
Line = dict[str, object]


def of_customer(incident: str, customer: str) -> Opened:
    made = opened(incident)
    return Opened(
        **{name: getattr(made, name) for name in Opened.__dataclass_fields__} | {"labels": {"customer": customer}}
    )


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A journal of two customers' incidents: i1 of acme, i2 of other; six events."""
    file = tmp_path / "journal.db"
    with journal(file) as store:
        store.commit(
            [
                of_customer("i1", "acme"),
                of_customer("i2", "other"),
                Acknowledged(incident="i1", at=at(60), by="Zoë", via="page"),
                ExclusionWithdrawn(incident="", at=at(90), name="patching", by="kim", why="over"),
                Resolved(incident="i2", at=at(120), by="kim", why="done"),
                Resolved(incident="i1", at=at(180), by="kim", why="done"),
            ],
            [],
            at=NOW,
        )
    return file


def exported(path: Path, choice: Choice = EVERYTHING, form: str = "jsonl") -> str:
    into = io.StringIO()
    with audit.reading(path) as connection:
        export.write(Chosen(connection, path, choice), choice.conditions, into, form=form, now=NOW)
    return into.getvalue()


def numbers(text: str) -> list[int]:
    return [json.loads(line)["number"] for line in text.splitlines()[:-1]]


def saved(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "export"
    file.write_text(text, encoding="utf-8")
    return file


@pytest.mark.parametrize("form", export.FORMATS)
def test_a_whole_export_is_whole_and_says_where_the_journal_ended(path: Path, tmp_path: Path, form: str) -> None:
    chain = audit.verified(path)
    found = export.verified(saved(tmp_path, exported(path, form=form)), {chain.events: chain.hash})
    assert (found.events, found.gaps, found.journal_events, found.hash) == (6, 0, 6, chain.hash)
    assert audit.verified(path, found.hashes) == chain


def test_a_line_of_json_is_an_event_as_it_is_stored(path: Path) -> None:
    line = json.loads(exported(path).splitlines()[2])
    assert list(line) == list(export.COLUMNS)
    assert (line["number"], line["at"], line["incident"], line["kind"]) == (
        3,
        "2026-01-01T12:01:00Z",
        "i1",
        "Acknowledged",
    )
    with closing(sqlite3.connect(path)) as db:
        ((body, own),) = db.execute("SELECT body, hash FROM events WHERE sequence = 3")
    assert (line["body"], line["hash"]) == (body, own)


@pytest.mark.parametrize(
    ("choice", "found", "gaps"),
    [
        (Choice(incident="i1"), [1, 3, 6], 2),
        (Choice(customer="acme"), [1, 3, 6], 2),
        (Choice(customer="other"), [2, 5], 3),
        (Choice(customer="nobody"), [], 1),
        (Choice(customer="acme", incident="i2"), [], 1),
        (Choice(since=at(60), before=at(120)), [3, 4], 2),
        (Choice(since=at(120)), [5, 6], 1),
        (Choice(before=at(60)), [1, 2], 1),
        (Choice(since=at(-60)), [1, 2, 3, 4, 5, 6], 0),
    ],
)
@pytest.mark.parametrize("form", export.FORMATS)
def test_a_partial_export_says_what_was_asked_for_and_how_many_gaps_it_has(
    path: Path, tmp_path: Path, choice: Choice, found: list[int], gaps: int, form: str
) -> None:
    assert numbers(exported(path, choice)) == found
    seen = export.verified(saved(tmp_path, exported(path, choice, form)), {})
    assert (seen.events, seen.gaps, seen.journal_events) == (len(found), gaps, 6)
    assert seen.conditions == choice.conditions != {}
    assert audit.verified(path, seen.hashes).events == 6


def lines(text: str) -> list[Line]:
    return [json.loads(line) for line in text.splitlines()]


def text(edited: list[Line]) -> str:
    return "".join(json.dumps(line) + "\n" for line in edited)


def changed(event: int, **keys: object) -> Callable[[list[Line]], list[Line]]:
    return lambda edited: [line | keys if line.get("number") == event else line for line in edited]


def body_changed(edited: list[Line]) -> list[Line]:
    edited[2]["body"] = str(edited[2]["body"]).replace("page", "phone")
    return edited


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (body_changed, "event 3 is not as it was written"),
        (
            lambda edited: [*edited[:2], *edited[3:]],
            "has 5 events up to number 6, which is not what its last line says",
        ),
        (lambda edited: [*edited[:1], edited[2], edited[1], *edited[3:]], "event 2 comes after event 3"),
        (lambda edited: [*edited[:3], edited[2], *edited[3:]], "event 3 comes after event 3"),
        (lambda edited: edited[:4], "its last line is missing: it was cut off"),
        (lambda edited: [*edited[:4], edited[-1]], "has 4 events up to number 4, which is not what"),
        (lambda edited: [*edited, edited[0]], "has lines after the one that ends it"),
        (changed(3, hash="0" * 64), "event 3 is not as it was written"),
        (changed(3, previous="1" * 64), "event 3 is not as it was written"),
        (changed(3, previous="short"), "line 3 of its events cannot be read"),
        (changed(3, incident="i2"), "line 3 of its events cannot be read"),
        (changed(3, kind="Resolved"), "line 3 of its events cannot be read"),
        (changed(3, at="2026-01-01T12:01:01Z"), "line 3 of its events cannot be read"),
        (changed(3, number=True), "line 3 of its events cannot be read"),
        (changed(3, number="03"), "line 3 of its events cannot be read"),
        (changed(3, body="{}"), "line 3 of its events cannot be read"),
        (lambda edited: [*edited[:-1], edited[-1] | {"journal": {"events": 6, "hash": "0" * 64}}], "not what its last"),
        (lambda edited: [*edited[:-1], edited[-1] | {"journal": {"events": 5, "hash": "0" * 64}}], "not what its last"),
        (lambda edited: [*edited[:-1], edited[-1] | {"journal": 6}], "its last line cannot be read"),
        (lambda edited: [*edited[:-1], {}], "its last line cannot be read"),
    ],
)
def test_any_change_to_an_export_is_found(
    path: Path, tmp_path: Path, damage: Callable[[list[Line]], list[Line]], says: str
) -> None:
    with pytest.raises(StoreDamaged, match=says):
        export.verified(saved(tmp_path, text(damage(lines(exported(path))))), {})


def test_an_event_that_was_forged_with_its_hash_is_found_by_the_journal_alone(path: Path, tmp_path: Path) -> None:
    (line, last) = lines(exported(path, Choice(incident="i1", since=at(60), before=at(61))))
    line["body"] = str(line["body"]).replace("page", "phone")
    from slo.store.chain import link

    line["hash"] = link(str(line["previous"]), 3, str(line["body"]).encode())
    forged = export.verified(saved(tmp_path, text([line, last])), {})
    with pytest.raises(StoreDamaged, match="event 3 has another hash than the one that was kept elsewhere"):
        audit.verified(path, forged.hashes)


@pytest.mark.parametrize(
    "content", ["", "no export\n", "{", "[]\n", "null\n", "number,at\n", "\0\n", '{"number": ' + "[" * 100_000, '"\n']
)
def test_what_is_no_export_is_refused(tmp_path: Path, content: str) -> None:
    with pytest.raises(StoreDamaged):
        export.verified(saved(tmp_path, content), {})


def test_bytes_that_are_no_text_are_no_export(tmp_path: Path) -> None:
    file = tmp_path / "export"
    file.write_bytes(b"\xff\xfe{")
    with pytest.raises(StoreDamaged, match="is no export of a journal"):
        export.verified(file, {})


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_no_cell_begins_as_a_formula_would(tmp_path: Path, start: str) -> None:
    hostile = start + 'cmd|" /C calc"!A0,\n"x"'
    path = tmp_path / "journal.db"
    with journal(path) as store:
        store.commit([opened(hostile), Acknowledged(incident=hostile, at=NOW, by=hostile, via="@x")], [], at=NOW)
    found = exported(path, form="csv")
    rows = list(csv.reader(io.StringIO(found)))
    assert [len(row) for row in rows] == [7] * 4
    assert rows[1][2] == "'" + hostile
    assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r")) for row in rows for cell in row)
    assert export.verified(saved(tmp_path, found), {}).events == 2


def test_a_broken_journal_is_not_exported_as_if_it_were_whole(path: Path, tmp_path: Path) -> None:
    from tests.store.test_chain import raw

    raw(path, "UPDATE events SET body = replace(body, 'kim', 'eve') WHERE sequence = 5")
    file = tmp_path / "out.jsonl"
    with audit.reading(path) as connection, pytest.raises(StoreDamaged, match="event 5 is not as it was written"):
        export.write_file(Chosen(connection, path, Choice(incident="i1")), {}, file, form="jsonl", now=NOW)
    assert sorted(entry.name for entry in tmp_path.iterdir() if entry.name.startswith("out")) == []


def test_a_file_is_whole_or_not_there_where_the_disk_is_full(path: Path, tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", "64k") as disk:
        kept = disk / "kept.jsonl"
        with audit.reading(path) as connection:
            export.write_file(Chosen(connection, path, Choice(incident="i2")), {}, kept, form="jsonl", now=NOW)
        was = kept.read_bytes()
        fill(disk)
        with audit.reading(path) as connection, pytest.raises(StoreFull, match="make room on its disk"):
            export.write_file(Chosen(connection, path, EVERYTHING), {}, kept, form="jsonl", now=NOW)
        assert kept.read_bytes() == was
        assert sorted(entry.name for entry in disk.iterdir()) == ["filler", "kept.jsonl"]
    assert was.count(b"\n") == 3
    assert datetime.fromisoformat(json.loads(was.splitlines()[-1])["exported_at"]) == NOW
