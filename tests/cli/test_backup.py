"""`watchkeep backup` and `watchkeep restore`, as they are called."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from slo.cli.main import cli
from slo.store.folder import DataFolder
from tests.store.making import NOW, journal, opened
from tests.store.test_chain import hashes, raw


@pytest.fixture
def data(tmp_path: Path) -> Path:
    with DataFolder(tmp_path / "data") as folder, journal(folder.journal) as store:
        store.commit([opened("1"), opened("2")], [], at=NOW)
    return tmp_path / "data"


def call(*arguments: object) -> Result:
    return CliRunner().invoke(cli, list(map(str, arguments)))


def test_a_backup_is_made_while_a_watch_holds_the_folder_and_put_into_a_new_one(data: Path, tmp_path: Path) -> None:
    head = hashes(data / "journal.db")[2]
    with DataFolder(data), journal(data / "journal.db"):
        made = call("backup", tmp_path / "kept", "--data", data)
    assert made.exit_code == 0, made.output
    assert made.output.splitlines()[-1] == f"Head 2:{head}"
    assert call("audit", "verify", "--data", tmp_path / "kept", "--head", f"2:{head}").exit_code == 0
    put_back = call("restore", tmp_path / "kept", "--data", tmp_path / "new", "--by", "kim")
    assert put_back.exit_code == 0, put_back.output
    assert "2 events, and one more that says so" in put_back.output
    exported = call("audit", "export", "--data", tmp_path / "new").output.splitlines()
    body = json.loads(json.loads(exported[2])["body"])
    assert (body["kind"], body["by"], body["incident"]) == ("Restored", "kim", "")


def test_both_print_the_manifest_as_json(data: Path, tmp_path: Path) -> None:
    made = json.loads(call("backup", tmp_path / "kept", "--data", data, "--json").output)
    assert made == json.loads((tmp_path / "kept" / "manifest.json").read_text())
    assert made["version"] == "0.1.0"
    assert made["journal"] == {"events": 2, "hash": hashes(data / "journal.db")[2]}
    assert json.loads(call("restore", tmp_path / "kept", "--data", tmp_path / "new", "--json").output) == made


def test_what_cannot_be_exits_2_with_the_mend(data: Path, tmp_path: Path) -> None:
    call("backup", tmp_path / "kept", "--data", data)
    with DataFolder(tmp_path / "held"):
        for arguments, says in (
            (("backup", tmp_path / "kept", "--data", data), "is there already: name a folder that is not"),
            (("backup", tmp_path / "more", "--data", tmp_path), "is no data folder of a watch"),
            (("restore", tmp_path, "--data", tmp_path / "new"), "is no backup"),
            (("restore", tmp_path / "kept", "--data", data), "is not empty, it holds journal.db"),
            (("restore", tmp_path / "kept", "--data", tmp_path / "held"), "holds this data folder"),
        ):
            result = call(*arguments)
            assert (result.exit_code, says in result.stderr) == (2, True), result.output


def test_what_is_not_whole_exits_1(data: Path, tmp_path: Path) -> None:
    call("backup", tmp_path / "kept", "--data", data)
    with (tmp_path / "kept" / "journal.db").open("ab") as file:
        file.write(b"\0")
    refused = call("restore", tmp_path / "kept", "--data", tmp_path / "new")
    assert (refused.exit_code, "is not as it was backed up" in refused.stderr) == (1, True)
    raw(data / "journal.db", "DELETE FROM events WHERE sequence = 2")
    assert call("backup", tmp_path / "other", "--data", data).exit_code == 1
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["data", "kept"]
