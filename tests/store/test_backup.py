"""Backups are whole or not there, whatever happens meanwhile, and what is restored goes on."""

import json
import random
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from slo.core.restored import Restored
from slo.errors import StoreBusy, StoreDamaged, StoreError, StoreFull, UsageError
from slo.store import audit, backup
from slo.store.folder import DataFolder
from slo.store.manifest import Manifest, seen
from tests.store.making import (
    HOUR,
    NOW,
    REFUSED,
    START,
    at,
    block,
    journal,
    ledger,
    message,
    noise,
    opened,
    small_disk,
    spans,
    totals,
)
from tests.store.test_chain import raw

ROOT = Path(__file__).parents[2]
SECRET = "0123456789abcdef0123456789abcdef"


def filled(data: Path, *, hours: int = 2) -> None:
    """A data folder as a watch leaves it: three incidents, a message begun, some hours of counts."""
    with DataFolder(data) as folder:
        folder.token()
        with journal(folder.journal) as store, ledger(folder.ledger) as counts:
            store.commit([opened(f"i{n}") for n in range(1, 4)], [message("m1"), message("m2", key="k2")], at=NOW)
            store.begin(store.due(NOW)[0].sequence, credential=SECRET, now=NOW)
            for hour in range(hours):
                counts.append([noise(START + HOUR * hour)], totals(a=1), {"slo": "mark"}, {("s", "n"): b"here"})


@pytest.fixture
def data(tmp_path: Path) -> Path:
    filled(tmp_path / "data")
    return tmp_path / "data"


def back_up(data: Path, target: Path) -> Manifest:
    return backup.back_up(data, target, version="1.2.3", now=at(60))


def restore(source: Path, data: Path) -> Manifest:
    return backup.restore(source, data, by="kim", now=at(120))


def names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


def test_a_backup_is_the_databases_and_a_manifest_for_the_owner_alone(data: Path, tmp_path: Path) -> None:
    manifest = back_up(data, tmp_path / "kept" / "backup")
    folder = tmp_path / "kept" / "backup"
    assert names(folder) == ["journal.db", "ledger.db", "manifest.json"]
    assert names(folder.parent) == ["backup"]
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {entry.stat().st_mode & 0o777 for entry in folder.iterdir()} == {0o600}
    assert backup.verified(folder) == manifest
    document = json.loads((folder / "manifest.json").read_text())
    assert (document["version"], document["made_at"]) == ("1.2.3", "2026-01-01T12:01:00Z")
    assert document["journal"] == {"events": 3, "hash": audit.verified(data / "journal.db").hash}
    assert names(folder) == ["journal.db", "ledger.db", "manifest.json"], "looking at it leaves nothing in it"


def test_it_holds_the_credential_of_a_lane_that_is_open_and_no_rest_of_one_that_is_not(
    data: Path, tmp_path: Path
) -> None:
    back_up(data, tmp_path / "open")
    assert SECRET.encode() in (tmp_path / "open" / "journal.db").read_bytes()
    with journal(data / "journal.db") as store:
        store.finish(store.due(NOW)[0].sequence, REFUSED, now=NOW, not_before=None)
    back_up(data, tmp_path / "closed")
    assert SECRET.encode() not in (tmp_path / "closed" / "journal.db").read_bytes()
    token = (data / "token").read_bytes().strip()
    assert not any(token in file.read_bytes() for file in (tmp_path / "open").iterdir())


def test_what_is_restored_is_what_was_backed_up_and_says_so_and_goes_on(data: Path, tmp_path: Path) -> None:
    with journal(data / "journal.db") as store, ledger(data / "ledger.db") as counts:
        back_up(data, tmp_path / "backup")
        was = store.events(), store.due(NOW), store.deliveries("i1"), spans(counts.history(START - HOUR))
    manifest = restore(tmp_path / "backup", tmp_path / "new")
    assert names(tmp_path / "new") == ["journal.db", "ledger.db", "lock"]
    with DataFolder(tmp_path / "new") as folder, journal(folder.journal) as store, ledger(folder.ledger) as counts:
        *events, (number, last) = store.events()
        assert (events, spans(counts.history(START - HOUR))) == (was[0], was[-1])
        assert [each.message for each in store.due(NOW)] == [each.message for each in was[1]]
        assert [each.attempts for each in was[2]] == [1, 0]
        assert [each.attempts for each in store.deliveries("i1")] == [2, 1], "they may have been sent since"
        assert (number, last) == (4, Restored(incident="", at=at(120), by="kim", made_at=at(60)))
        assert counts.totals() == totals(a=1)
        assert counts.marks() == {"slo": "mark"}
        assert counts.watermarks("s") == {"n": b"here"}
        store.commit([opened("i9")], [message("m9")], at=at(180))
        counts.append([block([START + 9 * HOUR], ["a"])], totals(a=2), {})
        modes = {
            sqlite3.connect(file).execute("PRAGMA journal_mode").fetchone() for file in (folder.journal, folder.ledger)
        }
    assert modes == {("wal",)}
    assert audit.verified(tmp_path / "new" / "journal.db", {3: manifest.hash}).events == 5


def test_a_folder_without_a_ledger_is_backed_up_and_restored_without_one(data: Path, tmp_path: Path) -> None:
    (data / "ledger.db").unlink()
    assert list(back_up(data, tmp_path / "backup").files) == ["journal.db"]
    restore(tmp_path / "backup", tmp_path / "new")
    assert names(tmp_path / "new") == ["journal.db", "lock"]


def test_a_backup_never_takes_the_place_of_something(data: Path, tmp_path: Path) -> None:
    back_up(data, tmp_path / "backup")
    was = (tmp_path / "backup" / "manifest.json").read_bytes()
    with pytest.raises(UsageError, match="is there already: name a folder that is not"):
        back_up(data, tmp_path / "backup")
    assert (tmp_path / "backup" / "manifest.json").read_bytes() == was
    (tmp_path / "mine.new").mkdir()
    (tmp_path / "mine.new" / "thesis.txt").touch()
    with pytest.raises(UsageError, match=r"holds thesis\.txt, which is of no backup"):
        back_up(data, tmp_path / "mine")
    assert names(tmp_path / "mine.new") == ["thesis.txt"]
    (tmp_path / "empty").mkdir()
    assert back_up(data, tmp_path / "empty").events == 3


def test_a_broken_journal_is_not_backed_up(data: Path, tmp_path: Path) -> None:
    raw(data / "journal.db", "UPDATE events SET body = replace(body, 'gate', 'Gate') WHERE sequence = 2")
    with pytest.raises(StoreDamaged, match="event 2 is not as it was written"):
        back_up(data, tmp_path / "backup")
    assert names(tmp_path) == ["data"]


@pytest.mark.parametrize(
    ("name", "mend"), [("journal.db", "restore the last backup"), ("ledger.db", "move this file away")]
)
def test_a_file_that_cannot_be_read_is_told_with_the_mend(data: Path, tmp_path: Path, name: str, mend: str) -> None:
    with (data / name).open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * ((data / name).stat().st_size - 4096))
    with pytest.raises(StoreDamaged, match=f"{name}: the file does not read as it was written .* {mend}"):
        back_up(data, tmp_path / "backup")
    assert names(tmp_path) == ["data"]


@pytest.mark.parametrize("full_at", ["ledger.db", "journal.db"])
def test_a_full_disk_is_told_and_nothing_is_left(data: Path, tmp_path: Path, full_at: str) -> None:
    kilobytes = {"ledger.db": 40, "journal.db": (data / "ledger.db").stat().st_size // 1024 + 40}[full_at]
    with small_disk(tmp_path / "disk", f"{kilobytes}k") as disk:
        with pytest.raises(StoreFull, match=rf"{full_at}: no space is left .* make room on its disk"):
            back_up(data, disk / "backup")
        assert names(disk) == []
        back_up(data, tmp_path / "backup")
        with pytest.raises(StoreFull, match="make room on its disk"):
            restore(tmp_path / "backup", disk / "new")
        assert names(disk / "new") == ["lock"]
        with DataFolder(disk / "new"):
            pass


def test_two_backups_under_one_name_do_not_meet(data: Path, tmp_path: Path) -> None:
    with backup._emptied(tmp_path / "backup.new"), pytest.raises(StoreBusy, match="another backup is being made there"):
        back_up(data, tmp_path / "backup")


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (lambda kept: (kept / "journal.db").write_bytes(b""), "is not as it was backed up"),
        (lambda kept: (kept / "ledger.db").unlink(), "the backup is not whole"),
        (lambda kept: (kept / "manifest.json").write_text("{"), "is not as it was written"),
        (lambda kept: (kept / "manifest.json").write_text('{"format": 1}'), "something is missing in it"),
        (lambda kept: edit(kept, files={"../journal.db": {"bytes": 0, "sha256": ""}}), "it names"),
        (lambda kept: edit(kept, files={"journal.db": 3}), "is not as it was written"),
        (lambda kept: edit(kept, made_at="lately"), "is not as it was written"),
        (lambda kept: edit(kept, journal={"events": 2, "hash": "0" * 64}), "its journal ends with 3:"),
        (lambda kept: edit(kept, format=2), r"was made by a newer Watchkeep \(1\.2\.3\)"),
    ],
)
def test_a_backup_that_is_not_as_it_was_made_is_refused_before_anything_is_written(
    data: Path, tmp_path: Path, damage: object, says: str
) -> None:
    back_up(data, tmp_path / "backup")
    assert callable(damage)
    damage(tmp_path / "backup")
    with pytest.raises(StoreError, match=says):
        restore(tmp_path / "backup", tmp_path / "new")
    assert not (tmp_path / "new").exists()


def edit(kept: Path, **keys: object) -> None:
    file = kept / "manifest.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | keys))


def test_a_chain_that_was_changed_together_with_its_manifest_is_refused(data: Path, tmp_path: Path) -> None:
    back_up(data, tmp_path / "backup")
    file = tmp_path / "backup" / "journal.db"
    raw(file, "UPDATE events SET body = replace(body, 'gate', 'Gate') WHERE sequence = 2")
    now = seen(file)
    files = json.loads((tmp_path / "backup" / "manifest.json").read_text())["files"]
    edit(tmp_path / "backup", files=files | {"journal.db": {"bytes": now.bytes, "sha256": now.sha256}})
    with pytest.raises(StoreDamaged, match="event 2 is not as it was written"):
        restore(tmp_path / "backup", tmp_path / "new")


def test_what_is_no_backup_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"is no backup, which has a file manifest\.json"):
        restore(tmp_path, tmp_path / "new")


def test_a_folder_that_is_held_or_not_empty_is_refused_and_left_alone(data: Path, tmp_path: Path) -> None:
    back_up(data, tmp_path / "backup")
    with pytest.raises(UsageError, match=r"is not empty, it holds journal\.db: name a new folder"):
        restore(tmp_path / "backup", data)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").touch()
    with pytest.raises(UsageError, match=r"is not empty, it holds thesis\.txt"):
        restore(tmp_path / "backup", tmp_path / "mine")
    assert names(tmp_path / "mine") == ["thesis.txt"]
    with DataFolder(tmp_path / "held") as folder, pytest.raises(StoreBusy, match="holds this data folder"):
        restore(tmp_path / "backup", folder.path)


def test_a_token_that_is_there_already_stays(data: Path, tmp_path: Path) -> None:
    back_up(data, tmp_path / "backup")
    with DataFolder(tmp_path / "new") as folder:
        token = folder.token()
    restore(tmp_path / "backup", tmp_path / "new")
    with DataFolder(tmp_path / "new") as folder:
        assert folder.token() == token


def test_an_unfinished_restore_is_no_data_folder_until_it_is_done_again(data: Path, tmp_path: Path) -> None:
    back_up(data, tmp_path / "backup")
    new = tmp_path / "new"
    new.mkdir(mode=0o700)
    (new / "restoring").touch()
    (new / "journal.db").write_bytes(b"half of it")
    (new / "journal.db-wal").write_bytes(b"rest")
    with pytest.raises(StoreError, match="a restore into this folder was not finished: call `watchkeep restore` again"):
        DataFolder(new)
    with pytest.raises(StoreError, match="was not finished"):
        back_up(new, tmp_path / "other")
    restore(tmp_path / "backup", new)
    assert names(new) == ["journal.db", "ledger.db", "lock"]
    with DataFolder(new) as folder:
        assert audit.verified(folder.journal).events == 4


WRITE = """
import sys
from pathlib import Path
from tests.store.making import HOUR, NOW, START, block, journal, ledger, opened, totals
data = Path(sys.argv[1])
with journal(data / "journal.db") as store, ledger(data / "ledger.db") as counts:
    for number in range(1, 10**6):
        store.commit([opened(f"n{number}")], [], at=NOW)
        counts.append([block([START + 10 * number], ["a"])], totals(a=number), {})
        if number == 1:
            print(flush=True)
"""


@pytest.fixture
def writer(data: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """A process that writes to both databases, a transaction each in turn, and has begun."""
    command = [sys.executable, "-c", WRITE, str(data)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield process
        process.kill()


def test_a_backup_while_another_process_writes_is_a_state_that_was(
    data: Path, tmp_path: Path, writer: "subprocess.Popen[bytes]"
) -> None:
    seen = set()
    for number in range(5):
        target = tmp_path / f"backup{number}"
        manifest = back_up(data, target)
        seen.add(manifest.events)
        with ledger(target / "ledger.db") as counts:
            counted = counts.totals()["a"].good
            assert len([span for span in spans(counts.history(START)) if span[2] == "a"]) == counted
        assert manifest.events - 3 >= counted, "the ledger is the older of the two"
    assert len(seen) > 1
    assert writer.poll() is None, "a write failed while the folder was copied"


COMMAND = [sys.executable, "-m", "slo.cli.main"]


def test_a_backup_that_is_killed_at_any_time_is_whole_or_not_there(tmp_path: Path) -> None:
    data, chance = tmp_path / "data", random.Random(20)
    filled(data, hours=60)
    target, whole = tmp_path / "backup", 0
    for _ in range(12):
        with subprocess.Popen(
            [*COMMAND, "backup", str(target), "--data", str(data)], cwd=ROOT, stdout=subprocess.DEVNULL
        ) as process:
            _killed_once_it_writes(process, [target, tmp_path / "backup.new"], chance)
        if target.exists():
            assert backup.verified(target).events == 3
            shutil.rmtree(target)
            whole += 1
    assert whole < 12, "no kill fell into a backup"
    back_up(data, target)
    assert not (tmp_path / "backup.new").exists()
    assert backup.verified(target).events == audit.verified(data / "journal.db").events == 3


def test_a_restore_that_is_killed_at_any_time_is_done_or_can_be_done_again(tmp_path: Path) -> None:
    data, kept, chance = tmp_path / "data", tmp_path / "backup", random.Random(21)
    filled(data, hours=60)
    back_up(data, kept)
    new, unfinished = tmp_path / "new", 0
    for _ in range(12):
        with subprocess.Popen(
            [*COMMAND, "restore", str(kept), "--data", str(new)], cwd=ROOT, stdout=subprocess.DEVNULL
        ) as process:
            _killed_once_it_writes(process, [new], chance)
        if (new / "restoring").exists():
            with pytest.raises(StoreError, match="was not finished"):
                DataFolder(new)
            unfinished += 1
            continue
        with DataFolder(new) as folder:
            assert folder.journal.exists() == folder.ledger.exists()
            assert not folder.journal.exists() or audit.verified(folder.journal).events == 4
        shutil.rmtree(new)
    assert unfinished, "no kill fell into a restore"
    shutil.rmtree(new, ignore_errors=True)
    restore(kept, new)
    with DataFolder(new) as folder:
        assert audit.verified(folder.journal).events == 4


def _killed_once_it_writes(process: "subprocess.Popen[bytes]", signs: list[Path], chance: random.Random) -> None:
    while process.poll() is None and not any(sign.exists() for sign in signs):
        time.sleep(0.001)
    time.sleep(chance.choice((0.0, 0.01, chance.uniform(0, 0.15))))  # a fast machine is done within the first two
    process.kill()
    process.wait()
